//! What is done once the client has its reply.

use std::time::Duration;

use futures_util::future::join_all;
use gatepost_gateway_client::InvokeError;
use gatepost_gateway_client::Payload;
use gatepost_gateway_client::PostError;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Event;
use gatepost_protocol::Farewell;
use gatepost_store::Claim;
use gatepost_store::Release;
use gatepost_store::Shard;
use gatepost_store::StoreError;
use gatepost_store::shard_of;
use tokio::time::Instant;
use tokio::time::timeout_at;

use crate::After;
use crate::Chat;
use crate::Push;
use crate::Task;
use crate::drain::Drained;
use crate::drain::OVERTIME;
use crate::drain::Throttled;
use crate::lease::Lease;
use crate::lease::Stop;

/// How long a function that answered goes on posting, before another takes over.
const PUSH: Duration = Duration::from_secs(2);

/// How long a lane that is under way then may take: a turn of 100 frames to one client, one after
/// the other.
const FLIGHT: Duration = Duration::from_secs(5);

/// What is kept of a deadline for ending in order.
const MARGIN: Duration = Duration::from_millis(500);

/// How long a farewell or a close may take.
const CLOSE: Duration = Duration::from_secs(1);

impl Chat {
    /// Does what remains after a reply, for at most 2 seconds and until shortly before `deadline`;
    /// what is not done then is handed to the fan-out function. Never fails: whatever goes wrong is
    /// logged and made up for.
    pub async fn after(&self, after: Vec<After>, deadline: Instant) {
        let now = Instant::now();
        let bound = deadline.checked_sub(MARGIN).unwrap_or(now);
        let end = (now + PUSH).min(bound);
        let last = (end + FLIGHT).min(bound + OVERTIME);
        join_all(
            after
                .into_iter()
                .map(|after| self.after_one(after, end, last)),
        )
        .await;
    }

    async fn after_one(&self, after: After, end: Instant, last: Instant) {
        let (what, done) = match after {
            After::Push(push) => (
                "entries wait for the sweep",
                self.push(&push, end, last).await,
            ),
            After::Direct(direct) => (
                "entries wait for the sweep",
                self.push_direct(&direct, end, last).await,
            ),
            After::Membership { user, room, change } => (
                "a user is not told of a membership",
                self.announce_membership(&user, room, change, end).await,
            ),
            After::Close { connections, bye } => {
                self.close(connections, bye, end).await;
                return;
            }
            After::Joined { place, user } => (
                "a room is not told who joined",
                self.announce_joined(&place, user, end).await,
            ),
            After::Left { place, user } => (
                "a room is not told who left",
                self.announce_left(&place, user, end).await,
            ),
            After::Typing { place, user, until } => (
                "a room is not told who is writing",
                self.announce_typing(&place, user, until, end).await,
            ),
            After::Read {
                place,
                user,
                connection,
                seq,
            } => (
                "a room is not told what was read",
                self.announce_read(&place, user, &connection, seq, end)
                    .await,
            ),
            After::Occupancy { place } => (
                "a room is not told how many there are",
                self.announce_occupancy(&place, end).await,
            ),
            After::Refund { room } => {
                let per_room = self.parts.settings.rates.per_room;
                let refunded = self
                    .parts
                    .registry
                    .refund(&room, per_room, self.now())
                    .await;
                ("a refused send counts against its room", refunded)
            }
            After::Session {
                connection,
                user,
                at,
            } => {
                let opened = self
                    .parts
                    .history
                    .open_session(&connection, &user, at)
                    .await;
                ("a session is not recorded", opened)
            }
        };
        if let Err(error) = done {
            tracing::warn!(error = &error as &dyn std::error::Error, "{what}");
        }
    }

    /// Commit → head → list → posts, in this order without exception.
    pub(crate) async fn push(
        &self,
        push: &Push,
        end: Instant,
        last: Instant,
    ) -> Result<(), StoreError> {
        let place = &push.place;
        let first = shard_of(&push.sender, place.shards);
        let shard = Shard {
            room: place.room.clone(),
            index: first,
        };
        let claimed = Lease::begin(self, &shard, push.seq).await?;
        let others = (0..place.shards).filter(|&index| index != first);
        let draining = async {
            match claimed {
                Some(claimed) => {
                    self.drain_claimed(claimed, Some(push), Throttled::HandOn, end, last)
                        .await
                }
                None => Ok(Drained::Done),
            }
        };
        let (drained, ()) = tokio::join!(draining, self.hand_on_idle(push, others));
        match drained {
            Ok(Drained::Done) | Err(Stop::Lost) => {}
            Ok(Drained::Unfinished) => self.hand_on_logged(&shard, 0).await,
            Err(Stop::Store(error)) => return Err(error),
            Err(Stop::Post(error)) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "entries are not posted"
                );
            }
        }
        Ok(())
    }

    /// The other shards: a worker that is at it is told to take one more turn, else one is started.
    async fn hand_on_idle(&self, push: &Push, others: impl Iterator<Item = u16>) {
        let shards = others.map(|index| Shard {
            room: push.place.room.clone(),
            index,
        });
        join_all(shards.map(|shard| async move {
            match self.mark_dirty(&shard, push).await {
                Ok(true) => {}
                Ok(false) => self.hand_on_logged(&shard, 0).await,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "a shard waits for the sweep");
                }
            }
        }))
        .await;
    }

    /// Whether there was a worker to mark. A lease that was free is given back at once.
    async fn mark_dirty(&self, shard: &Shard, push: &Push) -> Result<bool, StoreError> {
        let registry = &self.parts.registry;
        let holder = self.holder();
        let Claim::Held { cursor } = registry.claim(shard, &holder, 1_000, self.now()).await?
        else {
            return Ok(true);
        };
        let cursor = cursor.unwrap_or(push.seq.saturating_sub(1));
        while registry.release(shard, &holder, cursor, self.now()).await? == Release::Dirty {}
        Ok(false)
    }

    async fn hand_on_logged(&self, shard: &Shard, hops: u8) {
        if let Err(error) = self.hand_on(shard, hops).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "a shard waits for the sweep");
        }
    }

    /// Starts another worker for a shard.
    pub(crate) async fn hand_on(&self, shard: &Shard, hops: u8) -> Result<(), InvokeError> {
        let task = Task::Drain {
            room: shard.room.clone(),
            shard: shard.index,
            hops,
        };
        self.parts.fanout.invoke_async(task.to_payload()).await
    }

    /// A name that no other worker has.
    pub(crate) fn holder(&self) -> String {
        let (high, low) = (self.parts.random.bits(), self.parts.random.bits());
        format!("{high:016x}{low:016x}")
    }

    /// Removes the connections, then says goodbye, then closes them; answers how many are closed.
    pub(crate) async fn close(
        &self,
        connections: Vec<ConnectionId>,
        bye: Option<Farewell>,
        end: Instant,
    ) -> u64 {
        let payload = bye.map(|code| Payload::new(farewell(code).to_frame()));
        self.bury(connections.clone(), end).await;
        let until = end.min(Instant::now() + CLOSE);
        let payload = payload.as_ref();
        let closed = join_all(connections.into_iter().map(|connection| async move {
            if let Some(payload) = payload {
                let told = self.parts.connections.post(&connection, payload);
                // Closed all the same.
                let _ = timeout_at(until, told).await;
            }
            match timeout_at(until, self.parts.connections.close(&connection)).await {
                Ok(Ok(()) | Err(PostError::Gone)) => return 1,
                Ok(Err(error)) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "a connection that was told to go is still open");
                }
                Err(_) => tracing::warn!("a connection that was told to go did not close in time"),
            }
            0
        }))
        .await;
        closed.into_iter().sum()
    }
}

fn farewell(code: Farewell) -> Event {
    let reconnect = matches!(code, Farewell::Expiring | Farewell::Shutdown);
    Event::Bye {
        code,
        reconnect,
        after_ms: 0,
    }
}
