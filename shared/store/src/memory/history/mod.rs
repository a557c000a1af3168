//! What a history holds. Its rules are in the modules by subject.

mod append;
mod keep;
mod right;
mod room;
mod store;

use std::collections::BTreeMap;

use gatepost_protocol::ClientId;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Entry;
use gatepost_protocol::Epoch;
use gatepost_protocol::Millis;
use gatepost_protocol::Role;
use gatepost_protocol::RoomKind;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;

pub use store::LogClock;
pub use store::MemoryHistory;

use crate::AppendKey;
use crate::Standing;

/// All of a history.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HistoryState {
    /// The logs.
    pub rooms: BTreeMap<RoomName, Log>,
    /// Who was connected when.
    pub sessions: BTreeMap<ConnectionId, Session>,
    /// Who moderated whom, in the order in which it happened.
    pub audit: Vec<Audited>,
}

/// A room's log, and what users may do in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// Its kind.
    pub kind: RoomKind,
    /// When it was made.
    pub epoch: Epoch,
    /// The last seq.
    pub head: Seq,
    /// Everything up to this seq was purged.
    pub floor: Seq,
    /// Over how many shards its subscriptions spread.
    pub shards: u16,
    /// When its last entry was committed.
    pub last_at: Millis,
    /// The entries that are kept: `floor + 1` to `head`.
    pub entries: BTreeMap<Seq, Stored>,
    /// How far each page load has numbered its sends. Outlives the entries.
    pub producers: BTreeMap<(UserId, ClientId), Producer>,
    /// What each user is here.
    pub people: BTreeMap<UserId, Person>,
    /// Who is shut out, and until when; `None`: for ever.
    pub bans: BTreeMap<UserId, Option<Millis>>,
}

/// An entry with what tells a repetition of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The entry.
    pub entry: Entry,
    /// What makes an append of its sender the same.
    pub key: AppendKey,
    /// What the client sent.
    pub digest: [u8; 32],
}

/// How far a page load has numbered its sends to a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Producer {
    /// The last number.
    pub last_n: u64,
    /// When it was stored.
    pub updated_at: Millis,
}

/// What a user is in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Person {
    /// The role; without one the user is no member, but may have read or be muted.
    pub role: Option<Role>,
    /// Up to where the user has read.
    pub read: Seq,
    /// Until when the user is muted.
    pub muted_until: Option<Millis>,
}

/// A session, for the operator's questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub user: UserId,
    /// When it began.
    pub started_at: Millis,
    /// When it ended.
    pub ended_at: Option<Millis>,
}

/// A line of the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// When.
    pub at: Millis,
    /// Who did it.
    pub by: UserId,
    /// Where.
    pub room: RoomName,
    /// To whom.
    pub user: UserId,
    /// What.
    pub standing: Standing,
}
