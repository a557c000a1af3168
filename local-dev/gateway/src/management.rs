//! `@connections`: post to a connection, look at it, close it (API reference, "Amazon API Gateway
//! Management API").

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use gatepost_sigv4::Request as SignedRequest;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::body::Incoming;
use serde::Serialize;

use crate::Fault;
use crate::Id;
use crate::Origin;
use crate::PostRefusal;
use crate::Step;
use crate::What;
use crate::close::Ending;
use crate::connection::Connection;
use crate::connection::PostUnderWay;
use crate::date::iso_ms;
use crate::deployment::Stage;
use crate::endpoint::split_path;
use crate::fault;
use crate::gateway::Core;
use crate::refusal::Refusal;

/// Why a post was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// There is no such connection, or not yet, or no longer: 410.
    #[error("the connection is gone")]
    Gone,
    /// The client does not read: 429.
    #[error("the client does not read")]
    QueueFull,
    /// More than 128 KB: 413.
    #[error("the message is too large")]
    TooLarge,
    /// Not UTF-8, where that is refused: 400.
    #[error("the message is not UTF-8")]
    NotUtf8,
}

impl From<PostError> for Refusal {
    fn from(error: PostError) -> Self {
        match error {
            PostError::Gone => Self::gone("no such connection"),
            PostError::QueueFull => Self::buffer_full("the client does not read"),
            PostError::TooLarge => Self::too_large("the payload is too large"),
            PostError::NotUtf8 => Self::not_utf8("the payload is not UTF-8"),
        }
    }
}

/// Answers a request for `/{stage}{rest}`, where `rest` begins with `/@connections`.
pub(crate) async fn serve(
    core: &Arc<Core>,
    request: Request<Incoming>,
    stage: &Arc<Stage>,
    rest: &str,
) -> Response<Full<Bytes>> {
    match answer(core, request, stage, rest).await {
        Ok(mut response) => {
            core.stamp(&mut response);
            response
        }
        Err(refusal) if refusal.status == StatusCode::PAYLOAD_TOO_LARGE => {
            let text = &core.config.guesses.too_large_text;
            core.refuse(refusal.with_message(text)).await
        }
        Err(refusal) => core.refuse(refusal).await,
    }
}

async fn answer(
    core: &Arc<Core>,
    request: Request<Incoming>,
    stage: &Arc<Stage>,
    rest: &str,
) -> Result<Response<Full<Bytes>>, Refusal> {
    let (head, body) = request.into_parts();
    // The whole of it is signed.
    let payload = payload(core, body).await?;
    core.config.signatures.check(&SignedRequest {
        method: &head.method,
        uri: &head.uri,
        headers: &head.headers,
        payload: &payload,
    })?;
    let (_, below) = split_path(rest);
    let (id, more) = split_path(below);
    let known = matches!(head.method, Method::POST | Method::GET | Method::DELETE);
    if id.is_empty() || !more.is_empty() || !known {
        let refusal = Refusal::no_method(rest, head.method.as_str());
        return Err(refusal.with_status(core.config.guesses.no_method));
    }
    let id: Id = id
        .parse()
        .map_err(|_| Refusal::invalid_connection_id(&id))?;
    core.admit_management().map_err(|by| {
        core.tell(id, || What::Throttled { request: None, by });
        Refusal::limit_exceeded("").because(by.to_string())
    })?;
    match head.method {
        Method::POST if payload.is_empty() => match core.config.guesses.empty_post {
            200 => find(core, Some(stage), id)
                .map(|_| Response::default())
                .map_err(Into::into),
            _ => Err(Refusal::no_payload("a post without a payload")),
        },
        Method::POST => {
            let _under_way = core.registry.get(id).map(PostUnderWay::begin);
            match injected(core, Step::Post, id, stage).await? {
                Injection::Nothing => post(core, Some(stage), id, &payload)?,
                Injection::Twice => {
                    post(core, Some(stage), id, &payload)?;
                    post(core, Some(stage), id, &payload)?;
                }
                Injection::Instead(answer) => return Ok(answer),
            }
            match injected(core, Step::Posted, id, stage).await? {
                Injection::Instead(answer) => Ok(answer),
                Injection::Nothing | Injection::Twice => Ok(Response::default()),
            }
        }
        Method::GET => match injected(core, Step::Get, id, stage).await? {
            Injection::Instead(answer) => Ok(answer),
            Injection::Nothing | Injection::Twice => look_at(&*find(core, Some(stage), id)?),
        },
        _ => {
            if let Injection::Instead(answer) = injected(core, Step::Delete, id, stage).await? {
                return Ok(answer);
            }
            find(core, Some(stage), id)?.end(Ending::DELETED);
            Ok(no_content())
        }
    }
}

/// `DELETE` answers without a body.
fn no_content() -> Response<Full<Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// What a fault makes of a request.
enum Injection {
    Nothing,
    /// It is done twice.
    Twice,
    /// It is not done, or was, and this is answered.
    Instead(Response<Full<Bytes>>),
}

/// Waits as long as a rule says, and lets the fault that is due happen.
async fn injected(core: &Core, step: Step, id: Id, stage: &Stage) -> Result<Injection, Refusal> {
    Ok(match core.fault(step, id, &stage.name).await {
        None => Injection::Nothing,
        Some(Fault::Duplicate) => Injection::Twice,
        Some(Fault::Status(status)) => return Err(Refusal::injected(status)),
        Some(Fault::Reset) => {
            let mut answer = Response::default();
            fault::reset_instead(answer.extensions_mut());
            Injection::Instead(answer)
        }
        Some(Fault::Drop) if step == Step::Delete => Injection::Instead(no_content()),
        Some(Fault::Drop) => Injection::Instead(Response::default()),
        Some(fault) => {
            if let Some(connection) = core.registry.get(id) {
                fault::strike(&connection, &fault);
            }
            Injection::Nothing
        }
    })
}

/// Bytes of a payload that is too large which are still read, so that the client, which writes
/// before it reads, sees the answer and not a reset connection.
const DRAINED: usize = 8 * 1024 * 1024;

async fn payload(core: &Core, mut body: Incoming) -> Result<Bytes, Refusal> {
    let largest = core.config.limits.message;
    let mut payload = Bytes::new();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Refusal::no_payload("the payload broke off"));
        };
        let Ok(part) = frame.into_data() else {
            continue;
        };
        read += part.len();
        payload = match payload.len() {
            _ if read > DRAINED => break,
            _ if read > largest => Bytes::new(),
            0 => part,
            _ => [payload, part].concat().into(),
        };
    }
    if read > largest {
        return Err(PostError::TooLarge.into());
    }
    Ok(payload)
}

fn find(core: &Core, stage: Option<&Arc<Stage>>, id: Id) -> Result<Arc<Connection>, PostError> {
    let connection = core.registry.get(id).ok_or(PostError::Gone)?;
    match stage {
        Some(stage) if !Arc::ptr_eq(stage, &connection.stage) => Err(PostError::Gone),
        _ => Ok(connection),
    }
}

/// Sends a message to a connection of this stage, or of any. It arrives as text: bytes that are not
/// UTF-8 are replaced, as no client would take them, unless they are to be refused.
pub(crate) fn post(
    core: &Core,
    stage: Option<&Arc<Stage>>,
    id: Id,
    payload: &Bytes,
) -> Result<(), PostError> {
    if payload.len() > core.config.limits.message {
        return Err(PostError::TooLarge);
    }
    let connection = find(core, stage, id)?;
    let text = match String::from_utf8_lossy(payload) {
        Cow::Borrowed(_) => Cow::Borrowed(payload),
        Cow::Owned(_) if core.config.guesses.refuse_not_utf8 => return Err(PostError::NotUtf8),
        Cow::Owned(text) => Cow::Owned(Bytes::from(text)),
    };
    let bound = core.config.limits.out_queue;
    let text = text.into_owned();
    match fault::send(core, &connection, &text, bound) {
        Ok(()) => {
            core.tell(id, || What::MessageOut {
                origin: Origin::Post,
                body: text,
            });
            Ok(())
        }
        Err(why) => {
            core.tell(id, || What::NotSent {
                origin: Origin::Post,
                len: text.len(),
                why,
            });
            Err(match why {
                PostRefusal::Gone => PostError::Gone,
                PostRefusal::QueueFull => PostError::QueueFull,
            })
        }
    }
}

/// The answer of `GetConnection`: camel case, ISO times with milliseconds. `userAgent` is missing
/// when the client sent none, though the model requires it (AWS CLI example of `get-connection`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    connected_at: String,
    identity: Identity<'a>,
    last_active_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    source_ip: std::net::IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
}

fn look_at(connection: &Connection) -> Result<Response<Full<Bytes>>, Refusal> {
    let view = View {
        connected_at: iso_ms(connection.connected_at),
        identity: Identity {
            source_ip: connection.source_ip,
            user_agent: connection.user_agent.as_deref(),
        },
        last_active_at: iso_ms(connection.activity().last().epoch_ms),
    };
    let body = serde_json::to_vec(&view).expect("times, an address and a string serialise");
    let mut response = Response::new(Full::new(Bytes::from(body)));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}
