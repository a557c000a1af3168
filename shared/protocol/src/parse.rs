//! From a text frame to what the client asks for, in one pass over the text.

use serde::de::DeserializeOwned;
use serde_json::Map;
use serde_json::Value;

use crate::Action;
use crate::ActionId;
use crate::Body;
use crate::Code;
use crate::RoomKind;
use crate::SeedFrame;
use crate::limits;
use crate::name::is_deceptive;

/// What a client's frame says.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientFrame {
    /// An action of `gatepost.v1`.
    Action {
        /// What the client calls it, if it wants a reply.
        id: Option<ActionId>,
        /// What it asks for.
        action: Action,
    },
    /// A frame of the seed's page.
    Seed(SeedFrame),
}

/// Why a frame was not understood: what the error reply needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ParseRefusal {
    /// The action's id, where one was found.
    pub id: Option<ActionId>,
    /// `bad_json`, `bad_request`, `too_large` or `unknown_action`.
    pub code: Code,
    /// For the person who wrote the client; may repeat a part of the frame, so it is not logged.
    pub message: String,
}

/// Reads one text frame.
///
/// JSON nested deeper than 128 levels is `bad_json`; of a key that occurs twice the last counts.
///
/// # Errors
/// What to answer instead, with the action's id where one was found.
pub fn parse(text: &str) -> Result<ClientFrame, ParseRefusal> {
    let refuse = |code, message| ParseRefusal {
        id: None,
        code,
        message,
    };
    let value: Value = serde_json::from_str(text).map_err(|error| {
        refuse(
            Code::BadJson,
            format!("the frame is not JSON: {}", shortened(error.to_string())),
        )
    })?;
    let Value::Object(mut fields) = value else {
        return Err(refuse(
            Code::BadRequest,
            String::from("the frame is not a JSON object"),
        ));
    };
    let id = match fields.remove("id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(
            ActionId::try_from(id).map_err(|error| refuse(Code::BadRequest, error.to_string()))?,
        ),
        Some(_) => {
            return Err(refuse(
                Code::BadRequest,
                String::from("id: is not a string"),
            ));
        }
    };
    let refusal = |(code, message)| ParseRefusal {
        id: id.clone(),
        code,
        message,
    };
    match fields.remove("action") {
        Some(Value::String(name)) => match action(&name, fields) {
            Ok(action) => Ok(ClientFrame::Action { id, action }),
            Err(why) => Err(refusal(why)),
        },
        Some(_) => Err(refusal((
            Code::BadRequest,
            String::from("action: is not a string"),
        ))),
        None if fields.contains_key("userid") => SeedFrame::from_fields(fields)
            .map(ClientFrame::Seed)
            .map_err(refusal),
        None => Err(refusal((
            Code::BadRequest,
            String::from("action: is missing"),
        ))),
    }
}

/// A refusal's code and message.
pub(crate) type Why = (Code, String);

fn action(name: &str, fields: Map<String, Value>) -> Result<Action, Why> {
    let action = match name {
        "hello" => Action::Hello(read(fields)?),
        "join" => Action::Join(read(fields)?),
        "leave" => Action::Leave(read(fields)?),
        "send" => Action::Send(read(fields)?),
        "edit" => Action::Edit(read(fields)?),
        "delete" => Action::Delete(read(fields)?),
        "react" => Action::React(read(fields)?),
        "history" => Action::History(read(fields)?),
        "sync" => Action::Sync(read(fields)?),
        "ping" => Action::Ping(read(fields)?),
        "rooms" => Action::Rooms(read(fields)?),
        "who" => Action::Who(read(fields)?),
        "direct" => Action::Direct(read(fields)?),
        "create" => Action::Create(read(fields)?),
        "invite" => Action::Invite(read(fields)?),
        "typing" => Action::Typing(read(fields)?),
        "read" => Action::Read(read(fields)?),
        "moderate" => Action::Moderate(read(fields)?),
        other => {
            let message = format!("there is no action {}", shortened(String::from(other)));
            return Err((Code::UnknownAction, message));
        }
    };
    check(&action)?;
    Ok(action)
}

fn read<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, Why> {
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| (Code::BadRequest, shortened(error.to_string())))
}

/// The bounds that the types do not hold.
fn check(action: &Action) -> Result<(), Why> {
    match action {
        Action::Hello(hello) => rooms("resume", hello.resume.len()),
        Action::Sync(sync) => rooms("rooms", sync.rooms.len()),
        Action::Ping(ping) => rooms("rooms", ping.rooms.len()),
        Action::Join(join) => match join.history {
            Some(asked) if asked > limits::JOIN_ITEMS => bad("history: is above 50"),
            _ => Ok(()),
        },
        Action::History(history) if history.before.is_some() && history.after.is_some() => {
            bad("before: not together with after")
        }
        Action::History(history) => page(history.limit),
        Action::Rooms(rooms) => page(rooms.limit),
        Action::Who(who) => page(who.limit),
        Action::Send(send) => body(&send.body),
        Action::Edit(edit) => body(&edit.body),
        Action::Direct(direct) => body(&direct.body),
        Action::React(react) => emoji(&react.emoji),
        Action::Create(create) if create.room.is_reserved() => {
            bad("room: a name with a colon is reserved")
        }
        Action::Create(create) if create.kind == RoomKind::Direct => {
            bad("kind: is neither public nor private")
        }
        Action::Moderate(moderate) => match moderate.seconds {
            Some(0) => bad("seconds: is 0"),
            Some(seconds) if seconds > limits::STANDING_SECONDS => {
                bad("seconds: is above 10 years")
            }
            _ => Ok(()),
        },
        Action::Create(_)
        | Action::Delete(_)
        | Action::Invite(_)
        | Action::Leave(_)
        | Action::Read(_)
        | Action::Typing(_) => Ok(()),
    }
}

fn bad(message: &str) -> Result<(), Why> {
    Err((Code::BadRequest, String::from(message)))
}

fn rooms(field: &str, named: usize) -> Result<(), Why> {
    if named > limits::ROOMS {
        return bad(&format!("{field}: names more than 100 rooms"));
    }
    Ok(())
}

fn page(limit: u32) -> Result<(), Why> {
    if !(1..=limits::PAGE_ITEMS).contains(&limit) {
        return bad("limit: is not 1 to 100");
    }
    Ok(())
}

/// Whether a body may be stored: `text`, its size, its depth.
///
/// # Errors
/// The code and the message of the refusal.
pub fn body(body: &Body) -> Result<(), Why> {
    if !matches!(body.get("text"), Some(Value::String(_))) {
        return bad("body: has no string text");
    }
    if !body
        .values()
        .all(|value| is_shallow(value, limits::BODY_LEVELS - 1))
    {
        return bad("body: is nested deeper than 16 levels");
    }
    if crate::pack::json_len(body) > limits::BODY_BYTES {
        return Err((
            Code::TooLarge,
            String::from("body: is longer than 8,192 bytes"),
        ));
    }
    Ok(())
}

fn is_shallow(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| is_shallow(item, levels - 1)),
        Value::Object(fields) => {
            levels > 0 && fields.values().all(|field| is_shallow(field, levels - 1))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

fn emoji(emoji: &str) -> Result<(), Why> {
    // The zero-width joiner makes one emoji out of several, tags make flags.
    let is_part = |c: char| c == '\u{200d}' || ('\u{e0020}'..='\u{e007f}').contains(&c);
    if emoji.is_empty() || emoji.len() > limits::EMOJI_BYTES {
        return bad("emoji: is not 1 to 64 bytes long");
    }
    if emoji.is_ascii()
        || emoji
            .chars()
            .any(|c| c.is_whitespace() || is_deceptive(c) && !is_part(c))
    {
        return bad("emoji: is no emoji");
    }
    Ok(())
}

/// Errors repeat what the client sent; a reply must not grow with it.
fn shortened(mut message: String) -> String {
    const MOST: usize = 200;
    if message.len() > MOST {
        let end = (0..=MOST)
            .rev()
            .find(|&at| message.is_char_boundary(at))
            .unwrap_or(0);
        message.truncate(end);
        message.push('…');
    }
    message
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
