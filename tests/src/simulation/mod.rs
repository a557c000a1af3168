//! The chat core in a world of its own: stores and gateway in memory, virtual time, one thread, and
//! one number, the seed, that decides everything else. The same seed gives the same trace.
//!
//! Users' clients, as the protocol describes them, join rooms, write, edit, take back, react, write to
//! one person, make a private room, invite, kick and ban there, leave, reload and lose their
//! connections. In some worlds the lobby has several shards, another client of a user takes over,
//! old entries are purged, or the logs are restored from a copy. Every frame is an invocation of its own: those of one connection overtake each
//! other, come twice or late, stop for longer than a lease, and die at any call of a store or any
//! post. Meanwhile the registry is lost or away, the log is away or takes a call and loses its
//! answer, posts are refused, lost, doubled and overtaken, and `$disconnect` comes late, twice or
//! never. Then the faults end, and [the judge](crate::checker) says whether every promise was kept.

mod chance;
mod client;
mod gateway;
mod lambda;
mod life;
mod outbox;
mod person;
mod restore;
mod run;
mod trace;
mod view;
mod weather;
mod world;

use crate::checker::Record;
use crate::checker::Report;

pub use run::simulate;
pub use run::simulate_with;

/// What a seed came to.
#[derive(Debug)]
pub struct Simulated {
    /// What happened, a line each, if it was asked for.
    pub trace: Vec<String>,
    /// The history of the clients.
    pub records: Vec<Record>,
    /// The judgement.
    pub report: Report,
    /// What a client met that no client may.
    pub stopped: Option<String>,
}

impl Simulated {
    /// What was broken, if something was.
    #[must_use]
    pub fn broken(&self) -> Option<String> {
        let first = self.report.first.as_ref();
        let first =
            first.map(|found| format!("{:?}, line {}: {}", found.check, found.line, found.what));
        self.stopped.clone().or(first)
    }
}
