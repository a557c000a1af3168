//! The listener of one environment: Runtime API `2018-06-01` and Extensions API `2020-01-01`.
//!
//! Statuses and bodies are those of the server that runs in Lambda's environments (`internal/lambda/
//! rapi` of aws/aws-lambda-runtime-interface-emulator). The environment is known by its listener, so
//! a process may open as many connections as it likes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use bytes::BytesMut;
use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::Environment;

pub(super) type Reply = Response<Full<Bytes>>;

/// After a failed accept the next one fails, too, until somebody closes a socket.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Serves connections until `closing`, and those that are open then to their end.
pub(super) async fn serve(
    environment: Arc<Environment>,
    listener: TcpListener,
    mut closing: oneshot::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(environment.clone(), stream));
                }
                // Out of file descriptors, or the other side is gone already.
                Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
            },
            Some(_) = connections.join_next() => {}
            _ = &mut closing => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve_connection(environment: Arc<Environment>, stream: TcpStream) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let is_attached = environment.is_attached();
    if is_attached {
        environment.connected();
    }
    let served = environment.clone();
    let service = service_fn(|request| {
        let environment = environment.clone();
        async move { Ok::<_, Infallible>(route(environment, request).await) }
    });
    // Title case: shell scripts look for the headers as Lambda writes them.
    // An error is the process that hung up: its end tells more.
    let _ = http1::Builder::new()
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if is_attached {
        served.disconnected();
    }
}

async fn route(environment: Arc<Environment>, request: Request<Incoming>) -> Reply {
    let path = request.uri().path();
    let answer = if let Some(path) = path.strip_prefix("/2018-06-01/runtime/invocation/") {
        match (request.method(), path.split_once('/')) {
            (&Method::GET, None) if path == "next" => environment.runtime_next().await,
            (&Method::POST, Some((id, "response"))) => {
                let id = id.parse().ok();
                environment.runtime_response(id, request).await
            }
            (&Method::POST, Some((id, "error"))) => {
                let id = id.parse().ok();
                environment.runtime_error(id, request).await
            }
            _ => return not_found(),
        }
    } else {
        match (request.method(), path) {
            (&Method::POST, "/2018-06-01/runtime/init/error") => {
                environment.runtime_init_error(request.into_body()).await
            }
            (&Method::GET, "/2018-06-01/ping") => {
                Ok(reply(StatusCode::OK, Bytes::from_static(b"pong")))
            }
            (&Method::POST, "/2020-01-01/extension/register") => {
                environment.register(request).await
            }
            (&Method::GET, "/2020-01-01/extension/event/next") => {
                environment.extension_next(request.headers()).await
            }
            (&Method::POST, "/2020-01-01/extension/init/error") => {
                environment.extension_error(request.headers(), "Extension.InitError")
            }
            (&Method::POST, "/2020-01-01/extension/exit/error") => {
                environment.extension_error(request.headers(), "Extension.ExitError")
            }
            // As where there is no telemetry: accepted, and it says so.
            (&Method::PUT, "/2020-08-15/logs") => Err(not_supported(
                "Logs.NotSupported",
                "Logs API is not supported",
            )),
            (&Method::PUT, "/2022-07-01/telemetry") => Err(not_supported(
                "Telemetry.NotSupported",
                "Telemetry API is not supported",
            )),
            _ => return not_found(),
        }
    };
    answer.unwrap_or_else(|refusal| refusal.reply())
}

fn not_found() -> Reply {
    let mut not_found = Response::new(Full::new(Bytes::from_static(b"404 page not found\n")));
    *not_found.status_mut() = StatusCode::NOT_FOUND;
    not_found
}

fn not_supported(error_type: &'static str, message: &str) -> Refusal {
    Refusal {
        status: StatusCode::ACCEPTED,
        error_type,
        message: message.to_owned(),
    }
}

/// The body of a request.
pub(super) enum Received {
    Whole(Bytes),
    /// It was this long; nothing of it was kept.
    TooLarge(usize),
}

/// Reads a body of at most `limit` bytes. One that arrived in one piece is not copied.
///
/// A larger one is read to its end: a client that still sends would not see the answer.
pub(super) async fn receive(body: Incoming, limit: usize) -> hyper::Result<Received> {
    Ok(receive_with_trailers(body, limit).await?.0)
}

/// The same with the trailers behind it, if there are any.
pub(super) async fn receive_with_trailers(
    mut body: Incoming,
    limit: usize,
) -> hyper::Result<(Received, Option<HeaderMap>)> {
    let mut trailers = None;
    let mut whole = Bytes::new();
    let mut pieces = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let piece = match frame?.into_data() {
            Ok(piece) => piece,
            Err(other) => {
                trailers = other.into_trailers().ok();
                continue;
            }
        };
        length += piece.len();
        if length > limit {
            pieces = BytesMut::new();
        } else if length == piece.len() && body.is_end_stream() {
            whole = piece;
        } else {
            if pieces.is_empty() {
                let announced = body.size_hint().lower().saturating_add(length as u64);
                pieces.reserve(usize::try_from(announced).unwrap_or(limit).min(limit));
            }
            pieces.extend_from_slice(&piece);
        }
    }
    let received = match length {
        _ if length > limit => Received::TooLarge(length),
        _ if pieces.is_empty() => Received::Whole(whole),
        _ => Received::Whole(pieces.freeze()),
    };
    Ok((received, trailers))
}

/// An ID as headers have it.
pub(super) fn uuid_value(id: Uuid) -> HeaderValue {
    let mut digits = Uuid::encode_buffer();
    let digits = id.hyphenated().encode_lower(&mut digits);
    HeaderValue::from_str(digits).expect("hexadecimal digits are visible ASCII")
}

pub(super) fn reply(status: StatusCode, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, JSON);
    reply
}

/// 202, which every notice of the runtime and of extensions gets.
pub(super) fn accepted() -> Reply {
    reply(
        StatusCode::ACCEPTED,
        Bytes::from_static(b"{\"status\":\"OK\"}\n"),
    )
}

/// An answer that is not the one that was asked for.
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) error_type: &'static str,
    pub(super) message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RefusalBody<'a> {
    error_message: &'a str,
    error_type: &'a str,
}

impl Refusal {
    /// 403.
    pub(super) fn forbidden(error_type: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            error_type,
            message: message.into(),
        }
    }

    /// 403: what the runtime asks for is out of order.
    pub(super) fn out_of_order(from: &str, to: &str) -> Self {
        let message = format!(
            "State transition from {from} to {to} failed for runtime. Error: State transition is \
             not allowed"
        );
        Self::forbidden("InvalidStateTransition", message)
    }

    fn reply(&self) -> Reply {
        let body = RefusalBody {
            error_message: &self.message,
            error_type: self.error_type,
        };
        let mut body = serde_json::to_vec(&body).expect("two strings are always JSON");
        body.push(b'\n');
        reply(self.status, body.into())
    }
}
