//! Connections that did not read a moment ago: they are left alone for a while, so that the others
//! do not pay for them again with every message. They catch up by `ping` and `sync`.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use gatepost_protocol::ConnectionId;
use tokio::time::Instant;

/// How long a connection is left alone the first time; each time in a row twice as long.
const FIRST: Duration = Duration::from_secs(2);

/// How long at most.
const MOST: Duration = Duration::from_secs(32);

/// Connections remembered.
const KEPT: usize = 10_000;

/// The connections that are left alone.
#[derive(Debug, Default)]
pub(crate) struct Stalls {
    kept: Mutex<HashMap<ConnectionId, Stall>>,
}

#[derive(Debug, Clone, Copy)]
struct Stall {
    until: Instant,
    lasts: Duration,
}

impl Stalls {
    /// The connections to leave alone now; `None`, the usual case, costs no look-ups.
    pub(crate) fn now(&self) -> Option<Vec<ConnectionId>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_empty() {
            return None;
        }
        let now = Instant::now();
        let mut list: Vec<_> = kept
            .iter()
            .filter(|(_, stall)| stall.until > now)
            .map(|(connection, _)| connection.clone())
            .collect();
        list.sort_unstable();
        (!list.is_empty()).then_some(list)
    }

    /// A connection did not read.
    pub(crate) fn add(&self, connection: &ConnectionId) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if kept.len() >= KEPT {
            kept.retain(|_, stall| stall.until > now);
        }
        if kept.len() >= KEPT {
            kept.clear();
        }
        let lasts = kept
            .get(connection)
            .map_or(FIRST, |stall| (stall.lasts * 2).min(MOST));
        kept.insert(
            connection.clone(),
            Stall {
                until: now + lasts,
                lasts,
            },
        );
    }

    /// A connection reads again.
    pub(crate) fn forget(&self, connection: &ConnectionId) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.is_empty() {
            kept.remove(connection);
        }
    }
}
