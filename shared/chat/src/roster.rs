//! The subscribers of a shard, kept while warm.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use gatepost_protocol::ConnectionId;
use gatepost_store::Dialect;
use gatepost_store::Shard;
use gatepost_store::StoreError;
use gatepost_store::Subscriber;
use gatepost_store::Subscribers;

use crate::Chat;

/// Subscribers kept over all shards: at some 200 bytes each, 20 MB.
const KEPT: usize = 100_000;

/// The subscribers of a shard, seed clients first: they cannot put a repeated post in its place, so
/// they are served while there is time.
#[derive(Debug)]
pub(crate) struct Roster {
    version: u64,
    subscribers: Vec<Subscriber>,
    seeds: usize,
}

impl Roster {
    fn new(version: u64, mut subscribers: Vec<Subscriber>) -> Self {
        subscribers.sort_by_key(|subscriber| subscriber.dialect != Dialect::Seed);
        let seeds = subscribers.partition_point(|subscriber| subscriber.dialect == Dialect::Seed);
        Self {
            version,
            subscribers,
            seeds,
        }
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn subscribers(&self) -> &[Subscriber] {
        &self.subscribers
    }

    pub(crate) fn len(&self) -> usize {
        self.subscribers.len()
    }

    /// How many seed clients the list begins with.
    pub(crate) fn seeds(&self) -> usize {
        self.seeds
    }

    pub(crate) fn connection(&self, index: usize) -> &ConnectionId {
        &self.subscribers[index].connection
    }

    pub(crate) fn dialect(&self, index: usize) -> Dialect {
        self.subscribers[index].dialect
    }
}

/// The lists that are kept. What is kept is never believed without asking for its version.
#[derive(Debug, Default)]
pub(crate) struct Rosters {
    kept: Mutex<HashMap<Shard, Arc<Roster>>>,
}

impl Rosters {
    pub(crate) fn get(&self, shard: &Shard) -> Option<Arc<Roster>> {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(shard)
            .cloned()
    }

    fn keep(&self, shard: &Shard, roster: &Arc<Roster>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(shard.clone(), Arc::clone(roster));
        // Rarely true, and then anything that makes room will do.
        if kept.values().map(|roster| roster.len() + 1).sum::<usize>() > KEPT {
            kept.retain(|other, _| other == shard);
        }
    }
}

impl Chat {
    /// The subscribers of a shard as they are now: one turn at the registry, which answers briefly
    /// if the list that is kept still holds.
    pub(crate) async fn roster(&self, shard: &Shard) -> Result<Arc<Roster>, StoreError> {
        let kept = self.rosters.get(shard);
        let known = kept.as_ref().map(|roster| roster.version);
        match (
            self.parts
                .registry
                .subscribers(shard, known, self.now())
                .await?,
            kept,
        ) {
            (Subscribers::Unchanged, Some(kept)) => Ok(kept),
            // Only an answer to a question that was not asked; nobody is on the list then.
            (Subscribers::Unchanged, None) => Ok(Arc::new(Roster::new(0, Vec::new()))),
            (Subscribers::Listed { version, list }, _) => {
                let roster = Arc::new(Roster::new(version, list));
                self.rosters.keep(shard, &roster);
                Ok(roster)
            }
        }
    }
}
