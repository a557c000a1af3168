//! A user's client, as `protocol.md` wants it.

mod answer;
mod ask;
mod deed;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use gatepost_protocol::ClientId;
use gatepost_protocol::RoomName;
use gatepost_protocol::UserId;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout_at;

use super::gateway::Connected;
use super::gateway::Gateway;
use super::gateway::Inbound;
use super::gateway::Refused;
use super::outbox::Outbox;
use super::person::Deed;
use super::person::Deeds;
use super::view::View;
use super::weather::Weather;
use crate::checker::Event;
use crate::checker::Micros;
use crate::checker::Recorder;
use crate::checker::Witness;
use crate::mutants::Mutant;

/// How long an action may stay unanswered.
const UNANSWERED: Duration = Duration::from_secs(30);

/// What an action that is not answered was about.
#[derive(Debug)]
enum Asked {
    Hello,
    Join(RoomName),
    Leave(RoomName),
    Sync(RoomName),
    Ping(BTreeSet<RoomName>),
    Send(RoomName),
    Errand,
}

/// What the owner of the private room does there, repeated until it is answered.
#[derive(Debug, Clone)]
enum Errand {
    Create,
    Invite(UserId),
    Kick(UserId),
    Ban(UserId),
}

#[derive(Debug, Default)]
struct Errands {
    queue: VecDeque<Errand>,
    under_way: bool,
    due: Option<Instant>,
    banned: BTreeSet<UserId>,
}

pub(super) struct Client {
    user: UserId,
    page: ClientId,
    witness: Witness,
    gateway: Arc<Gateway>,
    weather: Arc<Weather>,
    recorder: Recorder,
    deeds: Deeds,
    /// Rooms that the person wants to be in.
    rooms: BTreeMap<RoomName, View>,
    /// Rooms whose `leave` is not answered.
    leaving: BTreeSet<RoomName>,
    outboxes: BTreeMap<RoomName, Outbox>,
    errands: Errands,
    asked: BTreeMap<u64, (Asked, Instant, Micros)>,
    /// Asked again at this time: a `join` or `sync` that was refused.
    again_at: BTreeMap<RoomName, Instant>,
    actions: u64,
    written: u64,
    is_greeted: bool,
    /// Another client of the user took over.
    is_replaced: bool,
    /// Takes over even after having been replaced.
    takes: bool,
    /// The mistake that it makes, if it is a client's.
    mutant: Option<Mutant>,
    ping_at: Instant,
}

/// How a page ended.
pub(super) struct Ended {
    pub(super) how: Finish,
    pub(super) deeds: Deeds,
    pub(super) rooms: Vec<RoomName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    Reloaded,
    Replaced,
}

impl Client {
    pub(super) fn new(
        name: &str,
        user: &UserId,
        gateway: &Arc<Gateway>,
        weather: &Arc<Weather>,
        recorder: &Recorder,
        deeds: Deeds,
    ) -> Self {
        let page = format!("{name:_<16}").parse().expect("16 to 64 characters");
        let witness = recorder.witness(name);
        witness.note(Event::Client {
            user: user.to_string(),
        });
        Self {
            user: user.clone(),
            page,
            witness,
            gateway: Arc::clone(gateway),
            weather: Arc::clone(weather),
            recorder: recorder.clone(),
            deeds,
            rooms: BTreeMap::new(),
            leaving: BTreeSet::new(),
            outboxes: BTreeMap::new(),
            errands: Errands::default(),
            asked: BTreeMap::new(),
            again_at: BTreeMap::new(),
            actions: 0,
            written: 0,
            is_greeted: false,
            is_replaced: false,
            takes: false,
            mutant: None,
            ping_at: Instant::now(),
        }
    }

    /// Makes this mistake, if it is a client's.
    pub(super) fn errs(&mut self, mutant: Option<Mutant>) {
        self.mutant = mutant;
    }

    /// Wants to be in these rooms from the start.
    pub(super) fn want(&mut self, rooms: impl IntoIterator<Item = RoomName>) {
        for room in rooms {
            self.rooms.insert(room.clone(), View::joining(room));
        }
    }

    /// Lives until its page ends.
    pub(super) async fn live(mut self) -> Ended {
        let mut failures = 0;
        loop {
            let Some(mut connected) = self.gateway.connect(&self.user).await else {
                failures += 1;
                // Full jitter, 0.5 to 20 s.
                let most = (500 << failures.min(6)).min(20_000);
                sleep(self.weather.chance.ms(0..=most)).await;
                continue;
            };
            let how_it_ended = self.talk(&mut connected).await;
            if self.is_greeted {
                failures = 0;
                self.is_greeted = false;
                self.witness.note(Event::Closed { code: 1006 });
            }
            self.disconnected();
            if std::mem::take(&mut self.is_replaced) {
                // Now and then the person wants to go on here.
                if self.deeds.front().is_some() && self.weather.strikes(3) {
                    sleep(self.weather.chance.ms(1_000..=5_000)).await;
                    self.takes = true;
                } else {
                    return self.end(Finish::Replaced);
                }
            }
            if how_it_ended == Talk::Reloads {
                return self.end(Finish::Reloaded);
            }
            sleep(self.weather.chance.ms(0..=500)).await;
        }
    }

    fn end(self, how: Finish) -> Ended {
        self.witness.note(Event::Ended);
        Ended {
            how,
            deeds: self.deeds,
            rooms: self.rooms.into_keys().collect(),
        }
    }

    /// One connection, to its end.
    async fn talk(&mut self, connected: &mut Connected) -> Talk {
        self.hello(connected);
        loop {
            let due = self.next_due();
            let is_of_use = match timeout_at(due, connected.inbound.recv()).await {
                Ok(None | Some(Inbound::Closed)) => return Talk::Ended,
                Ok(Some(Inbound::Frame(bytes))) => {
                    let event = serde_json::from_slice(&bytes).expect("a push is an event");
                    self.pushed(event)
                }
                Ok(Some(Inbound::Reply(number, outcome))) => self.reply(number, outcome),
                Err(_) => !self.is_stuck(),
            };
            if !is_of_use {
                self.gateway.lose(&connected.id);
                return Talk::Ended;
            }
            match self.do_deeds() {
                Some(Deed::LoseConnection) => {
                    self.gateway.lose(&connected.id);
                    return Talk::Ended;
                }
                Some(Deed::Reload) => {
                    self.gateway.lose(&connected.id);
                    return Talk::Reloads;
                }
                _ => {}
            }
            if self.is_greeted {
                self.ask_what_is_due(connected);
            }
        }
    }

    /// When the next thing is to be done if nothing comes.
    fn next_due(&self) -> Instant {
        let unanswered = self.asked.values().map(|(_, since, _)| *since + UNANSWERED);
        let mut due: Vec<Instant> = unanswered.collect();
        due.extend(self.deeds.front().map(|(at, _)| *at));
        if self.is_greeted {
            due.push(self.ping_at);
            due.extend(self.rooms.values().filter_map(View::asks_at));
            due.extend(self.again_at.values());
            due.extend(self.errands.due.filter(|_| !self.errands.under_way));
            let first = self.outboxes.values().filter_map(|one| one.queue.front());
            due.extend(first.filter(|send| !send.under_way).map(|send| send.due));
        }
        let now = Instant::now();
        let last = now + UNANSWERED;
        // Whatever could not be done at its time is looked at again a moment later.
        due.into_iter()
            .min()
            .unwrap_or(last)
            .max(now + Duration::from_millis(1))
    }

    fn pings_again(&mut self) {
        self.ping_at = Instant::now() + self.weather.chance.ms(9_000..=10_000);
    }

    /// Whether an action that must be answered is not.
    fn is_stuck(&self) -> bool {
        let now = Instant::now();
        let mut unanswered = self.asked.values();
        unanswered.any(|(_, since, _)| now >= *since + UNANSWERED)
    }

    /// What was under way when a connection ended is done again on the next.
    fn disconnected(&mut self) {
        for (asked, ..) in std::mem::take(&mut self.asked).into_values() {
            self.put_back(asked);
        }
        self.again_at.clear();
        // The subscription ends with the connection.
        self.leaving.clear();
    }

    fn put_back(&mut self, asked: Asked) {
        match asked {
            Asked::Send(room) => {
                let outbox = self.outboxes.get_mut(&room);
                if let Some(first) = outbox.and_then(|outbox| outbox.queue.front_mut()) {
                    (first.under_way, first.due) = (false, Instant::now());
                    let send = first.send;
                    let code = String::from("unanswered");
                    self.witness.note(Event::Refused { send, code });
                }
            }
            Asked::Errand => self.errands.under_way = false,
            Asked::Hello | Asked::Join(_) | Asked::Leave(_) | Asked::Sync(_) | Asked::Ping(_) => {}
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Talk {
    Ended,
    Reloads,
}

fn wait(refused: Refused) -> Duration {
    Duration::from_millis(refused.retry_after_ms.unwrap_or(500))
}
