//! The Runtime API. Lambda guide, "Using the Lambda runtime API for custom runtimes".

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderName;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::Full;
use hyper::body::Incoming;
use rustix::process::Signal;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::Environment;
use super::http_api::Received;
use super::http_api::Refusal;
use super::http_api::Reply;
use super::http_api::accepted;
use super::http_api::receive;
use super::state::Delivery;
use super::state::Runtime;
use super::state::State;
use crate::fault::Step;
use crate::function_error::FunctionError;
use crate::function_error::MAX_RESPONSE;
use crate::spec::Outcome;

const REQUEST_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-request-id");
const DEADLINE: HeaderName = HeaderName::from_static("lambda-runtime-deadline-ms");
const FUNCTION_ARN: HeaderName = HeaderName::from_static("lambda-runtime-invoked-function-arn");
const TRACE_ID: HeaderName = HeaderName::from_static("lambda-runtime-trace-id");
const CLIENT_CONTEXT: HeaderName = HeaderName::from_static("lambda-runtime-client-context");

impl Environment {
    /// Waits for an event, for as long as it takes.
    pub(super) async fn runtime_next(self: &Arc<Self>) -> Result<Reply, Refusal> {
        self.renew(None);
        let waiting = {
            let mut state = self.state();
            match (&state.runtime, &state.current) {
                // It lost the connection on which the event was sent: the same one again.
                (Runtime::Running, Some(current)) => {
                    return Ok(self.event_reply(current.delivery.clone()));
                }
                (Runtime::InitError | Runtime::Running, _) => {
                    return Err(Refusal::out_of_order(state.runtime.name(), "Ready"));
                }
                // The newest of several waits; the connections of the others are dead.
                (Runtime::Started | Runtime::ResponseSent | Runtime::Ready(_), _) => {}
            }
            let (waiting, event) = oneshot::channel();
            state.runtime = Runtime::Ready(waiting);
            self.settle(state);
            event
        };
        let delivery = waiting
            .await
            .map_err(|_| Refusal::out_of_order("Ready", "Ready"))?;
        Ok(self.event_reply(delivery))
    }

    fn event_reply(&self, delivery: Delivery) -> Reply {
        let mut id = Uuid::encode_buffer();
        let id = delivery.request_id.hyphenated().encode_lower(&mut id);
        let id = HeaderValue::from_str(id).expect("hexadecimal digits are visible ASCII");
        let mut reply = Response::new(Full::new(delivery.payload));
        let headers = reply.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(REQUEST_ID, id);
        headers.insert(DEADLINE, delivery.deadline_ms.into());
        headers.insert(FUNCTION_ARN, self.arn.clone());
        headers.insert(TRACE_ID, delivery.trace);
        if let Some(context) = delivery.client_context {
            headers.insert(CLIENT_CONTEXT, context);
        }
        reply
    }

    /// Takes the response of the current invocation.
    pub(super) async fn runtime_response(
        &self,
        id: Option<Uuid>,
        body: Incoming,
    ) -> Result<Reply, Refusal> {
        answerable(&self.state(), id, "InvocationResponse")?;
        // If it hung up, nobody reads this.
        let received = receive(body, MAX_RESPONSE).await.map_err(|_| Refusal {
            status: StatusCode::BAD_REQUEST,
            error_type: "TruncatedHTTPRequest",
            message: "HTTP request detected as truncated".to_owned(),
        })?;
        let mut state = self.state();
        // Much can have happened while the body arrived.
        answerable(&state, id, "InvocationResponse")?;
        state.runtime = Runtime::ResponseSent;
        state.abandoned = false;
        if self.injected(Step::Response).crash {
            Self::signal(&state, Signal::KILL);
            return Ok(accepted());
        }
        match received {
            Received::Whole(response) => {
                self.answer(&mut state, Outcome::Response(response));
                if self.injected(Step::Answered).crash {
                    Self::signal(&state, Signal::KILL);
                }
                Ok(accepted())
            }
            Received::TooLarge(length) => {
                self.answer_error(&mut state, &FunctionError::TooLarge(length));
                Err(Refusal {
                    status: StatusCode::PAYLOAD_TOO_LARGE,
                    error_type: "RequestEntityTooLarge",
                    message: format!(
                        "Exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
                    ),
                })
            }
        }
    }

    /// Takes the function error of the current invocation.
    pub(super) async fn runtime_error(
        &self,
        id: Option<Uuid>,
        body: Incoming,
    ) -> Result<Reply, Refusal> {
        answerable(&self.state(), id, "InvocationErrorResponse")?;
        let json = reported(body).await;
        let mut state = self.state();
        answerable(&state, id, "InvocationErrorResponse")?;
        state.runtime = Runtime::ResponseSent;
        state.abandoned = false;
        self.answer(&mut state, Outcome::FunctionError(json));
        Ok(accepted())
    }

    /// The Init phase failed: what waits for it is answered with this error.
    pub(super) async fn runtime_init_error(&self, body: Incoming) -> Result<Reply, Refusal> {
        let json = reported(body).await;
        let mut state = self.state();
        if !matches!(state.runtime, Runtime::Started) {
            return Err(Refusal::out_of_order(state.runtime.name(), "InitError"));
        }
        state.runtime = Runtime::InitError;
        self.fail(&mut state, FunctionError::Reported(json));
        Ok(accepted())
    }
}

/// The error that a runtime reports; an empty one if it is too long or broken off.
async fn reported(body: Incoming) -> Bytes {
    match receive(body, MAX_RESPONSE).await {
        Ok(Received::Whole(json)) => json,
        Ok(Received::TooLarge(_)) | Err(_) => Bytes::from_static(b"{}"),
    }
}

/// First the request ID, then the state: the order in which Lambda looks.
fn answerable(state: &State, id: Option<Uuid>, to: &str) -> Result<(), Refusal> {
    let current = state
        .current
        .as_ref()
        .map(|current| current.delivery.request_id);
    if id.is_none() || id != current {
        return Err(Refusal {
            status: StatusCode::BAD_REQUEST,
            error_type: "InvalidRequestID",
            message: "Invalid request ID".to_owned(),
        });
    }
    match state.runtime {
        Runtime::Running => Ok(()),
        _ => Err(Refusal::out_of_order(state.runtime.name(), to)),
    }
}
