//! Integrations beside `AWS_PROXY`: `AWS`, `HTTP`, `HTTP_PROXY` and `MOCK`.
//!
//! Developer Guide, "Integrations for WebSocket APIs in API Gateway", "Data transformations for
//! WebSocket APIs" and "Set up data mapping for WebSocket APIs". A request template makes the
//! request, what is called answers, and an integration response makes of that what the client gets.

mod answer;
mod escape;
mod faults;
mod http;
mod mapping;
mod method;
mod render;
mod request;
mod route;

use std::sync::Arc;

use bytes::Bytes;
use gatepost_template::Backend;
use gatepost_template::Callee;
use gatepost_template::Calls;
use tokio::time::Instant;

use crate::Cause;
use crate::Outcome;
use crate::What;
use crate::connection::Connection;
use crate::deployment::Deployed;
use crate::deployment::Function;
use crate::event;
use crate::gateway::Core;
use crate::head::Head;
use crate::json::Json;
use crate::json::read;

pub(crate) use http::Client;
pub(crate) use request::function;
pub(crate) use route::connect;
pub(crate) use route::disconnect;
pub(crate) use route::message;

/// A request that goes to an integration.
struct Call<'a> {
    core: &'a Core,
    connection: &'a Connection,
    request: event::Request,
    route: &'a str,
    /// `$context`.
    context: Json,
    /// `$input.params()`.
    params: Json,
    deployed: Arc<Deployed>,
    /// The handshake, on `$connect`.
    head: Option<&'a Head>,
    /// The message; empty on `$connect` and `$disconnect`.
    body: &'a str,
    /// Whether anybody gets the answer.
    is_answered: bool,
}

/// What the client gets.
#[derive(Debug)]
struct Answer {
    /// Of `$connect`.
    status: u16,
    /// Of `$connect`.
    headers: Vec<(String, String)>,
    body: String,
}

/// What was called answered.
#[derive(Debug, Clone)]
struct Answered {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
    /// What integration responses are chosen by: the status, or the message of a function error.
    key: Option<String>,
    /// Whether a function failed.
    failed: bool,
}

/// Why there is no answer. The text goes to whoever watches, and not to the client.
#[derive(Debug)]
enum Failure {
    /// A template, a mapping or the answer cannot be used.
    Internal(String),
    /// There is no template for the request, and it is not passed through.
    UnsupportedMediaType,
    /// The endpoint cannot be reached.
    Unreachable(String),
    TimedOut,
    Throttled,
}

impl Failure {
    /// What the client is told: texts of REST APIs, of which the frames seen have the same
    /// ("Gateway response types for API Gateway").
    fn message(&self) -> &'static str {
        match self {
            Self::Internal(_) => "Internal server error",
            Self::UnsupportedMediaType => "Unsupported Media Type",
            Self::Unreachable(_) => "Network error communicating with endpoint",
            Self::TimedOut => "Endpoint request timed out",
            Self::Throttled => "Too Many Requests",
        }
    }

    fn cause(&self) -> Cause {
        match self {
            Self::Internal(_) | Self::UnsupportedMediaType | Self::Unreachable(_) => {
                Cause::Integration
            }
            Self::TimedOut => Cause::TimedOut,
            Self::Throttled => Cause::Throttled,
        }
    }

    fn why(&self) -> &str {
        match self {
            Self::Internal(why) | Self::Unreachable(why) => why,
            Self::UnsupportedMediaType | Self::TimedOut | Self::Throttled => self.message(),
        }
    }
}

/// Calls an integration, and makes of its answer what the client gets.
async fn run(backend: &Backend, call: &Call<'_>) -> Result<Answer, Failure> {
    let began = Instant::now();
    let tell = |outcome| {
        call.core.tell(call.connection.id, || What::Integrated {
            request: call.request.id,
            route: call.route.to_owned(),
            calls: shown(&backend.calls),
            outcome,
            took: began.elapsed(),
        });
    };
    let answered = match &backend.calls {
        Calls::Nothing => match request::body(backend, call).and_then(mock) {
            Ok(answered) => {
                let answers = || std::future::ready(Ok(answered.clone()));
                within(backend, faults::called(call, answers)).await
            }
            Err(failure) => Err(failure),
        },
        Calls::Function(callee) => {
            let answer = run_function(backend, call, callee).await;
            // What becomes of the function itself is told where it is called.
            if let Err(failure) = &answer
                && failure.cause() == Cause::Integration
            {
                tell(Err(failure.why().to_owned()));
            }
            return answer;
        }
        Calls::Http { method, url, proxy } => {
            let request = request::http(backend, call, method, url, *proxy);
            match request {
                Ok(request) => {
                    let send = || call.core.http().send(request.clone());
                    within(backend, faults::called(call, send)).await
                }
                Err(failure) => Err(failure),
            }
        }
        Calls::ProxyFunction(_) => Err(Failure::Internal(
            "the stage has no variable that names the function".to_owned(),
        )),
    };
    match answered {
        Ok(answered) => {
            let answer = answer::answer(backend, call, &answered);
            tell(match &answer {
                Ok(_) => Ok(answered.status),
                Err(failure) => Err(format!("{} came, but {}", answered.status, failure.why())),
            });
            answer
        }
        Err(failure) => {
            tell(Err(failure.why().to_owned()));
            Err(failure)
        }
    }
}

/// The same for a function that gets what the request template makes.
async fn run_function(
    backend: &Backend,
    call: &Call<'_>,
    callee: &Callee,
) -> Result<Answer, Failure> {
    let payload = request::body(backend, call)?;
    let variables = &call.deployed.variables;
    let id = request::function(callee, variables).map_err(Failure::Internal)?;
    let function = Function {
        id,
        timeout: backend.timeout,
    };
    match invoke(backend, call, &function, payload.into()).await? {
        Some(answered) => answer::answer(backend, call, &answered),
        None => Ok(Answer {
            status: 200,
            headers: Vec::new(),
            body: String::new(),
        }),
    }
}

/// What comes within the integration's time.
async fn within(
    backend: &Backend,
    answered: impl Future<Output = Result<Answered, Failure>>,
) -> Result<Answered, Failure> {
    tokio::time::timeout(backend.timeout, answered)
        .await
        .unwrap_or(Err(Failure::TimedOut))
}

/// What is called, for a person: no query, which may hold secrets.
fn shown(calls: &Calls) -> String {
    match calls {
        Calls::Nothing => "MOCK".to_owned(),
        Calls::Http { method, url, .. } => {
            let url = url.as_written();
            format!(
                "{method} {}",
                url.split_once('?').map_or(url, |(url, _)| url)
            )
        }
        Calls::Function(_) | Calls::ProxyFunction(_) => "a function".to_owned(),
    }
}

/// `MOCK`: the request is the answer, and has its status ("Set up a WebSocket API integration
/// request": `{"statusCode": 200}`).
fn mock(request: String) -> Result<Answered, Failure> {
    let json = read(&request, crate::json::Reading::Lenient);
    let status = json.as_ref().and_then(|json| json.get("statusCode"));
    let status = status.and_then(|status| status.to_string().parse::<u16>().ok());
    let Some(status) = status.filter(|status| (100..600).contains(status)) else {
        let why = "the request of a MOCK integration has no `statusCode`";
        return Err(Failure::Internal(why.to_owned()));
    };
    Ok(Answered {
        status,
        headers: Vec::new(),
        body: request.into(),
        key: Some(status.to_string()),
        failed: false,
    })
}

/// `AWS`: calls a function with the request as its event; `None` if nobody waits for it.
async fn invoke(
    backend: &Backend,
    call: &Call<'_>,
    function: &Function,
    payload: Bytes,
) -> Result<Option<Answered>, Failure> {
    if request::is_asynchronous(backend, call)? {
        return call
            .core
            .call_async(
                call.connection,
                call.request.id,
                call.route,
                function,
                payload,
            )
            .await
            .map(|()| None)
            .map_err(failure);
    }
    let outcome = call
        .core
        .call(
            call.connection,
            call.request.id,
            call.route,
            function,
            payload,
        )
        .await;
    let answered = |body: Bytes, key, failed| Answered {
        status: 200,
        headers: Vec::new(),
        body,
        key,
        failed,
    };
    match outcome {
        Outcome::Response(response) => Ok(Some(answered(response, None, false))),
        Outcome::FunctionError(error) => {
            let json = serde_json::from_slice::<Json>(&error).ok();
            let message = json.as_ref().and_then(|json| json.get("errorMessage"));
            let key = message.map(Json::to_string);
            Ok(Some(answered(error, Some(key.unwrap_or_default()), true)))
        }
        Outcome::TimedOut => Err(Failure::TimedOut),
        Outcome::Throttled => Err(Failure::Throttled),
        Outcome::NotInvoked(why) => Err(Failure::Internal(why)),
    }
}

fn failure(error: crate::InvokeError) -> Failure {
    match error {
        crate::InvokeError::Throttled => Failure::Throttled,
        crate::InvokeError::Unavailable(why) => Failure::Internal(why),
    }
}
