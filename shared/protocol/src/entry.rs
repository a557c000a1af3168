//! One line of a room's log.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::ClientId;
use crate::Millis;
use crate::Seq;
use crate::UserId;

/// The body of a message: an object with at least `text`. At most 8,192 bytes serialised.
pub type Body = Map<String, Value>;

/// One line of a room's log, as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Place in the log.
    pub seq: Seq,
    /// When it was committed, by the log's clock; never goes back in `seq` order.
    pub at: Millis,
    /// Who wrote it.
    pub from: Sender,
    /// The page load that sent it, if it was numbered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// Its number among the sends of that page load to this room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// What was written.
    #[serde(flatten)]
    pub content: Content,
}

impl Content {
    /// SHA-256 over the content as JSON: what makes two sends of one number the same or a conflict.
    /// The order of the fields in the client's frame does not matter.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let json = serde_json::to_vec(self).expect("strings are keys and numbers are finite");
        let digest = ring::digest::digest(&ring::digest::SHA256, &json);
        digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }
}

/// A user with the name they went by then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// The user.
    pub id: UserId,
    /// The user's name at that time, at most 64 characters.
    pub name: String,
}

/// What an entry says. Stored as it stands: `kind` in a column of its own, the rest as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// A message.
    Message {
        /// What it says.
        body: Body,
        /// The entry it answers.
        #[serde(skip_serializing_if = "Option::is_none")]
        reply_to: Option<Seq>,
    },
    /// A message's new body.
    Edit {
        /// The message.
        target: Seq,
        /// Its body from now on.
        body: Body,
    },
    /// A message taken back.
    Delete {
        /// The message.
        target: Seq,
    },
    /// A reaction to a message.
    Reaction {
        /// The message.
        target: Seq,
        /// The emoji.
        emoji: String,
        /// Set or taken back.
        on: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(json: &str) -> Body {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn entries_are_written_as_the_protocol_says() {
        let from = Sender {
            id: "ann".parse().unwrap(),
            name: String::from("Ann"),
        };
        let client: ClientId = "0123456789abcdef".parse().unwrap();
        let message = Content::Message {
            body: body(r#"{"text":"hi"}"#),
            reply_to: Some(1),
        };
        let contents = [
            message,
            Content::Edit {
                target: 1,
                body: body(r#"{"text":"ho"}"#),
            },
            Content::Delete { target: 1 },
            Content::Reaction {
                target: 1,
                emoji: String::from("👍"),
                on: true,
            },
        ];
        let mut lines = String::new();
        for (seq, content) in (2..).zip(contents) {
            let numbered = seq == 2;
            let entry = Entry {
                seq,
                at: 1_700_000_000_000,
                from: from.clone(),
                client: numbered.then(|| client.clone()),
                n: numbered.then_some(1),
                content,
            };
            let line = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<Entry>(&line).unwrap(), entry);
            lines.push_str(&line);
            lines.push('\n');
        }
        expect_test::expect![[r#"
            {"seq":2,"at":1700000000000,"from":{"id":"ann","name":"Ann"},"client":"0123456789abcdef","n":1,"kind":"message","body":{"text":"hi"},"reply_to":1}
            {"seq":3,"at":1700000000000,"from":{"id":"ann","name":"Ann"},"kind":"edit","target":1,"body":{"text":"ho"}}
            {"seq":4,"at":1700000000000,"from":{"id":"ann","name":"Ann"},"kind":"delete","target":1}
            {"seq":5,"at":1700000000000,"from":{"id":"ann","name":"Ann"},"kind":"reaction","target":1,"emoji":"👍","on":true}
        "#]]
        .assert_eq(&lines);
    }

    #[test]
    fn one_content_has_one_digest_in_whatever_order_its_fields_came() {
        let digest = |json| {
            Content::Message {
                body: body(json),
                reply_to: None,
            }
            .digest()
        };
        assert_eq!(
            digest(r#"{"text":"hi","x":1}"#),
            digest(r#"{"x": 1, "text": "hi"}"#)
        );
        assert_ne!(digest(r#"{"text":"hi"}"#), digest(r#"{"text":"hi","x":1}"#));
        let reply = Content::Message {
            body: body(r#"{"text":"hi"}"#),
            reply_to: Some(1),
        };
        assert_ne!(digest(r#"{"text":"hi"}"#), reply.digest());
    }
}
