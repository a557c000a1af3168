//! A history in memory.

use std::sync::Arc;
use std::sync::MutexGuard;

use async_trait::async_trait;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Entry;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomKind;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;

use super::HistoryState;
use crate::Append;
use crate::Appended;
use crate::History;
use crate::Membership;
use crate::Moderated;
use crate::Moderation;
use crate::Range;
use crate::RecentRoom;
use crate::Room;
use crate::Standing;
use crate::StoreError;
use crate::memory::Memory;
use crate::memory::Trip;
use crate::row;

/// The log's own clock: what a database says the time is.
pub type LogClock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// A history in memory.
pub struct MemoryHistory {
    memory: Memory<HistoryState>,
    clock: LogClock,
}

impl std::fmt::Debug for MemoryHistory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.memory.fmt(f)
    }
}

impl MemoryHistory {
    /// An empty one with this clock, at the end of this trip.
    #[must_use]
    pub fn new(clock: LogClock, trip: Arc<dyn Trip>) -> Self {
        Self {
            memory: Memory::new(HistoryState::default(), trip),
            clock,
        }
    }

    /// All of it, to look at and to change behind everybody's back.
    pub fn state(&self) -> MutexGuard<'_, HistoryState> {
        self.memory.look()
    }

    /// A call, with the log's time when it arrives.
    async fn call<T: Send>(
        &self,
        what: &'static str,
        act: impl FnOnce(&mut HistoryState, Millis) -> T + Send,
    ) -> Result<T, StoreError> {
        let clock = &self.clock;
        self.memory.call(what, |state| act(state, clock())).await
    }
}

#[async_trait]
impl History for MemoryHistory {
    async fn append(&self, append: &Append) -> Result<Appended, StoreError> {
        if row::key_columns(&append.key).is_none() {
            let why = "n counts from 1, a message id has 1 to 128 bytes";
            return Err(StoreError::unusable("memory", "appending", why));
        }
        self.call("append", |state, now| state.append(append, now))
            .await
    }

    async fn rooms(&self, names: &[RoomName], user: &UserId) -> Result<Vec<Room>, StoreError> {
        self.call("rooms", |state, now| state.rooms(names, user, now))
            .await
    }

    async fn create_room(
        &self,
        name: &RoomName,
        kind: RoomKind,
        shards: u16,
        owner: Option<&UserId>,
    ) -> Result<bool, StoreError> {
        self.call("create_room", |state, now| {
            state.create_room(name, kind, shards, owner, now)
        })
        .await
    }

    async fn create_direct(
        &self,
        name: &RoomName,
        users: [&UserId; 2],
    ) -> Result<bool, StoreError> {
        self.call("create_direct", |state, now| {
            state.create_direct(name, users, now)
        })
        .await
    }

    async fn entries(
        &self,
        room: &RoomName,
        range: Range,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        self.call("entries", |state, _| state.entries(room, range, limit))
            .await
    }

    async fn memberships(
        &self,
        user: &UserId,
        after: Option<&RoomName>,
        limit: u32,
    ) -> Result<Vec<Membership>, StoreError> {
        self.call("memberships", |state, _| {
            state.memberships(user, after, limit)
        })
        .await
    }

    async fn set_standing(
        &self,
        room: &RoomName,
        user: &UserId,
        standing: &Standing,
    ) -> Result<bool, StoreError> {
        self.call("set_standing", |state, _| {
            state.set_standing(room, user, standing)
        })
        .await
    }

    async fn moderate(&self, moderation: &Moderation) -> Result<Moderated, StoreError> {
        self.call("moderate", |state, now| state.moderate(moderation, now))
            .await
    }

    async fn mark_read(&self, room: &RoomName, user: &UserId, seq: Seq) -> Result<(), StoreError> {
        self.call("mark_read", |state, _| state.mark_read(room, user, seq))
            .await
    }

    async fn renew_epoch(&self, room: &RoomName, lost: Seq) -> Result<(), StoreError> {
        self.call("renew_epoch", |state, now| {
            state.renew_epoch(room, lost, now)
        })
        .await
    }

    async fn open_session(
        &self,
        connection: &ConnectionId,
        user: &UserId,
        at: Millis,
    ) -> Result<(), StoreError> {
        self.call("open_session", |state, _| {
            state.open_session(connection, user, at)
        })
        .await
    }

    async fn close_session(&self, connection: &ConnectionId, at: Millis) -> Result<(), StoreError> {
        self.call("close_session", |state, _| {
            state.close_session(connection, at)
        })
        .await
    }

    async fn recent_rooms(
        &self,
        within_ms: u64,
        limit: u32,
    ) -> Result<Vec<RecentRoom>, StoreError> {
        self.call("recent_rooms", |state, now| {
            state.recent_rooms(within_ms, limit, now)
        })
        .await
    }

    async fn purge(&self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        self.call("purge", |state, _| state.purge(before, limit))
            .await
    }
}
