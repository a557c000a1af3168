//! A log that lost entries which the registry knows of: its database was restored from a copy, or made
//! anew. Members would wait for seqs that are posted already, so that they would hear nothing.

use gatepost_protocol::Seq;
use gatepost_protocol::UserId;
use gatepost_store::Claim;
use gatepost_store::RecentRoom;
use gatepost_store::Release;
use gatepost_store::Shard;
use gatepost_store::StoreError;

use crate::Chat;

/// What the registry knows of a room's log.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) head: Option<Seq>,
    pub(crate) cursors: Vec<(Shard, Option<Seq>)>,
}

impl Known {
    /// The highest seq.
    fn highest(&self) -> Seq {
        let cursors = self.cursors.iter().filter_map(|(_, cursor)| *cursor);
        self.head.into_iter().chain(cursors).max().unwrap_or(0)
    }
}

impl Chat {
    /// Gives a log another epoch if it lost entries, forgets what was known of the one before, and has
    /// the last entry posted again, so that members hear of it. Answers whether it did.
    ///
    /// Nothing is known of an entry before it is committed: a head read *after* `known` that is lower
    /// is a loss, and no race.
    pub(crate) async fn heal_log(
        &self,
        recent: &RecentRoom,
        known: &Known,
    ) -> Result<bool, StoreError> {
        let highest = known.highest();
        if highest <= recent.head {
            return Ok(false);
        }
        let (history, registry) = (&self.parts.history, &self.parts.registry);
        let name = &recent.room;
        let nobody: UserId = "seed:".parse().expect("1 to 64 bytes");
        let found = history.rooms(std::slice::from_ref(name), &nobody).await?;
        let head = found.first().map_or(0, |room| room.head);
        if highest <= head {
            return Ok(false);
        }
        tracing::error!(
            room = %name,
            head,
            known = highest,
            "a log lost entries: it gets another epoch"
        );
        history.renew_epoch(name, highest).await?;
        let lost = |seq: &Seq| *seq > head;
        let cursors: Vec<_> = known
            .cursors
            .iter()
            .filter_map(|(shard, cursor)| Some((shard.clone(), cursor.filter(lost)?)))
            .collect();
        registry
            .forget(name, known.head.filter(lost), &cursors)
            .await?;
        registry.raise_head(name, head).await?;
        for (shard, _) in &known.cursors {
            // A worker that has the lease may put its cursor back: the next sweep sees it.
            let (holder, last) = (self.holder(), head.saturating_sub(1));
            let claim = registry.claim(shard, &holder, 1_000, self.now()).await?;
            if matches!(claim, Claim::Held { .. }) {
                while registry.release(shard, &holder, last, self.now()).await? == Release::Dirty {}
            }
        }
        Ok(true)
    }
}
