//! A registry in memory, with the meaning that the trait gives it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use gatepost_protocol::ClientId;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;
use gatepost_store::*;

use super::turnstile::Turnstile;

#[derive(Debug)]
pub(crate) struct MemoryRegistry {
    state: Mutex<State>,
    pub(crate) is_away: AtomicBool,
    turnstile: Turnstile,
}

#[derive(Debug, Default)]
struct State {
    connections: HashMap<ConnectionId, Connection>,
    tombs: BTreeSet<ConnectionId>,
    users: BTreeMap<UserId, User>,
    members: HashMap<Shard, Members>,
    heads: HashMap<RoomName, Seq>,
    fanouts: HashMap<Shard, Fanout>,
    sends: HashMap<UserId, u32>,
    /// Sends that the history refused and that were given back.
    refunds: HashMap<RoomName, u32>,
    /// When each limit is full again, in microseconds.
    limits: HashMap<String, i64>,
    told: HashMap<RoomName, u64>,
}

#[derive(Debug, Default)]
struct User {
    connections: BTreeMap<ConnectionId, Option<ClientId>>,
    replaced: BTreeSet<Option<ClientId>>,
}

#[derive(Debug, Default)]
struct Members {
    version: u64,
    list: BTreeMap<(UserId, ConnectionId), (Subscriber, Millis)>,
}

#[derive(Debug, Default)]
struct Fanout {
    cursor: Option<Seq>,
    lease: Option<(String, Millis)>,
    is_dirty: bool,
}

impl MemoryRegistry {
    pub(crate) fn new(turnstile: Turnstile) -> Self {
        let is_away = AtomicBool::new(false);
        Self {
            state: Mutex::default(),
            is_away,
            turnstile,
        }
    }

    async fn turn<T>(&self, act: impl FnOnce(&mut State) -> T + Send) -> Result<T, StoreError> {
        self.turnstile.pass().await;
        if self.is_away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable {
                store: "redis",
                what: "test",
                source: None,
            });
        }
        Ok(act(&mut self.state.lock().unwrap()))
    }

    /// All of it is lost.
    pub(crate) fn flush(&self) {
        *self.state.lock().unwrap() = State::default();
    }

    pub(crate) fn cursor(&self, room: &str) -> Option<Seq> {
        let state = self.state.lock().unwrap();
        state
            .fanouts
            .get(&shard(room))
            .and_then(|fanout| fanout.cursor)
    }

    pub(crate) fn is_held(&self, room: &str) -> bool {
        let state = self.state.lock().unwrap();
        state
            .fanouts
            .get(&shard(room))
            .is_some_and(|fanout| fanout.lease.is_some())
    }

    /// Subscriptions of a room of one shard, as `user|connection`.
    pub(crate) fn members(&self, room: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let Some(members) = state.members.get(&shard(room)) else {
            return Vec::new();
        };
        members
            .list
            .keys()
            .map(|(user, connection)| format!("{user}|{connection}"))
            .collect()
    }

    pub(crate) fn lease_of(&self, room: &str, user: &str) -> Option<Millis> {
        let state = self.state.lock().unwrap();
        let members = state.members.get(&shard(room))?;
        let mut list = members.list.iter();
        list.find(|((id, _), _)| id.as_str() == user)
            .map(|(_, (_, lease))| *lease)
    }

    pub(crate) fn known(&self) -> usize {
        self.state.lock().unwrap().connections.len()
    }

    /// How many sends to a room were given back.
    pub(crate) fn refunds(&self, room: &str) -> u32 {
        let state = self.state.lock().unwrap();
        let room: RoomName = room.parse().unwrap();
        state.refunds.get(&room).copied().unwrap_or_default()
    }

    /// Another worker takes the lease over.
    pub(crate) fn steal(&self, room: &str) {
        let mut state = self.state.lock().unwrap();
        let fanout = state.fanouts.entry(shard(room)).or_default();
        fanout.lease = Some((String::from("thief"), Millis::MAX));
    }

    /// Nobody holds the lease any more.
    pub(crate) fn free(&self, room: &str) {
        let mut state = self.state.lock().unwrap();
        state.fanouts.entry(shard(room)).or_default().lease = None;
    }
}

pub(crate) fn shard(room: &str) -> Shard {
    Shard {
        room: room.parse().unwrap(),
        index: 0,
    }
}

impl State {
    fn put_user(&mut self, connection: &Connection) {
        let Subscriber {
            connection: id,
            user,
            ..
        } = &connection.subscriber;
        let kept = self
            .connections
            .entry(id.clone())
            .or_insert_with(|| connection.clone());
        let client = connection.client.clone().or_else(|| kept.client.clone());
        *kept = Connection {
            client: client.clone(),
            ..connection.clone()
        };
        self.users
            .entry(user.clone())
            .or_default()
            .connections
            .insert(id.clone(), client);
    }

    fn drop_member(&mut self, subscriber: &Subscriber, shard: &Shard) -> Option<bool> {
        let members = self.members.get_mut(shard)?;
        let key = (subscriber.user.clone(), subscriber.connection.clone());
        members.list.remove(&key)?;
        members.version += 1;
        Some(
            !members
                .list
                .keys()
                .any(|(user, _)| *user == subscriber.user),
        )
    }
}

#[async_trait]
impl Registry for MemoryRegistry {
    async fn connect(&self, connection: &Connection, _: Millis) -> Result<(), StoreError> {
        self.turn(|state| {
            let id = connection.subscriber.connection.clone();
            state.connections.insert(id, connection.clone());
        })
        .await
    }

    async fn connection(
        &self,
        id: &ConnectionId,
        now: Millis,
    ) -> Result<Option<Connection>, StoreError> {
        self.turn(|state| {
            state
                .connections
                .get(id)
                .filter(|known| known.lease > now)
                .cloned()
        })
        .await
    }

    async fn hello(
        &self,
        connection: &Connection,
        policy: SessionPolicy,
        _: Millis,
    ) -> Result<Greeting, StoreError> {
        self.turn(|state| {
            let Subscriber {
                connection: id,
                user,
                ..
            } = &connection.subscriber;
            if state.tombs.contains(id) {
                return Greeting::Closed;
            }
            let known = state.users.entry(user.clone()).or_default();
            let mut replaced = Vec::new();
            if let SessionPolicy::Takeover { take } = policy {
                if known.replaced.contains(&connection.client) && !take {
                    return Greeting::Replaced;
                }
                let others: Vec<_> = known
                    .connections
                    .iter()
                    .filter(|(other, client)| *other != id && **client != connection.client)
                    .map(|(other, client)| (other.clone(), client.clone()))
                    .collect();
                for (other, client) in others {
                    known.connections.remove(&other);
                    known.replaced.insert(client);
                    replaced.push(other);
                }
                known.replaced.remove(&connection.client);
            }
            let mut others: Vec<_> = known
                .connections
                .keys()
                .filter(|other| *other != id)
                .filter_map(|other| state.connections.get(other))
                .collect();
            // The first to go last.
            others.sort_by_key(|other| {
                let same = connection.client.is_some() && other.client == connection.client;
                (same, std::cmp::Reverse(other.lease))
            });
            let give_way = others.iter().skip(USER_CONNECTIONS as usize - 1);
            let give_way: Vec<_> = give_way
                .map(|other| other.subscriber.connection.clone())
                .collect();
            for other in give_way {
                known.connections.remove(&other);
                replaced.push(other);
            }
            state.put_user(connection);
            Greeting::Welcome { replaced }
        })
        .await
    }

    async fn admit(
        &self,
        user: &UserId,
        connection: &ConnectionId,
        _: &RoomName,
        rates: Rates,
        _: Millis,
    ) -> Result<Admission, StoreError> {
        self.turn(|state| {
            let client = state
                .connections
                .get(connection)
                .and_then(|known| known.client.clone());
            let known = state.users.get(user);
            if known.is_some_and(|known| {
                !known.connections.contains_key(connection) && known.replaced.contains(&client)
            }) {
                return Admission::Replaced;
            }
            let sends = state.sends.entry(user.clone()).or_default();
            *sends += 1;
            if rates.per_user > 0 && *sends > rates.per_user * 3 {
                return Admission::RateLimited { retry_after_ms: 50 };
            }
            Admission::Admitted { client }
        })
        .await
    }

    async fn refund(&self, room: &RoomName, _: u32, _: Millis) -> Result<(), StoreError> {
        self.turn(|state| *state.refunds.entry(room.clone()).or_default() += 1)
            .await
    }

    async fn take(
        &self,
        of: Owner<'_>,
        limits: &[Limit<'_>],
        now: Millis,
    ) -> Result<Option<Reached>, StoreError> {
        self.turn(|state| {
            let now = now * 1_000;
            let mut full = Vec::new();
            for (place, limit) in limits.iter().enumerate() {
                let key = format!("{of:?} {}", limit.what);
                let every = limit.every_us as i64;
                let then = state.limits.get(&key).copied().unwrap_or(0).max(now) + every;
                let wait = then - now - every * i64::from(limit.burst);
                if wait > 0 {
                    return Some(Reached {
                        limit: place,
                        retry_after_ms: (wait as u64).div_ceil(1_000),
                    });
                }
                full.push((key, then));
            }
            state.limits.extend(full);
            None
        })
        .await
    }

    async fn count(&self, room: &RoomName, _: u16, now: Millis) -> Result<u64, StoreError> {
        self.turn(|state| {
            let shards = state
                .members
                .iter()
                .filter(|(shard, _)| shard.room == *room);
            let live = |members: &Members| {
                let leases = members.list.values().map(|(_, lease)| *lease);
                leases.filter(|lease| *lease > now).count() as u64
            };
            shards.map(|(_, members)| live(members)).sum()
        })
        .await
    }

    async fn note_occupancy(&self, room: &RoomName, count: u64) -> Result<bool, StoreError> {
        self.turn(|state| state.told.insert(room.clone(), count) != Some(count))
            .await
    }

    async fn subscribe(
        &self,
        connection: &Connection,
        rooms: &[Subscription],
        _: Millis,
    ) -> Result<Option<Vec<Subscribed>>, StoreError> {
        self.turn(|state| {
            let subscriber = &connection.subscriber;
            if state.tombs.contains(&subscriber.connection) {
                return None;
            }
            state.put_user(connection);
            let mut answers: Vec<Subscribed> = Vec::new();
            for room in rooms {
                let index = shard_of(&subscriber.user, room.shards);
                let shard = Shard {
                    room: room.room.clone(),
                    index,
                };
                let fanout = state.fanouts.entry(shard.clone()).or_default();
                fanout.cursor.get_or_insert(room.head);
                let members = state.members.entry(shard).or_default();
                let first_device = !members
                    .list
                    .keys()
                    .any(|(user, _)| *user == subscriber.user);
                let key = (subscriber.user.clone(), subscriber.connection.clone());
                members
                    .list
                    .insert(key, (subscriber.clone(), connection.lease));
                members.version += 1;
                let subscribers = members.list.len() as u64;
                answers.push(Subscribed {
                    first_device,
                    subscribers,
                    rooms: 0,
                });
            }
            let key = (subscriber.user.clone(), subscriber.connection.clone());
            let shards = state.members.values();
            let in_rooms = shards
                .filter(|members| members.list.contains_key(&key))
                .count();
            for answer in &mut answers {
                answer.rooms = in_rooms as u64;
            }
            Some(answers)
        })
        .await
    }

    async fn unsubscribe(
        &self,
        subscriber: &Subscriber,
        room: &RoomName,
        shards: u16,
        _: Millis,
    ) -> Result<Option<Unsubscribed>, StoreError> {
        self.turn(|state| {
            let index = shard_of(&subscriber.user, shards);
            let shard = Shard {
                room: room.clone(),
                index,
            };
            let last_device = state.drop_member(subscriber, &shard)?;
            Some(Unsubscribed {
                room: room.clone(),
                shards,
                last_device,
            })
        })
        .await
    }

    async fn remove(&self, id: &ConnectionId, _: Millis) -> Result<Option<Removed>, StoreError> {
        self.turn(|state| {
            state.tombs.insert(id.clone());
            let subscriber = state.connections.remove(id)?.subscriber;
            let mut rooms = Vec::new();
            let shards: Vec<_> = state.members.keys().cloned().collect();
            for shard in shards {
                if let Some(last_device) = state.drop_member(&subscriber, &shard) {
                    rooms.push(Unsubscribed {
                        room: shard.room,
                        shards: 1,
                        last_device,
                    });
                }
            }
            if let Some(user) = state.users.get_mut(&subscriber.user) {
                user.connections.remove(id);
            }
            Some(Removed { subscriber, rooms })
        })
        .await
    }

    async fn connections_of(
        &self,
        user: &UserId,
        _: Millis,
    ) -> Result<Vec<Connection>, StoreError> {
        self.turn(|state| {
            let Some(known) = state.users.get(user) else {
                return Vec::new();
            };
            let ids = known.connections.keys();
            ids.filter_map(|id| state.connections.get(id).cloned())
                .collect()
        })
        .await
    }

    async fn subscribers(
        &self,
        shard: &Shard,
        known: Option<u64>,
        now: Millis,
    ) -> Result<Subscribers, StoreError> {
        self.turn(|state| {
            let members = state.members.entry(shard.clone()).or_default();
            let before = members.list.len();
            members.list.retain(|_, (_, lease)| *lease > now);
            members.version += u64::from(members.list.len() != before);
            if known == Some(members.version) {
                return Subscribers::Unchanged;
            }
            let list = members
                .list
                .values()
                .map(|(subscriber, _)| subscriber.clone())
                .collect();
            Subscribers::Listed {
                version: members.version,
                list,
            }
        })
        .await
    }

    async fn raise_head(&self, room: &RoomName, seq: Seq) -> Result<(), StoreError> {
        self.turn(|state| {
            let head = state.heads.entry(room.clone()).or_default();
            *head = seq.max(*head);
        })
        .await
    }

    async fn head(&self, room: &RoomName) -> Result<Option<Seq>, StoreError> {
        self.turn(|state| state.heads.get(room).copied()).await
    }

    async fn claim(
        &self,
        shard: &Shard,
        holder: &str,
        ttl_ms: u64,
        now: Millis,
    ) -> Result<Claim, StoreError> {
        self.turn(|state| {
            let fanout = state.fanouts.entry(shard.clone()).or_default();
            if fanout.lease.as_ref().is_some_and(|(_, until)| *until > now) {
                fanout.is_dirty = true;
                return Claim::Busy;
            }
            fanout.lease = Some((holder.to_owned(), now + ttl_ms as Millis));
            fanout.is_dirty = false;
            Claim::Held {
                cursor: fanout.cursor,
            }
        })
        .await
    }

    async fn advance(
        &self,
        shard: &Shard,
        holder: &str,
        cursor: Seq,
        ttl_ms: u64,
        now: Millis,
    ) -> Result<bool, StoreError> {
        self.turn(|state| {
            let fanout = state.fanouts.entry(shard.clone()).or_default();
            if fanout
                .lease
                .as_ref()
                .is_none_or(|(held_by, _)| held_by != holder)
            {
                return false;
            }
            fanout.lease = Some((holder.to_owned(), now + ttl_ms as Millis));
            fanout.cursor = fanout.cursor.max(Some(cursor));
            true
        })
        .await
    }

    async fn release(
        &self,
        shard: &Shard,
        holder: &str,
        cursor: Seq,
        _: Millis,
    ) -> Result<Release, StoreError> {
        self.turn(|state| {
            let fanout = state.fanouts.entry(shard.clone()).or_default();
            if fanout
                .lease
                .as_ref()
                .is_none_or(|(held_by, _)| held_by != holder)
            {
                return Release::Lost;
            }
            fanout.cursor = fanout.cursor.max(Some(cursor));
            if std::mem::take(&mut fanout.is_dirty) {
                return Release::Dirty;
            }
            fanout.lease = None;
            Release::Released
        })
        .await
    }

    async fn progress(
        &self,
        shard: &Shard,
        now: Millis,
    ) -> Result<(Option<Seq>, bool), StoreError> {
        self.turn(|state| {
            let Some(fanout) = state.fanouts.get(shard) else {
                return (None, false);
            };
            (
                fanout.cursor,
                fanout.lease.as_ref().is_some_and(|(_, until)| *until > now),
            )
        })
        .await
    }
}
