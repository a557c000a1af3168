//! `hello`: a session begins.

use gatepost_protocol::Answer;
use gatepost_protocol::Code;
use gatepost_protocol::Farewell;
use gatepost_protocol::HelloOk;
use gatepost_protocol::Limits;
use gatepost_protocol::MembershipOk;
use gatepost_protocol::PROTOCOL;
use gatepost_protocol::RoomName;
use gatepost_protocol::action::Hello;
use gatepost_protocol::limits::PAGE_ITEMS;
use gatepost_store::Connection;
use gatepost_store::Greeting;
use gatepost_store::Membership;
use gatepost_store::Room;
use gatepost_store::SessionPolicy;
use gatepost_store::StoreError;
use gatepost_store::Subscription;

use crate::Acted;
use crate::After;
use crate::Caller;
use crate::Chat;
use crate::Place;
use crate::Refusal;
use crate::Sessions;
use crate::connect::given_up;
use crate::resume::refused_state;
use crate::unless_away;

/// Subscriptions one shard of a room holds at most.
const SHARD_SUBSCRIPTIONS: u64 = 2_000;

/// What subscribing to rooms found.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    /// Rooms that have no place left.
    pub(crate) full: Vec<RoomName>,
    /// The subscriptions of the fullest room.
    pub(crate) most: u64,
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
        // One more than a page holds tells whether there are more.
        let (greeting, memberships, asked) = tokio::join!(
            self.parts.registry.hello(&connection, policy, now),
            self.parts
                .history
                .memberships(&caller.user, None, PAGE_ITEMS + 1),
            self.readable_rooms(caller, hello.resume.keys()),
        );
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
        let (mut memberships, asked) = match memberships.and_then(|list| Ok((list, asked?))) {
            Ok(read) => read,
            Err(error) => return Ok(told(error, degraded, after)),
        };
        let readable = &asked.readable;
        let subscribed = if readable.is_empty() {
            Ok(Some(Subscriptions::default()))
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
        let mut rooms = match self.missed(caller, &hello.resume).await {
            Ok(rooms) => rooms,
            Err(error) => return Ok(told(error, degraded, after)),
        };
        for name in subscribed.full {
            rooms.insert(name, refused_state(&room_full()));
        }
        let is_cut = memberships.len() > PAGE_ITEMS as usize;
        memberships.truncate(PAGE_ITEMS as usize);
        let cursor = is_cut
            .then(|| memberships.last().map(|last| last.room.clone()))
            .flatten();
        after.push(After::Session {
            connection: caller.connection.clone(),
            user: caller.user.clone(),
            at: caller.connected_at,
        });
        let answer = Answer::Hello(Box::new(HelloOk {
            protocol: String::from(PROTOCOL),
            user: caller.sender(),
            expires_at: caller.ends_at(),
            limits: Limits::new(u64::from(self.parts.settings.ping_seconds) * 1_000),
            memberships: memberships.into_iter().map(on_the_wire).collect(),
            cursor,
            rooms,
        }));
        Ok(Acted {
            outcome: Ok(answer),
            degraded,
            after,
        })
    }

    /// Subscribes to rooms whose heads were read before, or renews; without rooms, it renews the
    /// connection alone. A room that has no place left is given up again. `None` if the connection
    /// was removed meanwhile.
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
        for (room, subscribed) in rooms.iter().zip(subscribed) {
            found.most = found.most.max(subscribed.subscribers);
            if subscribed.subscribers > SHARD_SUBSCRIPTIONS {
                let subscriber = &connection.subscriber;
                let (name, shards) = (&room.name, room.shards);
                let ended = self
                    .parts
                    .registry
                    .unsubscribe(subscriber, name, shards, now)
                    .await;
                unless_away(ended, degraded)?;
                found.full.push(room.name.clone());
            } else if subscribed.first_device && crate::announce::is_intimate(&subscribed) {
                let place = Place {
                    room: room.name.clone(),
                    shards: room.shards,
                };
                after.push(After::Joined {
                    place,
                    user: caller.sender(),
                });
            }
        }
        Ok(Some(found))
    }
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

fn on_the_wire(membership: Membership) -> MembershipOk {
    MembershipOk {
        room: membership.room,
        kind: membership.kind,
        role: membership.role,
        head: membership.head,
        read: membership.read,
        with: membership.with,
    }
}
