//! `/_gatepost/api/faults`: the rules of what goes wrong on purpose.

use http::Method;
use http::Response;
use http::StatusCode;
use serde_json::json;

use super::refusal;
use crate::faults::Effect;
use crate::faults::Rule;
use crate::faults::Step;
use crate::serve::Body;
use crate::serve::Running;
use crate::serve::json;

/// Answers a request for `api/faults{rest}`.
pub(super) fn respond(
    running: &Running,
    method: &Method,
    rest: &str,
    body: &[u8],
) -> Response<Body> {
    match (rest.strip_prefix('/'), method) {
        (None, &Method::GET) => list(running),
        (None, &Method::POST) => set(running, body),
        (None, &Method::DELETE) => {
            let removed = running.faults.reset();
            json(StatusCode::OK, &json!({ "removed": removed }))
        }
        (Some(id), &Method::DELETE) => match id.parse() {
            Ok(id) if running.faults.remove(id) => json(StatusCode::OK, &json!({ "removed": 1 })),
            _ => refusal(
                StatusCode::NOT_FOUND,
                &format!("there is no fault rule {id}"),
            ),
        },
        _ => refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            "fault rules are read with GET, set with POST, removed with DELETE",
        ),
    }
}

/// The rules, and at which steps which effects can be injected.
fn list(running: &Running) -> Response<Body> {
    let effects = Effect::examples();
    let steps: Vec<_> = Step::ALL
        .iter()
        .map(|(word, step)| {
            let admits = effects.iter().filter(|effect| step.admits(effect));
            json!({ "step": word, "effects": admits.collect::<Vec<_>>() })
        })
        .collect();
    let body = json!({ "faults": running.faults.list(), "steps": steps });
    json(StatusCode::OK, &body)
}

fn set(running: &Running, body: &[u8]) -> Response<Body> {
    let rule = serde_json::from_slice::<Rule>(body).map_err(|error| error.to_string());
    match rule.and_then(|rule| running.faults.set(rule, &running.gateway)) {
        Ok(view) => json(StatusCode::CREATED, &view),
        Err(why) => refusal(StatusCode::BAD_REQUEST, &why),
    }
}
