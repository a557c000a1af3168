//! The fan-out function: the same drain as after a reply, with more time; and the sweep.

use std::time::Duration;

use futures_util::future::join_all;
use gatepost_gateway_client::InvokeError;
use gatepost_gateway_client::PostError;
use gatepost_store::Shard;
use gatepost_store::StoreError;
use tokio::time::Instant;

use crate::Chat;
use crate::Departure;
use crate::Task;
use crate::drain::Drained;
use crate::drain::OVERTIME;
use crate::drain::Throttled;
use crate::lease::Stop;
use crate::restore::Known;

/// What is kept of a deadline: one post and the stores' turns after it.
const MARGIN: Duration = Duration::from_secs(2);

/// Workers that hand the same shard on, one to the next, until the sweep is left to begin anew: the
/// room asks more of the gateway than it gives.
const HOPS: u8 = 12;

/// How recent a room's last entry is for the sweep to look at the room: many sweeps.
const RECENT_MS: u64 = 600_000;

/// Rooms that one sweep looks at.
const SWEPT_ROOMS: u32 = 1_000;

/// Shards that one sweep drains at a time.
const SWEPT_AT_ONCE: usize = 8;

/// Why a task is to be repeated.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// A store is away or cannot serve this version.
    #[error("a task is unfinished: {0}")]
    Store(#[from] StoreError),
    /// The gateway takes no posts.
    #[error("a task is unfinished: nothing can be posted")]
    Post(#[from] PostError),
    /// The rest of the task could not be handed on.
    #[error("a task is unfinished: its rest could not be handed on")]
    Invoke(#[from] InvokeError),
}

impl Chat {
    /// Does a task of the fan-out function. Answer the invocation only when this has returned, so
    /// that one that failed is repeated.
    ///
    /// # Errors
    /// If the task is to be repeated: by Lambda, which does so once as deployed, and then by the sweep.
    pub async fn work(&self, task: Task, deadline: Instant) -> Result<(), WorkError> {
        let now = Instant::now();
        let end = deadline.checked_sub(MARGIN).unwrap_or(now).max(now);
        match task {
            Task::Drain { room, shard, hops } => {
                self.drain_or_hand_on(&Shard { room, index: shard }, hops, end)
                    .await
            }
            Task::Left { gone } => self.left(gone, end).await,
            Task::Sweep => self.sweep(end).await,
        }
    }

    async fn drain_or_hand_on(
        &self,
        shard: &Shard,
        hops: u8,
        end: Instant,
    ) -> Result<(), WorkError> {
        let last = end + OVERTIME;
        match self.drain(shard, Throttled::Leave, end, last).await {
            Ok(Drained::Done) | Err(Stop::Lost) => Ok(()),
            Ok(Drained::Unfinished) if hops >= HOPS => {
                tracing::warn!(room = %shard.room, shard = shard.index, "a shard never gets done");
                Ok(())
            }
            Ok(Drained::Unfinished) => Ok(self.hand_on(shard, hops + 1).await?),
            Err(Stop::Store(error)) => Err(error.into()),
            Err(Stop::Post(error)) => Err(error.into()),
        }
    }

    async fn left(&self, gone: Vec<Departure>, end: Instant) -> Result<(), WorkError> {
        let mut outcome = Ok(());
        for departure in gone {
            for place in departure.rooms {
                // The others are told all the same.
                if let Err(error) = self
                    .announce_left(&place, departure.user.clone(), end)
                    .await
                {
                    outcome = Err(error.into());
                }
            }
        }
        outcome
    }

    /// Drains the shards that lag and have no worker: their last one died.
    async fn sweep(&self, end: Instant) -> Result<(), WorkError> {
        let mut lagging = Vec::new();
        for recent in self
            .parts
            .history
            .recent_rooms(RECENT_MS, SWEPT_ROOMS)
            .await?
        {
            let mut is_raised = false;
            let mut known = Known {
                head: self.parts.registry.head(&recent.room).await?,
                cursors: Vec::new(),
            };
            let mut idle = Vec::new();
            for index in 0..recent.shards {
                let shard = Shard {
                    room: recent.room.clone(),
                    index,
                };
                let (cursor, held) = self.parts.registry.progress(&shard, self.now()).await?;
                known.cursors.push((shard.clone(), cursor));
                if !held {
                    idle.push((shard, cursor));
                }
            }
            if self.heal_log(&recent, &known).await? {
                lagging.extend(idle.into_iter().map(|(shard, _)| shard));
                continue;
            }
            for (shard, cursor) in idle {
                if cursor.is_none_or(|cursor| cursor >= recent.head) {
                    continue;
                }
                // Whoever appended may have died before it came to this.
                if !is_raised {
                    self.parts
                        .registry
                        .raise_head(&recent.room, recent.head)
                        .await?;
                    is_raised = true;
                }
                lagging.push(shard);
            }
        }
        let mut outcome = Ok(());
        for some in lagging.chunks(SWEPT_AT_ONCE) {
            let drains = some
                .iter()
                .map(|shard| self.drain_or_hand_on(shard, 0, end));
            for drained in join_all(drains).await {
                outcome = outcome.and(drained);
            }
        }
        outcome
    }
}
