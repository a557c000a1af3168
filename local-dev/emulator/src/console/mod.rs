//! The console at `/_gatepost/` and the API behind it:
//!
//! | request | answer |
//! |---|---|
//! | `GET /_gatepost/health` | 200 when every function is ready, else 503; `{"ready", "functions": {id: state}}` |
//! | `GET /_gatepost/api/state` | everything but events: see [`state`] |
//! | `GET /_gatepost/api/events?after=NUMBER` | facts after a number: see [`stream`] |
//! | `POST /_gatepost/api/connections/ID/send` `{"text"}` | 200 `{}`: as `POST @connections` |
//! | `POST /_gatepost/api/connections/ID/close` `{}` | 200 `{}`: as `DELETE @connections` |
//!
//! Refusals are `{"message"}`. The host must name this machine; a POST must be JSON and come from
//! a page of this origin or from no page.

mod assets;
mod state;
mod stream;

use std::net::IpAddr;
use std::str::FromStr;

use bytes::Bytes;
use gatepost_gateway::Id;
use gatepost_gateway::PostError;
use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt;
use http_body_util::Limited;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::json;

use crate::serve::Body;
use crate::serve::Front;
use crate::serve::Running;
use crate::serve::is_same_origin;
use crate::serve::is_this_machine;
use crate::serve::json;
use crate::serve::text;

/// A message of 128 KB, each byte escaped.
const LARGEST_BODY: usize = 6 * 128 * 1024 + 1024;

/// Answers a request for `/_gatepost…`.
pub(crate) async fn respond(
    front: &Front,
    request: Request<Incoming>,
    local: IpAddr,
) -> Response<Body> {
    if !is_this_machine(request.headers(), local) {
        return text(
            StatusCode::FORBIDDEN,
            "the host of the request is not this machine\n",
        );
    }
    let path = request
        .uri()
        .path()
        .strip_prefix("/_gatepost")
        .unwrap_or_default();
    let Some(path) = path.strip_prefix('/') else {
        let mut moved = text(StatusCode::PERMANENT_REDIRECT, "");
        let location = HeaderValue::from_static("/_gatepost/");
        moved.headers_mut().insert(header::LOCATION, location);
        return moved;
    };
    let reads = request.method() == Method::GET || request.method() == Method::HEAD;
    match (path, front.running.get()) {
        ("health", running) if reads => health(running),
        ("api/events", _) if reads => {
            stream::events(&front.journal, request.uri().query(), request.headers())
        }
        ("api/state", Some(running)) if reads => json(StatusCode::OK, &state::state(running)),
        ("api/state", None) if reads => {
            refusal(StatusCode::SERVICE_UNAVAILABLE, "gatepost is starting")
        }
        (path, Some(running)) if request.method() == Method::POST => {
            let Some((id, verb)) = connection(path) else {
                return refusal(StatusCode::NOT_FOUND, "there is nothing to post to");
            };
            act(running, &id, verb, request)
                .await
                .unwrap_or_else(|refusal| refusal)
        }
        (path, _) if reads => assets::asset(path)
            .unwrap_or_else(|| refusal(StatusCode::NOT_FOUND, "there is no such page")),
        _ => refusal(StatusCode::METHOD_NOT_ALLOWED, "this is not answered here"),
    }
}

fn health(running: Option<&Running>) -> Response<Body> {
    let Some(running) = running else {
        let body = json!({ "ready": false, "functions": {} });
        return json(StatusCode::SERVICE_UNAVAILABLE, &body);
    };
    let states = running.board.states();
    let ready = states
        .values()
        .all(|state| *state == crate::board::State::Ready);
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    json(status, &json!({ "ready": ready, "functions": states }))
}

/// What can be done to a connection.
#[derive(Debug, Clone, Copy)]
enum Verb {
    Send,
    Close,
}

/// `api/connections/ID/VERB`.
fn connection(path: &str) -> Option<(String, Verb)> {
    let (id, verb) = path.strip_prefix("api/connections/")?.split_once('/')?;
    let verb = match verb {
        "send" => Verb::Send,
        "close" => Verb::Close,
        _ => return None,
    };
    Some((
        percent_decode_str(id).decode_utf8().ok()?.into_owned(),
        verb,
    ))
}

async fn act(
    running: &Running,
    id: &str,
    verb: Verb,
    request: Request<Incoming>,
) -> Result<Response<Body>, Response<Body>> {
    if !is_same_origin(request.headers()) {
        return Err(refusal(
            StatusCode::FORBIDDEN,
            "the page that asks is not the console",
        ));
    }
    // A form of another site cannot have this type.
    if !is_json(request.headers()) {
        return Err(refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body must be application/json",
        ));
    }
    let id =
        Id::from_str(id).map_err(|error| refusal(StatusCode::BAD_REQUEST, &error.to_string()))?;
    let body = Limited::new(request.into_body(), LARGEST_BODY)
        .collect()
        .await;
    let body = body.map_err(|_| refusal(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"))?;
    let done = match verb {
        Verb::Send => {
            #[derive(Deserialize)]
            struct Message {
                text: String,
            }
            let message: Message = serde_json::from_slice(&body.to_bytes())
                .map_err(|error| refusal(StatusCode::BAD_REQUEST, &error.to_string()))?;
            running.gateway.post(id, &Bytes::from(message.text))
        }
        Verb::Close => running.gateway.close(id),
    };
    match done {
        Ok(()) => Ok(json(StatusCode::OK, &json!({}))),
        Err(error) => {
            let status = match error {
                PostError::Gone => StatusCode::GONE,
                PostError::QueueFull => StatusCode::TOO_MANY_REQUESTS,
                PostError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            };
            Err(refusal(status, &error.to_string()))
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .eq_ignore_ascii_case("application/json")
        })
}

fn refusal(status: StatusCode, message: &str) -> Response<Body> {
    json(status, &json!({ "message": message }))
}
