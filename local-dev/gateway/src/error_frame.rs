//! The frames by which the gateway tells a client that its message came to nothing, and why they
//! were sent, which only whoever watches is told.

use bytes::Bytes;

use crate::Cause;
use crate::GatewayError;
use crate::Id;
use crate::Origin;
use crate::connection::Connection;
use crate::deployment::Routes;
use crate::gateway::Core;
use crate::json::Reading;
use crate::message;
use crate::route;

/// The longest route key of a message that is told, in characters: it is part of what a client sent.
const KEY_CHARACTERS: usize = 128;

/// A message that came to nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failed<'a> {
    /// `requestId` of its event.
    pub(crate) request: Id,
    /// The key of its route.
    pub(crate) route: Option<&'a str>,
    pub(crate) cause: Cause,
}

/// The gateway's error frame, with the spaces that AWS writes (logged: aws-samples
/// simple-websockets-chat-app issue 42, aws/chalice issue 1406; `Too Many Requests` is a guess).
/// `why` is for a person.
pub(crate) fn send_error(
    core: &Core,
    connection: &Connection,
    failed: Failed<'_>,
    message: &str,
    why: impl FnOnce() -> String,
) {
    let (id, request) = (connection.id, failed.request);
    let quoted = serde_json::json!(message);
    let frame =
        format!(r#"{{"message": {quoted}, "connectionId":"{id}", "requestId":"{request}"}}"#);
    send(core, connection, failed, message, frame, why);
}

/// The frame of the guide for a message that does not fit its model ("Set up WebSocket routes", "Bad
/// request body"), with its spaces.
pub(crate) fn send_refusal(
    core: &Core,
    connection: &Connection,
    request: Id,
    message: Id,
    route: &str,
) {
    let id = connection.id;
    let text = "Bad request body";
    let frame =
        format!(r#"{{"message" : "{text}", "connectionId": "{id}", "messageId": "{message}"}}"#);
    let failed = Failed {
        request,
        route: Some(route),
        cause: Cause::Model,
    };
    let why = || "the message does not fit the model of its route".to_owned();
    send(core, connection, failed, text, frame, why);
}

fn send(
    core: &Core,
    connection: &Connection,
    failed: Failed<'_>,
    message: &str,
    frame: String,
    why: impl FnOnce() -> String,
) {
    let body = Bytes::from(frame);
    let origin = || {
        Origin::GatewayError(GatewayError {
            request: failed.request,
            route: failed.route.map(str::to_owned),
            cause: failed.cause,
            why: why(),
            message: message.to_owned(),
        })
    };
    message::send(core, connection, origin, &body);
}

/// Why a message has no route.
pub(crate) fn no_route(routes: &Routes, text: &str, reading: Reading) -> String {
    let expression = &routes.written_expression;
    match route::key(&routes.expression, text, reading) {
        Some(key) if matches!(key.as_str(), "$connect" | "$disconnect") => {
            format!("no message reaches {key} ({expression}), and there is no $default")
        }
        Some(key) => format!(
            "no route for {} ({expression}) and no $default",
            shortened(&key)
        ),
        None => format!(
            "the message is no JSON, so that {expression} names no route, and there is no $default"
        ),
    }
}

/// A key in quotes, without characters that a terminal would obey.
fn shortened(key: &str) -> String {
    match key.char_indices().nth(KEY_CHARACTERS) {
        Some((end, _)) => format!("{:?}…", &key[..end]),
        None => format!("{key:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_short_and_harmless() {
        assert_eq!(shortened("join"), r#""join""#);
        assert_eq!(shortened("\u{1b}[2J\r\n"), r#""\u{1b}[2J\r\n""#);
        let long = "é".repeat(KEY_CHARACTERS);
        assert_eq!(shortened(&long), format!("\"{long}\""));
        assert_eq!(shortened(&format!("{long}!")), format!("\"{long}\"…"));
    }
}
