//! Events: what the server tells a client unasked.

use serde::Deserialize;
use serde::Serialize;

use crate::Entry;
use crate::Epoch;
use crate::Millis;
use crate::RoomName;
use crate::Sender;
use crate::Seq;
use crate::UserId;

/// One event. Lists of entries are packed into frames by [`entries_frames`](crate::entries_frames).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// New entries of a room, in seq order.
    Entries {
        /// The room.
        room: RoomName,
        /// The generation of its log.
        epoch: Epoch,
        /// The entries.
        items: Vec<Entry>,
    },
    /// A user's first device joined.
    Joined {
        /// The room.
        room: RoomName,
        /// The user.
        user: Sender,
    },
    /// A user's last device left.
    Left {
        /// The room.
        room: RoomName,
        /// The user.
        user: Sender,
    },
    /// A user is writing.
    Typing {
        /// The room.
        room: RoomName,
        /// The user.
        user: Sender,
        /// Until when, if nothing else is heard; in the past when the user stopped.
        until: Millis,
    },
    /// A user has read up to an entry.
    Read {
        /// The room.
        room: RoomName,
        /// The user.
        user: Sender,
        /// The entry.
        seq: Seq,
    },
    /// How many subscriptions a room has.
    Occupancy {
        /// The room.
        room: RoomName,
        /// The subscriptions.
        count: u64,
    },
    /// The user's membership of a room changed.
    Room {
        /// The room.
        room: RoomName,
        /// How.
        op: MembershipChange,
        /// The other user of a direct room.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        with: Option<UserId>,
    },
    /// Something to show to the user.
    Notice {
        /// What.
        text: String,
    },
    /// The server closes the connection.
    Bye {
        /// Why.
        code: Farewell,
        /// Whether the client should come back.
        reconnect: bool,
        /// When to come back, if so.
        after_ms: u64,
    },
}

/// How a user's membership changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MembershipChange {
    /// The user became a member.
    Added,
    /// The user is no member any more.
    Removed,
    /// The user's role is another.
    Role,
}

/// Why the server closes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Farewell {
    /// Another client of the user took over.
    Replaced,
    /// A moderator ended it.
    Kicked,
    /// The connection or its token comes to its end.
    Expiring,
    /// The service stops.
    Shutdown,
}

impl Event {
    /// The event as the text of a frame.
    #[must_use]
    pub fn to_frame(&self) -> String {
        serde_json::to_string(self).expect("strings are keys and numbers are finite")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_written_as_the_protocol_says() {
        let room: RoomName = "lobby".parse().unwrap();
        let user = Sender {
            id: "ann".parse().unwrap(),
            name: String::from("Ann"),
        };
        let with: UserId = "bob".parse().unwrap();
        let events = [
            Event::Entries {
                room: room.clone(),
                epoch: 7,
                items: Vec::new(),
            },
            Event::Joined {
                room: room.clone(),
                user: user.clone(),
            },
            Event::Left {
                room: room.clone(),
                user: user.clone(),
            },
            Event::Typing {
                room: room.clone(),
                user: user.clone(),
                until: 1_000,
            },
            Event::Read {
                room: room.clone(),
                user,
                seq: 3,
            },
            Event::Occupancy {
                room: room.clone(),
                count: 51,
            },
            Event::Room {
                room: room.clone(),
                op: MembershipChange::Added,
                with: Some(with),
            },
            Event::Room {
                room,
                op: MembershipChange::Removed,
                with: None,
            },
            Event::Notice {
                text: String::from("hi"),
            },
            Event::Bye {
                code: Farewell::Replaced,
                reconnect: false,
                after_ms: 0,
            },
            Event::Bye {
                code: Farewell::Expiring,
                reconnect: true,
                after_ms: 500,
            },
        ];
        let mut lines = String::new();
        for event in events {
            let frame = event.to_frame();
            assert_eq!(serde_json::from_str::<Event>(&frame).unwrap(), event);
            lines.push_str(&frame);
            lines.push('\n');
        }
        expect_test::expect![[r#"
            {"event":"entries","room":"lobby","epoch":7,"items":[]}
            {"event":"joined","room":"lobby","user":{"id":"ann","name":"Ann"}}
            {"event":"left","room":"lobby","user":{"id":"ann","name":"Ann"}}
            {"event":"typing","room":"lobby","user":{"id":"ann","name":"Ann"},"until":1000}
            {"event":"read","room":"lobby","user":{"id":"ann","name":"Ann"},"seq":3}
            {"event":"occupancy","room":"lobby","count":51}
            {"event":"room","room":"lobby","op":"added","with":"bob"}
            {"event":"room","room":"lobby","op":"removed"}
            {"event":"notice","text":"hi"}
            {"event":"bye","code":"replaced","reconnect":false,"after_ms":0}
            {"event":"bye","code":"expiring","reconnect":true,"after_ms":500}
        "#]]
        .assert_eq(&lines);
    }
}
