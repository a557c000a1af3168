//! What a run writes down, one JSON object a line, in the order in which it happened.
//!
//! Three parties write: clients what they sent and saw, the run what it did to the servers, and at
//! the end the run what the stores hold. A line is a [`Record`].

use serde::Deserialize;
use serde::Serialize;

/// Microseconds since the run began, by one monotonic clock of all that write.
pub type Micros = u64;

/// One line of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When.
    pub at: Micros,
    /// Which client saw it: a name that no other page load of the run has. Empty for what the run
    /// itself writes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The client begins; first of its records.
    Client {
        /// Whose it is.
        user: String,
    },
    /// A connection of the client was greeted: its `hello` was answered.
    Greeted,
    /// The client's connection ended.
    Closed {
        /// The close code; 1006 without one.
        code: u16,
    },
    /// The application begins to see a room: the next entry is `seq` + 1. Again only after
    /// [`Event::Left`], in another epoch, or where `floor` says that what comes next was purged.
    Begun {
        /// The room.
        room: String,
        /// The generation of its log.
        epoch: u64,
        /// The last entry that the application does not see.
        seq: u64,
        /// Everything up to here was purged.
        #[serde(default, skip_serializing_if = "is_zero")]
        floor: u64,
    },
    /// The application sees the room no more.
    Left {
        /// The room.
        room: String,
    },
    /// The client asks for what it missed from here on, in `hello` or `sync`.
    Resume {
        /// The room.
        room: String,
        /// The generation of the log that it has.
        epoch: u64,
        /// The last entry that the application saw.
        seq: u64,
    },
    /// The server named the head of a room, in an answer to `hello`, `join`, `sync` or `ping`.
    Head {
        /// The room.
        room: String,
        /// The last seq.
        seq: u64,
        /// When the question was sent.
        asked: Micros,
    },
    /// The application sends: written once, before the first attempt.
    Send {
        /// The room.
        room: String,
        /// A number that no other send of this client has.
        send: u64,
        /// `client` of the frame, if it has `n`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<String>,
        /// `n` of the frame.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        n: Option<u64>,
        /// [`digest`](super::digest) of the content. In a send without `n` no other has it.
        digest: String,
    },
    /// An attempt was refused for now, or not answered; the send goes on.
    Refused {
        /// The send.
        send: u64,
        /// The error's code; `unanswered` without an answer.
        code: String,
    },
    /// The send was acknowledged.
    Ok {
        /// The send.
        send: u64,
        /// The generation of the log.
        epoch: u64,
        /// The entry's place.
        seq: u64,
        /// The server said that it was stored before.
        #[serde(default, skip_serializing_if = "is_false")]
        duplicate: bool,
    },
    /// The send was refused for good: it is not in the log.
    Failed {
        /// The send.
        send: u64,
        /// The error's code.
        code: String,
    },
    /// The client gave the send up without having learned what became of it.
    Unknown {
        /// The send.
        send: u64,
    },
    /// An entry arrived at the client, by a push or in an answer.
    Received {
        /// The room.
        room: String,
        /// The generation of the log.
        epoch: u64,
        /// The entry's place.
        seq: u64,
        /// Who wrote it.
        from: String,
        /// Of its content.
        digest: String,
        /// How it came.
        via: Via,
        /// In an answer: the entry before it there, or for the first one that on which the answer
        /// goes on. The log is read without a hole, so it is `seq` - 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        follows: Option<u64>,
    },
    /// The application saw an entry.
    Delivered {
        /// The room.
        room: String,
        /// The generation of the log.
        epoch: u64,
        /// The entry's place.
        seq: u64,
        /// Of its content.
        digest: String,
        /// How it came.
        via: Via,
    },
    /// The room is not for everybody: only who is admitted may receive its entries.
    Restricted {
        /// The room.
        room: String,
    },
    /// A user is about to be let into a restricted room.
    Admitted {
        /// The room.
        room: String,
        /// The user.
        user: String,
    },
    /// That a user may read a restricted room no more was acknowledged.
    Expelled {
        /// The room.
        room: String,
        /// The user.
        user: String,
    },
    /// The run did something to the servers or the network.
    Fault {
        /// What.
        what: String,
    },
    /// What the run did is undone.
    Healed {
        /// What.
        what: String,
    },
    /// The log of a room was remade on purpose: what was acknowledged before is not looked for.
    Remade {
        /// The room.
        room: String,
    },
    /// The application ends the client: nothing is expected of it any more.
    Ended,
    /// From here on every client must have everything: faults are over and time enough has passed.
    Settled,
    /// What the log holds of a room at the end, before its [`Event::Row`]s.
    Log {
        /// The room.
        room: String,
        /// The generation of the log.
        epoch: u64,
        /// The last seq.
        head: u64,
        /// Everything up to here was purged.
        #[serde(default, skip_serializing_if = "is_zero")]
        floor: u64,
    },
    /// One entry that the log holds at the end.
    Row {
        /// The room.
        room: String,
        /// Its place.
        seq: u64,
        /// Who wrote it.
        from: String,
        /// `client` of the frame, if it had `n`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<String>,
        /// `n` of the frame.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        n: Option<u64>,
        /// Of its content.
        digest: String,
    },
    /// An entry of the log, before its [`Event::Row`] or after: it was taken back, so that its text
    /// must be gone.
    Retracted {
        /// The room.
        room: String,
        /// The entry's place.
        seq: u64,
    },
    /// The registry's subscriptions of a room at the end; whoever writes one writes them for every
    /// room that it compares.
    Registry {
        /// The room.
        room: String,
        /// The user of each subscription, one for each connection.
        users: Vec<String>,
    },
}

/// How an entry came to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// The gateway pushed it.
    Push,
    /// The client asked for it: `hello`, `join`, `sync`, `history`.
    Replay,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}
