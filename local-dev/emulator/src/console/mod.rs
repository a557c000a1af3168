//! The console at `/_gatepost/` and the API behind it:
//!
//! | request | answer |
//! |---|---|
//! | `GET /_gatepost/health` | 200 when every function is ready, else 503; `{"ready", "functions": {id: state}}` |
//! | `GET /_gatepost/api/state` | everything but events: see [`state`] |
//! | `GET /_gatepost/api/events?after=NUMBER` | facts after a number: see [`stream`] |
//! | `GET /_gatepost/api/clock` | `{"now", "advanced_ms", "scale"}`: the time in the emulated world |
//! | `POST /_gatepost/api/clock` `{"advance_ms"}` | the same, after it was put forward |
//! | `POST /_gatepost/api/connections/ID/send` `{"text"}` | 200 `{}`: as `POST @connections` |
//! | `POST /_gatepost/api/connections/ID/close` `{}` | 200 `{}`: as `DELETE @connections` |
//! | `GET /_gatepost/api/faults` | `{"faults": [rule], "steps": [{"step", "effects"}]}` |
//! | `POST /_gatepost/api/faults` rule | 201: the rule with its `id`; see `crate::faults` |
//! | `DELETE /_gatepost/api/faults`, `…/ID` | 200 `{"removed"}` |
//! | `POST /_gatepost/api/invoke` | calls a function: see [`invoke`] |
//! | `GET /_gatepost/api/recording` | what happens with its bodies: see [`recording`] |
//!
//! Refusals are `{"message"}`. The host must name this machine. `api/` is for who shows the
//! [token](Token) of this start: programs in `x-gatepost-token` (it is in the ready line and in
//! `emulator.json` of the data folder), the console's page by its cookie. A POST must be JSON and
//! come from a page of this origin or from no page.

mod assets;
mod clock;
mod faults;
mod invoke;
mod recording;
mod state;
mod stream;
mod token;

use std::net::SocketAddr;
use std::str::FromStr;

use bytes::Bytes;
use gatepost_gateway::Id;
use gatepost_gateway::PostError;
use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt;
use http_body_util::Limited;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::json;

use crate::facts::Fact;
use crate::facts::Kind;
use crate::serve::Body;
use crate::serve::Front;
use crate::serve::Running;
use crate::serve::is_same_origin;
use crate::serve::is_this_machine;
use crate::serve::json;
use crate::serve::text;

pub(crate) use token::HEADER as TOKEN_HEADER;
pub(crate) use token::Token;

/// A message of 128 KB, each byte escaped.
const LARGEST_BODY: usize = 6 * 128 * 1024 + 1024;

/// The largest payload of an invocation, and what stands around it.
const LARGEST_EVENT: usize = gatepost_runtime_api::MAX_PAYLOAD + 1024;

/// Answers a request for `/_gatepost…` that `peer` sent to `local`.
pub(crate) async fn respond(
    front: &Front,
    request: Request<Incoming>,
    peer: SocketAddr,
    local: SocketAddr,
) -> Response<Body> {
    if !is_this_machine(request.headers(), local.ip()) {
        return text(
            StatusCode::FORBIDDEN,
            "the host of the request is not this machine\n",
        );
    }
    let path = request
        .uri()
        .path()
        .strip_prefix("/_gatepost")
        .unwrap_or_default();
    let Some(path) = path.strip_prefix('/') else {
        let mut moved = text(StatusCode::PERMANENT_REDIRECT, "");
        let location = HeaderValue::from_static("/_gatepost/");
        moved.headers_mut().insert(header::LOCATION, location);
        return moved;
    };
    let reads = request.method() == Method::GET || request.method() == Method::HEAD;
    let shown = front.token.is_shown(request.headers(), local.port());
    if path.starts_with("api/") {
        if !shown {
            return refusal(StatusCode::UNAUTHORIZED, NO_TOKEN);
        }
        return api(front, request, reads).await;
    }
    match path {
        "health" if reads => health(front.running.get()),
        "" if reads => page(
            &front.token,
            request.uri().query(),
            shown,
            peer,
            local.port(),
        ),
        path if reads => assets::asset(path)
            .unwrap_or_else(|| refusal(StatusCode::NOT_FOUND, "there is no such page")),
        _ => refusal(StatusCode::METHOD_NOT_ALLOWED, "this is not answered here"),
    }
}

/// What whoever shows no token is told.
const NO_TOKEN: &str = "this needs the token of this start in the header x-gatepost-token: \
    it is in the line that --json prints first and in emulator.json of the --data-dir";

/// The console's page. A browser on this machine gets the token with it; one on another machine
/// must bring it.
fn page(
    token: &Token,
    query: Option<&str>,
    shown: bool,
    peer: SocketAddr,
    port: u16,
) -> Response<Body> {
    let brings = token.is_in_query(query);
    if !shown && !brings && !peer.ip().to_canonical().is_loopback() {
        return text(
            StatusCode::UNAUTHORIZED,
            "Open this page from the machine of the emulator, or add ?token= and the token in \
             emulator.json of its --data-dir.\n",
        );
    }
    let mut page = assets::asset("").expect("the page is in the binary");
    if brings {
        // Out of the address bar, where others would see it.
        page = text(StatusCode::SEE_OTHER, "");
        let location = HeaderValue::from_static("/_gatepost/");
        page.headers_mut().insert(header::LOCATION, location);
    }
    let cookie = token.cookie(port);
    page.headers_mut().insert(header::SET_COOKIE, cookie);
    page
}

/// Answers a request for `/_gatepost/api/…` that showed the token.
async fn api(front: &Front, request: Request<Incoming>, reads: bool) -> Response<Body> {
    let path = request.uri().path();
    let path = path.strip_prefix("/_gatepost/").unwrap_or(path).to_owned();
    match (path.as_str(), front.running.get()) {
        ("api/events", _) if reads => {
            stream::events(&front.journal, request.uri().query(), request.headers())
        }
        ("api/state", Some(running)) if reads => {
            let shown = running.shown();
            json(StatusCode::OK, &state::state(running, &shown.overview))
        }
        ("api/state", None) if reads => {
            refusal(StatusCode::SERVICE_UNAVAILABLE, "gatepost is starting")
        }
        (path, Some(running)) if is_below(path, "api/faults") => {
            let method = request.method().clone();
            let rest = path["api/faults".len()..].to_owned();
            let body = if reads {
                Ok(Bytes::new())
            } else {
                body(request, LARGEST_BODY).await
            };
            match body {
                Ok(body) => faults::respond(running, &method, &rest, &body),
                Err(refusal) => refusal,
            }
        }
        ("api/clock", Some(running)) if reads => json(StatusCode::OK, &clock::view(&running.clock)),
        ("api/clock", Some(running)) if request.method() == Method::POST => {
            match body(request, LARGEST_BODY).await {
                Ok(body) => advance(front, running, &body),
                Err(refusal) => refusal,
            }
        }
        ("api/recording", Some(running)) if reads => recording::respond(front, running),
        ("api/invoke", Some(running)) if request.method() == Method::POST => {
            match body(request, LARGEST_EVENT).await {
                Ok(body) => invoke::respond(running, &body).await,
                Err(refusal) => refusal,
            }
        }
        (path, Some(running)) if request.method() == Method::POST => {
            let Some((id, verb)) = connection(path) else {
                return refusal(StatusCode::NOT_FOUND, "there is nothing to post to");
            };
            match body(request, LARGEST_BODY).await {
                Ok(body) => act(running, &id, verb, &body),
                Err(refusal) => refusal,
            }
        }
        _ if reads => refusal(StatusCode::NOT_FOUND, "there is no such thing"),
        _ => refusal(StatusCode::METHOD_NOT_ALLOWED, "this is not answered here"),
    }
}

fn health(running: Option<&Running>) -> Response<Body> {
    let Some(running) = running else {
        let body = json!({ "ready": false, "functions": {} });
        return json(StatusCode::SERVICE_UNAVAILABLE, &body);
    };
    let states = running.board.states();
    let ready = states
        .values()
        .all(|state| *state == crate::board::State::Ready);
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    json(status, &json!({ "ready": ready, "functions": states }))
}

/// What can be done to a connection.
#[derive(Debug, Clone, Copy)]
enum Verb {
    Send,
    Close,
}

/// `api/connections/ID/VERB`.
fn connection(path: &str) -> Option<(String, Verb)> {
    let (id, verb) = path.strip_prefix("api/connections/")?.split_once('/')?;
    let verb = match verb {
        "send" => Verb::Send,
        "close" => Verb::Close,
        _ => return None,
    };
    Some((
        percent_decode_str(id).decode_utf8().ok()?.into_owned(),
        verb,
    ))
}

/// Puts the clock forward.
fn advance(front: &Front, running: &Running, body: &[u8]) -> Response<Body> {
    let by = match clock::step(body) {
        Ok(by) => by,
        Err(what) => return refusal(StatusCode::BAD_REQUEST, &what),
    };
    running.clock.advance(by);
    front.journal.record(Fact {
        at: running.clock.now_ms(),
        kind: Kind::ClockAdvanced {
            by_ms: u64::try_from(by.as_millis()).unwrap_or(u64::MAX),
        },
    });
    json(StatusCode::OK, &clock::view(&running.clock))
}

fn act(running: &Running, id: &str, verb: Verb, body: &[u8]) -> Response<Body> {
    let id = match Id::from_str(id) {
        Ok(id) => id,
        Err(error) => return refusal(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let done = match verb {
        Verb::Send => {
            #[derive(Deserialize)]
            struct Message {
                text: String,
            }
            match serde_json::from_slice::<Message>(body) {
                Ok(message) => running.gateway.post(id, &Bytes::from(message.text)),
                Err(error) => return refusal(StatusCode::BAD_REQUEST, &error.to_string()),
            }
        }
        Verb::Close => running.gateway.close(id),
    };
    let Err(error) = done else {
        return json(StatusCode::OK, &json!({}));
    };
    let status = match error {
        PostError::Gone => StatusCode::GONE,
        PostError::QueueFull => StatusCode::TOO_MANY_REQUESTS,
        PostError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        PostError::NotUtf8 => StatusCode::BAD_REQUEST,
    };
    refusal(status, &error.to_string())
}

/// The body of a request that changes something, if it may.
async fn body(request: Request<Incoming>, largest: usize) -> Result<Bytes, Response<Body>> {
    if !is_same_origin(request.headers()) {
        return Err(refusal(
            StatusCode::FORBIDDEN,
            "the page that asks is not the console",
        ));
    }
    // A form of another site cannot have this type.
    if !is_json(request.headers()) {
        return Err(refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body must be application/json",
        ));
    }
    let body = Limited::new(request.into_body(), largest).collect().await;
    match body {
        Ok(body) => Ok(body.to_bytes()),
        Err(_) => Err(refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too large",
        )),
    }
}

/// Whether a path is this one, or below it.
fn is_below(path: &str, top: &str) -> bool {
    path.strip_prefix(top)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .eq_ignore_ascii_case("application/json")
        })
}

fn refusal(status: StatusCode, message: &str) -> Response<Body> {
    json(status, &json!({ "message": message }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_on_another_machine_brings_the_token_before_it_gets_the_page() {
        let token = Token::generate(|_| Ok::<_, std::convert::Infallible>(())).unwrap();
        let right = format!("token={}", "a".repeat(32));
        let (here, there) = ([127, 0, 0, 1], [192, 168, 1, 9]);
        for (peer, query, shown, status) in [
            (here, None, false, 200),
            (there, None, false, 401),
            (there, Some("token=x"), false, 401),
            (there, Some(right.as_str()), false, 303),
            (there, None, true, 200),
        ] {
            let answer = page(&token, query, shown, (peer, 50_000).into(), 3001);
            assert_eq!(answer.status(), status, "{peer:?} {query:?} {shown}");
            let has_cookie = answer.headers().contains_key(header::SET_COOKIE);
            assert_eq!(has_cookie, status != 401);
        }
    }
}
