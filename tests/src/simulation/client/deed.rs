//! What the person at a client does.

use std::collections::btree_map::Entry;

use gatepost_protocol::RoomName;
use gatepost_protocol::direct_room;
use tokio::time::Instant;

use super::Asked;
use super::Client;
use super::Errand;
use crate::checker::Event;
use crate::checker::digest;
use crate::simulation::outbox::Outbox;
use crate::simulation::outbox::Writing;
use crate::simulation::person::Deed;
use crate::simulation::view::View;
use crate::simulation::world::den;

impl Client {
    /// Does what is due. Answers what ends the connection.
    pub(super) fn do_deeds(&mut self) -> Option<Deed> {
        while let Some((at, _)) = self.deeds.front()
            && *at <= Instant::now()
        {
            let (_, deed) = self.deeds.pop_front()?;
            match deed {
                Deed::Join(room) => self.go_into(room),
                Deed::Leave(room) => {
                    if self.rooms.get(&room).is_some_and(|view| view.begun) {
                        self.go_out_of(&room);
                        self.leaving.insert(room);
                    }
                }
                Deed::Send(room) => self.write(&room, Writing::Message),
                Deed::Edit(room) => {
                    if let Some(target) = self.last_message(&room, true) {
                        self.write(&room, Writing::Edit(target));
                    }
                }
                Deed::Delete(room) => {
                    if let Some(target) = self.last_message(&room, true) {
                        self.write(&room, Writing::Delete(target));
                    }
                }
                Deed::React(room) => {
                    if let Some(target) = self.last_message(&room, false) {
                        self.write(&room, Writing::React(target));
                    }
                }
                Deed::Direct(to) => {
                    let room = direct_room(&self.user, &to);
                    self.restrict(&room, [&self.user, &to]);
                    self.write(&room, Writing::Direct(to));
                }
                Deed::Create => {
                    self.restrict(&den(), [&self.user]);
                    self.run(Errand::Create);
                }
                Deed::Invite(user) => {
                    if !self.errands.banned.contains(&user) {
                        self.restrict(&den(), [&user]);
                        self.run(Errand::Invite(user));
                    }
                }
                Deed::Kick(user) => self.run(Errand::Kick(user)),
                Deed::Ban(user) => {
                    self.errands.banned.insert(user.clone());
                    self.run(Errand::Ban(user));
                }
                Deed::LoseConnection | Deed::Reload => return Some(deed),
            }
        }
        None
    }

    /// Wants to be in a room.
    pub(super) fn go_into(&mut self, room: RoomName) {
        if let Entry::Vacant(place) = self.rooms.entry(room.clone()) {
            place.insert(View::joining(room.clone()));
            self.again_at.insert(room, Instant::now());
        }
    }

    /// Sees a room no more.
    pub(super) fn go_out_of(&mut self, room: &RoomName) {
        let Some(view) = self.rooms.remove(room) else {
            return;
        };
        self.again_at.remove(room);
        self.asked.retain(
            |_, (asked, ..)| !matches!(asked, Asked::Join(of) | Asked::Sync(of) if of == room),
        );
        if view.begun {
            self.witness.note(Event::Left {
                room: room.to_string(),
            });
        }
    }

    fn last_message(&self, room: &RoomName, of_mine: bool) -> Option<u64> {
        let user = Some(&self.user).filter(|_| of_mine);
        let messages = self.rooms.get(room)?.messages(user);
        messages.last().copied()
    }

    /// The room is not for everybody, and these are about to be let in.
    fn restrict<'a>(
        &self,
        room: &RoomName,
        users: impl IntoIterator<Item = &'a gatepost_protocol::UserId>,
    ) {
        let room = room.to_string();
        self.recorder.note(Event::Restricted { room: room.clone() });
        for user in users {
            let (room, user) = (room.clone(), user.to_string());
            self.recorder.note(Event::Admitted { room, user });
        }
    }

    fn run(&mut self, errand: Errand) {
        self.errands.queue.push_back(errand);
        self.errands.due.get_or_insert(Instant::now());
    }

    fn write(&mut self, room: &RoomName, writing: Writing) {
        self.written += 1;
        let outbox = self
            .outboxes
            .entry(room.clone())
            .or_insert_with(|| Outbox::new(&self.page));
        let client = outbox.client.to_string();
        let sending = outbox.add(self.written, writing);
        self.witness.note(Event::Send {
            room: room.to_string(),
            send: sending.send,
            client: Some(client),
            n: Some(sending.n),
            digest: digest(&sending.content()),
        });
    }
}
