//! A registry with a mistake, around a right one.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use async_trait::async_trait;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;
use gatepost_store::Admission;
use gatepost_store::Claim;
use gatepost_store::Connection;
use gatepost_store::Greeting;
use gatepost_store::Limit;
use gatepost_store::Owner;
use gatepost_store::Rates;
use gatepost_store::Reached;
use gatepost_store::Registry;
use gatepost_store::Release;
use gatepost_store::Removed;
use gatepost_store::SessionPolicy;
use gatepost_store::Shard;
use gatepost_store::StoreError;
use gatepost_store::Subscribed;
use gatepost_store::Subscriber;
use gatepost_store::Subscribers;
use gatepost_store::Subscription;
use gatepost_store::Unsubscribed;

use super::Mutant;

/// A registry with a mistake.
#[derive(Debug)]
pub(crate) struct WrongRegistry {
    inner: Arc<dyn Registry>,
    mutant: Mutant,
    /// The room that `$connect` subscribes to.
    room: Subscription,
    /// Everybody who ever connected.
    connected: Mutex<Vec<Subscriber>>,
}

impl WrongRegistry {
    pub(crate) fn new(inner: Arc<dyn Registry>, mutant: Mutant, room: RoomName) -> Self {
        Self {
            inner,
            mutant,
            room: Subscription {
                room,
                shards: 1,
                head: 0,
            },
            connected: Mutex::default(),
        }
    }
}

#[async_trait]
impl Registry for WrongRegistry {
    async fn connect(&self, connection: &Connection, now: Millis) -> Result<(), StoreError> {
        self.connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection.subscriber.clone());
        self.inner.connect(connection, now).await?;
        if self.mutant == Mutant::ReapYoung {
            let policy = SessionPolicy::Multi;
            self.inner.hello(connection, policy, now).await?;
            let rooms = std::slice::from_ref(&self.room);
            self.inner.subscribe(connection, rooms, now).await?;
        }
        Ok(())
    }

    async fn connection(
        &self,
        id: &ConnectionId,
        now: Millis,
    ) -> Result<Option<Connection>, StoreError> {
        if self.mutant == Mutant::ReapYoung {
            // `$connect` is believed, whatever was removed since.
            let connected = self
                .connected
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let known = connected.iter().find(|known| known.connection == *id);
            return Ok(known.map(|subscriber| Connection {
                subscriber: subscriber.clone(),
                client: None,
                lease: now + 60_000,
            }));
        }
        self.inner.connection(id, now).await
    }

    async fn hello(
        &self,
        connection: &Connection,
        policy: SessionPolicy,
        now: Millis,
    ) -> Result<Greeting, StoreError> {
        if self.mutant == Mutant::ReapYoung {
            // `$connect` did it.
            let replaced = Vec::new();
            return Ok(Greeting::Welcome { replaced });
        }
        self.inner.hello(connection, policy, now).await
    }

    async fn admit(
        &self,
        user: &UserId,
        connection: &ConnectionId,
        room: &RoomName,
        rates: Rates,
        now: Millis,
    ) -> Result<Admission, StoreError> {
        self.inner.admit(user, connection, room, rates, now).await
    }

    async fn refund(&self, room: &RoomName, per_room: u32, now: Millis) -> Result<(), StoreError> {
        self.inner.refund(room, per_room, now).await
    }

    async fn take(
        &self,
        of: Owner<'_>,
        limits: &[Limit<'_>],
        now: Millis,
    ) -> Result<Option<Reached>, StoreError> {
        self.inner.take(of, limits, now).await
    }

    async fn count(&self, room: &RoomName, shards: u16, now: Millis) -> Result<u64, StoreError> {
        self.inner.count(room, shards, now).await
    }

    async fn note_occupancy(&self, room: &RoomName, count: u64) -> Result<bool, StoreError> {
        self.inner.note_occupancy(room, count).await
    }

    async fn subscribe(
        &self,
        connection: &Connection,
        rooms: &[Subscription],
        now: Millis,
    ) -> Result<Option<Vec<Subscribed>>, StoreError> {
        if self.mutant == Mutant::ReapYoung {
            let subscribed = Subscribed {
                first_device: false,
                rooms: 1,
                connections: 1,
                head: None,
                confirm: false,
                renewed: false,
                subscribers: 1,
                lapsed: Vec::new(),
            };
            return Ok(Some(vec![subscribed; rooms.len()]));
        }
        self.inner.subscribe(connection, rooms, now).await
    }

    async fn unsubscribe(
        &self,
        subscriber: &Subscriber,
        room: &RoomName,
        shards: u16,
        now: Millis,
    ) -> Result<Option<Unsubscribed>, StoreError> {
        self.inner.unsubscribe(subscriber, room, shards, now).await
    }

    async fn evict(
        &self,
        user: &UserId,
        room: &RoomName,
        shards: u16,
        now: Millis,
    ) -> Result<Vec<Subscriber>, StoreError> {
        if self.mutant == Mutant::KeepsSubscription {
            return Ok(Vec::new());
        }
        self.inner.evict(user, room, shards, now).await
    }

    async fn remove(&self, id: &ConnectionId, now: Millis) -> Result<Option<Removed>, StoreError> {
        let known = self.inner.connection(id, now).await?;
        let removed = self.inner.remove(id, now).await?;
        if self.mutant == Mutant::DeleteByUser {
            let connected = self.connected.lock();
            let user = connected
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .find(|subscriber| subscriber.connection == *id)
                .map(|subscriber| subscriber.user.clone());
            let user = user.or_else(|| known.map(|known| known.subscriber.user));
            if let Some(user) = user {
                for other in self.inner.connections_of(&user, now).await? {
                    let id = &other.subscriber.connection;
                    self.inner.remove(id, now).await?;
                }
            }
        }
        Ok(removed)
    }

    async fn connections_of(
        &self,
        user: &UserId,
        now: Millis,
    ) -> Result<Vec<Connection>, StoreError> {
        self.inner.connections_of(user, now).await
    }

    async fn subscribers(
        &self,
        shard: &Shard,
        known: Option<u64>,
        now: Millis,
    ) -> Result<Subscribers, StoreError> {
        if self.mutant == Mutant::KeepsList && known.is_some() {
            return Ok(Subscribers::Unchanged);
        }
        // Whoever connected since is on no list that still holds.
        let known = known.filter(|_| self.mutant != Mutant::NoAccessCheck);
        let mut subscribers = self.inner.subscribers(shard, known, now).await?;
        if self.mutant == Mutant::NoAccessCheck
            && let Subscribers::Listed { list, .. } = &mut subscribers
        {
            let everybody = self.connected.lock();
            for other in everybody.unwrap_or_else(PoisonError::into_inner).iter() {
                if !list.contains(other) {
                    list.push(other.clone());
                }
            }
        }
        Ok(subscribers)
    }

    async fn raise_head(&self, room: &RoomName, seq: Seq) -> Result<(), StoreError> {
        self.inner.raise_head(room, seq).await
    }

    async fn head(&self, room: &RoomName) -> Result<Option<Seq>, StoreError> {
        self.inner.head(room).await
    }

    async fn claim(
        &self,
        shard: &Shard,
        holder: &str,
        ttl_ms: u64,
        now: Millis,
    ) -> Result<Claim, StoreError> {
        self.inner.claim(shard, holder, ttl_ms, now).await
    }

    async fn advance(
        &self,
        shard: &Shard,
        holder: &str,
        cursor: Seq,
        ttl_ms: u64,
        now: Millis,
    ) -> Result<bool, StoreError> {
        self.inner.advance(shard, holder, cursor, ttl_ms, now).await
    }

    async fn release(
        &self,
        shard: &Shard,
        holder: &str,
        cursor: Seq,
        now: Millis,
    ) -> Result<Release, StoreError> {
        self.inner.release(shard, holder, cursor, now).await
    }

    async fn forget(
        &self,
        room: &RoomName,
        head: Option<Seq>,
        cursors: &[(Shard, Seq)],
    ) -> Result<(), StoreError> {
        self.inner.forget(room, head, cursors).await
    }

    async fn progress(
        &self,
        shard: &Shard,
        now: Millis,
    ) -> Result<(Option<Seq>, bool), StoreError> {
        self.inner.progress(shard, now).await
    }
}
