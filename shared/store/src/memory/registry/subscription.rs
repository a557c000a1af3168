//! Subscriptions and the lists they make.

use gatepost_protocol::Millis;
use gatepost_protocol::RoomName;
use gatepost_protocol::UserId;

use super::Listed;
use super::RegistryState;
use crate::Connection;
use crate::Shard;
use crate::Subscribed;
use crate::Subscriber;
use crate::Subscribers;
use crate::Subscription;
use crate::Unsubscribed;
use crate::registry::EVICTED_MS;
use crate::shard_of;

impl RegistryState {
    /// [`Registry::subscribe`](crate::Registry::subscribe).
    pub fn subscribe(
        &mut self,
        connection: &Connection,
        rooms: &[Subscription],
        now: Millis,
    ) -> Option<Vec<Subscribed>> {
        let subscriber = &connection.subscriber;
        let id = &subscriber.connection;
        if self.is_closed(id, now) {
            return None;
        }
        self.record(connection);
        let replaced = &self.user(&subscriber.user).replaced;
        if replaced.get(id).is_some_and(|until| *until > now) {
            return None;
        }
        let user = self.user(&subscriber.user);
        let is_placed = user.places.get(id).is_some_and(|place| place.lease > now);
        let evicted = user.evicted.clone();
        self.place(connection, now);
        let connections = self.connections_of(&subscriber.user, now).len() as u64;
        let mut subscribed = Vec::with_capacity(rooms.len());
        for room in rooms {
            let index = shard_of(&subscriber.user, room.shards);
            let shard = Shard {
                room: room.room.clone(),
                index,
            };
            let first_device = !self.is_listed(subscriber, &shard, true, now);
            let mut lapsed = self.end_leases(&shard, now);
            lapsed.retain(|other| other.user != subscriber.user);
            let stamp = self.stamp();
            let state = self.shards.entry(shard).or_default();
            let listed = Listed {
                subscriber: subscriber.clone(),
                shards: room.shards,
                lease: connection.lease,
            };
            let renewed = state.list.insert(key_of(subscriber), listed).is_some();
            let is_evicted = evicted.get(&room.room).is_some_and(|until| *until > now);
            if !renewed {
                state.version = Some(stamp);
            }
            state.fan_out.cursor.get_or_insert(room.head);
            subscribed.push(Subscribed {
                first_device,
                renewed,
                subscribers: state.list.len() as u64,
                rooms: 0,
                connections,
                lapsed,
                head: self.heads.get(&room.room).copied(),
                confirm: !renewed && (!is_placed || is_evicted),
            });
        }
        let key = key_of(subscriber);
        let lists = self.shards.values().map(|state| &state.list);
        let its_own = lists.filter_map(|list| list.get(&key));
        let in_rooms = its_own.filter(|listed| listed.lease > now).count() as u64;
        for room in &mut subscribed {
            room.rooms = in_rooms;
        }
        Some(subscribed)
    }

    /// [`Registry::count`](crate::Registry::count).
    #[must_use]
    pub fn count(&self, room: &RoomName, now: Millis) -> u64 {
        let shards = self.shards.iter().filter(|(shard, _)| shard.room == *room);
        let listed = shards.flat_map(|(_, state)| state.list.values());
        listed.filter(|listed| listed.lease > now).count() as u64
    }

    /// [`Registry::note_occupancy`](crate::Registry::note_occupancy).
    pub fn note_occupancy(&mut self, room: &RoomName, count: u64) -> bool {
        self.told.insert(room.clone(), count) != Some(count)
    }

    /// [`Registry::unsubscribe`](crate::Registry::unsubscribe).
    pub fn unsubscribe(
        &mut self,
        subscriber: &Subscriber,
        room: &RoomName,
        shards: u16,
        now: Millis,
    ) -> Option<Unsubscribed> {
        let shard = Shard {
            room: room.clone(),
            index: shard_of(&subscriber.user, shards),
        };
        let (_, last_device) = self.unlist(subscriber, &shard, now)?;
        Some(Unsubscribed {
            room: room.clone(),
            shards,
            last_device,
        })
    }

    /// [`Registry::evict`](crate::Registry::evict).
    pub fn evict(
        &mut self,
        user: &UserId,
        room: &RoomName,
        shards: u16,
        now: Millis,
    ) -> Vec<Subscriber> {
        let shard = Shard {
            room: room.clone(),
            index: shard_of(user, shards),
        };
        let until = now.saturating_add_unsigned(EVICTED_MS);
        self.user(user).evicted.insert(room.clone(), until);
        let stamp = self.stamp();
        let Some(state) = self.shards.get_mut(&shard) else {
            return Vec::new();
        };
        let of_user = state.list.extract_if(.., |(of, _), _| of == user);
        let evicted: Vec<_> = of_user.map(|(_, listed)| listed).collect();
        if !evicted.is_empty() {
            (state.version, state.lapsed) = (Some(stamp), 0);
        }
        let running = evicted.into_iter().filter(|listed| listed.lease > now);
        running.map(|listed| listed.subscriber).collect()
    }

    /// [`Registry::subscribers`](crate::Registry::subscribers).
    pub fn subscribers(&mut self, shard: &Shard, known: Option<u64>, now: Millis) -> Subscribers {
        let stamp = self.stamp();
        let state = self.shards.entry(shard.clone()).or_default();
        let lapsed = state.list.values().filter(|listed| listed.lease <= now);
        let lapsed = lapsed.count();
        if state.version.is_none() || lapsed != state.lapsed {
            (state.version, state.lapsed) = (Some(stamp), lapsed);
        }
        let version = state.version.unwrap_or(stamp);
        if known == Some(version) {
            return Subscribers::Unchanged;
        }
        let live = state.list.values().filter(|listed| listed.lease > now);
        Subscribers::Listed {
            version,
            list: live.map(|listed| listed.subscriber.clone()).collect(),
        }
    }

    /// Takes a subscription away. Answers, if its lease was running, over how many shards the room
    /// spreads, and whether no other connection of the user is in it.
    pub(super) fn unlist(
        &mut self,
        subscriber: &Subscriber,
        shard: &Shard,
        now: Millis,
    ) -> Option<(u16, bool)> {
        let last_device = !self.is_listed(subscriber, shard, false, now);
        let stamp = self.stamp();
        let state = self.shards.get_mut(shard)?;
        let listed = state.list.remove(&key_of(subscriber))?;
        (state.version, state.lapsed) = (Some(stamp), 0);
        (listed.lease > now).then_some((listed.shards, last_device))
    }

    /// Whether a connection of this user, this one or another, is in the shard now.
    fn is_listed(
        &self,
        subscriber: &Subscriber,
        shard: &Shard,
        this_one_too: bool,
        now: Millis,
    ) -> bool {
        let list = self
            .shards
            .get(shard)
            .into_iter()
            .flat_map(|s| s.list.iter());
        let mut running = list.filter(|(_, listed)| listed.lease > now);
        running.any(|((user, connection), _)| {
            *user == subscriber.user && (this_one_too || *connection != subscriber.connection)
        })
    }

    /// Takes out the subscriptions whose lease has ended.
    fn end_leases(&mut self, shard: &Shard, now: Millis) -> Vec<Subscriber> {
        let stamp = self.stamp();
        let state = self.shards.entry(shard.clone()).or_default();
        let lapsed = state.list.extract_if(.., |_, listed| listed.lease <= now);
        let lapsed: Vec<_> = lapsed.map(|(_, listed)| listed.subscriber).collect();
        if !lapsed.is_empty() {
            state.version = Some(stamp);
        }
        state.lapsed = 0;
        lapsed
    }
}

fn key_of(subscriber: &Subscriber) -> (UserId, gatepost_protocol::ConnectionId) {
    (subscriber.user.clone(), subscriber.connection.clone())
}
