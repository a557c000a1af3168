//! What a client asks for.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use gatepost_protocol::Action;
use gatepost_protocol::RoomKind;
use gatepost_protocol::RoomName;
use gatepost_protocol::UserId;
use gatepost_protocol::action;
use gatepost_protocol::action::Operation;
use tokio::time::Instant;

use super::Asked;
use super::Client;
use super::Errand;
use crate::simulation::gateway::Connected;
use crate::simulation::world::den;

impl Client {
    fn ask(&mut self, connected: &Connected, action: &Action, about: Asked) {
        self.actions += 1;
        let asked = (about, Instant::now(), self.witness.now());
        self.asked.insert(self.actions, asked);
        self.gateway.frame(&connected.id, self.actions, action);
    }

    pub(super) fn hello(&mut self, connected: &Connected) {
        let begun = self.rooms.iter_mut().filter(|(_, view)| view.begun);
        let resume = begun
            .map(|(room, view)| (room.clone(), view.ask(&self.witness)))
            .collect();
        let hello = action::Hello {
            client: Some(self.page.clone()),
            resume,
            take: std::mem::take(&mut self.takes),
        };
        self.ask(connected, &Action::Hello(hello), Asked::Hello);
        self.pings_again();
    }

    pub(super) fn ask_what_is_due(&mut self, connected: &Connected) {
        let now = Instant::now();
        for room in std::mem::take(&mut self.leaving) {
            let leave = action::Leave { room: room.clone() };
            self.ask(connected, &Action::Leave(leave), Asked::Leave(room));
        }
        for room in self.rooms_to_ask_about(now) {
            self.again_at.remove(&room);
            self.catch_up(connected, room);
        }
        if self.ping_at <= now {
            let begun = self.rooms.iter().filter(|(_, view)| view.begun);
            let rooms: BTreeMap<_, _> = begun
                .map(|(room, view)| (room.clone(), view.last()))
                .collect();
            let names = rooms.keys().cloned().collect();
            let ping = Action::Ping(action::Ping { rooms });
            self.ask(connected, &ping, Asked::Ping(names));
            self.pings_again();
        }
        let outboxes = self.outboxes.iter_mut();
        let ready: Vec<_> = outboxes
            .filter_map(|(room, outbox)| Some((room.clone(), outbox.ready(room, now)?)))
            .collect();
        for (room, action) in ready {
            self.ask(connected, &action, Asked::Send(room));
        }
        if let Some(errand) = self.errands.queue.front()
            && !self.errands.under_way
            && self.errands.due.is_some_and(|due| due <= now)
        {
            let action = errand.action();
            self.errands.under_way = true;
            self.ask(connected, &action, Asked::Errand);
        }
    }

    /// Rooms to join, or with something missing; not before their `leave` is answered.
    fn rooms_to_ask_about(&self, now: Instant) -> Vec<RoomName> {
        let leaves: BTreeSet<&RoomName> = self
            .asked
            .values()
            .filter_map(|(asked, ..)| match asked {
                Asked::Leave(room) => Some(room),
                _ => None,
            })
            .collect();
        let due = self.rooms.iter().filter(|(room, view)| {
            let gap = view.asks_at().is_some_and(|at| at <= now);
            let again = self.again_at.get(*room).is_some_and(|at| *at <= now);
            (gap || again) && !leaves.contains(*room)
        });
        due.map(|(room, _)| room.clone()).collect()
    }

    /// Joins a room, or asks for what was missed in it.
    fn catch_up(&mut self, connected: &Connected, room: RoomName) {
        let Some(view) = self.rooms.get_mut(&room) else {
            return;
        };
        if !view.begun {
            view.asking = true;
            let join = action::Join {
                room: room.clone(),
                history: None,
            };
            self.ask(connected, &Action::Join(join), Asked::Join(room));
            return;
        }
        if view.asking {
            return;
        }
        let position = view.ask(&self.witness);
        let rooms = BTreeMap::from([(room.clone(), position)]);
        let sync = action::Sync { rooms };
        self.ask(connected, &Action::Sync(sync), Asked::Sync(room));
    }
}

impl Errand {
    fn action(&self) -> Action {
        let room = den();
        let moderate = |op: Operation, user: &UserId| {
            Action::Moderate(action::Moderate {
                room: den(),
                op,
                user: user.clone(),
                seconds: None,
            })
        };
        match self {
            Self::Create => Action::Create(action::Create {
                room,
                kind: RoomKind::Private,
            }),
            Self::Invite(user) => Action::Invite(action::Invite {
                room,
                user: user.clone(),
            }),
            Self::Kick(user) => moderate(Operation::Kick, user),
            Self::Ban(user) => moderate(Operation::Ban, user),
        }
    }
}
