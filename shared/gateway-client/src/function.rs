//! [`InvokeAsync`] over HTTP.

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::StatusCode;
use http::Uri;

use crate::client::CallError;
use crate::client::Client;
use crate::connections::Payload;
use crate::credentials::Access;
use crate::endpoint::Endpoint;
use crate::endpoint::InvalidEndpoint;
use crate::endpoint::Path;
use crate::invoke::InvokeAsync;
use crate::invoke::InvokeError;
use crate::pool::Answer;
use crate::pool::Limits;
use crate::refusal;
use crate::refusal::UnexpectedStatus;

/// A Lambda function to be started with `InvocationType=Event`.
#[derive(Debug)]
pub struct Function {
    client: Client,
    invocations: Path,
}

impl Function {
    /// The function `name` (a name, `name:alias`, or an ARN) of the Lambda service at `endpoint`,
    /// such as `https://lambda.REGION.amazonaws.com`. It connects on first use, inside a tokio
    /// runtime.
    ///
    /// # Errors
    ///
    /// When `endpoint` is no http or https URL of a host.
    pub fn new(
        endpoint: &Uri,
        name: &str,
        access: Access,
        limits: Limits,
    ) -> Result<Self, InvalidEndpoint> {
        let endpoint = Endpoint::new(endpoint)?;
        let functions = Path::new(format!("{}/2015-03-31/functions/", endpoint.path));
        let Path { wire, .. } = functions.join(name);
        let invocations = Path::new(wire + "/invocations");
        let event = (
            HeaderName::from_static("x-amz-invocation-type"),
            HeaderValue::from_static("Event"),
        );
        let client = Client::new("lambda", endpoint, vec![event], access, limits);
        Ok(Self {
            client,
            invocations,
        })
    }
}

#[async_trait]
impl InvokeAsync for Function {
    async fn invoke_async(&self, payload: Bytes) -> Result<(), InvokeError> {
        let payload = Payload::new(payload);
        match self
            .client
            .call(Method::POST, &self.invocations, &payload)
            .await
        {
            Ok(answer) if answer.status.is_success() => Ok(()),
            Ok(answer) => Err(refused(&answer)),
            Err(CallError::NoAnswer(error)) => Err(InvokeError::Unreachable(error.into())),
            Err(error @ (CallError::Credentials(_) | CallError::Path(_))) => {
                Err(InvokeError::Forbidden(error.to_string().into()))
            }
        }
    }
}

fn refused(answer: &Answer) -> InvokeError {
    let message = refusal::message(&answer.body);
    match answer.status {
        StatusCode::TOO_MANY_REQUESTS => InvokeError::Throttled,
        StatusCode::PAYLOAD_TOO_LARGE => InvokeError::TooLarge,
        status if status.is_client_error() => InvokeError::Forbidden(message),
        status => InvokeError::Unreachable(UnexpectedStatus { status, message }.into()),
    }
}
