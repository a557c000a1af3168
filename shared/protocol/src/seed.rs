//! The frames of the seed's page: `{"username","userid","msg"}`, the same both ways.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Number;
use serde_json::Value;

use crate::Body;
use crate::Code;
use crate::Content;
use crate::Entry;
use crate::Sender;
use crate::UserId;
use crate::limits::NAME_CHARS;
use crate::name::display_name;
use crate::parse::Why;

/// What begins the user ids of seed clients.
const PREFIX: &str = "seed:";

/// One message, as the seed's page writes and reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeedFrame {
    /// The user's name; may be empty.
    pub username: String,
    /// The user's id, as opaque text whether it was written as a string or as a number.
    pub userid: SeedId,
    /// The message.
    pub msg: String,
}

/// A user's id on the seed's page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SeedId {
    /// Written as a string.
    Text(String),
    /// Written as a number.
    Number(Number),
}

impl SeedFrame {
    /// Reads the page's fields; others are ignored.
    pub(crate) fn from_fields(mut fields: Map<String, Value>) -> Result<Self, Why> {
        let bad = |message: &str| (Code::BadRequest, String::from(message));
        let userid = match fields.remove("userid") {
            Some(Value::String(text)) => SeedId::Text(text),
            Some(Value::Number(number)) => SeedId::Number(number),
            _ => return Err(bad("userid: is neither a string nor a number")),
        };
        let username = match fields.remove("username") {
            None => String::new(),
            Some(Value::String(name)) if name.is_empty() => name,
            Some(Value::String(name)) => display_name(&name)
                .map_err(|error| (Code::BadRequest, format!("username: {}", error.why)))?,
            Some(_) => return Err(bad("username: is not a string")),
        };
        let Some(Value::String(msg)) = fields.remove("msg") else {
            return Err(bad("msg: is not a string"));
        };
        let frame = Self {
            username,
            userid,
            msg,
        };
        frame
            .user()
            .map_err(|_| bad("userid: is empty or longer than 59 bytes"))?;
        crate::parse::body(&frame.body())?;
        Ok(frame)
    }

    /// The user: `seed:` and the id.
    ///
    /// # Errors
    /// If the id is empty or longer than 59 bytes; never for a frame that was parsed.
    pub fn user(&self) -> Result<UserId, crate::InvalidId> {
        let id = match &self.userid {
            SeedId::Text(text) if text.is_empty() => {
                return Err(crate::InvalidId {
                    what: "userid",
                    why: "is empty",
                });
            }
            SeedId::Text(text) => format!("{PREFIX}{text}"),
            SeedId::Number(number) => format!("{PREFIX}{number}"),
        };
        UserId::try_from(id)
    }

    /// The body of the message. An id written as a number is kept beside the text, so that the
    /// page gets it back as it wrote it.
    #[must_use]
    pub fn body(&self) -> Body {
        let mut body = Body::new();
        body.insert(String::from("text"), Value::String(self.msg.clone()));
        if let SeedId::Number(number) = &self.userid {
            body.insert(String::from("userid"), Value::Number(number.clone()));
        }
        body
    }

    /// The text of a frame.
    #[must_use]
    pub fn to_frame(&self) -> String {
        serde_json::to_string(self).expect("strings and a number")
    }

    /// The entry as the seed's page gets it; `None` for what that page does not know.
    #[must_use]
    pub fn from_entry(entry: &Entry) -> Option<Self> {
        let Content::Message { body, .. } = &entry.content else {
            return None;
        };
        let Some(Value::String(msg)) = body.get("text") else {
            return None;
        };
        Some(Self {
            username: entry.from.name.chars().take(NAME_CHARS).collect(),
            userid: seed_id(&entry.from, body),
            msg: msg.clone(),
        })
    }
}

/// The id as its page wrote it; users of `gatepost.v1` go by their own id.
fn seed_id(from: &Sender, body: &Body) -> SeedId {
    let Some(text) = from.id.as_str().strip_prefix(PREFIX) else {
        return SeedId::Text(String::from(from.id.as_str()));
    };
    match body.get("userid") {
        Some(Value::Number(number)) if number.to_string() == text => SeedId::Number(number.clone()),
        _ => SeedId::Text(String::from(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClientFrame;

    /// The frame that the page's own frame comes back as, once stored and pushed.
    fn there_and_back(text: &str) -> String {
        let frame = match crate::parse(text).unwrap() {
            ClientFrame::Seed(frame) => frame,
            ClientFrame::Action { .. } => panic!("no seed frame: {text}"),
        };
        let from = Sender {
            id: frame.user().unwrap(),
            name: frame.username.clone(),
        };
        let content = Content::Message {
            body: frame.body(),
            reply_to: None,
        };
        let entry = Entry {
            seq: 1,
            at: 0,
            from,
            client: None,
            n: None,
            content,
        };
        SeedFrame::from_entry(&entry).unwrap().to_frame()
    }

    #[test]
    fn the_page_gets_back_what_it_wrote() {
        for text in [
            r#"{"username":"ann","userid":"1","msg":"launched"}"#,
            r#"{"username":"ann","userid":1,"msg":"launched"}"#,
            r#"{"username":"","userid":-1.5,"msg":""}"#,
            r#"{"username":"Ann","userid":"alice","msg":"all-offline"}"#,
            r#"{"username":"Ann","userid":"a","msg":"<img src=x onerror=alert(1)>"}"#,
        ] {
            assert_eq!(there_and_back(text), text);
        }
    }

    #[test]
    fn a_string_and_a_number_of_the_same_text_are_one_user_and_names_are_not_mixed_up() {
        let user = |text: &str| match crate::parse(text) {
            Ok(ClientFrame::Seed(frame)) => frame.user().unwrap().to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(user(r#"{"userid":7,"msg":""}"#), "seed:7");
        assert_eq!(user(r#"{"userid":"7","msg":""}"#), "seed:7");
        assert_ne!(
            user(r#"{"userid":"alice","msg":""}"#),
            user(r#"{"userid":"bob","msg":""}"#)
        );
    }

    #[test]
    fn a_v1_user_cannot_pass_for_a_seed_user_by_the_body() {
        let mut body = Body::new();
        body.insert(String::from("text"), Value::from("hi"));
        body.insert(String::from("userid"), Value::from(7));
        let from = Sender {
            id: "ann".parse().unwrap(),
            name: String::from("Ann"),
        };
        let content = Content::Message {
            body,
            reply_to: None,
        };
        let entry = Entry {
            seq: 1,
            at: 0,
            from,
            client: None,
            n: None,
            content,
        };
        let frame = SeedFrame::from_entry(&entry).unwrap().to_frame();
        assert_eq!(frame, r#"{"username":"Ann","userid":"ann","msg":"hi"}"#);
    }
}
