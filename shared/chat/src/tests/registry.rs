//! The registry of a world, and what a test sees and changes of it.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use gatepost_protocol::Millis;
use gatepost_protocol::Seq;
use gatepost_store::Shard;
use gatepost_store::memory::MemoryRegistry;

use super::turnstile::Calls;
use super::turnstile::Passage;
use super::turnstile::Turnstile;

#[derive(Debug)]
pub(crate) struct TestRegistry {
    pub(crate) memory: Arc<MemoryRegistry>,
    pub(crate) is_away: Arc<AtomicBool>,
    calls: Calls,
}

impl Deref for TestRegistry {
    type Target = MemoryRegistry;

    fn deref(&self) -> &MemoryRegistry {
        &self.memory
    }
}

impl TestRegistry {
    pub(crate) fn new(turnstile: Turnstile) -> Self {
        let passage = Passage::new("redis", turnstile);
        let (is_away, calls) = (passage.is_away(), passage.calls());
        Self {
            memory: Arc::new(MemoryRegistry::new(Arc::new(passage))),
            is_away,
            calls,
        }
    }

    /// How many sends were given back to their room's rate.
    pub(crate) fn refunds(&self) -> usize {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|call| **call == "refund").count()
    }

    /// All of it is lost.
    pub(crate) fn flush(&self) {
        self.state().lose();
    }

    pub(crate) fn cursor(&self, room: &str) -> Option<Seq> {
        let state = self.state();
        state.shards.get(&shard(room))?.fan_out.cursor
    }

    pub(crate) fn is_held(&self, room: &str) -> bool {
        let state = self.state();
        let shard = state.shards.get(&shard(room));
        shard.is_some_and(|shard| shard.fan_out.lease.is_some())
    }

    /// Subscriptions of a room of one shard, as `user|connection`.
    pub(crate) fn members(&self, room: &str) -> Vec<String> {
        let state = self.state();
        let list = state.shards.get(&shard(room)).map(|shard| &shard.list);
        let keys = list.into_iter().flat_map(|list| list.keys());
        keys.map(|(user, connection)| format!("{user}|{connection}"))
            .collect()
    }

    pub(crate) fn lease_of(&self, room: &str, user: &str) -> Option<Millis> {
        let state = self.state();
        let mut list = state.shards.get(&shard(room))?.list.values();
        list.find(|listed| listed.subscriber.user.as_str() == user)
            .map(|listed| listed.lease)
    }

    pub(crate) fn known(&self) -> usize {
        self.state().connections.len()
    }

    /// Another worker takes the lease over.
    pub(crate) fn steal(&self, room: &str) {
        let mut state = self.state();
        let shard = state.shards.entry(shard(room)).or_default();
        shard.fan_out.lease = Some((String::from("thief"), Millis::MAX));
    }

    /// Nobody holds the lease any more.
    pub(crate) fn free(&self, room: &str) {
        let mut state = self.state();
        state.shards.entry(shard(room)).or_default().fan_out.lease = None;
    }
}

pub(crate) fn shard(room: &str) -> Shard {
    Shard {
        room: room.parse().unwrap(),
        index: 0,
    }
}
