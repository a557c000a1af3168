//! The calls of scripts that several of the registry's methods make.

use gatepost_protocol::ConnectionId;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;

use super::key::Keys;
use super::link::Link;
use super::record;
use super::script;
use super::script::Call;
use crate::Connection;
use crate::Shard;
use crate::StoreError;
use crate::Subscriber;
use crate::Subscription;
use crate::open::RedisUrl;
use crate::registry::interval_us;
use crate::registry::stamp;
use crate::shard_of;

/// What belongs to no lease lives this long after it was last used.
pub(super) const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A record outlives its lease by this, so that a late removal still knows what to remove.
pub(super) const GRACE_MS: u64 = 60_000;

/// The registry in Redis.
#[derive(Debug)]
pub(crate) struct RedisRegistry {
    pub(super) link: Link,
    pub(super) keys: Keys,
}

impl RedisRegistry {
    pub(crate) fn new(url: &str) -> Result<Self, StoreError> {
        let parsed = RedisUrl::parse(url)?;
        Ok(Self {
            link: Link::new(&parsed, url)?,
            keys: Keys::new(parsed.prefix),
        })
    }

    pub(super) fn write(
        &self,
        connection: &Connection,
        rooms: &[Subscription],
        now: Millis,
    ) -> Call {
        let Subscriber {
            connection: id,
            user,
            name,
            dialect,
        } = &connection.subscriber;
        let call = Call::script(&script::WRITE_CONNECTION, [&self.keys.connection(id)])
            .arg(user.as_str())
            .arg(name)
            .arg(record::dialect_word(*dialect))
            .arg(
                connection
                    .client
                    .as_ref()
                    .map_or("", |client| client.as_str()),
            )
            .arg(connection.lease)
            .arg(ttl(connection.lease, now));
        rooms.iter().fold(call, |call, room| {
            call.arg(room.room.as_str()).arg(room.shards)
        })
    }

    /// A script on the user's key that writes the connection's place there.
    pub(super) fn place(
        &self,
        lua: &'static script::Lua,
        connection: &Connection,
        now: Millis,
    ) -> Call {
        let Subscriber {
            connection: id,
            user,
            name,
            dialect,
        } = &connection.subscriber;
        Call::script(lua, [&self.keys.user(user)])
            .arg(id.as_str())
            .arg(connection.lease)
            .arg(
                connection
                    .client
                    .as_ref()
                    .map_or("-", |client| client.as_str()),
            )
            .arg(record::dialect_word(*dialect))
            .arg(name)
            .arg(now)
            .arg(ttl(connection.lease, now))
    }

    /// Takes `times` from the rate whose limit is in this key.
    pub(super) fn limit(key: &str, rate: u32, times: i64, now: Millis) -> Call {
        let (interval, tolerance) = interval_us(rate);
        Call::script(&script::LIMIT, [key])
            .arg(now)
            .arg(times * interval)
            .arg(tolerance)
            // Many times a burst, and no more: anybody may invent names of rooms.
            .arg(GRACE_MS)
    }

    pub(super) fn is_closed(&self, id: &ConnectionId) -> Call {
        Call::Plain(redis::cmd("HEXISTS"))
            .arg(self.keys.connection(id))
            .arg("x")
    }

    /// Which of the rooms the connection's place under its user still names: the end of their leases.
    pub(super) fn still_in(&self, subscriber: &Subscriber, rooms: &[Subscription]) -> Option<Call> {
        let place = Call::Plain(redis::cmd("HMGET")).arg(self.keys.user(&subscriber.user));
        let id = &subscriber.connection;
        let fields = rooms.iter().map(|room| format!("r:{id} {}", room.room));
        (!rooms.is_empty()).then(|| fields.fold(place, Call::arg))
    }

    /// Takes a room out of a connection's record.
    pub(super) fn forget(&self, id: &ConnectionId, room: &RoomName) -> Call {
        Call::Plain(redis::cmd("HDEL"))
            .arg(self.keys.connection(id))
            .arg(format!("r:{room}"))
    }

    pub(super) fn unsubscribed(
        &self,
        subscriber: &Subscriber,
        room: &RoomName,
        shards: u16,
        now: Millis,
    ) -> Result<Call, StoreError> {
        let index = shard_of(&subscriber.user, shards);
        let (list, fan_out) = self.keys.shard(&Shard {
            room: room.clone(),
            index,
        });
        Ok(Call::script(&script::UNSUBSCRIBE, [&list, &fan_out])
            .arg(record::subscription(subscriber))
            .arg(now)
            .arg(stamp()?)
            .arg(DAY_MS))
    }

    pub(super) fn leave<'a>(
        &self,
        subscriber: &Subscriber,
        gone: bool,
        now: Millis,
        rooms: impl Iterator<Item = &'a RoomName>,
    ) -> Call {
        let call = Call::script(&script::LEAVE, [&self.keys.user(&subscriber.user)])
            .arg(subscriber.connection.as_str())
            .arg(u8::from(gone))
            .arg(now);
        rooms.fold(call, |call, room| call.arg(room.as_str()))
    }

    pub(super) fn raised(&self, room: &RoomName, seq: Seq) -> Call {
        Call::script(&script::RAISE_HEAD, [&self.keys.room(room)])
            .arg(seq)
            .arg(DAY_MS)
    }

    pub(super) fn head_of(&self, room: &RoomName) -> Call {
        Call::Plain(redis::cmd("HGET"))
            .arg(self.keys.room(room))
            .arg("h")
    }

    /// Takes a shard's lease; asks for the stamp of its list if a list is `known`.
    pub(super) fn claimed(
        &self,
        shard: &Shard,
        holder: &str,
        ttl_ms: u64,
        now: Millis,
        known: Option<u64>,
    ) -> Result<Call, StoreError> {
        let (list, fan_out) = self.keys.shard(shard);
        let call = match known {
            Some(_) => Call::script(&script::CLAIM, [&fan_out, &list]),
            None => Call::script(&script::CLAIM, [&fan_out]),
        };
        let call = call.arg(holder).arg(now).arg(end(now, ttl_ms)).arg(DAY_MS);
        Ok(match known {
            Some(_) => call.arg(stamp()?),
            None => call,
        })
    }

    pub(super) fn stamped(&self, shard: &Shard, now: Millis) -> Result<Call, StoreError> {
        let (list, fan_out) = self.keys.shard(shard);
        Ok(Call::script(&script::STAMP, [&list, &fan_out])
            .arg(now)
            .arg(stamp()?)
            .arg(DAY_MS))
    }

    /// Takes back what was added for a connection that was removed meanwhile.
    pub(super) async fn take_back(
        &self,
        subscriber: &Subscriber,
        rooms: &[Subscription],
        now: Millis,
    ) -> Result<(), StoreError> {
        let shards = rooms
            .iter()
            .map(|room| self.unsubscribed(subscriber, &room.room, room.shards, now))
            .collect::<Result<Vec<_>, _>>()?;
        let leave = self.leave(subscriber, true, now, rooms.iter().map(|room| &room.room));
        self.link
            .run("removing a late subscription", &[&shards, &[leave]])
            .await
            .map(drop)
    }
}

pub(super) fn ttl(lease: Millis, now: Millis) -> u64 {
    u64::try_from(lease.saturating_sub(now))
        .unwrap_or(0)
        .saturating_add(GRACE_MS)
}

pub(super) fn end(now: Millis, ttl_ms: u64) -> Millis {
    now.saturating_add(i64::try_from(ttl_ms).unwrap_or(i64::MAX))
}
