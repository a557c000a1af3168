//! The history of a world, and what a test sees and changes of it.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use gatepost_protocol::ConnectionId;
use gatepost_protocol::RoomKind;
use gatepost_protocol::Seq;
use gatepost_store::Standing;
use gatepost_store::memory::Log;
use gatepost_store::memory::MemoryHistory;
use gatepost_store::memory::Session;

use super::turnstile::Passage;
use super::turnstile::Turnstile;

/// The log's clock stands still, so that every room has this epoch.
pub(crate) const EPOCH: i64 = 7;

#[derive(Debug)]
pub(crate) struct TestHistory {
    pub(crate) memory: Arc<MemoryHistory>,
    pub(crate) is_away: Arc<AtomicBool>,
}

impl Deref for TestHistory {
    type Target = MemoryHistory;

    fn deref(&self) -> &MemoryHistory {
        &self.memory
    }
}

impl TestHistory {
    pub(crate) fn new(turnstile: Turnstile) -> Self {
        let passage = Passage::new("mysql", turnstile);
        let is_away = passage.is_away();
        let memory = MemoryHistory::new(Arc::new(|| EPOCH), Arc::new(passage));
        Self {
            memory: Arc::new(memory),
            is_away,
        }
    }

    pub(crate) fn make(&self, room: &str, kind: RoomKind, shards: u16) {
        let log = Log::new(kind, shards, EPOCH);
        self.state().rooms.insert(room.parse().unwrap(), log);
    }

    /// A copy of so many entries takes the place of a room's log.
    pub(crate) fn restore(&self, room: &str, entries: Seq) {
        let mut state = self.state();
        let log = state.rooms.get_mut(&room.parse().unwrap()).unwrap();
        log.entries.retain(|seq, _| *seq <= entries);
        log.producers.clear();
        log.head = entries;
    }

    pub(crate) fn exists(&self, room: &str) -> bool {
        self.state().rooms.contains_key(&room.parse().unwrap())
    }

    pub(crate) fn set(&self, room: &str, user: &str, standing: &Standing) {
        let (room, user) = (room.parse().unwrap(), user.parse().unwrap());
        assert!(self.state().set_standing(&room, &user, standing));
    }

    pub(crate) fn purge_to(&self, room: &str, floor: Seq) {
        let mut state = self.state();
        let log = state.rooms.get_mut(&room.parse().unwrap()).unwrap();
        log.entries.retain(|seq, _| *seq > floor);
        log.floor = floor;
    }

    pub(crate) fn texts(&self, room: &str) -> Vec<String> {
        let state = self.state();
        let log = state.rooms.get(&room.parse().unwrap()).unwrap();
        let stored = log.entries.values();
        stored.map(|one| super::text_of(&one.entry)).collect()
    }

    pub(crate) fn sessions(&self) -> BTreeMap<ConnectionId, Session> {
        self.state().sessions.clone()
    }
}
