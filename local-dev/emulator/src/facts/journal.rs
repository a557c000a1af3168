//! The last facts in memory, for whoever asks later, and a bell for whoever waits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use serde::Serialize;
use tokio::sync::watch;

use super::Fact;
use super::Kind;
use super::Opening;
use super::Outlet;

/// How many facts are kept.
const KEPT: usize = 4096;
/// How many bytes of lines that functions printed are kept: one may be 64 KB long.
const KEPT_BYTES: usize = 8 * 1024 * 1024;

/// A fact as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Entry {
    /// Counts from 1 without holes.
    pub(crate) number: u64,
    /// The fact.
    #[serde(flatten)]
    pub(crate) fact: Fact,
}

impl Entry {
    /// One JSON object on one line. Made when somebody reads it: most facts nobody reads.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("facts have only string keys and finite numbers")
    }
}

/// The last facts. Recording never waits: whoever reads slowly misses facts, and can see by their
/// numbers that it did.
#[derive(Debug)]
pub(crate) struct Journal {
    kept: Mutex<Kept>,
    last: watch::Sender<u64>,
    outlet: Outlet,
}

#[derive(Debug, Default)]
struct Kept {
    entries: VecDeque<Arc<Entry>>,
    /// Length of the printed lines among them.
    bytes: usize,
    last: u64,
}

impl Journal {
    /// An empty journal that also writes to `outlet`.
    pub(crate) fn new(outlet: Outlet) -> Self {
        Self {
            kept: Mutex::default(),
            last: watch::Sender::new(0),
            outlet,
        }
    }

    /// Takes a fact.
    pub(crate) fn record(&self, fact: Fact) {
        let mut kept = self.lock();
        kept.last += 1;
        let number = kept.last;
        let entry = Arc::new(Entry { number, fact });
        kept.bytes += line_length(&entry);
        kept.entries.push_back(Arc::clone(&entry));
        while kept.entries.len() > KEPT || kept.bytes > KEPT_BYTES {
            let Some(oldest) = kept.entries.pop_front() else {
                break;
            };
            kept.bytes -= line_length(&oldest);
        }
        // Inside the lock, so that the outlet sees facts in the order of their numbers.
        self.outlet.write(entry);
        drop(kept);
        self.last.send_replace(number);
    }

    /// Says that everything is ready.
    pub(crate) fn open(&self, opening: Opening) {
        self.outlet.open(opening);
    }

    /// Waits until everything is written.
    pub(crate) fn flush(&self) {
        self.outlet.flush();
    }

    /// The kept facts after a number, oldest first, at most `limit`.
    pub(crate) fn after(&self, number: u64, limit: usize) -> Vec<Arc<Entry>> {
        let kept = self.lock();
        let first = kept.entries.front().map_or(0, |entry| entry.number);
        let skip = usize::try_from((number + 1).saturating_sub(first)).unwrap_or(usize::MAX);
        kept.entries
            .iter()
            .skip(skip)
            .take(limit)
            .cloned()
            .collect()
    }

    /// Number of the last fact, and a way to wait for the next.
    pub(crate) fn last(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing inside the lock leaves the list half changed, so a panic there did not either.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn line_length(entry: &Entry) -> usize {
    match &entry.fact.kind {
        Kind::Log { line, .. } => line.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(journal: &Journal, after: u64, limit: usize) -> Vec<u64> {
        journal
            .after(after, limit)
            .iter()
            .map(|entry| entry.number)
            .collect()
    }

    #[test]
    fn the_last_facts_are_kept_and_numbered_without_holes() {
        let journal = Journal::new(Outlet::none());
        assert!(numbers(&journal, 0, 10).is_empty());
        let count = KEPT as u64 + 10;
        for at in 0..count {
            journal.record(Fact {
                at,
                kind: Kind::Stopping,
            });
        }
        assert_eq!(*journal.last().borrow(), count);
        assert_eq!(numbers(&journal, 0, 2), [11, 12]);
        assert_eq!(numbers(&journal, 20, 2), [21, 22]);
        assert_eq!(numbers(&journal, count - 1, 10), [count]);
        assert!(numbers(&journal, count, 10).is_empty());
        assert!(numbers(&journal, u64::MAX - 1, 10).is_empty());
    }

    #[test]
    fn long_lines_push_older_facts_out() {
        let journal = Journal::new(Outlet::none());
        for _ in 0..200 {
            let line = "x".repeat(64 * 1024);
            let kind = Kind::Log {
                function: "F".into(),
                request: None,
                line,
            };
            journal.record(Fact { at: 0, kind });
        }
        assert_eq!(numbers(&journal, 0, 200).len(), KEPT_BYTES / (64 * 1024));
    }
}
