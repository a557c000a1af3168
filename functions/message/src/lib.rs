//! `$default`: a client's frame, its reply, and what others are to see of it.

use std::sync::Arc;
use std::time::Instant;

use gatepost_chat::Acted;
use gatepost_chat::After;
use gatepost_chat::Direct;
use gatepost_chat::Operated;
use gatepost_chat::Operation;
use gatepost_chat::Refusal;
use gatepost_protocol::ActionId;
use gatepost_protocol::ClientFrame;
use gatepost_protocol::Code;
use gatepost_protocol::ErrorReply;
use gatepost_protocol::ParseRefusal;
use gatepost_protocol::error_reply;
use gatepost_protocol::ok_reply;
use gatepost_protocol::parse;
use gatepost_runtime::Answer;
use gatepost_runtime::Backend;
use gatepost_runtime::Failure;
use gatepost_runtime::Function;
use gatepost_runtime::Invocation;
use gatepost_runtime::MessageEvent;
use gatepost_runtime::ProxyResponse;
use gatepost_runtime::Reach;
use gatepost_runtime::StartError;
use gatepost_runtime::Work;
use gatepost_runtime::config::Environment;
use gatepost_runtime::metric;
use gatepost_runtime::metric::Figure;
use serde::Deserialize;
use serde::Serialize;
use serde::de::IgnoredAny;
use tracing::Instrument as _;

/// Takes frames.
#[derive(Debug)]
pub struct Message {
    backend: Backend,
}

impl Message {
    /// Reads where the chat is kept, and how to reach its clients.
    ///
    /// # Errors
    /// Everything that is wrong with the environment.
    pub async fn start(environment: &dyn Environment) -> Result<Self, StartError> {
        Ok(Self::new(
            Backend::start(environment, Reach::Clients).await?,
        ))
    }

    /// One with its own chat.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        Self { backend }
    }

    /// Takes one frame: the reply, if it gets one, and what is to be done after it until `ends_at`.
    ///
    /// # Errors
    /// If the event has no identity. What is wrong with the frame or the stores is a reply.
    pub async fn frame(
        &self,
        event: &MessageEvent<'_>,
        ends_at: tokio::time::Instant,
    ) -> Result<(Option<String>, Option<Work>), Failure> {
        let context = &event.request_context;
        let caller = context.caller()?;
        if let Some(posts) = &self.backend.posts {
            posts.learn_address(context);
        }
        let request = || context.request_id.clone().into_owned();
        let (id, acted) = match parse(&event.body) {
            Ok(ClientFrame::Action { id, action }) => {
                (id, self.backend.chat.act(&caller, action).await)
            }
            Ok(ClientFrame::Seed(frame)) => (None, self.backend.chat.seed(&caller, frame).await),
            Err(refusal) => return Ok((Some(not_understood(refusal, request())), None)),
        };
        let Acted {
            outcome,
            degraded,
            after,
        } = acted;
        let reply = match outcome {
            Ok(answer) => id.map(|id| ok_reply(&id, answer, degraded)),
            Err(refusal) => Some(refused(id.as_ref(), &refusal, request())),
        };
        let work = (!after.is_empty()).then(|| self.after(after, ends_at));
        Ok((reply, work))
    }

    /// Does what an operator asks for.
    async fn operate(
        &self,
        operation: &str,
        request: &str,
        ends_at: tokio::time::Instant,
    ) -> (Report, Option<Work>) {
        let refuse = |error| (Report::Error { error }, None);
        let operation: Operation = match serde_json::from_str(operation) {
            Ok(operation) => operation,
            Err(error) => {
                let refusal = ParseRefusal {
                    id: None,
                    code: Code::BadRequest,
                    message: error.to_string(),
                };
                return refuse(to_error(refusal, String::from(request)));
            }
        };
        match self.backend.chat.operate(operation, request, ends_at).await {
            Ok((ok, after)) => {
                let work = (!after.is_empty()).then(|| self.after(after, ends_at));
                (Report::Ok { ok }, work)
            }
            Err(refusal) => {
                log_fault(&refusal, request);
                refuse(refusal.to_reply(String::from(request)))
            }
        }
    }

    /// The fan-out, and its figures.
    fn after(&self, after: Vec<After>, ends_at: tokio::time::Instant) -> Work {
        let (chat, posts) = (Arc::clone(&self.backend.chat), self.backend.posts.clone());
        Box::pin(async move {
            let is_new = |after: &&After| match after {
                After::Push(push) | After::Direct(Direct { push, .. }) => push.entry.is_some(),
                _ => false,
            };
            let appended = after.iter().filter(is_new).count();
            let begun = Instant::now();
            chat.after(after, ends_at).await;
            let mut figures = posts.map(|posts| posts.take_figures()).unwrap_or_default();
            figures.push(Figure::count("Appended", appended as u64));
            figures.push(Figure::milliseconds("AfterTime", begun.elapsed()));
            metric::emit(&[], &figures);
        })
    }
}

/// What is answered to whoever invoked the function.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// To API Gateway: a frame's reply, or none.
    Gateway(ProxyResponse),
    /// To an operator.
    Operator(Report),
}

/// What an operation came to: `{"ok":{…}}` or `{"error":{…}}`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Report {
    /// It was done.
    Ok {
        /// What came of it.
        ok: Operated,
    },
    /// It was not.
    Error {
        /// Why; `request` is the invocation's id.
        error: ErrorReply,
    },
}

/// What tells an operator's event from API Gateway's, which wraps every frame: no client can write
/// one. IAM decides who may invoke the function directly.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    operator: Option<IgnoredAny>,
    request_context: Option<IgnoredAny>,
}

impl Shape {
    fn is_operation(&self) -> bool {
        self.operator.is_some() && self.request_context.is_none()
    }
}

/// The reply to a frame that says nothing this version understands.
fn not_understood(refusal: ParseRefusal, request: String) -> String {
    let id = refusal.id.clone();
    error_reply(id.as_ref(), &to_error(refusal, request))
}

fn to_error(refusal: ParseRefusal, request: String) -> ErrorReply {
    ErrorReply {
        code: refusal.code,
        message: refusal.message,
        request,
        retry_after_ms: None,
        expected: None,
        floor: None,
    }
}

/// The reply to an action that was not done.
fn refused(id: Option<&ActionId>, refusal: &Refusal, request: String) -> String {
    log_fault(refusal, &request);
    error_reply(id, &refusal.to_reply(request))
}

/// What is our fault is logged here.
fn log_fault(refusal: &Refusal, request: &str) {
    if let Some(fault) = &refusal.fault {
        let (error, code) = (&**fault as &dyn std::error::Error, refusal.code.as_str());
        tracing::error!(
            code,
            gatewayRequestId = request,
            error,
            "an action is not done"
        );
    }
}

impl Function for Message {
    type Response = Response;

    async fn invoke(&self, invocation: Invocation<'_>) -> Result<Answer<Response>, Failure> {
        let event: MessageEvent<'_> = match invocation.parse() {
            Ok(event) => event,
            Err(fault) => {
                let (text, request) = (invocation.payload.get(), invocation.request_id);
                let shape = invocation.parse::<Shape>();
                if !shape.is_ok_and(|shape| shape.is_operation()) {
                    return Err(fault.into());
                }
                let (report, work) = self.operate(text, request, invocation.ends_at()).await;
                return Ok(Answer::then(Response::Operator(report), work));
            }
        };
        let span =
            tracing::info_span!("frame", connectionId = %event.request_context.connection_id);
        let (reply, work) = self
            .frame(&event, invocation.ends_at())
            .instrument(span)
            .await?;
        let response = reply.map_or_else(ProxyResponse::ok, ProxyResponse::frame);
        Ok(Answer::then(Response::Gateway(response), work))
    }
}

#[cfg(test)]
mod tests;
