//! [`Connections`] over HTTP.

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Millis;
use http::Method;
use http::StatusCode;
use http::Uri;
use serde_json::Value;

use crate::client::CallError;
use crate::client::Client;
use crate::connections::ConnectionState;
use crate::connections::Connections;
use crate::connections::Payload;
use crate::connections::PostError;
use crate::credentials::Access;
use crate::endpoint::Endpoint;
use crate::endpoint::InvalidEndpoint;
use crate::endpoint::Path;
use crate::pool::Answer;
use crate::pool::Limits;
use crate::refusal;
use crate::refusal::UnexpectedStatus;
use crate::timestamp;

/// The `@connections` API of one stage.
#[derive(Debug)]
pub struct Gateway {
    client: Client,
    connections: Path,
    nothing: Payload,
}

impl Gateway {
    /// A client of the stage at `endpoint`, such as `https://HOST/STAGE`. It connects on first use,
    /// inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// When `endpoint` is no http or https URL of a host.
    pub fn new(endpoint: &Uri, access: Access, limits: Limits) -> Result<Self, InvalidEndpoint> {
        let endpoint = Endpoint::new(endpoint)?;
        let connections = Path::new(format!("{}/@connections/", endpoint.path));
        let client = Client::new("execute-api", endpoint, Vec::new(), access, limits);
        Ok(Self {
            client,
            connections,
            nothing: Payload::new(Bytes::new()),
        })
    }

    async fn call(
        &self,
        method: Method,
        id: &ConnectionId,
        payload: &Payload,
    ) -> Result<Answer, PostError> {
        let path = self.connections.join(id.as_str());
        match self.client.call(method, &path, payload).await {
            Ok(answer) if answer.status.is_success() => Ok(answer),
            Ok(answer) => Err(refused(&answer)),
            Err(CallError::NoAnswer(error)) => Err(PostError::Unreachable(error.into())),
            Err(error @ (CallError::Credentials(_) | CallError::Path(_))) => {
                Err(PostError::Forbidden(error.to_string().into()))
            }
        }
    }
}

#[async_trait]
impl Connections for Gateway {
    async fn post(&self, to: &ConnectionId, payload: &Payload) -> Result<(), PostError> {
        self.call(Method::POST, to, payload).await.map(drop)
    }

    async fn get(&self, id: &ConnectionId) -> Result<ConnectionState, PostError> {
        let answer = self.call(Method::GET, id, &self.nothing).await?;
        state(&answer.body)
            .ok_or_else(|| PostError::Unreachable("the answer is not understood".into()))
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), PostError> {
        self.call(Method::DELETE, id, &self.nothing).await.map(drop)
    }
}

fn refused(answer: &Answer) -> PostError {
    let message = refusal::message(&answer.body);
    match answer.status {
        StatusCode::GONE => PostError::Gone,
        // Not in AWS's model, but what it answers to an id that it never gave out.
        StatusCode::BAD_REQUEST if message.contains("Invalid connectionId") => PostError::Gone,
        StatusCode::TOO_MANY_REQUESTS => PostError::Throttled,
        StatusCode::PAYLOAD_TOO_LARGE => PostError::TooLarge,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            PostError::Forbidden(message)
        }
        status => PostError::Unreachable(UnexpectedStatus { status, message }.into()),
    }
}

fn state(body: &[u8]) -> Option<ConnectionState> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let moment = |name: &str| -> Option<Millis> { timestamp::parse(body.get(name)?.as_str()?) };
    Some(ConnectionState {
        connected_at: moment("connectedAt")?,
        last_active_at: moment("lastActiveAt")?,
    })
}
