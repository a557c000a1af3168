//! What an action comes to: an answer or a refusal, and what remains to be done after it.

use std::borrow::Cow;

use gatepost_protocol::Answer;
use gatepost_protocol::Code;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Entry;
use gatepost_protocol::Epoch;
use gatepost_protocol::ErrorReply;
use gatepost_protocol::Farewell;
use gatepost_protocol::MembershipChange;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomName;
use gatepost_protocol::Sender;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;
use gatepost_store::Room;
use gatepost_store::StoreError;

/// When to repeat what a store could not do.
const RETRY_MS: u64 = 1_000;

/// What an action came to.
#[derive(Debug)]
pub struct Acted {
    /// The reply.
    pub outcome: Result<Answer, Refusal>,
    /// The registry was away: the reply says so.
    pub degraded: bool,
    /// What is to be done once the client has its reply, by [`Chat::after`](crate::Chat::after).
    /// Also after a refusal.
    pub after: Vec<After>,
}

impl Acted {
    pub(crate) fn refused(refusal: Refusal) -> Self {
        Self {
            outcome: Err(refusal),
            degraded: false,
            after: Vec::new(),
        }
    }

    pub(crate) fn answered(answer: Answer) -> Self {
        Self {
            outcome: Ok(answer),
            degraded: false,
            after: Vec::new(),
        }
    }
}

/// Why an action was refused.
#[derive(Debug)]
pub struct Refusal {
    /// What the client goes by.
    pub code: Code,
    /// For a person to read.
    pub message: Cow<'static, str>,
    /// When to repeat.
    pub retry_after_ms: Option<u64>,
    /// With `early`: the `n` that comes next.
    pub expected: Option<u64>,
    /// With `below_floor`: everything up to here was purged.
    pub floor: Option<Seq>,
    /// With `unavailable` and `internal`: what went wrong, to be logged by who replies.
    pub fault: Option<Box<StoreError>>,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        Self {
            code,
            message,
            retry_after_ms: None,
            expected: None,
            floor: None,
            fault: None,
        }
    }

    /// The same to be repeated later.
    pub(crate) fn again_after(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }

    /// The refusal as it goes over the wire; `request` is the gateway's request id.
    #[must_use]
    pub fn to_reply(&self, request: String) -> ErrorReply {
        ErrorReply {
            code: self.code,
            message: self.message.clone().into_owned(),
            request,
            retry_after_ms: self.retry_after_ms,
            expected: self.expected,
            floor: self.floor,
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(fault: StoreError) -> Self {
        let mut refusal = if fault.is_retryable() {
            Self::new(
                Code::Unavailable,
                "a store does not answer; repeat the same action",
            )
            .again_after(RETRY_MS)
        } else {
            Self::new(Code::Internal, "the service is at fault")
        };
        refusal.fault = Some(Box::new(fault));
        refusal
    }
}

/// What is to be done after the reply. Made by the chat, given back to
/// [`Chat::after`](crate::Chat::after).
#[derive(Debug, Clone, PartialEq)]
pub enum After {
    /// A room's log grew: push it to the subscribers.
    Push(Push),
    /// Two users write to each other: subscribe both where they are connected, then push.
    Direct(Direct),
    /// A user's membership changed: tell the user's connections.
    Membership {
        /// The user.
        user: UserId,
        /// The room.
        room: RoomName,
        /// How.
        change: MembershipChange,
    },
    /// Close these connections, telling those that speak `gatepost.v1` why.
    Close {
        /// The connections.
        connections: Vec<ConnectionId>,
        /// What to tell, `None` for seed clients.
        bye: Option<Farewell>,
    },
    /// A user's first device came to a room: tell the others.
    Joined {
        /// The room.
        place: Place,
        /// The user.
        user: Sender,
    },
    /// A user's last device left a room: tell the others.
    Left {
        /// The room.
        place: Place,
        /// The user.
        user: Sender,
    },
    /// A user is writing, or no longer: tell the others.
    Typing {
        /// The room.
        place: Place,
        /// The user.
        user: Sender,
        /// Until when.
        until: Millis,
    },
    /// A user has read up to an entry: tell the others, and the user's other devices.
    Read {
        /// The room.
        place: Place,
        /// The user.
        user: Sender,
        /// Where it was said.
        connection: ConnectionId,
        /// The entry.
        seq: Seq,
    },
    /// Somebody came to or is in a room too large for `joined` and `left`: tell it how many there
    /// are, if that is news.
    Occupancy {
        /// The room.
        place: Place,
    },
    /// The history refused a send, which took from the room's rate: give it back.
    Refund {
        /// The room.
        room: RoomName,
    },
    /// A session began: record it.
    Session {
        /// The connection.
        connection: ConnectionId,
        /// The user.
        user: UserId,
        /// When the connection was made.
        at: Millis,
    },
}

/// A direct message.
#[derive(Debug, Clone, PartialEq)]
pub struct Direct {
    /// Its push.
    pub push: Push,
    /// The other user.
    pub with: UserId,
    /// Whether the room was made for it, or a membership of it.
    pub is_new: bool,
}

/// A room and over how many shards its subscriptions spread.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// The room.
    pub room: RoomName,
    /// Its shards.
    pub shards: u16,
}

/// Growth of a room's log.
#[derive(Debug, Clone, PartialEq)]
pub struct Push {
    /// The room.
    pub place: Place,
    /// The entry's place.
    pub seq: Seq,
    /// Who sent it: the shard of this user is the first to be served.
    pub sender: UserId,
    /// The entry with its log's generation, unless it is only known that it is in the log.
    pub entry: Option<(Epoch, Entry)>,
}

/// Why the caller may not read a room, if so.
pub(crate) fn unreadable(room: &Room) -> Option<Refusal> {
    if room.may_read() {
        None
    } else if room.banned {
        Some(Refusal::new(Code::Banned, "you are banned from this room"))
    } else {
        Some(not_member(&room.name))
    }
}

/// To a stranger a direct room is none: its name is made of the ids of its users, so whether it is
/// there would tell who writes to whom.
pub(crate) fn not_member(room: &RoomName) -> Refusal {
    match room.is_reserved() {
        true => no_room(),
        false => Refusal::new(Code::NotMember, "this room is for its members"),
    }
}

pub(crate) fn no_room() -> Refusal {
    Refusal::new(Code::NoRoom, "there is no such room")
}

pub(crate) fn not_in_token() -> Refusal {
    Refusal::new(Code::Forbidden, "your token does not name this room")
}
