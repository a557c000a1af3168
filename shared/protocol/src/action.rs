//! Actions: what a client asks for.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::Body;
use crate::ClientId;
use crate::Epoch;
use crate::RoomKind;
use crate::RoomName;
use crate::Seq;
use crate::UserId;

/// One action. Serialises as the fields of its frame, without `id`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Begins a session.
    Hello(Hello),
    /// Subscribes to a room.
    Join(Join),
    /// Ends a subscription.
    Leave(Leave),
    /// Writes a message.
    Send(Send),
    /// Gives a message a new body.
    Edit(Edit),
    /// Takes a message back.
    Delete(Delete),
    /// Sets or takes back a reaction.
    React(React),
    /// Reads a part of a room's log.
    History(History),
    /// Reads what came after what the client has.
    Sync(Sync),
    /// Renews subscriptions and asks for the rooms' heads.
    Ping(Ping),
    /// Lists the user's memberships.
    Rooms(Rooms),
    /// Lists the users in a room.
    Who(Who),
    /// Writes a message to one user.
    Direct(Direct),
    /// Makes a room.
    Create(Create),
    /// Makes a user a member of a room.
    Invite(Invite),
    /// Says that the user is writing, or no longer.
    Typing(Typing),
    /// Says up to where the user has read.
    Read(Read),
    /// Changes what a user may do in a room.
    Moderate(Moderate),
}

impl Action {
    /// The name on the wire.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Join(_) => "join",
            Self::Leave(_) => "leave",
            Self::Send(_) => "send",
            Self::Edit(_) => "edit",
            Self::Delete(_) => "delete",
            Self::React(_) => "react",
            Self::History(_) => "history",
            Self::Sync(_) => "sync",
            Self::Ping(_) => "ping",
            Self::Rooms(_) => "rooms",
            Self::Who(_) => "who",
            Self::Direct(_) => "direct",
            Self::Create(_) => "create",
            Self::Invite(_) => "invite",
            Self::Typing(_) => "typing",
            Self::Read(_) => "read",
            Self::Moderate(_) => "moderate",
        }
    }
}

/// What a client has of a room's log: everything up to `seq` of `epoch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The generation of the log.
    #[serde(deserialize_with = "integer")]
    pub epoch: Epoch,
    /// The last entry that it has, 0 for none.
    #[serde(deserialize_with = "integer")]
    pub seq: Seq,
}

/// The number of a send: (room, user, client, n) names one body for ever.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Numbering {
    /// The page load; without it the one of the connection's `hello` is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// Counts from 1. Without it the gateway's `messageId` is the key.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "ordinal"
    )]
    pub n: Option<u64>,
}

/// Begins a session: the connection becomes a post target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hello {
    /// The page load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// The rooms to subscribe to, at most 100, with what the client has of each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resume: BTreeMap<RoomName, Position>,
    /// Take over even after having been replaced.
    #[serde(default, skip_serializing_if = "is_false")]
    pub take: bool,
}

/// Subscribes the connection to a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// The room.
    pub room: RoomName,
    /// How many of the newest entries to answer, at most 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<u32>,
}

/// Ends a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    /// The room.
    pub room: RoomName,
}

/// Writes a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Send {
    /// The room.
    pub room: RoomName,
    /// What it says.
    pub body: Body,
    /// What makes it the same if repeated.
    #[serde(flatten)]
    pub numbering: Numbering,
    /// The entry that it answers.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "ordinal"
    )]
    pub reply_to: Option<Seq>,
}

/// Gives a message a new body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// The room.
    pub room: RoomName,
    /// The message.
    #[serde(deserialize_with = "integer")]
    pub target: Seq,
    /// Its body from now on.
    pub body: Body,
    /// What makes it the same if repeated.
    #[serde(flatten)]
    pub numbering: Numbering,
}

/// Takes a message back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delete {
    /// The room.
    pub room: RoomName,
    /// The message.
    #[serde(deserialize_with = "integer")]
    pub target: Seq,
    /// What makes it the same if repeated.
    #[serde(flatten)]
    pub numbering: Numbering,
}

/// Sets or takes back a reaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct React {
    /// The room.
    pub room: RoomName,
    /// The message.
    #[serde(deserialize_with = "integer")]
    pub target: Seq,
    /// The emoji.
    pub emoji: String,
    /// Set or taken back.
    pub on: bool,
    /// What makes it the same if repeated.
    #[serde(flatten)]
    pub numbering: Numbering,
}

/// Reads a part of a room's log: the entries next to `before` or `after`, or the newest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The room.
    pub room: RoomName,
    /// Only entries before this one.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional"
    )]
    pub before: Option<Seq>,
    /// Only entries after this one. Not together with `before`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional"
    )]
    pub after: Option<Seq>,
    /// How many entries to answer, 1 to 100; 50 if left out.
    #[serde(default = "half_a_page")]
    pub limit: u32,
}

/// Reads what came after what the client has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sync {
    /// At most 100 rooms, with what the client has of each.
    pub rooms: BTreeMap<RoomName, Position>,
}

/// Renews exactly these subscriptions and asks for the rooms' heads.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ping {
    /// At most 100 rooms, with the last entry that the client has of each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rooms: BTreeMap<RoomName, Seq>,
}

/// Lists the user's memberships in the order of the rooms' names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rooms {
    /// Where the page before ended, as it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<RoomName>,
    /// How many to answer, 1 to 100; 100 if left out.
    #[serde(default = "a_page")]
    pub limit: u32,
}

/// Lists the users (not their devices) subscribed to a room, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The room.
    pub room: RoomName,
    /// Where the page before ended, as it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<UserId>,
    /// How many to answer, 1 to 100; 100 if left out.
    #[serde(default = "a_page")]
    pub limit: u32,
}

/// Writes a message to one user; the room is made if need be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Direct {
    /// The user.
    pub to: UserId,
    /// What it says.
    pub body: Body,
    /// What makes it the same if repeated.
    #[serde(flatten)]
    pub numbering: Numbering,
}

/// Makes a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Create {
    /// Its name, not a reserved one.
    pub room: RoomName,
    /// Public or private.
    pub kind: RoomKind,
}

/// Makes a user a member of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// The room.
    pub room: RoomName,
    /// The user.
    pub user: UserId,
}

/// Says that the user is writing, or no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typing {
    /// The room.
    pub room: RoomName,
    /// Writing, or no longer.
    pub on: bool,
}

/// Says up to where the user has read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// The room.
    pub room: RoomName,
    /// The last entry read.
    #[serde(deserialize_with = "integer")]
    pub seq: Seq,
}

/// Changes what a user may do in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moderate {
    /// The room.
    pub room: RoomName,
    /// What to do.
    pub op: Operation,
    /// The user.
    pub user: UserId,
    /// How long a mute or a ban lasts, 1 second to 10 years; for ever if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// What a moderator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// The user may not write.
    Mute,
    /// The user may write again.
    Unmute,
    /// The user is no member any more.
    Kick,
    /// The user may neither read nor write.
    Ban,
    /// The user may come back.
    Unban,
}

fn is_false(value: &bool) -> bool {
    !value
}

const fn a_page() -> u32 {
    crate::limits::PAGE_ITEMS
}

const fn half_a_page() -> u32 {
    crate::limits::PAGE_ITEMS / 2
}

/// An integer that JavaScript reads exactly and that fits the stores' signed 64 bits.
fn integer<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = u64::deserialize(deserializer)?;
    if value > crate::limits::INTEGER {
        return Err(serde::de::Error::custom("an integer is above 2^53 - 1"));
    }
    Ok(value)
}

fn optional<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match Option::<u64>::deserialize(deserializer)? {
        Some(value) if value > crate::limits::INTEGER => {
            Err(serde::de::Error::custom("an integer is above 2^53 - 1"))
        }
        other => Ok(other),
    }
}

fn ordinal<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match optional(deserializer)? {
        Some(0) => Err(serde::de::Error::custom("n and reply_to count from 1")),
        other => Ok(other),
    }
}
