//! Calls of a registry, and what they answer as a text that is the same for every store.

use std::collections::BTreeMap;

use gatepost_protocol::Millis;
use gatepost_store::Claim;
use gatepost_store::Connection;
use gatepost_store::Greeting;
use gatepost_store::Limit;
use gatepost_store::Owner;
use gatepost_store::Rates;
use gatepost_store::Registry;
use gatepost_store::SessionPolicy;
use gatepost_store::Shard;
use gatepost_store::StoreError;
use gatepost_store::Subscribers;
use gatepost_store::Subscription;
use gatepost_store::shard_of;

use crate::store::words::client;
use crate::store::words::conn;
use crate::store::words::connection;
use crate::store::words::room;
use crate::store::words::user;

/// Connections and whose they are: two devices, a third, a crowd, and others.
pub(super) const CONNECTIONS: [(&str, &str); 18] = [
    ("c0=", "ann"),
    ("c1=", "ann"),
    ("c2", "ann"),
    ("c3", "bob"),
    ("c4", "b o}b"),
    ("c5", "seed:7"),
    ("c6", "ann"),
    ("c7", "ann"),
    ("c8", "ann"),
    ("c9", "ann"),
    ("d0", "ann"),
    ("d1", "ann"),
    ("d2", "ann"),
    ("d3", "ann"),
    ("d4", "ann"),
    ("d5", "ann"),
    ("d6", "ann"),
    ("d7", "ann"),
];

/// Those that most calls are about.
pub(super) const USUAL: usize = 6;

pub(super) const USERS: [&str; 4] = ["ann", "bob", "b o}b", "seed:7"];

pub(super) const CLIENTS: [&str; 3] = ["one", "two", "three"];

/// Rooms and their shards.
pub(super) const ROOMS: [(&str, u16); 3] = [("lobby", 1), ("hall", 3), ("attic.1", 1)];

pub(super) const HOLDERS: [&str; 2] = ["w1", "w2"];

/// A connection as a call names it: which, of which page load, and how long its lease lasts.
#[derive(Debug, Clone)]
pub(super) struct Who {
    pub(super) connection: usize,
    pub(super) client: Option<usize>,
    pub(super) lease: Millis,
}

/// A call, about things by their place in the lists above.
#[derive(Debug, Clone)]
pub(super) enum Call {
    Connect(Who),
    Connection(usize),
    Hello(Who, SessionPolicy),
    Admit(usize, usize, Rates),
    Refund(usize, u32),
    Take(bool, usize, u32),
    Count(usize),
    NoteOccupancy(usize, u64),
    Subscribe(Who, Vec<usize>, u64),
    Unsubscribe(usize, usize),
    Evict(usize, usize),
    Remove(usize),
    ConnectionsOf(usize),
    Subscribers(usize, usize, bool),
    RaiseHead(usize, u64),
    Head(usize),
    Claim(usize, usize, usize),
    Begin(usize, usize, u64, usize, bool),
    Advance(usize, usize, usize, u64),
    Release(usize, usize, usize, u64),
    Forget(usize, Option<u64>, u64),
    Progress(usize, usize),
}

const TTL_MS: u64 = 5_000;

/// What a caller keeps: the version of each list that it read. Each store has its own.
#[derive(Debug, Default)]
pub(super) struct Kept(BTreeMap<Shard, u64>);

impl Who {
    fn at(&self, now: Millis) -> Connection {
        let (id, of) = CONNECTIONS[self.connection];
        Connection {
            client: self.client.map(|number| client(CLIENTS[number])),
            lease: now + self.lease,
            ..connection(id, of)
        }
    }
}

fn shard(number: usize, index: usize) -> Shard {
    let (name, shards) = ROOMS[number];
    Shard {
        room: room(name),
        index: u16::try_from(index).unwrap() % shards,
    }
}

fn sorted<T: ToString>(list: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut list: Vec<_> = list.into_iter().map(|one| one.to_string()).collect();
    list.sort();
    list
}

impl Call {
    /// Makes the call.
    pub(super) async fn answer(
        &self,
        registry: &dyn Registry,
        kept: &mut Kept,
        now: Millis,
    ) -> String {
        match self.answered(registry, kept, now).await {
            Ok(answer) => answer,
            Err(error) => format!("{error:?}"),
        }
    }

    async fn answered(
        &self,
        registry: &dyn Registry,
        kept: &mut Kept,
        now: Millis,
    ) -> Result<String, StoreError> {
        Ok(match self {
            Self::Connect(who) => format!("{:?}", registry.connect(&who.at(now), now).await?),
            Self::Connection(number) => {
                let id = conn(CONNECTIONS[*number].0);
                format!("{:?}", registry.connection(&id, now).await?)
            }
            Self::Hello(who, policy) => match registry.hello(&who.at(now), *policy, now).await? {
                Greeting::Welcome { replaced } => format!("welcome, not {:?}", sorted(replaced)),
                other => format!("{other:?}"),
            },
            Self::Admit(number, to, rates) => {
                let (id, of) = CONNECTIONS[*number];
                let (of, id, to) = (user(of), conn(id), room(ROOMS[*to].0));
                format!("{:?}", registry.admit(&of, &id, &to, *rates, now).await?)
            }
            Self::Refund(to, per_room) => {
                let to = room(ROOMS[*to].0);
                format!("{:?}", registry.refund(&to, *per_room, now).await?)
            }
            Self::Take(is_user, number, burst) => {
                // A Redis forgets a limit that is full again by its own clock, so it must be long.
                let limits = [("all", 2 * burst), ("each", *burst)].map(|(what, burst)| Limit {
                    what,
                    every_us: 600_000_000,
                    burst,
                });
                let (of, to) = (user(USERS[*number]), room(ROOMS[*number % ROOMS.len()].0));
                let owner = match is_user {
                    true => Owner::User(&of),
                    false => Owner::Room(&to),
                };
                format!("{:?}", registry.take(owner, &limits, now).await?)
            }
            Self::Count(number) => {
                let (name, shards) = ROOMS[*number];
                format!("{}", registry.count(&room(name), shards, now).await?)
            }
            Self::NoteOccupancy(number, count) => {
                let name = room(ROOMS[*number].0);
                format!("{}", registry.note_occupancy(&name, *count).await?)
            }
            Self::Subscribe(who, rooms, head) => {
                let rooms: Vec<_> = rooms
                    .iter()
                    .map(|number| Subscription {
                        room: room(ROOMS[*number].0),
                        shards: ROOMS[*number].1,
                        head: *head,
                    })
                    .collect();
                format!("{:?}", registry.subscribe(&who.at(now), &rooms, now).await?)
            }
            Self::Unsubscribe(number, from) => {
                let (id, of) = CONNECTIONS[*number];
                let subscriber = connection(id, of).subscriber;
                let (name, shards) = ROOMS[*from];
                let name = room(name);
                let left = registry.unsubscribe(&subscriber, &name, shards, now);
                format!("{:?}", left.await?)
            }
            Self::Evict(number, from) => {
                let (name, shards) = ROOMS[*from];
                let of = user(USERS[*number]);
                let evicted = registry.evict(&of, &room(name), shards, now).await?;
                let evicted = evicted.into_iter().map(|one| format!("{one:?}"));
                format!("{:?}", sorted(evicted))
            }
            Self::Remove(number) => {
                let id = conn(CONNECTIONS[*number].0);
                let mut removed = registry.remove(&id, now).await?;
                if let Some(removed) = &mut removed {
                    removed.rooms.sort_by_key(|left| left.room.to_string());
                }
                format!("{removed:?}")
            }
            Self::ConnectionsOf(number) => {
                let found = registry.connections_of(&user(USERS[*number]), now).await?;
                let found = found.into_iter().map(|one| format!("{one:?}"));
                format!("{:#?}", sorted(found))
            }
            Self::Subscribers(number, index, asks) => {
                let shard = shard(*number, *index);
                let known = kept.0.get(&shard).copied().filter(|_| *asks);
                match registry.subscribers(&shard, known, now).await? {
                    Subscribers::Unchanged => String::from("unchanged"),
                    Subscribers::Listed { version, list } => {
                        kept.0.insert(shard, version);
                        let list = list.into_iter().map(|one| format!("{one:?}"));
                        format!("{:#?}", sorted(list))
                    }
                }
            }
            Self::RaiseHead(number, seq) => {
                let name = room(ROOMS[*number].0);
                format!("{:?}", registry.raise_head(&name, *seq).await?)
            }
            Self::Head(number) => {
                format!("{:?}", registry.head(&room(ROOMS[*number].0)).await?)
            }
            Self::Claim(number, index, holder) => {
                let shard = shard(*number, *index);
                let claim = registry.claim(&shard, HOLDERS[*holder], TTL_MS, now);
                format!("{:?}", claim.await?)
            }
            Self::Begin(number, index, seq, holder, asks) => {
                let shard = shard(*number, *index);
                let known = kept.0.get(&shard).copied().filter(|_| *asks);
                let holder = HOLDERS[*holder];
                let begun = registry.begin(&shard, *seq, holder, TTL_MS, known, now);
                let begun = begun.await?;
                // Asked or not, a list is of no use to whoever does not hold the lease.
                assert!(!begun.list_holds || matches!(begun.claim, Claim::Held { .. }));
                format!("{begun:?}")
            }
            Self::Advance(number, index, holder, cursor) => {
                let shard = shard(*number, *index);
                let holder = HOLDERS[*holder];
                let advanced = registry.advance(&shard, holder, *cursor, TTL_MS, now);
                format!("{}", advanced.await?)
            }
            Self::Release(number, index, holder, cursor) => {
                let shard = shard(*number, *index);
                let released = registry.release(&shard, HOLDERS[*holder], *cursor, now);
                format!("{:?}", released.await?)
            }
            Self::Forget(number, head, cursor) => {
                let (name, shards) = ROOMS[*number];
                let cursors: Vec<_> = (0..usize::from(shards))
                    .map(|index| (shard(*number, index), *cursor))
                    .collect();
                format!("{:?}", registry.forget(&room(name), *head, &cursors).await?)
            }
            Self::Progress(number, index) => {
                let shard = shard(*number, *index);
                format!("{:?}", registry.progress(&shard, now).await?)
            }
        })
    }

    /// Every call that only looks: what a sequence left behind.
    pub(super) fn all_looks() -> Vec<Self> {
        let mut looks = Vec::new();
        looks.extend((0..CONNECTIONS.len()).map(Self::Connection));
        looks.extend((0..USERS.len()).map(Self::ConnectionsOf));
        for (number, (_, shards)) in ROOMS.iter().enumerate() {
            looks.extend([Self::Count(number), Self::Head(number)]);
            for index in 0..usize::from(*shards) {
                looks.push(Self::Progress(number, index));
                looks.push(Self::Subscribers(number, index, true));
                looks.push(Self::Subscribers(number, index, false));
            }
        }
        looks
    }

    /// A shard that the usual connections are in.
    pub(super) fn busy_shard(number: usize) -> usize {
        let (_, shards) = ROOMS[number];
        usize::from(shard_of(&user(USERS[0]), shards))
    }
}
