//! What becomes of an integration's answer.
//!
//! Developer Guide, "Set up a WebSocket API integration response in API Gateway".

use std::fmt::Write;

use gatepost_template::Backend;
use gatepost_template::Calls;
use gatepost_template::Destination;
use gatepost_template::Expression;
use gatepost_template::IntegrationResponse;
use gatepost_template::Part;
use gatepost_template::ResponseKey;
use gatepost_template::Variable;

use super::Answer;
use super::Answered;
use super::Call;
use super::Failure;
use super::mapping;
use super::render::Names;
use super::render::render;
use super::request::choose;
use super::request::converted;
use crate::json::look_up;

/// What the client gets. A proxy integration's answer is passed through; that of another needs an
/// integration response, unless nobody gets it or only its status counts.
pub(super) fn answer(
    backend: &Backend,
    call: &Call<'_>,
    answered: &Answered,
) -> Result<Answer, Failure> {
    let plain = |answered: &Answered| Answer {
        status: answered.status,
        headers: answered.headers.clone(),
        body: String::from_utf8_lossy(&answered.body).into_owned(),
    };
    if !call.is_answered || matches!(backend.calls, Calls::Http { proxy: true, .. }) {
        return Ok(plain(answered));
    }
    let is_connect = call.head.is_some();
    if is_connect && answered.failed {
        let why = "the function of $connect failed";
        return Ok(Answer {
            status: 502,
            body: why.to_owned(),
            ..plain(answered)
        });
    }
    let Some(response) = select(&backend.responses, answered.key.as_deref()) else {
        // `$connect` has a status, and needs no more.
        if is_connect && backend.responses.is_empty() {
            return Ok(Answer {
                headers: Vec::new(),
                ..plain(answered)
            });
        }
        let why = "no integration response is for this answer, and there is no `$default`";
        return Err(Failure::Internal(why.to_owned()));
    };
    let body = String::from_utf8_lossy(&answered.body);
    let key = |selection: &Expression| Some(evaluate(selection, answered, &body, call));
    let shown = match choose(&response.templates, key) {
        Some(template) => {
            let names = Names {
                body: &body,
                reading: call.core.config.guesses.json,
                params: &call.params,
                context: &call.context,
                stage_variables: &call.deployed.variables,
            };
            render(template, &names).map_err(|failed| Failure::Internal(failed.0))?
        }
        // What a mock was asked for is not its answer.
        None if matches!(backend.calls, Calls::Nothing) => String::new(),
        None => body.into_owned(),
    };
    let mut headers = Vec::new();
    for mapping in &response.parameters {
        let Destination::Header(name) = &mapping.to else {
            continue;
        };
        let values = mapping::of_answer(&mapping.from, answered, call);
        headers.extend(values.into_iter().map(|value| (name.clone(), value)));
    }
    Ok(Answer {
        status: answered.status,
        headers,
        body: converted(response.content_handling, shown),
    })
}

/// The integration response whose key names the answer, else `$default`.
fn select<'b>(
    responses: &'b [IntegrationResponse],
    key: Option<&str>,
) -> Option<&'b IntegrationResponse> {
    let named = key.and_then(|key| responses.iter().find(|response| response.key.names(key)));
    named.or_else(|| {
        let is_default = |r: &&IntegrationResponse| matches!(r.key, ResponseKey::Default);
        responses.iter().find(is_default)
    })
}

/// The key of a response's template.
fn evaluate(selection: &Expression, answered: &Answered, body: &str, call: &Call<'_>) -> String {
    let reading = call.core.config.guesses.json;
    let mut key = String::new();
    for part in selection.parts() {
        let written = match part {
            Part::Static(text) => {
                key.push_str(text);
                Ok(())
            }
            Part::Variable(Variable::ResponseStatus) => write!(key, "{}", answered.status),
            Part::Variable(Variable::Body(path)) => match look_up(call.body, path, reading) {
                Some(value) => write!(key, "{value}"),
                None => Ok(()),
            },
            Part::Variable(Variable::ResponseBody(path)) => match look_up(body, path, reading) {
                Some(value) => write!(key, "{value}"),
                None => Ok(()),
            },
            Part::Variable(Variable::ResponseHeader(name)) => {
                let headers = answered.headers.iter();
                let named = headers.rev().find(|(n, _)| n.eq_ignore_ascii_case(name));
                key.push_str(named.map_or("", |(_, value)| value));
                Ok(())
            }
            Part::Variable(Variable::Unknown(_)) => Ok(()),
        };
        written.expect("writing to a string does not fail");
    }
    key
}
