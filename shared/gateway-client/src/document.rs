//! A public document that is fetched without a signature.

use http::HeaderValue;
use http::Method;
use http::Request;
use http::StatusCode;
use http::Uri;
use http::header;
use http::uri::PathAndQuery;
use http_body_util::Full;

use bytes::Bytes;

use crate::client::webpki_roots;
use crate::credentials::Clock;
use crate::endpoint::Endpoint;
use crate::endpoint::InvalidEndpoint;
use crate::pool::Limits;
use crate::pool::NoAnswer;
use crate::pool::Pool;

/// What is at one URL, such as the keys that an issuer of tokens publishes.
#[derive(Debug)]
pub struct Document {
    pool: Pool,
    host: HeaderValue,
    path: Uri,
}

/// Why a document was not given. A later attempt may succeed.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The server did not answer in time, or its answer broke off or is above 64 KB.
    #[error("the document's server gave no answer")]
    Unreachable(#[source] crate::Cause),
    /// The server answered with something else than 200: also with a redirection, which is not
    /// followed.
    #[error("the document's server answered {0}")]
    Status(StatusCode),
}

impl From<NoAnswer> for DocumentError {
    fn from(error: NoAnswer) -> Self {
        Self::Unreachable(error.into())
    }
}

impl Document {
    /// The document at `url`. It connects on first use, inside a tokio runtime; over https the
    /// server is verified against Mozilla's roots.
    ///
    /// # Errors
    ///
    /// When `url` is no http or https URL of a host.
    pub fn new(url: &Uri, limits: Limits, clock: Clock) -> Result<Self, InvalidEndpoint> {
        let mut parts = url.clone().into_parts();
        let path = parts.path_and_query.take();
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
        let origin = Uri::from_parts(parts).map_err(|_| InvalidEndpoint {
            url: url.to_string(),
            why: "it has no scheme or no host",
        })?;
        let endpoint = Endpoint::new(&origin)?;
        Ok(Self {
            pool: Pool::new(endpoint.origin, webpki_roots(), limits, clock),
            host: endpoint.host,
            path: path.map_or_else(|| Uri::from_static("/"), Uri::from),
        })
    }

    /// The document as it is now.
    ///
    /// # Errors
    ///
    /// See [`DocumentError`].
    pub async fn get(&self) -> Result<Bytes, DocumentError> {
        let request = || {
            let mut request = Request::new(Full::new(Bytes::new()));
            *request.method_mut() = Method::GET;
            *request.uri_mut() = self.path.clone();
            let headers = request.headers_mut();
            headers.insert(header::HOST, self.host.clone());
            let json = HeaderValue::from_static("application/json");
            headers.insert(header::ACCEPT, json);
            Ok::<_, DocumentError>(request)
        };
        let answer = self.pool.send(request).await?;
        match answer.status {
            StatusCode::OK => Ok(answer.body),
            status => Err(DocumentError::Status(status)),
        }
    }
}
