//! What the answers to a client's actions change, and what no answer does.

use std::collections::BTreeMap;
use std::time::Duration;

use gatepost_protocol::Code;
use gatepost_protocol::Entry;
use gatepost_protocol::RoomState;
use serde_json::Value;
use tokio::time::Instant;

use super::Asked;
use super::Over;
use super::Pending;
use super::Session;
use crate::checker::Event;
use crate::checker::Micros;
use crate::client::view::Next;

/// Pause before what was refused for now is sent again, where the server names none.
const AGAIN: Duration = Duration::from_millis(500);

impl Session {
    pub(super) fn reply(&mut self, pending: Pending, mut frame: Value) -> Result<(), Over> {
        let Pending { what, asked, .. } = pending;
        if frame.get("ok").is_none() {
            return self.error(what, &frame["error"]);
        }
        let mut ok = frame["ok"].take();
        match what {
            Asked::Hello(places) => {
                if let Some(ms) = ok["limits"]["ping_ms"].as_u64() {
                    self.ping_every = Duration::from_millis(ms);
                    self.schedule_ping();
                }
                (self.is_greeted, self.attempts) = (true, 0);
                self.greeted += 1;
                self.schedule_rotation();
                self.witness.note(Event::Greeted);
                self.states(places, ok["rooms"].take(), asked);
                let new = self.views.iter().filter(|(_, view)| view.at.is_none());
                let new: Vec<String> = new.map(|(room, _)| room.clone()).collect();
                new.iter().for_each(|room| self.join(room));
            }
            Asked::Rotate(places) => {
                self.rotated();
                self.states(places, ok["rooms"].take(), asked);
            }
            Asked::Join(room) => self.joined(&room, ok, asked),
            Asked::Sync(places) => self.states(places, ok["rooms"].take(), asked),
            Asked::Ping => {
                let heads: BTreeMap<String, u64> =
                    serde_json::from_value(ok["heads"].take()).expect("heads as fixed");
                for (room, head) in heads {
                    self.head(&room, head, asked);
                    let is_behind = self.views.get(&room).is_some_and(|view| {
                        !view.is_asked && view.at.is_some_and(|(_, last)| last < head)
                    });
                    if is_behind && self.manner.heeds_heads {
                        self.sync(&room);
                    }
                }
            }
            Asked::Send { room, send } => {
                let (epoch, seq) = (ok["epoch"].as_u64(), ok["seq"].as_u64());
                let (Some(epoch), Some(seq)) = (epoch, seq) else {
                    panic!("a send was answered {ok}");
                };
                self.witness.note(Event::Ok {
                    send,
                    epoch,
                    seq,
                    duplicate: ok["duplicate"] == true,
                });
                if let Some(outbox) = self.outboxes.get_mut(&room) {
                    outbox.acknowledged(send, seq);
                }
            }
            Asked::Leave => {}
        }
        Ok(())
    }

    fn head(&self, room: &str, seq: u64, asked: Micros) {
        let room = room.to_owned();
        self.witness.note(Event::Head { room, seq, asked });
    }

    /// The rooms of the answer to a hello or sync.
    fn states(&mut self, places: BTreeMap<String, (u64, u64)>, rooms: Value, asked: Micros) {
        let mut rooms: BTreeMap<String, RoomState> =
            serde_json::from_value(rooms).expect("rooms as fixed");
        for (room, (epoch, seq)) in places {
            let Some(state) = rooms.remove(&room) else {
                // It did not fit.
                self.sync(&room);
                continue;
            };
            let refusal = state.error.as_ref().map(|error| error.code);
            if refusal.is_none() {
                self.head(&room, state.head, asked);
            }
            if state.epoch != epoch
                && refusal == Some(Code::StaleEpoch)
                && let Some(outbox) = self.outboxes.get_mut(&room)
            {
                outbox.new_epoch();
            }
            let next = match self.views.get_mut(&room) {
                Some(view) => view.answered(state, seq, &self.witness),
                None => Next::Wait,
            };
            match next {
                Next::Wait => {}
                Next::Sync => self.sync(&room),
                Next::Leave => self.give_up(&room),
            }
        }
    }

    fn joined(&mut self, room: &str, mut ok: Value, asked: Micros) {
        let items: Vec<Entry> = serde_json::from_value(ok["items"].take()).expect("items as fixed");
        let (epoch, head) = (ok["epoch"].as_u64(), ok["head"].as_u64());
        let (Some(epoch), Some(head)) = (epoch, head) else {
            panic!("a join was answered {ok}");
        };
        self.head(room, head, asked);
        let Some(view) = self.views.get_mut(room) else {
            return;
        };
        view.is_asked = false;
        if view.at.is_none() {
            let first = items.first().map_or(head, |entry| entry.seq - 1);
            view.begin(epoch, first, 0, &self.witness);
            view.replayed(epoch, first, items, &self.witness);
        }
        view.advance(&self.witness);
    }

    fn error(&mut self, what: Asked, error: &Value) -> Result<(), Over> {
        let code: Option<Code> = serde_json::from_value(error["code"].clone()).ok();
        let name = error["code"].as_str().unwrap_or("internal");
        let is_for_now = code.is_none_or(|code| !code.is_final());
        let pause = error["retry_after_ms"].as_u64().map(Duration::from_millis);
        let again_at = Instant::now()
            + pause
                .unwrap_or(AGAIN)
                .mul_f64(self.random.between(1.0, 1.2));
        match what {
            Asked::Send { room, send } => {
                let Some(outbox) = self.outboxes.get_mut(&room) else {
                    return Ok(());
                };
                let (code, expected) = (name.to_owned(), error["expected"].as_u64());
                if is_for_now {
                    self.witness.note(Event::Refused { send, code });
                    outbox.refused(send, again_at, expected);
                } else {
                    outbox.failed(send, name);
                    self.witness.note(Event::Failed { send, code });
                }
            }
            // Another of the user's clients took over.
            _ if code == Some(Code::Replaced) => return Err(Over),
            Asked::Rotate(places) => self.not_rotated(&places),
            Asked::Hello(_) if is_for_now => self.lost(1006),
            Asked::Hello(_) => return Err(Over),
            Asked::Join(room) if !is_for_now => self.give_up(&room),
            Asked::Join(room) => self.ask_again_at(Asked::Join(room), again_at),
            Asked::Sync(places) => self.ask_again_at(Asked::Sync(places), again_at),
            // The next one comes; a connection that was given up is closed by the server.
            Asked::Ping => self.ping_at = self.ping_at.map(|at| at.min(again_at)),
            Asked::Leave => {}
        }
        Ok(())
    }

    /// Lets an action count as unanswered at a time, which asks it again.
    fn ask_again_at(&mut self, what: Asked, at: Instant) {
        self.asked += 1;
        let pending = Pending {
            what,
            asked: 0,
            until: at,
        };
        self.pending
            .insert(format!("again {}", self.asked), pending);
    }

    /// It is not known whether an action was done: all may be repeated.
    pub(super) fn unanswered(&mut self, what: Asked) {
        match what {
            Asked::Hello(_) => self.lost(1006),
            Asked::Rotate(places) => self.not_rotated(&places),
            Asked::Join(room) => self.join(&room),
            Asked::Sync(places) => places.keys().for_each(|room| self.sync(room)),
            Asked::Ping => self.ping(),
            Asked::Send { room, send } => {
                let code = String::from("unanswered");
                self.witness.note(Event::Refused { send, code });
                let again_at = Instant::now() + AGAIN.mul_f64(self.random.between(0.5, 1.0));
                if let Some(outbox) = self.outboxes.get_mut(&room) {
                    outbox.refused(send, again_at, None);
                }
            }
            Asked::Leave => {}
        }
    }
}
