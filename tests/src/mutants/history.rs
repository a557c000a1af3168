//! A log with a mistake, around a right one.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use gatepost_protocol::ClientId;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Entry;
use gatepost_protocol::Epoch;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomKind;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;
use gatepost_store::Append;
use gatepost_store::AppendKey;
use gatepost_store::Appended;
use gatepost_store::History;
use gatepost_store::Membership;
use gatepost_store::Moderated;
use gatepost_store::Moderation;
use gatepost_store::Range;
use gatepost_store::RecentRoom;
use gatepost_store::Room;
use gatepost_store::Standing;
use gatepost_store::StoreError;
use tokio::time::sleep;

use super::Mutant;

/// How long a commit comes after the seq was drawn, for every fourth: longer than clients hold back.
const COMMIT: Duration = Duration::from_millis(600);

/// A log with a mistake.
#[derive(Debug)]
pub(crate) struct WrongHistory {
    inner: Arc<dyn History>,
    mutant: Mutant,
    state: Mutex<State>,
}

/// What a wrong log keeps by itself, for a run of one room.
#[derive(Debug, Default)]
struct State {
    /// The last seq drawn.
    drawn: Seq,
    /// Sends seen, to choose which are unlucky.
    sends: u64,
    /// Entries that are visible.
    entries: BTreeMap<Seq, Entry>,
    /// The epoch of each room as it was read first.
    epochs: BTreeMap<RoomName, Epoch>,
    /// Where a send was stored.
    known: HashMap<(UserId, ClientId, u64), (Epoch, Seq)>,
}

impl WrongHistory {
    pub(crate) fn new(inner: Arc<dyn History>, mutant: Mutant) -> Self {
        Self {
            inner,
            mutant,
            state: Mutex::default(),
        }
    }

    /// Everything that a Redis would have known is lost.
    pub(crate) fn flush(&self) {
        self.state().known.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It keeps the entries by itself.
    fn keeps_entries(&self) -> bool {
        matches!(self.mutant, Mutant::CounterSeq | Mutant::AutoIncrement)
    }

    async fn of_room(&self, append: &Append) -> Result<Option<Room>, StoreError> {
        let names = std::slice::from_ref(&append.room);
        Ok(self.inner.rooms(names, &append.from.id).await?.pop())
    }

    /// The seq is drawn first, the entry is visible later.
    async fn drawn(&self, append: &Append) -> Result<Appended, StoreError> {
        let Some(room) = self.of_room(append).await? else {
            return Ok(Appended::NoRoom);
        };
        let (epoch, shards, at) = (room.epoch, room.shards, 1);
        let AppendKey::Numbered { client, n } = append.key.clone() else {
            return self.inner.append(append).await;
        };
        let key = (append.from.id.clone(), client.clone(), n);
        let (seq, is_unlucky) = {
            let mut state = self.state();
            if let Some((_, seq)) = state.known.get(&key) {
                let (seq, at) = (Some(*seq), Some(at));
                return Ok(Appended::Duplicate {
                    epoch,
                    seq,
                    at,
                    shards,
                });
            }
            state.drawn += 1;
            state.sends += 1;
            (state.drawn, state.sends % 4 == 1)
        };
        if is_unlucky {
            sleep(COMMIT).await;
            if self.mutant == Mutant::AutoIncrement {
                // Rolled back: the number is gone.
                return Err(StoreError::Unavailable {
                    store: "mysql",
                    what: "committing",
                    source: None,
                });
            }
        }
        let mut state = self.state();
        state.known.insert(key, (epoch, seq));
        let entry = Entry {
            seq,
            at,
            from: append.from.clone(),
            client: Some(client),
            n: Some(n),
            content: append.content.clone(),
        };
        state.entries.insert(seq, entry);
        Ok(Appended::Stored {
            epoch,
            seq,
            at,
            shards,
        })
    }

    /// Says where it will be, and every fourth never is.
    async fn promised(&self, append: &Append) -> Result<Appended, StoreError> {
        let Some(room) = self.of_room(append).await? else {
            return Ok(Appended::NoRoom);
        };
        let is_lost = {
            let mut state = self.state();
            state.sends += 1;
            state.sends.is_multiple_of(4)
        };
        let promised = Appended::Stored {
            epoch: room.epoch,
            seq: room.head + 1,
            at: 1,
            shards: room.shards,
        };
        if !is_lost {
            let key = AppendKey::Message(format!("m{}", room.head + 1));
            let append = Append {
                key,
                ..append.clone()
            };
            self.inner.append(&append).await?;
        }
        Ok(promised)
    }

    /// What was sent before is remembered elsewhere.
    async fn deduped(&self, append: &Append) -> Result<Appended, StoreError> {
        let AppendKey::Numbered { client, n } = append.key.clone() else {
            return self.inner.append(append).await;
        };
        let key = (append.from.id.clone(), client, n);
        let known = self.state().known.get(&key).copied();
        if let Some((epoch, seq)) = known {
            let (seq, at, shards) = (Some(seq), Some(1), 1);
            return Ok(Appended::Duplicate {
                epoch,
                seq,
                at,
                shards,
            });
        }
        let sends = {
            let mut state = self.state();
            state.sends += 1;
            state.sends
        };
        let append = Append {
            key: AppendKey::Message(format!("m{sends}")),
            ..append.clone()
        };
        let appended = self.inner.append(&append).await?;
        if let Appended::Stored { epoch, seq, .. } = appended {
            self.state().known.insert(key, (epoch, seq));
        }
        Ok(appended)
    }
}

#[async_trait]
impl History for WrongHistory {
    async fn append(&self, append: &Append) -> Result<Appended, StoreError> {
        match self.mutant {
            Mutant::CounterSeq | Mutant::AutoIncrement => self.drawn(append).await,
            Mutant::AckBeforeCommit => self.promised(append).await,
            Mutant::DedupeInRedis => self.deduped(append).await,
            _ => self.inner.append(append).await,
        }
    }

    async fn rooms(&self, names: &[RoomName], user: &UserId) -> Result<Vec<Room>, StoreError> {
        let mut rooms = self.inner.rooms(names, user).await?;
        if self.keeps_entries() {
            let head = self.state().entries.keys().next_back().copied();
            for room in &mut rooms {
                room.head = head.unwrap_or_default();
            }
        }
        for room in &mut rooms {
            match self.mutant {
                Mutant::NoFloor => room.floor = 0,
                Mutant::KeepsEpoch => {
                    let epochs = &mut self.state().epochs;
                    room.epoch = *epochs.entry(room.name.clone()).or_insert(room.epoch);
                }
                _ => {}
            }
        }
        Ok(rooms)
    }

    async fn entries(
        &self,
        room: &RoomName,
        range: Range,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let range = match range {
            Range::After(seq) if self.mutant == Mutant::ResumeInclusive => {
                Range::After(seq.saturating_sub(1))
            }
            other => other,
        };
        if !self.keeps_entries() {
            return self.inner.entries(room, range, limit).await;
        }
        let state = self.state();
        let after = match range {
            Range::After(seq) => seq,
            Range::Before(_) | Range::Newest => return Ok(Vec::new()),
        };
        let visible = state.entries.range(after + 1..).map(|(_, entry)| entry);
        Ok(visible.take(limit as usize).cloned().collect())
    }

    async fn create_room(
        &self,
        name: &RoomName,
        kind: RoomKind,
        shards: u16,
        owner: Option<&UserId>,
    ) -> Result<bool, StoreError> {
        self.inner.create_room(name, kind, shards, owner).await
    }

    async fn create_direct(
        &self,
        name: &RoomName,
        users: [&UserId; 2],
    ) -> Result<bool, StoreError> {
        self.inner.create_direct(name, users).await
    }

    async fn memberships(
        &self,
        user: &UserId,
        after: Option<&RoomName>,
        limit: u32,
    ) -> Result<Vec<Membership>, StoreError> {
        self.inner.memberships(user, after, limit).await
    }

    async fn set_standing(
        &self,
        room: &RoomName,
        user: &UserId,
        standing: &Standing,
    ) -> Result<bool, StoreError> {
        self.inner.set_standing(room, user, standing).await
    }

    async fn moderate(&self, moderation: &Moderation) -> Result<Moderated, StoreError> {
        self.inner.moderate(moderation).await
    }

    async fn mark_read(&self, room: &RoomName, user: &UserId, seq: Seq) -> Result<(), StoreError> {
        self.inner.mark_read(room, user, seq).await
    }

    async fn renew_epoch(&self, room: &RoomName, lost: Seq) -> Result<(), StoreError> {
        self.inner.renew_epoch(room, lost).await
    }

    async fn open_session(
        &self,
        connection: &ConnectionId,
        user: &UserId,
        at: Millis,
    ) -> Result<(), StoreError> {
        self.inner.open_session(connection, user, at).await
    }

    async fn close_session(&self, connection: &ConnectionId, at: Millis) -> Result<(), StoreError> {
        self.inner.close_session(connection, at).await
    }

    async fn recent_rooms(
        &self,
        within_ms: u64,
        limit: u32,
    ) -> Result<Vec<RecentRoom>, StoreError> {
        self.inner.recent_rooms(within_ms, limit).await
    }

    async fn purge(&self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        self.inner.purge(before, limit).await
    }
}
