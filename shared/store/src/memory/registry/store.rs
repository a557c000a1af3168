//! A registry in memory.

use std::sync::Arc;
use std::sync::MutexGuard;

use async_trait::async_trait;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;

use super::RegistryState;
use crate::Admission;
use crate::Claim;
use crate::Connection;
use crate::Greeting;
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
use crate::Unsubscribed;
use crate::memory::Memory;
use crate::memory::Straight;
use crate::memory::Trip;

/// A registry in memory.
#[derive(Debug)]
pub struct MemoryRegistry(Memory<RegistryState>);

impl MemoryRegistry {
    /// An empty one, at the end of this trip.
    #[must_use]
    pub fn new(trip: Arc<dyn Trip>) -> Self {
        Self(Memory::new(RegistryState::default(), trip))
    }

    /// All of it, to look at and to change behind everybody's back.
    pub fn state(&self) -> MutexGuard<'_, RegistryState> {
        self.0.look()
    }
}

impl Default for MemoryRegistry {
    fn default() -> Self {
        Self::new(Arc::new(Straight))
    }
}

#[async_trait]
impl Registry for MemoryRegistry {
    async fn connect(&self, connection: &Connection, now: Millis) -> Result<(), StoreError> {
        self.0
            .call("connect", |state| state.connect(connection, now))
            .await
    }

    async fn connection(
        &self,
        id: &ConnectionId,
        now: Millis,
    ) -> Result<Option<Connection>, StoreError> {
        self.0
            .call("connection", |state| state.connection(id, now))
            .await
    }

    async fn hello(
        &self,
        connection: &Connection,
        policy: SessionPolicy,
        now: Millis,
    ) -> Result<Greeting, StoreError> {
        self.0
            .call("hello", |state| state.hello(connection, policy, now))
            .await
    }

    async fn admit(
        &self,
        user: &UserId,
        connection: &ConnectionId,
        room: &RoomName,
        rates: Rates,
        now: Millis,
    ) -> Result<Admission, StoreError> {
        let act = |state: &mut RegistryState| state.admit(user, connection, room, rates, now);
        self.0.call("admit", act).await
    }

    async fn refund(&self, room: &RoomName, per_room: u32, _: Millis) -> Result<(), StoreError> {
        self.0
            .call("refund", |state| state.refund(room, per_room))
            .await
    }

    async fn take(
        &self,
        of: Owner<'_>,
        limits: &[Limit<'_>],
        now: Millis,
    ) -> Result<Option<Reached>, StoreError> {
        self.0
            .call("take", |state| state.take(of, limits, now))
            .await
    }

    async fn count(&self, room: &RoomName, _: u16, now: Millis) -> Result<u64, StoreError> {
        self.0.call("count", |state| state.count(room, now)).await
    }

    async fn note_occupancy(&self, room: &RoomName, count: u64) -> Result<bool, StoreError> {
        self.0
            .call("note_occupancy", |state| state.note_occupancy(room, count))
            .await
    }

    async fn subscribe(
        &self,
        connection: &Connection,
        rooms: &[Subscription],
        now: Millis,
    ) -> Result<Option<Vec<Subscribed>>, StoreError> {
        self.0
            .call("subscribe", |state| state.subscribe(connection, rooms, now))
            .await
    }

    async fn unsubscribe(
        &self,
        subscriber: &Subscriber,
        room: &RoomName,
        shards: u16,
        now: Millis,
    ) -> Result<Option<Unsubscribed>, StoreError> {
        let act = |state: &mut RegistryState| state.unsubscribe(subscriber, room, shards, now);
        self.0.call("unsubscribe", act).await
    }

    async fn evict(
        &self,
        user: &UserId,
        room: &RoomName,
        shards: u16,
        now: Millis,
    ) -> Result<Vec<Subscriber>, StoreError> {
        let act = |state: &mut RegistryState| state.evict(user, room, shards, now);
        self.0.call("evict", act).await
    }

    async fn remove(&self, id: &ConnectionId, now: Millis) -> Result<Option<Removed>, StoreError> {
        self.0.call("remove", |state| state.remove(id, now)).await
    }

    async fn connections_of(
        &self,
        user: &UserId,
        now: Millis,
    ) -> Result<Vec<Connection>, StoreError> {
        self.0
            .call("connections_of", |state| state.connections_of(user, now))
            .await
    }

    async fn subscribers(
        &self,
        shard: &Shard,
        known: Option<u64>,
        now: Millis,
    ) -> Result<Subscribers, StoreError> {
        self.0
            .call("subscribers", |state| state.subscribers(shard, known, now))
            .await
    }

    async fn raise_head(&self, room: &RoomName, seq: Seq) -> Result<(), StoreError> {
        self.0
            .call("raise_head", |state| state.raise_head(room, seq))
            .await
    }

    async fn head(&self, room: &RoomName) -> Result<Option<Seq>, StoreError> {
        self.0.call("head", |state| state.head(room)).await
    }

    async fn claim(
        &self,
        shard: &Shard,
        holder: &str,
        ttl_ms: u64,
        now: Millis,
    ) -> Result<Claim, StoreError> {
        self.0
            .call("claim", |state| state.claim(shard, holder, ttl_ms, now))
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
        let act = |state: &mut RegistryState| state.advance(shard, holder, cursor, ttl_ms, now);
        self.0.call("advance", act).await
    }

    async fn release(
        &self,
        shard: &Shard,
        holder: &str,
        cursor: Seq,
        _: Millis,
    ) -> Result<Release, StoreError> {
        self.0
            .call("release", |state| state.release(shard, holder, cursor))
            .await
    }

    async fn forget(
        &self,
        room: &RoomName,
        head: Option<Seq>,
        cursors: &[(Shard, Seq)],
    ) -> Result<(), StoreError> {
        self.0
            .call("forget", |state| state.forget(room, head, cursors))
            .await
    }

    async fn progress(
        &self,
        shard: &Shard,
        now: Millis,
    ) -> Result<(Option<Seq>, bool), StoreError> {
        self.0
            .call("progress", |state| state.progress(shard, now))
            .await
    }
}
