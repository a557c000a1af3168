//! The fan-out of one shard of a room: claim, then turn by turn head, entries, members, posts.

use std::sync::Arc;
use std::time::Duration;

use gatepost_protocol::Entry;
use gatepost_protocol::Epoch;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;
use gatepost_store::Range;
use gatepost_store::Release;
use gatepost_store::Shard;
use gatepost_store::StoreError;
use tokio::time::Instant;
use tokio::time::sleep_until;

use crate::Chat;
use crate::Push;
use crate::delivery::Delivery;
use crate::delivery::Served;
use crate::lane::Frames;
use crate::lane::Landing;
use crate::lane::Lane;
use crate::lane::fly;
use crate::lease::Claimed;
use crate::lease::Lease;
use crate::lease::Stop;
use crate::roster::Roster;

/// How long after the end a post under way is waited for when a function's deadline is near.
pub(crate) const OVERTIME: Duration = Duration::from_millis(300);

/// Entries of one turn.
const TURN: u32 = 100;

/// Turns of a room that goes on while it is posted begin at least so far apart: 200 entries a second,
/// the most that a room takes unless told otherwise, then go in frames of four.
const PACE: Duration = Duration::from_millis(20);

/// Whether anything is left for another worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drained {
    /// No: everything was posted, or another holds the lease.
    Done,
    /// Time ran out; the lease is free.
    Unfinished,
}

/// Whether a worker has enough time to leave those whom the gateway did not let it serve to `ping`
/// and `sync`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Throttled {
    /// No: another worker posts the turn again.
    HandOn,
    /// Yes.
    Leave,
}

impl Chat {
    /// Takes a shard's lease, unless another has it, and drains the shard.
    pub(crate) async fn drain(
        &self,
        shard: &Shard,
        throttled: Throttled,
        end: Instant,
        last: Instant,
    ) -> Result<Drained, Stop> {
        match Lease::claim(self, shard).await? {
            Some(claimed) => {
                self.drain_claimed(claimed, None, throttled, end, last)
                    .await
            }
            None => Ok(Drained::Done),
        }
    }

    /// Posts what a shard's subscribers have not got yet. Begins with nobody after `end`, and cuts
    /// off at `last` what is under way then: a seed client does not get the rest of it any more.
    /// `own` is the entry that this worker has in memory.
    pub(crate) async fn drain_claimed(
        &self,
        claimed: Claimed<'_>,
        own: Option<&Push>,
        throttled: Throttled,
        end: Instant,
        last: Instant,
    ) -> Result<Drained, Stop> {
        let Claimed {
            mut lease,
            cursor,
            head,
            roster,
        } = claimed;
        let seen = Seen {
            cursor,
            head,
            roster,
        };
        let connections = &self.parts.connections;
        let start = |lane: Lane| fly(Arc::clone(connections), lane, last);
        let mut delivery = Delivery::new(&self.stalls, start);

        let result = self
            .turns(&mut delivery, &mut lease, seen, own, throttled, end)
            .await;
        if !matches!(result, Ok(Turned::Released) | Err(Stop::Lost))
            && let Err(error) = lease.give_up().await
        {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                error,
                "a fan-out stays closed to others until its lease ends"
            );
        }
        let gone = delivery.finish(end).await;
        self.bury(gone, last).await;
        match result? {
            Turned::Released | Turned::Behind => Ok(Drained::Done),
            Turned::OutOfTime => Ok(Drained::Unfinished),
        }
    }

    async fn turns<L, F>(
        &self,
        delivery: &mut Delivery<'_, L, F>,
        lease: &mut Lease<'_>,
        mut seen: Seen,
        own: Option<&Push>,
        throttled: Throttled,
        end: Instant,
    ) -> Result<Turned, Stop>
    where
        L: Fn(Lane) -> F,
        F: Future<Output = (Lane, Landing)>,
    {
        let (shard, registry) = (lease.shard, &self.parts.registry);
        lease.cursor = match (seen.cursor, own) {
            (Some(cursor), _) => cursor,
            // Nobody subscribed since the registry began: only what is new is of interest.
            (None, Some(push)) => push.seq.saturating_sub(1),
            (None, None) => registry.head(&shard.room).await?.unwrap_or_default(),
        };
        let mut epoch = own
            .and_then(|push| push.entry.as_ref())
            .map(|(epoch, _)| *epoch);
        loop {
            let begun = Instant::now();
            let head = match seen.head.take() {
                Some(head) => Some(head),
                None => {
                    seen.roster = None;
                    registry.head(&shard.room).await?
                }
            };
            let head = head.max(own.map(|push| push.seq)).unwrap_or_default();
            if head > lease.cursor {
                if Instant::now() >= end {
                    return Ok(Turned::OutOfTime);
                }
                let read;
                let entries = match own_entry(own, lease.cursor, head) {
                    Some(entry) => std::slice::from_ref(entry),
                    None => {
                        let after = Range::After(lease.cursor);
                        // No further than the head: who subscribes after this turn read its list
                        // finds by the head what it was posted without.
                        let most = u32::try_from(head - lease.cursor).map_or(TURN, |n| n.min(TURN));
                        read = self.parts.history.entries(&shard.room, after, most).await?;
                        &read
                    }
                };
                let Some(last) = entries.last() else {
                    return Ok(Turned::Behind);
                };
                // Read after the head: who is not on it reads from the log what comes up to there.
                let roster = match seen.roster.take() {
                    Some(roster) => roster,
                    None => self.roster(shard).await?,
                };
                if roster.len() > 0 {
                    let epoch = match epoch {
                        Some(epoch) => epoch,
                        None => *epoch.insert(self.epoch(&shard.room).await?),
                    };
                    let frames = Arc::new(Frames::pack(&shard.room, epoch, entries, &roster));
                    let served = delivery.turn(&roster, &frames, lease, end).await?;
                    match (served, throttled) {
                        (Served::Cut, _) | (Served::Throttled, Throttled::HandOn) => {
                            return Ok(Turned::OutOfTime);
                        }
                        (Served::Throttled, Throttled::Leave) | (Served::All, _) => {}
                    }
                }
                lease.cursor = last.seq;
                if last.seq < head {
                    lease.advance(last.seq).await?;
                    continue;
                }
            }
            match lease.release().await? {
                // Somebody wrote meanwhile: what else comes until then goes in one frame with it.
                Release::Dirty => sleep_until((begun + PACE).min(end)).await,
                Release::Released => return Ok(Turned::Released),
                Release::Lost => return Err(Stop::Lost),
            }
        }
    }

    /// The generation of a room's log, for a worker that was not told.
    async fn epoch(&self, room: &RoomName) -> Result<Epoch, StoreError> {
        let nobody: UserId = "seed:".parse().expect("1 to 64 bytes");
        let found = self
            .parts
            .history
            .rooms(std::slice::from_ref(room), &nobody)
            .await?;
        Ok(found.first().map_or(0, |room| room.epoch))
    }
}

/// What was read when the lease was taken, good for the first turn: the list is of those who have to
/// be posted everything up to the head.
struct Seen {
    cursor: Option<Seq>,
    head: Option<Seq>,
    roster: Option<Arc<Roster>>,
}

/// How the turns of a worker ended.
enum Turned {
    /// Nothing was left, and the lease was given back.
    Released,
    /// The log is behind the head that the registry knows: it is another log, or the registry is
    /// another's. Nothing can be posted.
    Behind,
    /// Something is left.
    OutOfTime,
}

fn own_entry(own: Option<&Push>, cursor: Seq, head: Seq) -> Option<&Entry> {
    let push = own.filter(|push| push.seq == cursor + 1 && push.seq == head)?;
    push.entry.as_ref().map(|(_, entry)| entry)
}

#[cfg(test)]
mod model;
