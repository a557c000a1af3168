//! Signed requests over a pool.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::uri::InvalidUri;
use http_body_util::Full;
use hyper_rustls::ConfigBuilderExt as _;
use rustls::ClientConfig;
use rustls::crypto::ring;

use crate::connections::Payload;
use crate::credentials::Access;
use crate::credentials::Clock;
use crate::endpoint::Endpoint;
use crate::endpoint::Path;
use crate::pool::Answer;
use crate::pool::Limits;
use crate::pool::NoAnswer;
use crate::pool::Pool;
use crate::signature::InvalidCredentials;
use crate::signature::Scope;
use crate::signature::Signer;

/// A service at one endpoint, asked by one identity.
#[derive(Debug)]
pub(crate) struct Client {
    signer: Signer,
    pool: Pool,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error(transparent)]
    Credentials(#[from] InvalidCredentials),
    #[error("the path is no path")]
    Path(#[from] InvalidUri),
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
}

impl Client {
    /// A client for `service`; `headers` go with every request.
    pub(crate) fn new(
        service: &'static str,
        endpoint: Endpoint,
        headers: Vec<(HeaderName, HeaderValue)>,
        access: Access,
        limits: Limits,
    ) -> Self {
        let pool = Pool::new(
            endpoint.origin,
            webpki_roots(),
            limits,
            Clock::clone(&access.clock),
        );
        let scope = Scope {
            region: access.region,
            service,
            host: endpoint.host,
            headers,
        };
        Self {
            signer: Signer::new(scope, access.credentials, access.clock),
            pool,
        }
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &Path,
        payload: &Payload,
    ) -> Result<Answer, CallError> {
        self.pool
            .send(|| {
                let mut headers = HeaderMap::new();
                let sha256 = payload.sha256();
                self.signer
                    .sign(method.as_str(), &path.canonical, sha256, &mut headers)?;
                let mut request = Request::new(Full::new(Bytes::clone(payload.bytes())));
                *request.method_mut() = method.clone();
                *request.uri_mut() = path.wire.parse()?;
                *request.headers_mut() = headers;
                Ok(request)
            })
            .await
    }
}

/// TLS with Mozilla's roots as they are packaged in `webpki-roots`.
pub(crate) fn webpki_roots() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for the default protocol versions")
        .with_webpki_roots()
        .with_no_client_auth()
}
