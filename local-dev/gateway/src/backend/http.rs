//! The HTTP client of `HTTP` and `HTTP_PROXY` integrations.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::Limited;
use hyper_rustls::ConfigBuilderExt;
use hyper_rustls::HttpsConnector;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use rustls::crypto::ring;

use super::Answered;
use super::Failure;

/// Longest answer that is read, in bytes. A client gets 128 KB at most; a template may shorten.
const LONGEST: usize = 10 * 1024 * 1024;

/// Sends requests over HTTP/1.1, with or without TLS, and keeps connections.
#[derive(Debug)]
pub(crate) struct Client(legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// TLS with Mozilla's roots as they are packaged in `webpki-roots`.
fn webpki_roots() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for the default protocol versions")
        .with_webpki_roots()
        .with_no_client_auth()
}

impl Client {
    pub(crate) fn new() -> Self {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(webpki_roots())
            .https_or_http()
            .enable_http1()
            .build();
        Self(legacy::Client::builder(TokioExecutor::new()).build(connector))
    }

    /// The whole answer.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answered, Failure> {
        let unreachable = |error: legacy::Error| {
            // Its own text says only that it could not connect.
            let mut why = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                why = format!("{why}: {cause}");
                source = cause.source();
            }
            Failure::Unreachable(why)
        };
        let response = self.0.request(request).await.map_err(unreachable)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LONGEST)
            .collect()
            .await
            .map_err(|error| Failure::Unreachable(format!("the answer: {error}")))?
            .to_bytes();
        let text =
            |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = head.headers.iter();
        Ok(Answered {
            status: head.status.as_u16(),
            headers: headers
                .map(|(name, value)| (name.as_str().to_owned(), text(value)))
                .collect(),
            body,
            key: Some(head.status.as_u16().to_string()),
            failed: false,
        })
    }
}
