//! `hello`: a session begins.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use gatepost_protocol::Answer;
use gatepost_protocol::Code;
use gatepost_protocol::Farewell;
use gatepost_protocol::HelloOk;
use gatepost_protocol::Limits;
use gatepost_protocol::PROTOCOL;
use gatepost_protocol::RoomName;
use gatepost_protocol::RoomState;
use gatepost_protocol::Sender;
use gatepost_protocol::action::Hello;
use gatepost_protocol::limits::ROOMS;
use gatepost_store::Connection;
use gatepost_store::Greeting;
use gatepost_store::Room;
use gatepost_store::SessionPolicy;
use gatepost_store::StoreError;
use gatepost_store::Subscriber;
use gatepost_store::Subscription;
use gatepost_store::USER_CONNECTIONS;

use crate::Acted;
use crate::After;
use crate::Caller;
use crate::Chat;
use crate::Place;
use crate::Refusal;
use crate::Sessions;
use crate::connect::given_up;
use crate::resume::Asked;
use crate::resume::Missed;
use crate::resume::refused_state;
use crate::unless_away;

/// Subscriptions of a room at most, for each of its shards.
const SHARD_SUBSCRIPTIONS: u64 = 2_000;

/// What subscribing to rooms found.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    /// Rooms to which the connection is not subscribed, and why.
    pub(crate) refused: Vec<(RoomName, Refusal)>,
    /// The subscriptions of the fullest room.
    pub(crate) most: u64,
    /// Rooms of which it is to be asked again whether they may be read: who shut the user out
    /// meanwhile ended only what was there.
    pub(crate) fresh: Vec<Room>,
    /// Rooms with entries beyond the head that was read before subscribing, as far as the registry
    /// knows: they may have been posted to a list without the connection.
    pub(crate) ahead: Vec<Room>,
    /// Those of them of whose heads the registry knows nothing.
    pub(crate) unknown: Vec<RoomName>,
}

impl Chat {
    pub(crate) async fn hello(&self, caller: &Caller, hello: Hello) -> Result<Acted, Refusal> {
        let now = self.now();
        let mut degraded = false;
        let mut after = Vec::new();
        let mut connection = caller.as_v1(self.parts.settings.ping_seconds, now);
        connection.client = hello.client;
        let policy = match self.parts.settings.sessions {
            Sessions::Multi => SessionPolicy::Multi,
            Sessions::Takeover => SessionPolicy::Takeover { take: hello.take },
        };
        // Before the history is asked: an eviction that its answer does not know of is remembered.
        let greeting = self.parts.registry.hello(&connection, policy, now).await;
        match unless_away(greeting, &mut degraded)? {
            Some(Greeting::Replaced) => {
                return Err(Refusal::new(
                    Code::Replaced,
                    "another client of yours took over",
                ));
            }
            Some(Greeting::Closed) => return Ok(given_up(caller, Some(Farewell::Expiring))),
            Some(Greeting::Welcome { replaced }) if !replaced.is_empty() => {
                after.push(After::Close {
                    connections: replaced,
                    bye: Some(Farewell::Replaced),
                });
            }
            Some(Greeting::Welcome { .. }) | None => {}
        }
        // From here on the others are to be told, whatever the history says.
        let told = |refusal: StoreError, degraded, after| Acted {
            outcome: Err(refusal.into()),
            degraded,
            after,
        };
        let mut missed = match self.missed(caller, &hello.resume, true).await {
            Ok(missed) => missed,
            Err(error) => return Ok(told(error, degraded, after)),
        };
        let readable = &missed.rooms;
        let subscribed = if readable.is_empty() {
            self.still_there(caller, &mut degraded).await
        } else {
            self.subscribe(caller, &connection, readable, &mut degraded, &mut after)
                .await
        };
        let subscribed = match subscribed {
            Ok(Some(subscribed)) => subscribed,
            Ok(None) => {
                let mut acted = given_up(caller, Some(Farewell::Expiring));
                acted.after.splice(0..0, after);
                return Ok(acted);
            }
            Err(error) => return Ok(told(error, degraded, after)),
        };
        // What was posted before the subscription stood, and who was shut out before, is found out.
        let again = subscribed.fresh.iter().chain(&subscribed.ahead);
        let again: BTreeSet<_> = again.map(|room| room.name.clone()).collect();
        if !again.is_empty() {
            let mut positions = hello.resume;
            positions.retain(|name, _| again.contains(name));
            let found = self.missed(caller, &positions, false).await;
            let is_shut_out = |room: &&Room| match &found {
                Ok(found) => !found.rooms.iter().any(|other| other.name == room.name),
                Err(_) => true,
            };
            let asked = readable.iter().filter(|room| again.contains(&room.name));
            let shut_out = asked.filter(is_shut_out).collect();
            self.withdraw(&connection, shut_out, &mut degraded).await?;
            let found = match found {
                Ok(found) => found,
                Err(error) => return Ok(told(error, degraded, after)),
            };
            self.tell_heads(&subscribed.unknown, &found.states, &mut degraded)
                .await?;
            missed.states.extend(found.states);
        }
        let Missed {
            states: mut rooms,
            page,
            ..
        } = missed;
        for (name, refusal) in subscribed.refused {
            rooms.insert(name, refused_state(&refusal));
        }
        let answer = Answer::Hello(Box::new(HelloOk {
            protocol: String::from(PROTOCOL),
            user: caller.sender(),
            expires_at: caller.ends_at(),
            limits: Limits::new(u64::from(self.parts.settings.ping_seconds) * 1_000),
            memberships: page.memberships,
            cursor: page.cursor,
            rooms,
        }));
        Ok(Acted {
            outcome: Ok(answer),
            degraded,
            after,
        })
    }

    /// What subscribing to no room finds: `None` if the connection was removed, perhaps before its
    /// session was written.
    async fn still_there(
        &self,
        caller: &Caller,
        degraded: &mut bool,
    ) -> Result<Option<Subscriptions>, StoreError> {
        let registry = &self.parts.registry;
        let known = registry.connection(&caller.connection, self.now()).await;
        let is_gone = unless_away(known, degraded)?.is_some_and(|known| known.is_none());
        Ok((!is_gone).then(Subscriptions::default))
    }

    /// Subscribes to rooms whose heads were read before, or renews; without rooms, it renews the
    /// connection alone. A room that has no place left is given up again, and so are the last rooms
    /// of a connection that is in too many. `None` if the connection was removed meanwhile.
    pub(crate) async fn subscribe(
        &self,
        caller: &Caller,
        connection: &Connection,
        rooms: &[Room],
        degraded: &mut bool,
        after: &mut Vec<After>,
    ) -> Result<Option<Subscriptions>, StoreError> {
        let mut found = Subscriptions::default();
        let now = self.now();
        let wanted = subscriptions(rooms);
        let answer = self
            .parts
            .registry
            .subscribe(connection, &wanted, now)
            .await;
        let subscribed = match unless_away(answer, degraded)? {
            None => return Ok(Some(found)),
            Some(None) => return Ok(None),
            Some(Some(subscribed)) => subscribed,
        };
        let connections = subscribed.iter().map(|one| one.connections).max();
        if connections > Some(u64::from(USER_CONNECTIONS)) {
            self.make_way(connection, degraded, after).await?;
        }
        for (index, (room, subscribed)) in rooms.iter().zip(subscribed).enumerate() {
            found.most = found.most.max(subscribed.subscribers);
            let rooms_before = subscribed
                .rooms
                .saturating_sub((rooms.len() - index - 1) as u64);
            let refusal = if rooms_before > ROOMS as u64 {
                Some(too_many_rooms())
            } else if subscribed.subscribers > SHARD_SUBSCRIPTIONS
                && self.is_full(room, degraded).await?
            {
                Some(room_full())
            } else {
                None
            };
            let place = || Place {
                room: room.name.clone(),
                shards: room.shards,
            };
            if refusal.is_none() && subscribed.confirm {
                found.fresh.push(room.clone());
            }
            if refusal.is_none() && subscribed.head.is_none_or(|head| head > room.head) {
                found.ahead.push(room.clone());
            }
            if refusal.is_none() && subscribed.head.is_none() {
                found.unknown.push(room.name.clone());
            }
            if let Some(refusal) = refusal {
                let subscriber = &connection.subscriber;
                let (name, shards) = (&room.name, room.shards);
                let ended = self
                    .parts
                    .registry
                    .unsubscribe(subscriber, name, shards, now)
                    .await;
                unless_away(ended, degraded)?;
                found.refused.push((room.name.clone(), refusal));
            } else if !crate::announce::is_intimate(&subscribed) {
                after.push(After::Occupancy { place: place() });
            } else {
                if subscribed.first_device {
                    after.push(After::Joined {
                        place: place(),
                        user: caller.sender(),
                    });
                }
                // Nobody was told of their end. One that is there with another device did not leave:
                // the announcement looks.
                after.extend(departed(subscribed.lapsed).map(|user| After::Left {
                    place: place(),
                    user,
                }));
            }
        }
        Ok(Some(found))
    }

    /// Whether a room with a full shard has more subscriptions than all its shards are made for:
    /// users do not spread evenly.
    async fn is_full(&self, room: &Room, degraded: &mut bool) -> Result<bool, StoreError> {
        if room.shards == 1 {
            return Ok(true);
        }
        let counted = self
            .parts
            .registry
            .count(&room.name, room.shards, self.now())
            .await;
        let count = unless_away(counted, degraded)?.unwrap_or_default();
        Ok(count > SHARD_SUBSCRIPTIONS * u64::from(room.shards))
    }
}

impl Chat {
    /// A connection came in without a hello, and the user has too many now: others give way as they
    /// do to a hello.
    async fn make_way(
        &self,
        connection: &Connection,
        degraded: &mut bool,
        after: &mut Vec<After>,
    ) -> Result<(), StoreError> {
        let registry = &self.parts.registry;
        let greeting = registry
            .hello(connection, SessionPolicy::Multi, self.now())
            .await;
        if let Some(Greeting::Welcome { replaced }) = unless_away(greeting, degraded)? {
            after.push(After::Close {
                connections: replaced,
                bye: Some(Farewell::Replaced),
            });
        }
        Ok(())
    }

    /// Tells the registry the heads of rooms of which it knows none, so that the next who comes back
    /// need not ask the history twice.
    async fn tell_heads(
        &self,
        rooms: &[RoomName],
        states: &BTreeMap<RoomName, RoomState>,
        degraded: &mut bool,
    ) -> Result<(), StoreError> {
        let registry = &self.parts.registry;
        for (name, state) in rooms.iter().filter_map(|name| states.get_key_value(name)) {
            let raised = registry.raise_head(name, state.head).await;
            unless_away(raised, degraded)?;
        }
        Ok(())
    }

    /// Ends subscriptions to rooms that turned out not to be readable.
    pub(crate) async fn withdraw(
        &self,
        connection: &Connection,
        rooms: Vec<&Room>,
        degraded: &mut bool,
    ) -> Result<(), StoreError> {
        let (registry, now) = (&self.parts.registry, self.now());
        for room in rooms {
            let ended = registry
                .unsubscribe(&connection.subscriber, &room.name, room.shards, now)
                .await;
            unless_away(ended, degraded)?;
        }
        Ok(())
    }

    /// Those of some rooms just subscribed to that may still be read; the subscriptions to the
    /// others end.
    pub(crate) async fn confirmed(
        &self,
        caller: &Caller,
        connection: &Connection,
        fresh: Vec<Room>,
        degraded: &mut bool,
    ) -> Result<Asked, StoreError> {
        let asked = self
            .readable_rooms(caller, fresh.iter().map(|room| &room.name))
            .await;
        let is_shut_out = |room: &&Room| match &asked {
            Ok(asked) => !asked.readable.iter().any(|other| other.name == room.name),
            Err(_) => true,
        };
        let shut_out = fresh.iter().filter(is_shut_out).collect();
        self.withdraw(connection, shut_out, degraded).await?;
        asked
    }
}

/// The users of subscriptions whose lease had ended, each once.
pub(crate) fn departed(lapsed: Vec<Subscriber>) -> impl Iterator<Item = Sender> {
    let users = lapsed.into_iter().map(|lapsed| (lapsed.user, lapsed.name));
    let users: BTreeMap<_, _> = users.collect();
    users.into_iter().map(|(id, name)| Sender { id, name })
}

pub(crate) fn subscriptions(rooms: &[Room]) -> Vec<Subscription> {
    let wanted = rooms.iter().map(|room| Subscription {
        room: room.name.clone(),
        shards: room.shards,
        head: room.head,
    });
    wanted.collect()
}

pub(crate) fn room_full() -> Refusal {
    Refusal::new(
        Code::RoomFull,
        "this room has as many subscriptions as it can",
    )
}

fn too_many_rooms() -> Refusal {
    Refusal::new(
        Code::Forbidden,
        "this connection is in 100 rooms already; leave one first",
    )
}
