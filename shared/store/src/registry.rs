//! Live connections, subscriptions, limits, fan-out leases and cursors. All of it can be lost and
//! comes back by `hello` and `ping`: a missing entry means unknown, never no.

use async_trait::async_trait;
use gatepost_protocol::ClientId;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;

use crate::StoreError;

/// What a connection speaks, and so what is posted to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `gatepost.v1`.
    V1,
    /// The seed's page: `{"username","userid","msg"}`.
    Seed,
}

/// A connection with the identity it acts under. Except for `lease` it never changes once the
/// connection is a post target.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subscriber {
    /// The connection.
    pub connection: ConnectionId,
    /// The user.
    pub user: UserId,
    /// The user's name.
    pub name: String,
    /// What it speaks.
    pub dialect: Dialect,
}

/// What is known of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The connection and its identity.
    pub subscriber: Subscriber,
    /// The page load its `hello` named.
    pub client: Option<ClientId>,
    /// Until when it counts as alive if nothing renews it.
    pub lease: Millis,
}

/// Who wins when a user comes with a second client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionPolicy {
    /// All clients of a user live side by side.
    Multi,
    /// One client a user: another takes over.
    Takeover {
        /// Take over even after having been replaced.
        take: bool,
    },
}

/// What a `hello` met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Greeting {
    /// Welcome. These connections of the user had to give way: tell them and close them. They are
    /// out of the user's entry already.
    Welcome {
        /// With takeover those of other clients; with any policy, where the user would have more
        /// than [`USER_CONNECTIONS`], those heard of longest ago, the same client's first.
        replaced: Vec<ConnectionId>,
    },
    /// This client was replaced before and did not say `take`. Nothing is changed under the user;
    /// the connection's own record says what it said.
    Replaced,
    /// The connection was closed meanwhile.
    Closed,
}

/// Messages a second with a burst of three times that; 0 switches the limit off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// For one user.
    pub per_user: u32,
    /// For one room.
    pub per_room: u32,
}

/// Whether a send may go on to the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Yes; with the client that the connection's `hello` named, if the registry knows it.
    Admitted {
        /// The client of the `hello`.
        client: Option<ClientId>,
    },
    /// Another client of the user took over.
    Replaced,
    /// Too fast.
    RateLimited {
        /// When to try again.
        retry_after_ms: u64,
    },
}

/// A room to subscribe to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The room.
    pub room: RoomName,
    /// Over how many shards its subscriptions spread.
    pub shards: u16,
    /// The room's head read *before* subscribing: where the shard's cursor begins if it has none,
    /// so that every later entry is drained to this subscriber.
    pub head: Seq,
}

/// What subscribing to one room found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribed {
    /// Whether with it the user came into the room: no connection of the user, this one included,
    /// was in it before.
    pub first_device: bool,
    /// Whether this connection was in it before, so that nothing but its lease is new.
    pub renewed: bool,
    /// Subscriptions in this user's shard of the room, this one included.
    pub subscribers: u64,
    /// Rooms that the connection is subscribed to, this one and all that were asked for included.
    pub rooms: u64,
    /// Connections of the user, this one included. Only a hello makes others give way.
    pub connections: u64,
    /// Other users' subscriptions in this user's shard whose lease had ended. They counted no more
    /// and are taken out now, [`LAPSED`] at a time where there are many, so that one caller learns of
    /// each: nobody else says that these users left.
    pub lapsed: Vec<Subscriber>,
    /// The room's head, read when the subscription stood; `None` where the registry does not know.
    /// An entry above it is posted to a list that has the subscription.
    pub head: Option<Seq>,
    /// Whether the history is to be asked again if the user may read the room: the subscription is
    /// new, and the user was evicted from the room a moment ago, or the registry lost the
    /// connection's place, and with it what it knew of evictions. What the history said since the
    /// connection's `hello` counts otherwise.
    pub confirm: bool,
}

/// Subscriptions that lapsed and are taken out of a shard by one call, at the least.
pub const LAPSED: usize = 64;

/// Whose limits they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// A user's.
    User(&'a UserId),
    /// A room's.
    Room(&'a RoomName),
}

/// So many at once and then one after the other, beside the limits of sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit<'a> {
    /// What is limited: a word, or a word, `:` and a room's name.
    pub what: &'a str,
    /// Microseconds after which there is one more.
    pub every_us: u64,
    /// How many at once.
    pub burst: u32,
}

/// A limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// Its place among those asked about.
    pub limit: usize,
    /// When there is one more.
    pub retry_after_ms: u64,
}

/// A subscription that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribed {
    /// The room.
    pub room: RoomName,
    /// Over how many shards its subscriptions spread.
    pub shards: u16,
    /// Whether it was the user's last connection in the room.
    pub last_device: bool,
}

/// A connection that was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The connection and its identity.
    pub subscriber: Subscriber,
    /// What it was subscribed to.
    pub rooms: Vec<Unsubscribed>,
}

/// A part of a room's subscriptions with a fan-out of its own. Shard k of a user is
/// `shard_of(user, shards)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard {
    /// The room.
    pub room: RoomName,
    /// Which one, from 0.
    pub index: u16,
}

/// What a claim of a shard's fan-out found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The lease is ours.
    Held {
        /// Up to where entries were posted; `None` where the registry does not know.
        cursor: Option<Seq>,
    },
    /// Another holds it and will take one more turn: it was marked dirty.
    Busy,
}

/// What a worker that has an entry found: [`Registry::begin`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// The room's head: the entry's seq at the least, and that of whoever had left a mark which the
    /// claim took away.
    pub head: Seq,
    /// Whether the lease is its own.
    pub claim: Claim,
    /// Whether the lease is, and the list of subscribers that it has holds. That was looked at after
    /// the head: whoever is not on the list can read the entries up to there from the log.
    pub list_holds: bool,
}

/// What a release of a shard's fan-out found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// Given back.
    Released,
    /// Somebody marked it dirty: still held, the mark taken away; take one more turn.
    Dirty,
    /// The lease had run out and another holds it.
    Lost,
}

/// The subscribers of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscribers {
    /// The list of the version asked about still holds.
    Unchanged,
    /// The list.
    Listed {
        /// Stamp to ask with next time.
        version: u64,
        /// Every live subscription.
        list: Vec<Subscriber>,
    },
}

/// The registry.
///
/// Times are the caller's (`now`), so that tests can set them. Each key is changed by
/// one script; across keys what is added is added connection → user → subscriptions, and removed in
/// the other direction, so that a crash between leaves only what expires. Removal compares the
/// connection id, it never reads and then deletes.
#[async_trait]
pub trait Registry: std::fmt::Debug + Send + Sync {
    /// `$connect`: writes the connection's own record and nothing else; it is no post target yet.
    async fn connect(&self, connection: &Connection, now: Millis) -> Result<(), StoreError>;

    /// What is known of a connection.
    async fn connection(
        &self,
        id: &ConnectionId,
        now: Millis,
    ) -> Result<Option<Connection>, StoreError>;

    /// `hello`, and a seed client's first frame: puts the connection (made if the registry lost
    /// it) under its user and lets the policy decide.
    async fn hello(
        &self,
        connection: &Connection,
        policy: SessionPolicy,
        now: Millis,
    ) -> Result<Greeting, StoreError>;

    /// One round trip before an append: session fence and rate limits. What is refused, by
    /// whichever limit, takes nothing of any. Where the limits of the user and of the room are in
    /// two places, what one gave is given back when the other refuses, in a second round trip: a
    /// send of the same user or room in between may be told to wait though it need not.
    async fn admit(
        &self,
        user: &UserId,
        connection: &ConnectionId,
        room: &RoomName,
        rates: Rates,
        now: Millis,
    ) -> Result<Admission, StoreError>;

    /// Gives back to the room's rate what [`Registry::admit`] took for a send that the history
    /// refused. `per_room` is the rate.
    async fn refund(&self, room: &RoomName, per_room: u32, now: Millis) -> Result<(), StoreError>;

    /// Takes one from each of the limits, or from none and says which is reached: one script.
    async fn take(
        &self,
        of: Owner<'_>,
        limits: &[Limit<'_>],
        now: Millis,
    ) -> Result<Option<Reached>, StoreError>;

    /// Live subscriptions of a room, in all its shards.
    async fn count(&self, room: &RoomName, shards: u16, now: Millis) -> Result<u64, StoreError>;

    /// Notes the number of subscriptions that a room is told of now. Answers whether it was told
    /// another one before, or none.
    async fn note_occupancy(&self, room: &RoomName, count: u64) -> Result<bool, StoreError>;

    /// Subscribes, or renews: both write the same. The lease of the connection and of its place
    /// under the user is renewed with it, also when `rooms` is empty. A connection that was
    /// removed, or replaced by another client, stays so: then the answer is `None`. Otherwise one
    /// answer a room.
    async fn subscribe(
        &self,
        connection: &Connection,
        rooms: &[Subscription],
        now: Millis,
    ) -> Result<Option<Vec<Subscribed>>, StoreError>;

    /// Ends one subscription. `None` if there was none.
    async fn unsubscribe(
        &self,
        subscriber: &Subscriber,
        room: &RoomName,
        shards: u16,
        now: Millis,
    ) -> Result<Option<Unsubscribed>, StoreError>;

    /// Ends every subscription of a user in a room, also those of a connection that is not under
    /// the user any more. One that is renewed at the same time ends too; one that begins later holds,
    /// and says [`Subscribed::confirm`] for longer than an invocation lasts. Answers those that were
    /// there; may be repeated.
    async fn evict(
        &self,
        user: &UserId,
        room: &RoomName,
        shards: u16,
        now: Millis,
    ) -> Result<Vec<Subscriber>, StoreError>;

    /// `$disconnect`, 410 and close by the server: removes the connection everywhere and leaves a
    /// tombstone against a late `subscribe`. `None` if nothing was known of it.
    async fn remove(&self, id: &ConnectionId, now: Millis) -> Result<Option<Removed>, StoreError>;

    /// Live connections of a user.
    async fn connections_of(
        &self,
        user: &UserId,
        now: Millis,
    ) -> Result<Vec<Connection>, StoreError>;

    /// Live subscriptions of a shard, or `Unchanged` if `known` is still the list's version.
    async fn subscribers(
        &self,
        shard: &Shard,
        known: Option<u64>,
        now: Millis,
    ) -> Result<Subscribers, StoreError>;

    /// Raises the room's head to `seq`; never lowers it.
    async fn raise_head(&self, room: &RoomName, seq: Seq) -> Result<(), StoreError>;

    /// The room's head, `None` where the registry does not know.
    async fn head(&self, room: &RoomName) -> Result<Option<Seq>, StoreError>;

    /// Takes the lease of a shard's fan-out, or marks it dirty: one script.
    async fn claim(
        &self,
        shard: &Shard,
        holder: &str,
        ttl_ms: u64,
        now: Millis,
    ) -> Result<Claim, StoreError>;

    /// Raises the room's head to `seq`, then takes the lease or marks it dirty, and asks whether the
    /// list of version `known` still holds: what an entry's first worker does, in one round trip
    /// where the store can.
    async fn begin(
        &self,
        shard: &Shard,
        seq: Seq,
        holder: &str,
        ttl_ms: u64,
        known: Option<u64>,
        now: Millis,
    ) -> Result<Begun, StoreError> {
        self.raise_head(&shard.room, seq).await?;
        let claim = self.claim(shard, holder, ttl_ms, now).await?;
        let head = self.head(&shard.room).await?;
        let list_holds = known.is_some()
            && matches!(claim, Claim::Held { .. })
            && self.subscribers(shard, known, now).await? == Subscribers::Unchanged;
        Ok(Begun {
            head: head.map_or(seq, |head| head.max(seq)),
            claim,
            list_holds,
        })
    }

    /// Raises the cursor and renews the lease. `false` if the lease is another's: stop.
    async fn advance(
        &self,
        shard: &Shard,
        holder: &str,
        cursor: Seq,
        ttl_ms: u64,
        now: Millis,
    ) -> Result<bool, StoreError>;

    /// Raises the cursor and gives the lease back unless it is dirty: one script.
    async fn release(
        &self,
        shard: &Shard,
        holder: &str,
        cursor: Seq,
        now: Millis,
    ) -> Result<Release, StoreError>;

    /// Forgets a room's head and its shards' cursors, each if it is still that: they are of a log
    /// that is not there any more.
    async fn forget(
        &self,
        room: &RoomName,
        head: Option<Seq>,
        cursors: &[(Shard, Seq)],
    ) -> Result<(), StoreError>;

    /// The cursor of a shard and whether a live lease is held, for the sweep.
    async fn progress(&self, shard: &Shard, now: Millis)
    -> Result<(Option<Seq>, bool), StoreError>;
}

/// The shard a user's subscriptions of a room belong to.
#[must_use]
pub fn shard_of(user: &UserId, shards: u16) -> u16 {
    // FNV-1a: stable over versions and platforms, which a `Hasher` of the standard library is not.
    let hash = user
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    u16::try_from(hash % u64::from(shards.max(1))).unwrap_or(0)
}

/// Connections that a user has at most. Those heard of longest ago give way, because `$disconnect`
/// may never come: a client that lost its connection often must not be kept out by its own ghosts.
pub const USER_CONNECTIONS: u32 = 10;

/// Longer than any invocation that may still work for a removed connection: an integration lasts
/// 29 s ("Quotas for WebSocket APIs").
pub(crate) const TOMBSTONE_MS: u64 = 120_000;

/// How long an eviction is remembered: longer than any invocation that asked the history before it.
pub(crate) const EVICTED_MS: u64 = TOMBSTONE_MS;

/// A connection lasts two hours ("Quotas for WebSocket APIs"), and so does its having been replaced.
pub(crate) const REPLACED_MS: Millis = 2 * 60 * 60 * 1_000;

/// A page that was replaced asks before it takes over again, for a day.
pub(crate) const REPLACED_CLIENT_MS: Millis = 24 * 60 * 60 * 1_000;

/// GCRA for so many messages a second with a burst of three times that: the time one message takes,
/// and how far ahead of now the messages admitted may reach; microseconds. 0: no limit.
pub(crate) fn interval_us(rate: u32) -> (i64, i64) {
    if rate == 0 {
        (0, 0)
    } else {
        ((1_000_000 / i64::from(rate)).max(1), 3_000_000)
    }
}

impl Limit<'_> {
    /// The time one takes, and how far ahead of now those taken may reach; microseconds.
    pub(crate) fn interval_us(&self) -> (i64, i64) {
        let interval = i64::try_from(self.every_us).unwrap_or(i64::MAX);
        (interval, interval.saturating_mul(i64::from(self.burst)))
    }
}

/// A number never given before, below 2^53: what changes gets a new one, so that two states never
/// have the same, not even when the registry was lost in between.
pub(crate) fn stamp() -> Result<u64, crate::StoreError> {
    getrandom::u64()
        .map(|random| random >> 11)
        .map_err(|error| crate::StoreError::unusable("registry", "drawing a random number", error))
}
