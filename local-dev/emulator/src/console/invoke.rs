//! `POST /_gatepost/api/invoke`: calls a function as somebody outside does.

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::Response;
use http::StatusCode;
use http_body_util::BodyExt;
use percent_encoding::percent_encode;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use super::refusal;
use crate::serve::Body;
use crate::serve::Running;
use crate::serve::json;

/// Who is called with what: `function` with `event`, or the function of `route` with the event that
/// the route sends for a message `body`.
#[derive(Debug, Deserialize)]
struct Invocation {
    function: Option<String>,
    event: Option<Value>,
    route: Option<String>,
    body: Option<String>,
    /// On which stage the route is; the first by default.
    stage: Option<String>,
    /// The context that the event of the route has of an authorizer, in its order.
    #[serde(default)]
    authorizer: Vec<(String, String)>,
    #[serde(default, rename = "async")]
    asynchronous: bool,
}

/// What came of it: `{"function", "request", "outcome", "payload", "log"}`, where `outcome` is
/// `response`, `function_error` or `queued`.
pub(super) async fn respond(running: &Running, body: &[u8]) -> Response<Body> {
    match invoke(running, body).await {
        Ok(response) | Err(response) => response,
    }
}

async fn invoke(running: &Running, body: &[u8]) -> Result<Response<Body>, Response<Body>> {
    let bad = |why: &str| refusal(StatusCode::BAD_REQUEST, why);
    let wanted: Invocation =
        serde_json::from_slice(body).map_err(|error| bad(&error.to_string()))?;
    let shown = running.shown();
    let overview = &shown.overview;
    let (function, payload) = match (&wanted.route, &wanted.function) {
        (Some(route), _) => {
            let stage = wanted.stage.as_ref().unwrap_or(&overview.stages[0].stage);
            let message = wanted.body.as_deref().unwrap_or_default();
            running
                .gateway
                .event(stage, route, message, &wanted.authorizer)
                .ok_or_else(|| {
                    let keys = overview.routes.iter();
                    let keys = keys.filter(|row| row.function.is_some());
                    unknown(
                        "route that calls a function",
                        route,
                        keys.map(|row| row.key.as_str()),
                    )
                })?
        }
        (None, Some(function)) => {
            let event = wanted.event.unwrap_or_else(|| json!({}));
            (function.clone(), Bytes::from(event.to_string()))
        }
        (None, None) => return Err(bad("name a function or a route")),
    };
    let names = &overview.functions;
    let name = names.get(&function).or_else(|| {
        let mut named = names.values();
        named.find(|name| **name == function)
    });
    let name =
        name.ok_or_else(|| unknown("function", &function, names.keys().map(String::as_str)))?;
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-log-type", HeaderValue::from_static("Tail"));
    if wanted.asynchronous {
        headers.insert("x-amz-invocation-type", HeaderValue::from_static("Event"));
    }
    let path = format!(
        "/2015-03-31/functions/{}/invocations",
        percent_encode(name.as_bytes(), percent_encoding::NON_ALPHANUMERIC)
    );
    let answer = running
        .lambda
        .respond(&Method::POST, &path, &headers, payload)
        .await;
    let (head, body) = answer.into_parts();
    let payload = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(never) => match never {},
    };
    let payload = String::from_utf8_lossy(&payload).into_owned();
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    if !head.status.is_success() {
        let told: Value = serde_json::from_str(&payload).unwrap_or_default();
        let message = told["Message"].as_str().or(told["message"].as_str());
        return Err(refusal(head.status, message.unwrap_or(&payload)));
    }
    let outcome = match (wanted.asynchronous, header("x-amz-function-error")) {
        (true, _) => "queued",
        (false, Some(_)) => "function_error",
        (false, None) => "response",
    };
    let log = header("x-amz-log-result").and_then(decoded);
    Ok(json(
        StatusCode::OK,
        &json!({
            "function": function,
            "request": header("x-amzn-requestid"),
            "outcome": outcome,
            "payload": (!wanted.asynchronous).then_some(payload),
            "log": log.map(|log| String::from_utf8_lossy(&log).into_owned()),
        }),
    ))
}

fn unknown<'a>(
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Response<Body> {
    let meant = gatepost_template::did_you_mean(name, known.clone());
    let meant =
        meant.unwrap_or_else(|| format!("there are {}", known.collect::<Vec<_>>().join(", ")));
    refusal(
        StatusCode::NOT_FOUND,
        &format!("there is no {what} `{name}`: {meant}"),
    )
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}
