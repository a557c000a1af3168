//! The lease of a shard's fan-out: whoever holds it posts, nobody else.

use std::sync::Arc;
use std::time::Duration;

use gatepost_gateway_client::PostError;
use gatepost_protocol::Seq;
use gatepost_store::Claim;
use gatepost_store::Release;
use gatepost_store::Shard;
use gatepost_store::StoreError;
use tokio::time::Instant;

use crate::Chat;
use crate::roster::Roster;

/// How long a worker that died keeps others out. Many times what one store turn or post may take.
const TTL_MS: u64 = 8_000;

/// When a lease is renewed.
const RENEWAL: Duration = Duration::from_millis(2_500);

/// Why a worker stops before it is done.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The lease ran out and another took it.
    Lost,
    /// A store is away.
    Store(StoreError),
    /// The gateway takes no posts.
    Post(PostError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A lease that is held.
pub(crate) struct Lease<'a> {
    chat: &'a Chat,
    pub(crate) shard: &'a Shard,
    holder: String,
    /// Up to where entries were posted.
    pub(crate) cursor: Seq,
    renew_at: Instant,
}

/// A lease just taken, and what was read with it.
pub(crate) struct Claimed<'a> {
    pub(crate) lease: Lease<'a>,
    /// The cursor, where the registry knows one.
    pub(crate) cursor: Option<Seq>,
    /// The room's head, if it was asked for.
    pub(crate) head: Option<Seq>,
    /// The list of subscribers, if one was kept and held when the lease was taken.
    pub(crate) roster: Option<Arc<Roster>>,
}

impl<'a> Lease<'a> {
    /// Takes the lease; `None` if another holds it: that one will take one more turn.
    pub(crate) async fn claim(
        chat: &'a Chat,
        shard: &'a Shard,
    ) -> Result<Option<Claimed<'a>>, StoreError> {
        let holder = chat.holder();
        let renew_at = Instant::now() + RENEWAL;
        let now = chat.now();
        match chat
            .parts
            .registry
            .claim(shard, &holder, TTL_MS, now)
            .await?
        {
            Claim::Busy => Ok(None),
            Claim::Held { cursor } => {
                let lease = Self {
                    chat,
                    shard,
                    holder,
                    cursor: cursor.unwrap_or_default(),
                    renew_at,
                };
                Ok(Some(Claimed {
                    lease,
                    cursor,
                    head: None,
                    roster: None,
                }))
            }
        }
    }

    /// Raises the room's head for an entry and takes the lease, in one turn at the registry.
    pub(crate) async fn begin(
        chat: &'a Chat,
        shard: &'a Shard,
        seq: Seq,
    ) -> Result<Option<Claimed<'a>>, StoreError> {
        let kept = chat.rosters.get(shard);
        let known = kept.as_ref().map(|roster| roster.version());
        let holder = chat.holder();
        let renew_at = Instant::now() + RENEWAL;
        let begun = chat
            .parts
            .registry
            .begin(shard, seq, &holder, TTL_MS, known, chat.now())
            .await?;
        let Claim::Held { cursor } = begun.claim else {
            return Ok(None);
        };
        Ok(Some(Claimed {
            lease: Self {
                chat,
                shard,
                holder,
                cursor: cursor.unwrap_or_default(),
                renew_at,
            },
            cursor,
            head: Some(begun.head),
            roster: kept.filter(|_| begun.list_holds),
        }))
    }

    /// Renews the lease if it is time.
    pub(crate) async fn renew(&mut self) -> Result<(), Stop> {
        if Instant::now() < self.renew_at {
            return Ok(());
        }
        self.advance(self.cursor).await
    }

    /// Everything up to `cursor` was posted. Renews the lease.
    pub(crate) async fn advance(&mut self, cursor: Seq) -> Result<(), Stop> {
        self.cursor = cursor;
        self.renew_at = Instant::now() + RENEWAL;
        let (shard, holder, now) = (self.shard, &self.holder, self.chat.now());
        match self
            .chat
            .parts
            .registry
            .advance(shard, holder, cursor, TTL_MS, now)
            .await?
        {
            true => Ok(()),
            false => Err(Stop::Lost),
        }
    }

    /// Gives the lease back, unless somebody marked it dirty.
    pub(crate) async fn release(&mut self) -> Result<Release, StoreError> {
        let now = self.chat.now();
        let registry = &self.chat.parts.registry;
        registry
            .release(self.shard, &self.holder, self.cursor, now)
            .await
    }

    /// Gives the lease back for another worker to take, dirty or not.
    pub(crate) async fn give_up(mut self) -> Result<(), StoreError> {
        while self.release().await? == Release::Dirty {}
        Ok(())
    }
}
