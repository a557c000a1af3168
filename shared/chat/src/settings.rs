//! The rules that a deployment sets.

use std::collections::BTreeMap;

use gatepost_protocol::RoomName;
use gatepost_store::Rates;

/// Whether a user's clients live side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    /// They do.
    Multi,
    /// One client a user: another takes over.
    Takeover,
}

/// Who makes public rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomPolicy {
    /// Whoever joins one that does not exist.
    Open,
    /// Only `create` and the operator; a join makes those of [`Settings::declared`].
    Declared,
}

/// The rules that a deployment sets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether a user's clients live side by side.
    pub sessions: Sessions,
    /// Who makes public rooms.
    pub rooms: RoomPolicy,
    /// Public rooms that the operator declares, made by the first who joins, and over how many
    /// shards their subscriptions spread: 1 to 64. Every other room has one shard.
    pub declared: BTreeMap<RoomName, u16>,
    /// Messages a second.
    pub rates: Rates,
    /// Seconds between two pings of a client, 1 to 540.
    pub ping_seconds: u32,
    /// Whether users may say who they are without a token; the seed's page works only then.
    pub guests: bool,
    /// The room of the seed's page: `lobby`.
    pub seed_room: RoomName,
}

impl Settings {
    /// Over how many shards a room spreads that is made now.
    pub(crate) fn shards_of(&self, room: &RoomName) -> u16 {
        self.declared.get(room).copied().unwrap_or(1)
    }
}
