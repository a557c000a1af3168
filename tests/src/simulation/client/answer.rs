//! What comes to a client.

use std::collections::BTreeSet;
use std::time::Duration;

use gatepost_protocol::Answer;
use gatepost_protocol::Code;
use gatepost_protocol::Event as Pushed;
use gatepost_protocol::Farewell;
use gatepost_protocol::HelloOk;
use gatepost_protocol::MembershipChange;
use gatepost_protocol::PingOk;
use gatepost_protocol::RoomKind;
use gatepost_protocol::RoomName;
use gatepost_protocol::RoomState;
use tokio::time::Instant;

use super::Asked;
use super::Client;
use super::Errand;
use super::wait;
use crate::checker::Event;
use crate::checker::Micros;
use crate::checker::Via;
use crate::mutants::Mutant;
use crate::simulation::gateway::Refused;
use crate::simulation::view::Next;
use crate::simulation::view::received;
use crate::simulation::world::den;

impl Client {
    /// Whether the connection is still of use.
    pub(super) fn pushed(&mut self, event: Pushed) -> bool {
        match event {
            Pushed::Entries { room, epoch, items } => {
                if let Some(view) = self.rooms.get_mut(&room) {
                    if self.mutant == Some(Mutant::NoHoldBack) {
                        view.show_at_once(&items, &self.witness);
                    }
                    view.pushed(epoch, items, &self.witness);
                } else {
                    for entry in &items {
                        received(&room, epoch, entry, Via::Push, None, &self.witness);
                    }
                    // Somebody wrote to the user, and that it did was not heard.
                    if room.is_reserved() {
                        self.go_into(room);
                    }
                }
            }
            Pushed::Room { room, op, .. } => match op {
                MembershipChange::Added => self.go_into(room),
                MembershipChange::Removed => self.go_out_of(&room),
                MembershipChange::Role => {}
            },
            Pushed::Bye { code, .. } => {
                self.is_replaced |= code == Farewell::Replaced;
                return false;
            }
            _ => {}
        }
        true
    }

    /// Whether the connection is still of use.
    pub(super) fn reply(&mut self, number: u64, outcome: Result<Answer, Refused>) -> bool {
        let Some((asked, _, at)) = self.asked.remove(&number) else {
            return true;
        };
        if let Err(refused) = &outcome
            && matches!(refused.code, Code::Unregistered | Code::Replaced)
        {
            self.is_replaced |= refused.code == Code::Replaced;
            self.put_back(asked);
            return false;
        }
        match (asked, outcome) {
            (Asked::Hello, Ok(Answer::Hello(hello))) => self.greeted(*hello, at),
            (Asked::Hello, _) => return false,
            (Asked::Join(room), Ok(Answer::Join(join))) => {
                self.head(&room, join.head, at);
                if let Some(view) = self.rooms.get_mut(&room) {
                    view.begin(join.epoch, join.head, 0, &self.witness);
                }
            }
            (Asked::Sync(room), Ok(Answer::Sync(mut sync))) => {
                if let Some(state) = sync.rooms.remove(&room) {
                    self.state(&room, state, at);
                }
            }
            (Asked::Join(room) | Asked::Sync(room), Err(refused)) => {
                if is_final(refused.code) {
                    self.go_out_of(&room);
                } else if let Some(view) = self.rooms.get_mut(&room) {
                    view.asking = !view.begun;
                    self.again_at.insert(room, Instant::now() + wait(refused));
                }
            }
            (Asked::Ping(asked), Ok(Answer::Ping(ping))) => self.heads(asked, &ping, at),
            (Asked::Send(room), outcome) => self.sent(&room, outcome),
            (Asked::Errand, outcome) => self.errand_done(outcome),
            (Asked::Ping(_) | Asked::Leave(_), _) => {}
            (asked, outcome) => unreachable!("{asked:?} is answered {outcome:?}"),
        }
        true
    }

    fn greeted(&mut self, hello: HelloOk, at: Micros) {
        self.is_greeted = true;
        self.witness.note(Event::Greeted);
        for (room, state) in hello.rooms {
            self.state(&room, state, at);
        }
        // What was written to the user meanwhile.
        for membership in hello.memberships {
            if membership.kind == RoomKind::Direct {
                self.go_into(membership.room);
            }
        }
        for (room, view) in &self.rooms {
            if !view.begun {
                self.again_at.insert(room.clone(), Instant::now());
            }
        }
    }

    fn state(&mut self, room: &RoomName, state: RoomState, at: Micros) {
        // Left and joined again meanwhile, it is another view: its join is answered by itself.
        let view = self.rooms.get_mut(room).filter(|view| view.begun);
        let Some(view) = view else {
            return;
        };
        let head = state.head;
        let next = view.answered(state, &self.witness);
        if next != Next::Leave {
            self.head(room, head, at);
        }
        match next {
            Next::Wait => {}
            Next::Sync => {
                self.again_at.insert(room.clone(), Instant::now());
            }
            Next::Leave => self.go_out_of(room),
        }
    }

    /// A head above what the client has, or none, is looked into.
    fn heads(&mut self, asked: BTreeSet<RoomName>, ping: &PingOk, at: Micros) {
        for (room, head) in &ping.heads {
            self.head(room, *head, at);
        }
        if self.mutant == Some(Mutant::NoHeadCheck) {
            return;
        }
        for room in asked {
            let head = ping.heads.get(&room);
            let lags = self.rooms.get(&room).is_some_and(|view| {
                let is_behind = head.is_none_or(|head| *head > view.last());
                view.begun && !view.asking && is_behind
            });
            if lags {
                self.again_at.insert(room, Instant::now());
            }
        }
    }

    fn head(&self, room: &RoomName, seq: u64, asked: Micros) {
        self.witness.note(Event::Head {
            room: room.to_string(),
            seq,
            asked,
        });
    }

    fn sent(&mut self, room: &RoomName, outcome: Result<Answer, Refused>) {
        let Some(outbox) = self.outboxes.get_mut(room) else {
            return;
        };
        let Some(first) = outbox.queue.front_mut() else {
            return;
        };
        let send = first.send;
        match outcome {
            Ok(Answer::Sent(sent)) => {
                let (epoch, duplicate) = (sent.epoch, sent.duplicate);
                self.witness.note(match sent.seq {
                    Some(seq) => Event::Ok {
                        send,
                        epoch,
                        seq,
                        duplicate,
                    },
                    // Purged: stored, and nobody knows where.
                    None => Event::Unknown { send },
                });
                outbox.queue.pop_front();
                if room.is_reserved() {
                    self.go_into(room.clone());
                }
            }
            Ok(answer) => unreachable!("a send is answered {answer:?}"),
            Err(refused) => {
                let code = refused.code.as_str().to_owned();
                let is_temporary = matches!(
                    refused.code,
                    Code::RateLimited | Code::Unavailable | Code::Internal
                );
                // What was never joined is made by the join that is under way.
                let is_early =
                    refused.code == Code::NoRoom && !room.is_reserved() && *room != den();
                if is_temporary || is_early {
                    (first.under_way, first.due) = (false, Instant::now() + wait(refused));
                    self.witness.note(Event::Refused { send, code });
                    return;
                }
                if refused.code == Code::Early {
                    let expected = refused.expected.unwrap_or_default();
                    assert!(expected < first.n, "{expected} comes before {}", first.n);
                    (first.under_way, first.due) = (false, Instant::now());
                    self.witness.note(Event::Refused { send, code });
                    return outbox.count_anew();
                }
                assert!(
                    is_final(refused.code),
                    "{code} is no answer to a send in its turn"
                );
                // A repetition of it that is late may still be stored, but not where its sender is
                // shut out for ever.
                self.witness.note(match refused.code {
                    Code::Banned => Event::Failed { send, code },
                    _ => Event::Unknown { send },
                });
                outbox.queue.pop_front();
                outbox.count_anew();
            }
        }
    }

    fn errand_done(&mut self, outcome: Result<Answer, Refused>) {
        let errands = &mut self.errands;
        errands.under_way = false;
        if let Err(refused) = &outcome
            && matches!(
                refused.code,
                Code::RateLimited | Code::Unavailable | Code::Internal
            )
        {
            errands.due = Some(Instant::now() + wait(*refused));
            return;
        }
        let errand = errands.queue.pop_front();
        errands.due =
            (!errands.queue.is_empty()).then(|| Instant::now() + Duration::from_millis(1));
        match (errand, outcome) {
            (Some(Errand::Create), _) => self.go_into(den()),
            (Some(Errand::Ban(user)), Ok(_)) => {
                let (room, user) = (den().to_string(), user.to_string());
                self.recorder.note(Event::Expelled { room, user });
            }
            _ => {}
        }
    }
}

/// Repeated, the same would be answered.
fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::NoRoom
            | Code::NotMember
            | Code::Banned
            | Code::Muted
            | Code::Forbidden
            | Code::RoomFull
            | Code::NotFound
            | Code::BelowFloor
            | Code::Conflict
    )
}
