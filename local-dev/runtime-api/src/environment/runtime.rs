//! The Runtime API. Lambda guide, "Using the Lambda runtime API for custom runtimes".

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Request;
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
use super::http_api::receive_with_trailers;
use super::http_api::uuid_value;
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
/// One for each attempt, where a request ID is that of all attempts. A runtime sends it back with
/// its answer, and one that does not know it need not (aws/aws-lambda-rust-runtime issue 1155).
const INVOCATION_ID: HeaderName = HeaderName::from_static("lambda-runtime-invocation-id");
/// Absent for a response that is sent as it is, or `streaming`: "Building a custom runtime",
/// "Implementing response streaming in a custom runtime". Here nobody gets a part of one.
const RESPONSE_MODE: HeaderName = HeaderName::from_static("lambda-runtime-function-response-mode");
/// Of an error: a header of `/error`, or a trailer of a response that fails under way.
const ERROR_TYPE: HeaderName = HeaderName::from_static("lambda-runtime-function-error-type");
/// A trailer: the error's JSON in Base64.
const ERROR_BODY: HeaderName = HeaderName::from_static("lambda-runtime-function-error-body");

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
        let mut reply = Response::new(Full::new(delivery.payload));
        let headers = reply.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(REQUEST_ID, uuid_value(delivery.request_id));
        headers.insert(DEADLINE, delivery.deadline_ms.into());
        headers.insert(FUNCTION_ARN, self.arn.clone());
        headers.insert(TRACE_ID, delivery.trace);
        headers.insert(INVOCATION_ID, uuid_value(delivery.invocation_id));
        if let Some(context) = delivery.client_context {
            headers.insert(CLIENT_CONTEXT, context);
        }
        reply
    }

    /// Takes the response of the current invocation.
    pub(super) async fn runtime_response(
        &self,
        id: Option<Uuid>,
        request: Request<Incoming>,
    ) -> Result<Reply, Refusal> {
        let (head, body) = request.into_parts();
        answerable(&self.state(), id, &head.headers, "InvocationResponse")?;
        // If it hung up, nobody reads this.
        let (received, trailers) =
            receive_with_trailers(body, MAX_RESPONSE)
                .await
                .map_err(|_| Refusal {
                    status: StatusCode::BAD_REQUEST,
                    error_type: "TruncatedHTTPRequest",
                    message: "HTTP request detected as truncated".to_owned(),
                })?;
        let mut state = self.state();
        // Much can have happened while the body arrived.
        answerable(&state, id, &head.headers, "InvocationResponse")?;
        state.runtime = Runtime::ResponseSent;
        state.abandoned = false;
        let mode = head.headers.get(RESPONSE_MODE);
        if mode.is_some_and(|mode| mode != "streaming") {
            self.answer_error(&mut state, &FunctionError::InvalidResponseMode);
            return Err(Refusal {
                status: StatusCode::BAD_REQUEST,
                error_type: "InvalidFunctionResponseMode",
                message: "Invalid function response mode".to_owned(),
            });
        }
        if let Some(error) = trailers.as_ref().and_then(broken_off) {
            self.answer(&mut state, Outcome::FunctionError(error));
            return Ok(accepted());
        }
        if self.injected(Step::Response).crashes() {
            Self::signal(&state, Signal::KILL);
            return Ok(accepted());
        }
        match received {
            Received::Whole(response) => {
                self.answer(&mut state, Outcome::Response(response));
                if self.injected(Step::Answered).crashes() {
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
        request: Request<Incoming>,
    ) -> Result<Reply, Refusal> {
        let (head, body) = request.into_parts();
        answerable(&self.state(), id, &head.headers, "InvocationErrorResponse")?;
        let json = reported(body).await;
        let mut state = self.state();
        answerable(&state, id, &head.headers, "InvocationErrorResponse")?;
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

/// The error with which a response ended that had begun, if it did: "Implementing response streaming
/// in a custom runtime", "Error handling".
fn broken_off(trailers: &HeaderMap) -> Option<Bytes> {
    let error_type = trailers.get(ERROR_TYPE)?;
    let body = trailers
        .get(ERROR_BODY)
        .and_then(|body| STANDARD.decode(body).ok());
    Some(match body {
        Some(json) => json.into(),
        None => FunctionError::BrokenOff(String::from_utf8_lossy(error_type.as_bytes()).into())
            .json(Uuid::nil()),
    })
}

/// First the request ID, then the attempt, then the state: the order in which Lambda looks.
fn answerable(
    state: &State,
    id: Option<Uuid>,
    headers: &HeaderMap,
    to: &str,
) -> Result<(), Refusal> {
    let current = state.current.as_ref().map(|current| &current.delivery);
    let Some(delivery) = current.filter(|current| Some(current.request_id) == id) else {
        return Err(Refusal {
            status: StatusCode::BAD_REQUEST,
            error_type: "InvalidRequestID",
            message: "Invalid request ID".to_owned(),
        });
    };
    let given_back = headers.get(INVOCATION_ID);
    if given_back.is_some_and(|given| *given != uuid_value(delivery.invocation_id)) {
        return Err(Refusal {
            status: StatusCode::GONE,
            error_type: "InvokeTimeout",
            message: "Invoke timeout".to_owned(),
        });
    }
    match state.runtime {
        Runtime::Running => Ok(()),
        _ => Err(Refusal::out_of_order(state.runtime.name(), to)),
    }
}
