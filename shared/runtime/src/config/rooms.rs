//! Rules of the chat.

use std::collections::BTreeMap;

use gatepost_chat::RoomPolicy;
use gatepost_chat::Sessions;
use gatepost_protocol::RoomName;

use super::Reading;

/// `multi` (default): all clients of a user live side by side. `takeover`: a second client replaces
/// the first.
pub const SESSION_POLICY: &str = "SESSION_POLICY";
/// `open` (default): a join makes the room. `declared`: rooms are made by `create` and by the
/// operator only.
pub const ROOM_POLICY: &str = "ROOM_POLICY";
/// Public rooms that the operator makes: `name` or `name:shards`, separated by commas.
///
/// The first join makes the room, for good. A shard holds 2,000 subscriptions; where a room has
/// several, a worker of each posts to them. A user's shard is drawn by a hash, so leave a quarter
/// of the places free: 8 shards for 10,000 members.
pub const DECLARED_ROOMS: &str = "DECLARED_ROOMS";
/// Messages a second of one user, with a burst of three times that. 20 by default, 0 = no limit.
pub const RATE_PER_USER: &str = "RATE_PER_USER";
/// Messages a second in one room, with a burst of three times that. 200 by default, 0 = no limit.
pub const RATE_PER_ROOM: &str = "RATE_PER_ROOM";
/// Seconds between a client's pings: 270 by default, which is twice in the 10 minutes after which
/// API Gateway closes an idle connection.
pub const PING_SECONDS: &str = "PING_SECONDS";
/// Days after which entries are purged. 0 (default) = never.
pub const RETENTION_DAYS: &str = "RETENTION_DAYS";

/// The shards of a room at most.
const MOST_SHARDS: u16 = 64;

/// The rules that an operator sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomsConfig {
    /// See [`SESSION_POLICY`].
    pub sessions: Sessions,
    /// See [`ROOM_POLICY`].
    pub rooms: RoomPolicy,
    /// See [`DECLARED_ROOMS`].
    pub declared: BTreeMap<RoomName, u16>,
    /// See [`RATE_PER_USER`].
    pub per_user: u32,
    /// See [`RATE_PER_ROOM`].
    pub per_room: u32,
    /// See [`PING_SECONDS`].
    pub ping_seconds: u32,
    /// See [`RETENTION_DAYS`].
    pub retention_days: u32,
}

impl RoomsConfig {
    /// Reads the rules.
    pub fn read(reading: &mut Reading<'_>) -> Option<Self> {
        let sessions = reading.parse(
            SESSION_POLICY,
            Sessions::Multi,
            "multi or takeover",
            |text| match text {
                "multi" => Some(Sessions::Multi),
                "takeover" => Some(Sessions::Takeover),
                _ => None,
            },
        );
        let rooms =
            reading.parse(
                ROOM_POLICY,
                RoomPolicy::Open,
                "open or declared",
                |text| match text {
                    "open" => Some(RoomPolicy::Open),
                    "declared" => Some(RoomPolicy::Declared),
                    _ => None,
                },
            );
        let declared = reading.parse(
            DECLARED_ROOMS,
            BTreeMap::new(),
            "name or name:shards, with 1 to 64 shards, separated by commas",
            |text| text.split(',').map(declared_room).collect(),
        );
        let per_user = reading.number(RATE_PER_USER, 20, 0..=10_000);
        let per_room = reading.number(RATE_PER_ROOM, 200, 0..=100_000);
        // At most 9 minutes: API Gateway closes a connection that was idle for 10.
        let ping_seconds = reading.number(PING_SECONDS, 270, 1..=540);
        let retention_days = reading.number(RETENTION_DAYS, 0, 0..=36_500);
        Some(Self {
            sessions: sessions?,
            rooms: rooms?,
            declared: declared?,
            per_user: per_user?,
            per_room: per_room?,
            ping_seconds: ping_seconds?,
            retention_days: retention_days?,
        })
    }
}

fn declared_room(text: &str) -> Option<(RoomName, u16)> {
    let (name, shards) = match text.trim().split_once(':') {
        Some((name, shards)) => (name, shards.parse().ok()?),
        None => (text.trim(), 1),
    };
    let name: RoomName = name.parse().ok()?;
    (!name.is_reserved() && (1..=MOST_SHARDS).contains(&shards)).then_some((name, shards))
}
