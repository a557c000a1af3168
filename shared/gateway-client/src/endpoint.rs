//! Where requests go, and how paths are written and signed.

use http::HeaderValue;
use http::Uri;
use percent_encoding::AsciiSet;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;

/// Everything but the unreserved characters of RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What percent-encoding once more changes in a path that is on the wire.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// Why a URL is not an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{url} is not an endpoint: {why}; write https://HOST or http://HOST:PORT, and a path if need be"
)]
pub struct InvalidEndpoint {
    /// The URL as it was given.
    pub url: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// A base URL, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// Scheme and authority, where to connect.
    pub(crate) origin: Uri,
    /// `Host`: with the port if the URL names one.
    pub(crate) host: HeaderValue,
    /// The path without its last slash, as it stands on the wire.
    pub(crate) path: String,
}

impl Endpoint {
    pub(crate) fn new(url: &Uri) -> Result<Self, InvalidEndpoint> {
        let invalid = |why| InvalidEndpoint {
            url: url.to_string(),
            why,
        };
        if !matches!(url.scheme_str(), Some("http" | "https")) {
            return Err(invalid("the scheme is neither http nor https"));
        }
        let authority = url.authority().ok_or_else(|| invalid("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(invalid("it has a user name"));
        }
        if url.query().is_some() {
            return Err(invalid("it has a query"));
        }
        let host = HeaderValue::from_str(authority.as_str())
            .map_err(|_| invalid("its host has unusual characters"))?;
        let mut origin = url.clone().into_parts();
        origin.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
        let origin = Uri::from_parts(origin).map_err(|_| invalid("it cannot be split"))?;
        Ok(Self {
            origin,
            host,
            path: url.path().trim_end_matches('/').to_owned(),
        })
    }
}

/// A request's path in its two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    /// As it stands on the wire.
    pub(crate) wire: String,
    /// As it is signed: the wire form percent-encoded once more, `@` included. API Gateway takes the
    /// path as received and does not normalise it first.
    pub(crate) canonical: String,
}

impl Path {
    /// The two forms of a path that is encoded for the wire already.
    pub(crate) fn new(wire: String) -> Self {
        let canonical = utf8_percent_encode(&wire, RESERVED_IN_PATH).to_string();
        Self { wire, canonical }
    }

    /// This path with `segment`, any text, appended.
    pub(crate) fn join(&self, segment: &str) -> Self {
        let mut wire = String::with_capacity(self.wire.len() + segment.len() * 3);
        let mut canonical = String::with_capacity(self.canonical.len() + segment.len() * 5);
        wire.push_str(&self.wire);
        canonical.push_str(&self.canonical);
        for part in utf8_percent_encode(segment, RESERVED) {
            wire.push_str(part);
            match part.strip_prefix('%') {
                Some(digits) => {
                    canonical.push_str("%25");
                    canonical.push_str(digits);
                }
                None => canonical.push_str(part),
            }
        }
        Self { wire, canonical }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_encoded_once_for_the_wire_and_twice_for_the_signature() {
        let base = Path::new("/dev/@connections/".into());
        for (id, wire, canonical) in [
            (
                "L0SM9cOFvHcCIhw=",
                "/dev/@connections/L0SM9cOFvHcCIhw%3D",
                "/dev/%40connections/L0SM9cOFvHcCIhw%253D",
            ),
            (
                "a/b+c=",
                "/dev/@connections/a%2Fb%2Bc%3D",
                "/dev/%40connections/a%252Fb%252Bc%253D",
            ),
            (
                "-._~Az09",
                "/dev/@connections/-._~Az09",
                "/dev/%40connections/-._~Az09",
            ),
        ] {
            let joined = base.join(id);
            assert_eq!(
                (joined.wire.as_str(), joined.canonical.as_str()),
                (wire, canonical)
            );
            assert_eq!(joined, Path::new(wire.into()));
        }
    }

    #[test]
    fn an_endpoint_keeps_its_port_and_its_stage() {
        for (url, host, path) in [
            ("http://127.0.0.1:3001/local", "127.0.0.1:3001", "/local"),
            (
                "https://abc.execute-api.eu-west-1.amazonaws.com/prod/",
                "abc.execute-api.eu-west-1.amazonaws.com",
                "/prod",
            ),
            ("https://chat.example", "chat.example", ""),
        ] {
            let endpoint = Endpoint::new(&url.parse().unwrap()).unwrap();
            assert_eq!(
                (endpoint.host.to_str().unwrap(), endpoint.path.as_str()),
                (host, path)
            );
        }
        for url in [
            "ws://h/local",
            "/local",
            "http://user@h/local",
            "http://h/local?a=b",
        ] {
            Endpoint::new(&url.parse().unwrap()).unwrap_err();
        }
    }
}
