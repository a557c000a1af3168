//! Secrets Manager's `GetSecretValue`.

use http::HeaderValue;
use http::Method;
use http::StatusCode;
use http::Uri;
use http::header;
use serde_json::Value;

use crate::Cause;
use crate::client::CallError;
use crate::client::Client;
use crate::connections::Payload;
use crate::credentials::Access;
use crate::endpoint::Endpoint;
use crate::endpoint::InvalidEndpoint;
use crate::endpoint::Path;
use crate::pool::Limits;
use crate::refusal;
use crate::refusal::UnexpectedStatus;

/// AWS Secrets Manager at one endpoint.
#[derive(Debug)]
pub struct SecretsManager {
    client: Client,
    root: Path,
}

/// Why a secret was not given, by what the caller does about it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Tell the operator: the secret is not there, has no text, or the role may not read it (400).
    #[error("Secrets Manager refused: {0}")]
    Forbidden(Box<str>),
    /// A later attempt may succeed.
    #[error("Secrets Manager could not be reached")]
    Unreachable(#[source] Cause),
}

impl SecretsManager {
    /// The service at `endpoint`, such as `https://secretsmanager.REGION.amazonaws.com`. It connects
    /// on first use, inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// When `endpoint` is no http or https URL of a host.
    pub fn new(endpoint: &Uri, access: Access, limits: Limits) -> Result<Self, InvalidEndpoint> {
        let endpoint = Endpoint::new(endpoint)?;
        let root = Path::new(format!("{}/", endpoint.path));
        let headers = vec![
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/x-amz-json-1.1"),
            ),
            (
                header::HeaderName::from_static("x-amz-target"),
                HeaderValue::from_static("secretsmanager.GetSecretValue"),
            ),
        ];
        let client = Client::new("secretsmanager", endpoint, headers, access, limits);
        Ok(Self { client, root })
    }

    /// The current text of the secret `id`, a name or an ARN.
    ///
    /// # Errors
    ///
    /// See [`SecretError`].
    pub async fn text(&self, id: &str) -> Result<String, SecretError> {
        let request = serde_json::json!({ "SecretId": id }).to_string();
        let payload = Payload::new(request);
        let answer = match self.client.call(Method::POST, &self.root, &payload).await {
            Ok(answer) => answer,
            Err(CallError::NoAnswer(error)) => return Err(SecretError::Unreachable(error.into())),
            Err(error @ (CallError::Credentials(_) | CallError::Path(_))) => {
                return Err(SecretError::Forbidden(error.to_string().into()));
            }
        };
        let status = answer.status;
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            let message = refusal::message(&answer.body);
            return Err(SecretError::Unreachable(
                UnexpectedStatus { status, message }.into(),
            ));
        }
        if !status.is_success() {
            return Err(SecretError::Forbidden(refusal::message(&answer.body)));
        }
        let mut answer: Option<Value> = serde_json::from_slice(&answer.body).ok();
        match answer.as_mut().map(|answer| answer["SecretString"].take()) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(SecretError::Forbidden("the secret has no text".into())),
        }
    }
}
