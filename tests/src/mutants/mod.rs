//! Mutants: the product with one mistake each, in runs that its judge must find it by. The product
//! without the mistake passes the same runs.
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

mod gateway;
mod history;
mod registry;
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
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 11] = [
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

    /// The check that finds it.
    #[must_use]
    pub fn found_by(self) -> Check {
        match self {
            Self::CounterSeq | Self::ResumeInclusive => Check::C7,
            Self::AutoIncrement => Check::C1,
            Self::AckBeforeCommit | Self::NoFlush => Check::C2,
            Self::DeleteByUser | Self::ReapYoung => Check::C13,
            Self::NoHoldBack => Check::C6,
            Self::NoHeadCheck => Check::C10,
            Self::DedupeInRedis => Check::C4,
            Self::NoAccessCheck => Check::C12,
        }
    }

    /// Plays the scene in which the mistake shows, with it or without.
    ///
    /// # Errors
    /// If the scene cannot be played.
    pub async fn play(self, is_made: bool) -> anyhow::Result<Report> {
        scene::play(self, is_made).await
    }
}
