//! Replies: what a client's action was answered.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::ActionId;
use crate::Code;
use crate::Cut;
use crate::Entry;
use crate::Epoch;
use crate::Millis;
use crate::Role;
use crate::RoomKind;
use crate::RoomName;
use crate::Sender;
use crate::Seq;
use crate::UserId;

/// What an action that succeeded is answered: the reply's `ok`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To `hello`.
    Hello(Box<HelloOk>),
    /// To `join`.
    Join(JoinOk),
    /// To `send`, `edit`, `delete`, `react` and `direct`.
    Sent(SentOk),
    /// To `history`.
    History(HistoryOk),
    /// To `sync`.
    Sync(SyncOk),
    /// To `ping`.
    Ping(PingOk),
    /// To `rooms`.
    Rooms(RoomsOk),
    /// To `who`.
    Who(WhoOk),
    /// To `create` and `invite`.
    Room(RoomOk),
    /// To `leave`, `typing`, `read` and `moderate`: an empty object.
    Done {},
}

/// The answer to `hello`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HelloOk {
    /// `gatepost.v1`.
    pub protocol: String,
    /// Who the connection acts for.
    pub user: Sender,
    /// When the connection or its token comes to its end: be on a new connection before.
    pub expires_at: Millis,
    /// The server's bounds.
    pub limits: Limits,
    /// The user's memberships, as many as fit.
    pub memberships: Vec<MembershipOk>,
    /// Where `rooms` goes on, if not all fitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<RoomName>,
    /// The rooms of `resume`.
    pub rooms: BTreeMap<RoomName, RoomState>,
}

/// The server's bounds, for the client to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Milliseconds between two pings.
    pub ping_ms: u64,
    /// Bytes of a frame.
    pub frame: usize,
    /// Bytes of a message's body as JSON.
    pub body: usize,
    /// Entries or rows of a page.
    pub page: u32,
    /// Rooms one `hello`, `sync` or `ping` may name.
    pub rooms: usize,
}

impl Limits {
    /// The protocol's own bounds with the deployment's ping interval.
    #[must_use]
    pub const fn new(ping_ms: u64) -> Self {
        Self {
            ping_ms,
            frame: crate::limits::FRAME_BYTES,
            body: crate::limits::BODY_BYTES,
            page: crate::limits::PAGE_ITEMS,
            rooms: crate::limits::ROOMS,
        }
    }
}

/// A membership in the answers to `hello` and `rooms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipOk {
    /// The room.
    pub room: RoomName,
    /// Its kind.
    pub kind: RoomKind,
    /// The user's role.
    pub role: Role,
    /// The last seq.
    pub head: Seq,
    /// Up to where the user has read.
    pub read: Seq,
    /// The other user of a direct room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<UserId>,
}

/// A room in the answers to `hello` and `sync`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoomState {
    /// The generation of its log; 0 where the room may not be read.
    pub epoch: Epoch,
    /// The last seq; 0 where the room may not be read.
    pub head: Seq,
    /// The entries after what the client has, oldest first; the newest ones where `error` is
    /// `stale_epoch` or `below_floor`, because what the client has is void.
    pub items: Vec<Entry>,
    /// Entries after the last item exist; with `stale_epoch` or `below_floor`: before the first.
    pub more: bool,
    /// Why the room is not simply continued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RoomError>,
}

/// Why a room is not simply continued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomError {
    /// `stale_epoch`, `below_floor`, `no_room`, `not_member`, `banned`, `forbidden` or `room_full`.
    pub code: Code,
    /// For a person to read.
    pub message: String,
    /// With `below_floor`: everything up to here was purged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Seq>,
}

/// The answer to `join`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JoinOk {
    /// The room.
    pub room: RoomName,
    /// Its kind.
    pub kind: RoomKind,
    /// The generation of its log.
    pub epoch: Epoch,
    /// The last seq.
    pub head: Seq,
    /// The user's role, if a member.
    pub role: Option<Role>,
    /// Subscriptions, this one included; in a sharded room those of the user's shard.
    pub subscribers: u64,
    /// The newest entries, oldest first.
    pub items: Vec<Entry>,
    /// Entries before the first item exist.
    pub more: bool,
}

/// The answer to `send` and its kin: the entry is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentOk {
    /// The room.
    pub room: RoomName,
    /// The generation of its log.
    pub epoch: Epoch,
    /// The entry's place; `null` for a duplicate that retention purged.
    pub seq: Option<Seq>,
    /// When it was stored; `null` as above.
    pub at: Option<Millis>,
    /// It was stored before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
    /// With `direct`: the other user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<UserId>,
}

/// The answer to `history`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryOk {
    /// The entries, oldest first.
    pub items: Vec<Entry>,
    /// The room's last seq.
    pub head: Seq,
    /// Everything up to here was purged.
    pub floor: Seq,
    /// Further entries exist in the direction asked.
    pub more: bool,
    /// The end away from what was asked.
    #[serde(skip)]
    pub cut: Cut,
}

/// The answer to `sync`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncOk {
    /// The rooms asked.
    pub rooms: BTreeMap<RoomName, RoomState>,
}

/// The answer to `ping`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingOk {
    /// The last seq of every room asked that exists and may be read.
    pub heads: BTreeMap<RoomName, Seq>,
}

/// The answer to `rooms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomsOk {
    /// The memberships.
    pub memberships: Vec<MembershipOk>,
    /// Where the next page begins, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<RoomName>,
}

/// The answer to `who`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoOk {
    /// Users in the room.
    pub count: u64,
    /// This page of them.
    pub users: Vec<Sender>,
    /// Where the next page begins, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<UserId>,
}

/// The answer to `create` and `invite`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomOk {
    /// The room.
    pub room: RoomName,
    /// The role: one's own after `create`, the other's after `invite`.
    pub role: Role,
}

/// What an action that failed is answered: the reply's `error`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// What the client goes by.
    pub code: Code,
    /// For a person to read.
    pub message: String,
    /// The gateway's request id, for the operator.
    pub request: String,
    /// When to repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// With `early`: the `n` that comes next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// With `below_floor`: everything up to here was purged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Seq>,
}

/// The reply to an action that succeeded, as the text of a frame of at most 32,768 bytes: lists are
/// cut, and say so. `degraded` tells the client that the registry is away.
#[must_use]
pub fn ok_reply(id: &ActionId, mut answer: Answer, degraded: bool) -> String {
    #[derive(Serialize)]
    struct Reply<'a> {
        reply: &'a ActionId,
        ok: Ok<'a>,
    }
    #[derive(Serialize)]
    struct Ok<'a> {
        #[serde(flatten)]
        answer: &'a Answer,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        degraded: bool,
    }
    // What surrounds the answer: the longest is `,"degraded":true` and the id.
    let around = crate::pack::json_len(id) + br#"{"reply":,"ok":{,"degraded":true}}"#.len();
    answer.fit(crate::limits::FRAME_BYTES - around);
    let reply = Reply {
        reply: id,
        ok: Ok {
            answer: &answer,
            degraded,
        },
    };
    serde_json::to_string(&reply).expect("strings are keys and numbers are finite")
}

/// The reply to an action that failed, as the text of a frame.
#[must_use]
pub fn error_reply(id: Option<&ActionId>, error: &ErrorReply) -> String {
    #[derive(Serialize)]
    struct Reply<'a> {
        reply: Option<&'a ActionId>,
        error: &'a ErrorReply,
    }
    serde_json::to_string(&Reply { reply: id, error }).expect("strings are keys")
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
