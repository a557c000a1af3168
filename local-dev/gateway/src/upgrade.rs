//! Whether a request is a handshake: RFC 6455 §4.2.1, and what API Gateway refuses before it.

use std::sync::atomic::Ordering;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::Uri;
use http::Version;
use http::header;
use http_body_util::Full;
use hyper::body::Incoming;

use crate::gateway::Core;
use crate::refusal::Refusal;

/// "Amazon API Gateway quotas": the "URL length" of a WebSocket API is at most 4096 characters. Of
/// which part is not said; here it is of all of `wss://{host}{path and query}`.
const LONGEST_URL: usize = 4096;

/// RFC 6455 §4.2.1, and what API Gateway refuses before it.
pub(crate) fn check(core: &Core, request: &Request<Incoming>, rest: &str) -> Result<(), Refusal> {
    let headers = request.headers();
    if core.stopping.load(Ordering::SeqCst) {
        return Err(Refusal::stopping("the gateway stops"));
    }
    if request.method() != Method::GET {
        return Err(Refusal::forbidden("not a GET"));
    }
    if !fastwebsockets::upgrade::is_upgrade_request(request) {
        let refusal = Refusal::upgrade_required("not a WebSocket handshake");
        return Err(match core.config.guesses.plain_get_body {
            true => refusal.with_message("Upgrade Required"),
            false => refusal,
        });
    }
    // "The path is fixed" (Developer Guide, "Create a Lambda REQUEST authorizer function").
    if !matches!(rest, "" | "/") && !core.config.guesses.path_below {
        return Err(Refusal::forbidden("a path below the stage"));
    }
    if url_length(request.uri(), headers) > LONGEST_URL {
        let refusal = Refusal::url_too_long("the URL has more than 4096 characters");
        return Err(refusal.with_status(core.config.guesses.url_too_long));
    }
    if request.version() < Version::HTTP_11 || !headers.contains_key(header::HOST) {
        return Err(Refusal::bad_handshake("not HTTP/1.1 with a Host"));
    }
    // §4.4: the version that the server understands is named.
    if headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .map(HeaderValue::as_bytes)
        != Some(b"13")
    {
        return Err(Refusal::upgrade_required("not version 13"));
    }
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .map(|key| STANDARD.decode(key));
    match key {
        Some(Ok(key)) if key.len() == 16 => Ok(()),
        _ => Err(Refusal::bad_handshake("no Sec-WebSocket-Key of 16 bytes")),
    }
}

/// The length of the URL that a client on AWS would open, in characters (it is ASCII).
fn url_length(uri: &Uri, headers: &HeaderMap) -> usize {
    let host = headers.get(header::HOST).map_or(0, HeaderValue::len);
    let target = uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    "wss://".len() + host + target
}

/// RFC 9110 §15.5.22 and RFC 6455 §4.4.
pub(crate) fn name_what_is_required(response: &mut Response<Full<Bytes>>) {
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(
        header::SEC_WEBSOCKET_VERSION,
        HeaderValue::from_static("13"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_url_is_that_of_all_its_parts() {
        let uri = Uri::from_static("/prod?user=ann");
        let host = (header::HOST, HeaderValue::from_static("h.example:3001"));
        let headers = HeaderMap::from_iter([host]);
        let url = "wss://h.example:3001/prod?user=ann";
        assert_eq!(url_length(&uri, &headers), url.len());
    }
}
