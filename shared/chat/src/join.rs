//! `join` and `leave`.

use gatepost_protocol::Answer;
use gatepost_protocol::Code;
use gatepost_protocol::Farewell;
use gatepost_protocol::JoinOk;
use gatepost_protocol::RoomKind;
use gatepost_protocol::RoomName;
use gatepost_protocol::action::Join;
use gatepost_store::Range;
use gatepost_store::Room;

use crate::Acted;
use crate::After;
use crate::Caller;
use crate::Chat;
use crate::Place;
use crate::Refusal;
use crate::RoomPolicy;
use crate::connect::given_up;
use crate::unless_away;

impl Chat {
    pub(crate) async fn join(&self, caller: &Caller, join: Join) -> Result<Acted, Refusal> {
        let now = self.now();
        let room = self.room_to_join(caller, &join.room).await?;
        let connection = caller.as_v1(self.parts.settings.ping_seconds, now);
        let (mut degraded, mut after) = (false, Vec::new());
        let rooms = std::slice::from_ref(&room);
        let subscribed = self
            .subscribe(caller, &connection, rooms, &mut degraded, &mut after)
            .await?;
        let subscribed = match subscribed {
            None => return Ok(given_up(caller, Some(Farewell::Expiring))),
            Some(mut subscribed) => match subscribed.refused.pop() {
                Some((_, refusal)) => return Err(refusal),
                None => subscribed,
            },
        };
        let subscribers = subscribed.most;
        // Read after subscribing: who was shut out meanwhile is found out …
        if !subscribed.fresh.is_empty() {
            let confirmed = self
                .confirmed(caller, &connection, subscribed.fresh, &mut degraded)
                .await?;
            if let Some((_, refusal)) = confirmed.refused.into_iter().next() {
                return Err(refusal);
            }
        }
        // … and what is committed later is pushed.
        let most = join.history.unwrap_or(0);
        let outcome = self.joined(room, most, subscribers).await;
        Ok(Acted {
            outcome,
            degraded,
            after,
        })
    }

    async fn joined(&self, room: Room, most: u32, subscribers: u64) -> Result<Answer, Refusal> {
        // At least one entry: the last one's seq is the head.
        let newest = Range::Newest;
        let mut items = self
            .parts
            .history
            .entries(&room.name, newest, most.max(1))
            .await?;
        let head = items
            .last()
            .map_or(room.head, |entry| entry.seq.max(room.head));
        if most == 0 {
            items.clear();
        }
        let first = items.first().map_or(head + 1, |entry| entry.seq);
        Ok(Answer::Join(JoinOk {
            more: first > room.floor + 1,
            room: room.name,
            kind: room.kind,
            epoch: room.epoch,
            head,
            role: room.role,
            subscribers,
            items,
        }))
    }

    /// The room, made if it is missing and declared, or anybody may make rooms by joining.
    async fn room_to_join(&self, caller: &Caller, name: &RoomName) -> Result<Room, Refusal> {
        let settings = &self.parts.settings;
        let is_made_by_joining = settings.declared.contains_key(name)
            || settings.rooms == RoomPolicy::Open && !name.is_reserved();
        match self.readable_room(caller, name).await {
            Err(refusal) if refusal.code == Code::NoRoom && is_made_by_joining => {
                self.parts
                    .history
                    .create_room(name, RoomKind::Public, settings.shards_of(name), None)
                    .await?;
                self.readable_room(caller, name).await
            }
            found => found,
        }
    }

    pub(crate) async fn leave(&self, caller: &Caller, name: &RoomName) -> Result<Acted, Refusal> {
        let now = self.now();
        let mut acted = Acted::answered(Answer::Done {});
        let names = std::slice::from_ref(name);
        let Some(room) = self.parts.history.rooms(names, &caller.user).await?.pop() else {
            return Ok(acted);
        };
        let subscriber = caller
            .as_v1(self.parts.settings.ping_seconds, now)
            .subscriber;
        let ended = self
            .parts
            .registry
            .unsubscribe(&subscriber, name, room.shards, now)
            .await;
        let ended = unless_away(ended, &mut acted.degraded)?.flatten();
        if ended.is_some_and(|ended| ended.last_device) {
            let place = Place {
                room: room.name,
                shards: room.shards,
            };
            acted.after.push(After::Left {
                place,
                user: caller.sender(),
            });
        }
        Ok(acted)
    }
}
