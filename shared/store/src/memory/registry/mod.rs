//! What a registry holds. Its rules are in the modules by subject.

mod connection;
mod fan_out;
mod rate;
mod store;
mod subscription;

use std::collections::BTreeMap;

use gatepost_protocol::ClientId;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;

pub use store::MemoryRegistry;

use crate::Connection;
use crate::Shard;
use crate::Subscriber;

/// All of a registry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegistryState {
    /// What is known of each connection, also of one that is no post target.
    pub connections: BTreeMap<ConnectionId, Connection>,
    /// Connections that were removed, and until when nothing may be added for them.
    pub tombstones: BTreeMap<ConnectionId, Millis>,
    /// Connections under their users.
    pub users: BTreeMap<UserId, UserState>,
    /// Subscriptions and their fan-out.
    pub shards: BTreeMap<Shard, ShardState>,
    /// The heads of rooms.
    pub heads: BTreeMap<RoomName, Seq>,
    /// When each limiter is full again, in microseconds.
    pub limits: BTreeMap<Limited, i64>,
    /// How many subscriptions each room was told of last.
    pub told: BTreeMap<RoomName, u64>,
    /// The last stamp of a list. Outlives a loss of everything: no stamp is given twice.
    pub stamps: u64,
}

/// A user's connections.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserState {
    /// Those that said hello or subscribed, as they did: post targets. One whose lease has ended is
    /// as good as none.
    pub places: BTreeMap<ConnectionId, Connection>,
    /// Those that another client replaced, and until when that counts.
    pub replaced: BTreeMap<ConnectionId, Millis>,
    /// Clients that another client replaced, and until when that counts.
    pub replaced_clients: BTreeMap<ClientId, Millis>,
    /// Rooms that the user was evicted from, and until when that is remembered.
    pub evicted: BTreeMap<RoomName, Millis>,
}

/// A part of a room's subscriptions, with its fan-out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShardState {
    /// The subscriptions.
    pub list: BTreeMap<(UserId, ConnectionId), Listed>,
    /// Changes whenever the list does; `None` before anybody asked.
    pub version: Option<u64>,
    /// How many leases had ended when it was last looked at.
    pub lapsed: usize,
    /// Who posts, and up to where.
    pub fan_out: FanOut,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Whose.
    pub subscriber: Subscriber,
    /// Over how many shards the room's subscriptions spread.
    pub shards: u16,
    /// Until when it counts.
    pub lease: Millis,
}

/// The fan-out of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FanOut {
    /// Who holds it, and until when another may take it.
    pub lease: Option<(String, Millis)>,
    /// Whether somebody came while it was held.
    pub dirty: bool,
    /// Up to where entries were posted.
    pub cursor: Option<Seq>,
}

/// What a limiter counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limited {
    /// A user's sends.
    User(UserId),
    /// A room's sends.
    Room(RoomName),
    /// What a user does beside sending.
    UserIn(UserId, String),
    /// What is done in a room beside sending.
    RoomIn(RoomName, String),
}

impl RegistryState {
    /// All of it is lost, as by `FLUSHALL`.
    pub fn lose(&mut self) {
        *self = Self {
            stamps: self.stamps,
            ..Self::default()
        };
    }

    fn is_closed(&self, id: &ConnectionId, now: Millis) -> bool {
        self.tombstones.get(id).is_some_and(|until| *until > now)
    }

    /// Writes what is known of a connection. Not knowing its client is no reason to forget it.
    fn record(&mut self, connection: &Connection) {
        let id = &connection.subscriber.connection;
        self.tombstones.remove(id);
        let known = self.connections.remove(id).and_then(|known| known.client);
        self.connections
            .insert(id.clone(), with_client(connection, known));
    }

    /// Puts a connection under its user.
    fn place(&mut self, connection: &Connection, now: Millis) {
        let id = &connection.subscriber.connection;
        let user = self.user(&connection.subscriber.user);
        let known = user.places.remove(id).filter(|place| place.lease > now);
        let known = known.and_then(|place| place.client);
        user.places
            .insert(id.clone(), with_client(connection, known));
    }

    fn user(&mut self, id: &UserId) -> &mut UserState {
        self.users.entry(id.clone()).or_default()
    }

    fn stamp(&mut self) -> u64 {
        self.stamps += 1;
        self.stamps
    }
}

fn with_client(connection: &Connection, known: Option<ClientId>) -> Connection {
    Connection {
        client: connection.client.clone().or(known),
        ..connection.clone()
    }
}
