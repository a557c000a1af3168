//! A request as a server has it.

use gatepost_sigv4::Credentials;
use gatepost_sigv4::Request;
use gatepost_sigv4::SignatureError;
use gatepost_sigv4::Verifier;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::Uri;

/// A request as a server has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Vec<u8>,
}

impl Received {
    /// `None` for what no HTTP server would accept.
    pub(crate) fn new(
        method: &[u8],
        target: &[u8],
        headers: &[(String, Vec<u8>)],
        payload: &[u8],
    ) -> Option<Self> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            // Spaces around a value are no part of it (RFC 9110 §5.5).
            map.append(name, HeaderValue::from_bytes(value.trim_ascii()).ok()?);
        }
        Some(Self {
            method: Method::from_bytes(method).ok()?,
            uri: Uri::try_from(target).ok()?,
            headers: map,
            payload: payload.to_vec(),
        })
    }

    /// From the bytes of an HTTP/1.1 request.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let mut first = lines.next().unwrap().split(' ');
        let (method, target) = (first.next().unwrap(), first.next().unwrap());
        let headers: Vec<_> = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
            .collect();
        let payload = &bytes[end + 4..];
        Self::new(method.as_bytes(), target.as_bytes(), &headers, payload).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub(crate) fn set(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(crate) fn verify(&self, verifier: &Verifier, now: i64) -> Result<(), SignatureError> {
        let request = Request {
            method: &self.method,
            uri: &self.uri,
            headers: &self.headers,
            payload: &self.payload,
        };
        verifier.verify(&request, now)
    }
}

/// The credentials of the captured requests.
pub(crate) fn credentials() -> Credentials {
    Credentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: "secretEXAMPLE".to_owned(),
        session_token: Some("tokEXAMPLE".to_owned()),
    }
}
