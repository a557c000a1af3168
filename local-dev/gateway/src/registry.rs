//! The connections that are established, by id.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::Id;
use crate::connection::Connection;

const SHARDS: usize = 32;

/// Connections for which a shard always has room.
const SMALL: usize = 64;

/// Sharded, so that posts to different connections seldom meet at one lock.
#[derive(Debug)]
pub(crate) struct Registry {
    hasher: RandomState,
    shards: [Mutex<HashMap<Id, Arc<Connection>>>; SHARDS],
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    pub(crate) fn get(&self, id: Id) -> Option<Arc<Connection>> {
        self.shard(id).get(&id).cloned()
    }

    pub(crate) fn insert(&self, connection: &Arc<Connection>) {
        self.shard(connection.id)
            .insert(connection.id, Arc::clone(connection));
    }

    pub(crate) fn remove(&self, id: Id) {
        let mut shard = self.shard(id);
        shard.remove(&id);
        // After many connections ended at once it would stay as large as it was with them.
        if shard.capacity() > SMALL && shard.len() < shard.capacity() / 4 {
            let len = shard.len();
            shard.shrink_to(2 * len);
        }
    }

    /// Looks at every connection, shard by shard; a shard is locked meanwhile.
    pub(crate) fn each(&self, mut look: impl FnMut(&Connection)) {
        for shard in &self.shards {
            lock(shard).values().for_each(|connection| look(connection));
        }
    }

    /// Every connection, shard by shard.
    pub(crate) fn all(&self) -> Vec<Arc<Connection>> {
        self.shards
            .iter()
            .flat_map(|shard| lock(shard).values().cloned().collect::<Vec<_>>())
            .collect()
    }

    fn shard(&self, id: Id) -> MutexGuard<'_, HashMap<Id, Arc<Connection>>> {
        let hash = usize::try_from(self.hasher.hash_one(id) % SHARDS as u64);
        lock(&self.shards[hash.unwrap_or(0)])
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
