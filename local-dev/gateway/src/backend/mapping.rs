//! The values of `RequestParameters` and `ResponseParameters`.

use gatepost_template::Source;

use super::Answered;
use super::Call;
use crate::json::Json;
use crate::json::look_up;

/// The values for a request; none if there is none.
pub(super) fn of_request(source: &Source, call: &Call<'_>) -> Vec<String> {
    let headers = |name: &str| {
        let head = call.head?;
        let named = head
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name));
        Some(named.map(|(_, value)| value.clone()).collect())
    };
    let queries = |name: &str| {
        let named = call.head?.query.iter().filter(|(n, _)| n == name);
        Some(named.map(|(_, value)| value.clone()).collect())
    };
    let last = |mut values: Vec<String>| values.pop();
    match source {
        Source::Header(name) => headers(name).and_then(last).into_iter().collect(),
        Source::Headers(name) => headers(name).unwrap_or_default(),
        Source::Query(name) => queries(name).and_then(last).into_iter().collect(),
        Source::Queries(name) => queries(name).unwrap_or_default(),
        Source::Body(path) => {
            let found = look_up(call.body, path, call.core.config.guesses.json);
            match (found, path.steps()) {
                (Some(value), _) => one(&value),
                // The whole of a message that is no JSON.
                (None, []) => vec![call.body.to_owned()],
                (None, _) => Vec::new(),
            }
        }
        source => of_either(source, call),
    }
}

/// The values for an answer; none if there is none.
pub(super) fn of_answer(source: &Source, answered: &Answered, call: &Call<'_>) -> Vec<String> {
    let headers = |name: &str| {
        let named = answered.headers.iter();
        let named = named.filter(|(n, _)| n.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    match source {
        Source::Header(name) => headers(name).pop().into_iter().collect(),
        Source::Headers(name) => headers(name),
        Source::Body(path) => {
            let body = String::from_utf8_lossy(&answered.body);
            let found = look_up(&body, path, call.core.config.guesses.json);
            found.map_or_else(Vec::new, |value| one(&value))
        }
        source => of_either(source, call),
    }
}

fn of_either(source: &Source, call: &Call<'_>) -> Vec<String> {
    match source {
        Source::Static(text) => vec![text.clone()],
        Source::Context(steps) => {
            let mut value = Some(&call.context);
            for step in steps {
                value = value.and_then(|value| value.get(step));
            }
            value.map_or_else(Vec::new, one)
        }
        Source::StageVariable(name) => {
            let value = call.deployed.variables.get(name);
            value.cloned().into_iter().collect()
        }
        Source::Header(_)
        | Source::Headers(_)
        | Source::Query(_)
        | Source::Queries(_)
        | Source::Body(_) => Vec::new(),
    }
}

/// A value as text; null is none, and what is not plain is JSON.
fn one(value: &Json) -> Vec<String> {
    match value {
        Json::Null => Vec::new(),
        Json::Array(_) | Json::Object(_) => vec![value.json()],
        Json::Bool(_) | Json::Number(_) | Json::String(_) => vec![value.to_string()],
    }
}
