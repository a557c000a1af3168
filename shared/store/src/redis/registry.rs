//! The registry's methods as calls of scripts.

use async_trait::async_trait;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;
use redis::FromRedisValue;
use redis::Value;

use super::call::DAY_MS;
use super::call::GRACE_MS;
use super::call::RedisRegistry;
use super::call::end;
use super::call::ttl;
use super::record;
use super::record::Record;
use super::script;
use super::script::Call;
use crate::Admission;
use crate::Begun;
use crate::Claim;
use crate::Connection;
use crate::Greeting;
use crate::LAPSED;
use crate::Limit;
use crate::Owner;
use crate::Rates;
use crate::Reached;
use crate::Registry;
use crate::Release;
use crate::Removed;
use crate::SessionPolicy;
use crate::Shard;
use crate::StoreError;
use crate::Subscribed;
use crate::Subscriber;
use crate::Subscribers;
use crate::Subscription;
use crate::USER_CONNECTIONS;
use crate::Unsubscribed;
use crate::registry::EVICTED_MS;
use crate::registry::REPLACED_CLIENT_MS;
use crate::registry::REPLACED_MS;
use crate::registry::TOMBSTONE_MS;
use crate::registry::interval_us;
use crate::registry::stamp;
use crate::shard_of;

/// Reads an answer.
fn read<T: FromRedisValue>(what: &'static str, value: Value) -> Result<T, StoreError> {
    redis::from_redis_value(value).map_err(|error| StoreError::unusable("redis", what, error))
}

/// The answers of one call after the other.
struct Answers {
    what: &'static str,
    values: std::vec::IntoIter<Value>,
}

impl Answers {
    fn next<T: FromRedisValue>(&mut self) -> Result<T, StoreError> {
        read(self.what, self.values.next().unwrap_or(Value::Nil))
    }
}

impl RedisRegistry {
    async fn run(&self, what: &'static str, stages: &[&[Call]]) -> Result<Answers, StoreError> {
        let values = self.link.run(what, stages).await?.into_iter();
        Ok(Answers { what, values })
    }

    async fn one<T: FromRedisValue>(
        &self,
        what: &'static str,
        call: Call,
    ) -> Result<T, StoreError> {
        read(what, self.link.one(what, call).await?)
    }
}

/// What the script that claims a fan-out answered.
struct Claimed {
    claim: Claim,
    /// The stamp of the list, if it was asked for.
    stamp: Option<u64>,
    /// Somebody had left a mark, and it is gone.
    took_mark: bool,
}

impl Claimed {
    fn read(what: &'static str, answer: Value) -> Result<Self, StoreError> {
        if matches!(answer, Value::Int(_)) {
            return Ok(Self {
                claim: Claim::Busy,
                stamp: None,
                took_mark: false,
            });
        }
        let (cursor, stamp, took_mark): (String, String, bool) = read(what, answer)?;
        let cursor = cursor.parse().ok();
        Ok(Self {
            claim: Claim::Held { cursor },
            stamp: stamp.parse().ok(),
            took_mark,
        })
    }
}

#[async_trait]
impl Registry for RedisRegistry {
    async fn connect(&self, connection: &Connection, now: Millis) -> Result<(), StoreError> {
        let _: bool = self
            .one("recording a connection", self.write(connection, &[], now))
            .await?;
        Ok(())
    }

    async fn connection(
        &self,
        id: &ConnectionId,
        now: Millis,
    ) -> Result<Option<Connection>, StoreError> {
        let what = "reading a connection";
        let read = Call::Plain(redis::cmd("HGETALL")).arg(self.keys.connection(id));
        let record = Record::read(what, self.one(what, read).await?)?;
        Ok(record
            .open_connection(id)
            .filter(|connection| connection.lease > now))
    }

    async fn hello(
        &self,
        connection: &Connection,
        policy: SessionPolicy,
        now: Millis,
    ) -> Result<Greeting, StoreError> {
        let what = "greeting a client";
        if !self
            .one::<bool>(what, self.write(connection, &[], now))
            .await?
        {
            return Ok(Greeting::Closed);
        }
        let policy = match policy {
            SessionPolicy::Multi => "multi",
            SessionPolicy::Takeover { take: false } => "takeover",
            SessionPolicy::Takeover { take: true } => "take",
        };
        let greet = self
            .place(&script::GREET, connection, now)
            .arg(policy)
            .arg(now.saturating_add(REPLACED_MS))
            .arg(now.saturating_add(REPLACED_CLIENT_MS))
            .arg(DAY_MS)
            .arg(USER_CONNECTIONS);
        let id = &connection.subscriber.connection;
        let mut answers = self.run(what, &[&[greet], &[self.is_closed(id)]]).await?;
        let greeting: Value = answers.next()?;
        if answers.next()? {
            self.take_back(&connection.subscriber, &[], now).await?;
            return Ok(Greeting::Closed);
        }
        if matches!(greeting, Value::Int(_)) {
            return Ok(Greeting::Replaced);
        }
        let replaced: Vec<String> = read(what, greeting)?;
        let replaced = replaced
            .into_iter()
            .map(|id| record::connection_id(what, id));
        Ok(Greeting::Welcome {
            replaced: replaced.collect::<Result<_, _>>()?,
        })
    }

    async fn admit(
        &self,
        user: &UserId,
        connection: &ConnectionId,
        room: &RoomName,
        rates: Rates,
        now: Millis,
    ) -> Result<Admission, StoreError> {
        let what = "admitting a send";
        let (interval, tolerance) = interval_us(rates.per_user);
        let admit = Call::script(&script::ADMIT, [&self.keys.user(user)])
            .arg(connection.as_str())
            .arg(now)
            .arg(interval)
            .arg(tolerance)
            .arg(GRACE_MS);
        let limits_room = rates.per_room != 0;
        let calls = if limits_room {
            let key = self.keys.room(room);
            vec![admit, Self::limit(&key, rates.per_room, 1, now)]
        } else {
            vec![admit]
        };
        let mut answers = self.run(what, &[&calls]).await?;
        let (user_wait, client): (i64, String) = answers.next()?;
        let room_wait: i64 = if limits_room { answers.next()? } else { 0 };
        // What one user may not send must not use up what the room may, nor what a room does not
        // take what the user may.
        let room_gives_back = user_wait != 0 && limits_room && room_wait == 0;
        let user_gives_back = user_wait == 0 && room_wait > 0 && rates.per_user != 0;
        if room_gives_back {
            self.refund(room, rates.per_room, now).await?;
        } else if user_gives_back {
            let call = Self::limit(&self.keys.user(user), rates.per_user, -1, now);
            let _: i64 = self.one(what, call).await?;
        }
        if user_wait < 0 {
            return Ok(Admission::Replaced);
        }
        if user_wait > 0 || room_wait > 0 {
            let wait = u64::try_from(user_wait.max(room_wait)).unwrap_or(0);
            return Ok(Admission::RateLimited {
                retry_after_ms: wait.div_ceil(1_000),
            });
        }
        Ok(Admission::Admitted {
            client: record::client(what, &client)?,
        })
    }

    async fn refund(&self, room: &RoomName, per_room: u32, now: Millis) -> Result<(), StoreError> {
        if per_room == 0 {
            return Ok(());
        }
        let call = Self::limit(&self.keys.room(room), per_room, -1, now);
        self.link
            .one("giving back a room's rate", call)
            .await
            .map(drop)
    }

    async fn take(
        &self,
        of: Owner<'_>,
        limits: &[Limit<'_>],
        now: Millis,
    ) -> Result<Option<Reached>, StoreError> {
        let keys: Vec<_> = limits
            .iter()
            .map(|limit| self.keys.limit(of, limit.what))
            .collect();
        let call = Call::on(&script::TAKE, keys.iter().map(String::as_str)).arg(now);
        let call = limits.iter().fold(call, |call, limit| {
            let (interval, tolerance) = limit.interval_us();
            call.arg(interval).arg(tolerance)
        });
        let (place, wait): (usize, u64) = self.one("taking from a limit", call).await?;
        Ok(place.checked_sub(1).map(|limit| Reached {
            limit,
            retry_after_ms: wait.div_ceil(1_000),
        }))
    }

    async fn count(&self, room: &RoomName, shards: u16, now: Millis) -> Result<u64, StoreError> {
        let shards: Vec<_> = (0..shards)
            .map(|index| {
                let (list, _) = self.keys.shard(&Shard {
                    room: room.clone(),
                    index,
                });
                Call::Plain(redis::cmd("ZCOUNT"))
                    .arg(list)
                    .arg(format!("({now}"))
                    .arg("+inf")
            })
            .collect();
        let mut answers = self.run("counting subscriptions", &[&shards]).await?;
        let mut count = 0;
        for _ in &shards {
            count += answers.next::<u64>()?;
        }
        Ok(count)
    }

    async fn note_occupancy(&self, room: &RoomName, count: u64) -> Result<bool, StoreError> {
        let call = Call::Plain(redis::cmd("SET"))
            .arg(self.keys.occupancy(room))
            .arg(count)
            .arg("PX")
            .arg(DAY_MS)
            .arg("GET");
        let told: Option<u64> = self.one("noting an occupancy", call).await?;
        Ok(told != Some(count))
    }

    async fn subscribe(
        &self,
        connection: &Connection,
        rooms: &[Subscription],
        now: Millis,
    ) -> Result<Option<Vec<Subscribed>>, StoreError> {
        let what = "subscribing";
        let subscriber = &connection.subscriber;
        let write = self.write(connection, rooms, now);
        let renew = rooms
            .iter()
            .fold(self.place(&script::RENEW, connection, now), |call, room| {
                call.arg(room.room.as_str())
            });
        let mut answers = self.run(what, &[&[write], &[renew]]).await?;
        let open: bool = answers.next()?;
        let renewed: Value = answers.next()?;
        if !open {
            self.take_back(subscriber, rooms, now).await?;
            return Ok(None);
        }
        if matches!(renewed, Value::Int(_)) {
            return Ok(None);
        }
        let mut renewed: Vec<i64> = read(what, renewed)?;
        let mut count = || u64::try_from(renewed.pop().unwrap_or_default()).unwrap_or_default();
        let (connections, in_rooms) = (count(), count());
        let mut shards = Vec::with_capacity(rooms.len());
        for room in rooms {
            let index = shard_of(&subscriber.user, room.shards);
            let (list, fan_out) = self.keys.shard(&Shard {
                room: room.room.clone(),
                index,
            });
            shards.push(
                Call::script(&script::SUBSCRIBE, [&list, &fan_out])
                    .arg(record::subscription(subscriber))
                    .arg(connection.lease)
                    .arg(now)
                    .arg(stamp()?)
                    .arg(room.head)
                    .arg(ttl(connection.lease, now))
                    .arg(DAY_MS)
                    .arg(LAPSED),
            );
        }
        // A removal that came between has seen the rooms in the record, but perhaps not yet in the
        // shards; an eviction has taken them from the user's key.
        let closed = self.is_closed(&subscriber.connection);
        let mut checks = vec![closed];
        checks.extend(rooms.iter().map(|room| self.head_of(&room.room)));
        checks.extend(self.still_in(subscriber, rooms));
        let mut answers = self.run(what, &[&shards, &checks]).await?;
        let mut subscribed = Vec::with_capacity(rooms.len());
        for place in renewed {
            let (subscribers, lapsed): (u64, Vec<Vec<u8>>) = answers.next()?;
            let lapsed = lapsed.iter().map(|text| record::subscriber(what, text));
            let mut lapsed = lapsed.collect::<Result<Vec<_>, _>>()?;
            lapsed.retain(|other| other.user != subscriber.user);
            lapsed.sort_by(|one, other| {
                (&one.user, &one.connection).cmp(&(&other.user, &other.connection))
            });
            subscribed.push(Subscribed {
                first_device: place.abs() == 1,
                renewed: place == 3,
                subscribers,
                rooms: in_rooms,
                connections,
                lapsed,
                head: None,
                confirm: place < 0,
            });
        }
        if answers.next()? {
            self.take_back(subscriber, rooms, now).await?;
            return Ok(None);
        }
        for room in &mut subscribed {
            room.head = answers.next()?;
        }
        let held: Vec<Option<Millis>> = match rooms.is_empty() {
            true => Vec::new(),
            false => answers.next()?,
        };
        let mut late = Vec::new();
        for ((room, found), held) in rooms.iter().zip(&mut subscribed).zip(held) {
            if held.is_none() {
                found.confirm = true;
                late.push(self.unsubscribed(subscriber, &room.room, room.shards, now)?);
            }
        }
        if !late.is_empty() {
            self.run(what, &[&late]).await?;
        }
        Ok(Some(subscribed))
    }

    async fn unsubscribe(
        &self,
        subscriber: &Subscriber,
        room: &RoomName,
        shards: u16,
        now: Millis,
    ) -> Result<Option<Unsubscribed>, StoreError> {
        let shard = self.unsubscribed(subscriber, room, shards, now)?;
        let leave = self.leave(subscriber, false, now, std::iter::once(room));
        let forget = self.forget(&subscriber.connection, room);
        let mut answers = self
            .run("unsubscribing", &[&[shard], &[leave], &[forget]])
            .await?;
        let listed: bool = answers.next()?;
        let (placed, others): (bool, bool) = answers.next()?;
        Ok((listed || placed).then(|| Unsubscribed {
            room: room.clone(),
            shards,
            last_device: !others,
        }))
    }

    async fn evict(
        &self,
        user: &UserId,
        room: &RoomName,
        shards: u16,
        now: Millis,
    ) -> Result<Vec<Subscriber>, StoreError> {
        let what = "ending a user's subscriptions";
        let evict = Call::script(&script::EVICT, [&self.keys.user(user)])
            .arg(room.as_str())
            .arg(end(now, EVICTED_MS))
            .arg(EVICTED_MS);
        let (list, fan_out) = self.keys.shard(&Shard {
            room: room.clone(),
            index: shard_of(user, shards),
        });
        let from_shard = Call::script(&script::EVICT_FROM_SHARD, [&list, &fan_out])
            .arg(user.as_str())
            .arg(now)
            .arg(stamp()?)
            .arg(DAY_MS);
        let mut answers = self.run(what, &[&[evict], &[from_shard]]).await?;
        let placed: Vec<String> = answers.next()?;
        let listed: Vec<Vec<u8>> = answers.next()?;
        let evicted = listed.iter().map(|text| record::subscriber(what, text));
        let evicted = evicted.collect::<Result<Vec<_>, _>>()?;
        let placed = placed
            .into_iter()
            .map(|id| record::connection_id(what, id))
            .collect::<Result<Vec<_>, _>>()?;
        let listed = evicted.iter().map(|subscriber| &subscriber.connection);
        let forget: Vec<_> = listed
            .chain(&placed)
            .map(|id| self.forget(id, room))
            .collect();
        if !forget.is_empty() {
            self.run(what, &[&forget]).await?;
        }
        Ok(evicted)
    }

    async fn remove(&self, id: &ConnectionId, now: Millis) -> Result<Option<Removed>, StoreError> {
        let what = "removing a connection";
        let key = self.keys.connection(id);
        let close = Call::script(&script::CLOSE_CONNECTION, [&key]).arg(TOMBSTONE_MS);
        let record = Record::read(what, self.one(what, close).await?)?;
        let Some(connection) = record.connection(id) else {
            return Ok(None);
        };
        let subscriber = connection.subscriber;
        let rooms = record.rooms(what)?;
        let shards = rooms
            .iter()
            .map(|(room, shards)| self.unsubscribed(&subscriber, room, *shards, now))
            .collect::<Result<Vec<_>, _>>()?;
        let leave = self.leave(&subscriber, true, now, rooms.iter().map(|(room, _)| room));
        let forget = Call::script(&script::FORGET_CONNECTION, [&key]).arg(TOMBSTONE_MS);
        let mut answers = self.run(what, &[&shards, &[leave], &[forget]]).await?;
        for _ in &rooms {
            let _: bool = answers.next()?;
        }
        if record.is_removed() {
            // What a late worker left is gone now, and told it was before.
            return Ok(None);
        }
        // The user's key decides, so that of two removals at once one tells each room.
        let left: Vec<i64> = answers.next()?;
        let rooms = rooms
            .into_iter()
            .zip(left.chunks_exact(2))
            .filter(|(_, left)| left[0] == 1)
            .map(|((room, shards), left)| Unsubscribed {
                room,
                shards,
                last_device: left[1] == 0,
            })
            .collect();
        Ok(Some(Removed { subscriber, rooms }))
    }

    async fn connections_of(
        &self,
        user: &UserId,
        now: Millis,
    ) -> Result<Vec<Connection>, StoreError> {
        let what = "reading a user's connections";
        let call = Call::Plain(redis::cmd("HGETALL")).arg(self.keys.user(user));
        let fields: Vec<(String, String)> = self.one(what, call).await?;
        fields
            .into_iter()
            .filter_map(|(field, place)| Some((String::from(field.strip_prefix("c:")?), place)))
            .map(|(id, place)| record::place(what, user, id, &place))
            .filter(|read| {
                read.as_ref()
                    .map_or(true, |connection| connection.lease > now)
            })
            .collect()
    }

    async fn subscribers(
        &self,
        shard: &Shard,
        known: Option<u64>,
        now: Millis,
    ) -> Result<Subscribers, StoreError> {
        let what = "reading subscribers";
        let (list, _) = self.keys.shard(shard);
        let version = self.stamped(shard, now)?;
        // Plain, not through the script: a list costs three times as much there.
        let all = Call::Plain(redis::cmd("ZRANGEBYSCORE"))
            .arg(&list)
            .arg(format!("({now}"))
            .arg("+inf");
        // The stamp first: a list may be newer than its stamp, never older.
        let (version, list): (u64, Vec<Vec<u8>>) = match known {
            None => {
                let mut answers = self.run(what, &[&[version], &[all]]).await?;
                (answers.next()?, answers.next()?)
            }
            Some(known) => {
                let version = self.one(what, version).await?;
                if version == known {
                    return Ok(Subscribers::Unchanged);
                }
                (version, self.one(what, all).await?)
            }
        };
        let list = list.iter().map(|text| record::subscriber(what, text));
        Ok(Subscribers::Listed {
            version,
            list: list.collect::<Result<_, _>>()?,
        })
    }

    async fn raise_head(&self, room: &RoomName, seq: Seq) -> Result<(), StoreError> {
        let call = self.raised(room, seq);
        self.link.one("raising a head", call).await.map(drop)
    }

    async fn head(&self, room: &RoomName) -> Result<Option<Seq>, StoreError> {
        self.one("reading a head", self.head_of(room)).await
    }

    async fn claim(
        &self,
        shard: &Shard,
        holder: &str,
        ttl_ms: u64,
        now: Millis,
    ) -> Result<Claim, StoreError> {
        let what = "claiming a fan-out";
        let call = self.claimed(shard, holder, ttl_ms, now, None)?;
        Ok(Claimed::read(what, self.one(what, call).await?)?.claim)
    }

    async fn begin(
        &self,
        shard: &Shard,
        seq: Seq,
        holder: &str,
        ttl_ms: u64,
        known: Option<u64>,
        now: Millis,
    ) -> Result<Begun, StoreError> {
        let what = "beginning a fan-out";
        let raise = self.raised(&shard.room, seq);
        let claim = self.claimed(shard, holder, ttl_ms, now, known)?;
        let mut answers = self.run(what, &[&[raise], &[claim]]).await?;
        let mut head: Seq = answers.next()?;
        let mut claimed = Claimed::read(what, answers.next()?)?;
        if claimed.took_mark {
            // Whoever left it raised the head before, but perhaps after it was raised here, and
            // counts on this worker now.
            let stamp = known.map(|_| self.stamped(shard, now)).transpose()?;
            let again = [self.head_of(&shard.room)];
            let mut answers = self.run(what, &[&again, stamp.as_slice()]).await?;
            head = head.max(answers.next::<Option<Seq>>()?.unwrap_or_default());
            claimed.stamp = answers.next()?;
        }
        Ok(Begun {
            head,
            claim: claimed.claim,
            list_holds: known.is_some() && claimed.stamp == known,
        })
    }

    async fn advance(
        &self,
        shard: &Shard,
        holder: &str,
        cursor: Seq,
        ttl_ms: u64,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let call = Call::script(&script::ADVANCE, [&self.keys.fan_out(shard)])
            .arg(holder)
            .arg(cursor)
            .arg(end(now, ttl_ms))
            .arg(DAY_MS);
        self.one("advancing a cursor", call).await
    }

    async fn release(
        &self,
        shard: &Shard,
        holder: &str,
        cursor: Seq,
        _now: Millis,
    ) -> Result<Release, StoreError> {
        // The same nonce if the call is repeated, so that a mark seen once is seen again.
        let call = Call::script(&script::RELEASE, [&self.keys.fan_out(shard)])
            .arg(holder)
            .arg(cursor)
            .arg(format!("n{}", stamp()?))
            .arg(DAY_MS);
        Ok(match self.one("releasing a fan-out", call).await? {
            1 => Release::Released,
            2 => Release::Dirty,
            _ => Release::Lost,
        })
    }

    async fn forget(
        &self,
        room: &RoomName,
        head: Option<Seq>,
        cursors: &[(Shard, Seq)],
    ) -> Result<(), StoreError> {
        let head = head.map(|seq| (self.keys.room(room), "h", seq));
        let cursors = cursors
            .iter()
            .map(|(shard, cursor)| (self.keys.fan_out(shard), "p", *cursor));
        let calls: Vec<_> = head
            .into_iter()
            .chain(cursors)
            .map(|(key, field, seq)| Call::script(&script::FORGET, [&key]).arg(field).arg(seq))
            .collect();
        if calls.is_empty() {
            return Ok(());
        }
        self.run("forgetting a log", &[&calls]).await.map(drop)
    }

    async fn progress(
        &self,
        shard: &Shard,
        now: Millis,
    ) -> Result<(Option<Seq>, bool), StoreError> {
        let call = Call::Plain(redis::cmd("HMGET"))
            .arg(self.keys.fan_out(shard))
            .arg(&["p", "h", "e"]);
        let (cursor, holder, end): (Option<Seq>, Option<String>, Option<Millis>) =
            self.one("reading a fan-out's progress", call).await?;
        Ok((cursor, holder.is_some() && end.is_some_and(|end| end > now)))
    }
}
