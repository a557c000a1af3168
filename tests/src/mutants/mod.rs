//! Mutants: the product with one mistake each, in runs that its judge must find it by.
//!
//! The product without the mistake passes the same runs: scenes that are made for the mistake, worlds
//! of the [simulation](crate::simulation) that are not, or both.
//!
//! | mutant | mistake | found by |
//! |---|---|---|
//! | [`CounterSeq`](Mutant::CounterSeq) | a counter outside the transaction gives the seq, as INCR of Redis would | C7 |
//! | [`AutoIncrement`](Mutant::AutoIncrement) | the seq is drawn before the commit, and one that is rolled back leaves a hole | C1 |
//! | [`AckBeforeCommit`](Mutant::AckBeforeCommit) | the answer does not wait for the commit | C2 |
//! | [`NoFlush`](Mutant::NoFlush) | MariaDB with `innodb_flush_log_at_trx_commit=0` is killed | C2 |
//! | [`DeleteByUser`](Mutant::DeleteByUser) | `$disconnect` removes the user, not the connection | C13 |
//! | [`ReapYoung`](Mutant::ReapYoung) | `$connect` makes a post target, and a 410 before the connection is open removes it | C13 |
//! | [`NoHoldBack`](Mutant::NoHoldBack) | a client shows what comes as it comes | C6 |
//! | [`NoHeadCheck`](Mutant::NoHeadCheck) | a client does not heed the heads of a ping | C10 |
//! | [`DedupeInRedis`](Mutant::DedupeInRedis) | only Redis knows what was sent before, and is emptied | C4 |
//! | [`ResumeInclusive`](Mutant::ResumeInclusive) | a resume begins at the last entry, not after it | C7 |
//! | [`NoAccessCheck`](Mutant::NoAccessCheck) | the fan-out posts to everybody | C12 |
//! | [`KeepsSubscription`](Mutant::KeepsSubscription) | a ban does not end the subscriptions | C12 |
//! | [`KeepsList`](Mutant::KeepsList) | a worker believes the list of subscribers that it has | C12 |
//! | [`NoFloor`](Mutant::NoFloor) | nobody is told what was purged | C7 |
//! | [`KeepsEpoch`](Mutant::KeepsEpoch) | a log that was restored from a copy has the epoch that it had | C10 |

mod gateway;
pub(crate) mod history;
pub(crate) mod registry;
mod scene;
mod world;

use crate::checker::Check;
use crate::checker::Report;

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table is their documentation")]
pub enum Mutant {
    CounterSeq,
    AutoIncrement,
    AckBeforeCommit,
    NoFlush,
    DeleteByUser,
    ReapYoung,
    NoHoldBack,
    NoHeadCheck,
    DedupeInRedis,
    ResumeInclusive,
    NoAccessCheck,
    KeepsSubscription,
    KeepsList,
    NoFloor,
    KeepsEpoch,
}

impl Mutant {
    /// Those that have a scene.
    pub const STAGED: [Self; 11] = [
        Self::CounterSeq,
        Self::AutoIncrement,
        Self::AckBeforeCommit,
        Self::NoFlush,
        Self::DeleteByUser,
        Self::ReapYoung,
        Self::NoHoldBack,
        Self::NoHeadCheck,
        Self::DedupeInRedis,
        Self::ResumeInclusive,
        Self::NoAccessCheck,
    ];

    /// Those that worlds of the simulation find.
    pub const SIMULATED: [Self; 11] = [
        Self::AckBeforeCommit,
        Self::DeleteByUser,
        Self::NoHoldBack,
        Self::NoHeadCheck,
        Self::DedupeInRedis,
        Self::ResumeInclusive,
        Self::NoAccessCheck,
        Self::KeepsSubscription,
        Self::KeepsList,
        Self::NoFloor,
        Self::KeepsEpoch,
    ];

    /// The check that finds it.
    #[must_use]
    pub fn found_by(self) -> Check {
        match self {
            Self::CounterSeq | Self::ResumeInclusive | Self::NoFloor => Check::C7,
            Self::AutoIncrement => Check::C1,
            Self::AckBeforeCommit | Self::NoFlush => Check::C2,
            Self::DeleteByUser | Self::ReapYoung => Check::C13,
            Self::NoHoldBack => Check::C6,
            Self::NoHeadCheck | Self::KeepsEpoch => Check::C10,
            Self::DedupeInRedis => Check::C4,
            Self::NoAccessCheck | Self::KeepsSubscription | Self::KeepsList => Check::C12,
        }
    }

    /// Plays its scene in which the mistake shows, with it or without.
    ///
    /// # Errors
    /// If it has none, or it cannot be played.
    pub async fn play(self, is_made: bool) -> anyhow::Result<Report> {
        scene::play(self, is_made).await
    }
}
