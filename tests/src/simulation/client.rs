//! A user's client, as `protocol.md` wants it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use gatepost_protocol::Action;
use gatepost_protocol::Answer;
use gatepost_protocol::ClientId;
use gatepost_protocol::Code;
use gatepost_protocol::Content;
use gatepost_protocol::Event as Pushed;
use gatepost_protocol::RoomName;
use gatepost_protocol::RoomState;
use gatepost_protocol::UserId;
use gatepost_protocol::action;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout_at;

use super::gateway::Connected;
use super::gateway::Gateway;
use super::gateway::Inbound;
use super::gateway::Refused;
use super::view::View;
use super::weather::Weather;
use crate::checker::Event;
use crate::checker::Micros;
use crate::checker::Recorder;
use crate::checker::Witness;
use crate::checker::digest;

/// How long an action may stay unanswered.
const UNANSWERED: Duration = Duration::from_secs(30);

/// What the person at the client does.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    Join(RoomName),
    Leave(RoomName),
    /// A message to a room, if it is in it.
    Send(RoomName),
    /// The network fails.
    LoseConnection,
    /// The page is loaded anew: another client, which has nothing.
    Reload,
}

/// A send until it is acknowledged.
#[derive(Debug)]
struct Sending {
    /// Its number in the history.
    send: u64,
    n: u64,
    text: String,
    /// Not before.
    due: Instant,
    under_way: bool,
}

/// What an action that is not answered was about.
#[derive(Debug)]
enum Asked {
    Hello,
    Join(RoomName),
    Leave(RoomName),
    Sync(RoomName),
    Ping,
    Send(RoomName),
}

pub(super) struct Client {
    user: UserId,
    page: ClientId,
    witness: Witness,
    gateway: Arc<Gateway>,
    weather: Arc<Weather>,
    deeds: VecDeque<(Instant, Deed)>,
    /// Rooms that the person wants to be in.
    rooms: BTreeMap<RoomName, View>,
    /// Rooms whose `leave` is not answered.
    leaving: BTreeSet<RoomName>,
    sends: BTreeMap<RoomName, VecDeque<Sending>>,
    numbers: BTreeMap<RoomName, u64>,
    asked: BTreeMap<u64, (Asked, Instant, Micros)>,
    /// Asked again at this time: a `join` or `sync` that was refused.
    again_at: BTreeMap<RoomName, Instant>,
    actions: u64,
    written: u64,
    is_greeted: bool,
    ping_at: Instant,
}

/// How a page ended.
pub(super) struct Reloaded {
    pub(super) deeds: VecDeque<(Instant, Deed)>,
    pub(super) rooms: Vec<RoomName>,
}

impl Client {
    pub(super) fn new(
        name: &str,
        user: &UserId,
        gateway: &Arc<Gateway>,
        weather: &Arc<Weather>,
        recorder: &Recorder,
        deeds: VecDeque<(Instant, Deed)>,
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
            deeds,
            rooms: BTreeMap::new(),
            leaving: BTreeSet::new(),
            sends: BTreeMap::new(),
            numbers: BTreeMap::new(),
            asked: BTreeMap::new(),
            again_at: BTreeMap::new(),
            actions: 0,
            written: 0,
            is_greeted: false,
            ping_at: Instant::now(),
        }
    }

    /// Wants to be in these rooms from the start.
    pub(super) fn want(&mut self, rooms: impl IntoIterator<Item = RoomName>) {
        for room in rooms {
            self.rooms.insert(room.clone(), View::joining(room));
        }
    }

    /// Lives until its page is loaded anew.
    pub(super) async fn live(mut self) -> Reloaded {
        let mut failures = 0;
        loop {
            let Some(mut connected) = self.gateway.connect(&self.user).await else {
                failures += 1;
                // Full jitter, 0.5 to 20 s.
                let most = (500 << failures.min(6)).min(20_000);
                sleep(self.weather.chance.ms(0..=most)).await;
                continue;
            };
            let was_greeted = self.talk(&mut connected).await;
            let is_over = was_greeted == Talk::Reloads;
            if self.is_greeted {
                failures = 0;
                self.is_greeted = false;
                self.witness.note(Event::Closed { code: 1006 });
            }
            self.disconnected();
            if is_over {
                self.witness.note(Event::Ended);
                let rooms = self.rooms.into_keys().collect();
                return Reloaded {
                    deeds: self.deeds,
                    rooms,
                };
            }
            sleep(self.weather.chance.ms(0..=500)).await;
        }
    }

    /// One connection, to its end.
    async fn talk(&mut self, connected: &mut Connected) -> Talk {
        self.hello(connected);
        loop {
            let due = self.next_due();
            match timeout_at(due, connected.inbound.recv()).await {
                Ok(None | Some(Inbound::Closed)) => return Talk::Ended,
                Ok(Some(Inbound::Frame(bytes))) => {
                    let event = serde_json::from_slice(&bytes).expect("a push is an event");
                    self.pushed(event);
                }
                Ok(Some(Inbound::Reply(number, outcome))) => {
                    if !self.reply(number, outcome) {
                        self.gateway.lose(&connected.id);
                        return Talk::Ended;
                    }
                }
                Err(_) => {
                    if self.is_stuck() {
                        self.gateway.lose(&connected.id);
                        return Talk::Ended;
                    }
                }
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
            let first = self.sends.values().filter_map(VecDeque::front);
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

    fn ask(&mut self, connected: &Connected, action: &Action, about: Asked) {
        self.actions += 1;
        let asked = (about, Instant::now(), self.witness.now());
        self.asked.insert(self.actions, asked);
        self.gateway.frame(&connected.id, self.actions, action);
    }

    fn hello(&mut self, connected: &Connected) {
        let begun = self.rooms.iter_mut().filter(|(_, view)| view.begun);
        let resume = begun
            .map(|(room, view)| (room.clone(), view.ask(&self.witness)))
            .collect();
        let hello = action::Hello {
            client: Some(self.page.clone()),
            resume,
            take: false,
        };
        self.ask(connected, &Action::Hello(hello), Asked::Hello);
        self.pings_again();
    }

    fn pings_again(&mut self) {
        self.ping_at = Instant::now() + self.weather.chance.ms(9_000..=10_000);
    }

    /// Whether an action that must be answered is not.
    fn is_stuck(&mut self) -> bool {
        let now = Instant::now();
        let mut unanswered = self.asked.values();
        unanswered.any(|(_, since, _)| now >= *since + UNANSWERED)
    }

    /// Does what is due. Answers what ends the connection.
    fn do_deeds(&mut self) -> Option<Deed> {
        while let Some((at, _)) = self.deeds.front()
            && *at <= Instant::now()
        {
            let (_, deed) = self.deeds.pop_front()?;
            match deed {
                Deed::Join(room) => {
                    let view = self.rooms.entry(room.clone());
                    let is_new = matches!(view, std::collections::btree_map::Entry::Vacant(_));
                    view.or_insert_with(|| View::joining(room.clone()));
                    if is_new {
                        self.again_at.insert(room, Instant::now());
                    }
                }
                Deed::Leave(room) => {
                    if self.rooms.get(&room).is_some_and(|view| view.begun) {
                        self.rooms.remove(&room);
                        self.again_at.remove(&room);
                        self.asked.retain(
                            |_, (asked, ..)| !matches!(asked, Asked::Sync(of) if *of == room),
                        );
                        self.leaving.insert(room.clone());
                        self.witness.note(Event::Left {
                            room: room.to_string(),
                        });
                    }
                }
                Deed::Send(room) => self.write(room),
                Deed::LoseConnection | Deed::Reload => return Some(deed),
            }
        }
        None
    }

    fn write(&mut self, room: RoomName) {
        self.written += 1;
        let (send, n) = (self.written, self.numbers.entry(room.clone()).or_default());
        *n += 1;
        let text = format!("{} {send}", self.page);
        self.witness.note(Event::Send {
            room: room.to_string(),
            send,
            client: Some(self.page.to_string()),
            n: Some(*n),
            digest: digest(&message(&text)),
        });
        let sending = Sending {
            send,
            n: *n,
            text,
            due: Instant::now(),
            under_way: false,
        };
        self.sends.entry(room).or_default().push_back(sending);
    }

    fn ask_what_is_due(&mut self, connected: &Connected) {
        let now = Instant::now();
        for room in std::mem::take(&mut self.leaving) {
            let leave = action::Leave { room: room.clone() };
            self.ask(connected, &Action::Leave(leave), Asked::Leave(room));
        }
        let leaves: BTreeSet<RoomName> = self
            .asked
            .values()
            .filter_map(|(asked, ..)| match asked {
                Asked::Leave(room) => Some(room.clone()),
                _ => None,
            })
            .collect();
        let due: Vec<RoomName> = self
            .rooms
            .iter()
            .filter(|(room, view)| {
                let gap = view.asks_at().is_some_and(|at| at <= now);
                let again = self.again_at.get(*room).is_some_and(|at| *at <= now);
                gap || again
            })
            .filter(|(room, _)| !leaves.contains(*room))
            .map(|(room, _)| room.clone())
            .collect();
        for room in due {
            self.again_at.remove(&room);
            self.catch_up(connected, room);
        }
        if self.ping_at <= now {
            let begun = self.rooms.iter().filter(|(_, view)| view.begun);
            let rooms = begun.map(|(room, view)| (room.clone(), view.last()));
            let ping = action::Ping {
                rooms: rooms.collect(),
            };
            self.ask(connected, &Action::Ping(ping), Asked::Ping);
            self.pings_again();
        }
        let mut ready = Vec::new();
        for (room, queue) in &mut self.sends {
            if let Some(send) = queue.front_mut()
                && !send.under_way
                && send.due <= now
            {
                send.under_way = true;
                ready.push((room.clone(), send.n, send.text.clone()));
            }
        }
        for (room, n, text) in ready {
            let Content::Message { body, reply_to } = message(&text) else {
                continue;
            };
            let send = action::Send {
                room: room.clone(),
                body,
                numbering: action::Numbering {
                    client: Some(self.page.clone()),
                    n: Some(n),
                },
                reply_to,
            };
            self.ask(connected, &Action::Send(send), Asked::Send(room));
        }
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

    fn pushed(&mut self, event: Pushed) {
        if let Pushed::Entries { room, epoch, items } = event
            && let Some(view) = self.rooms.get_mut(&room)
        {
            view.pushed(epoch, items, &self.witness);
        }
    }

    /// Whether the connection is still of use.
    fn reply(&mut self, number: u64, outcome: Result<Answer, Refused>) -> bool {
        let Some((asked, _, at)) = self.asked.remove(&number) else {
            return true;
        };
        if matches!(&outcome, Err(refused) if refused.code == Code::Unregistered) {
            self.put_back(asked);
            return false;
        }
        match (asked, outcome) {
            (Asked::Hello, Ok(Answer::Hello(hello))) => {
                self.is_greeted = true;
                self.witness.note(Event::Greeted);
                for (room, state) in hello.rooms {
                    self.state(&room, state, at);
                }
                for (room, view) in &self.rooms {
                    if !view.begun {
                        self.again_at.insert(room.clone(), Instant::now());
                    }
                }
                true
            }
            (Asked::Hello, _) => false,
            (Asked::Join(room), Ok(Answer::Join(join))) => {
                self.head(&room, join.head, at);
                if let Some(view) = self.rooms.get_mut(&room) {
                    view.begin(join.epoch, join.head, &self.witness);
                }
                true
            }
            (Asked::Sync(room), Ok(Answer::Sync(mut sync))) => {
                if let Some(state) = sync.rooms.remove(&room) {
                    self.state(&room, state, at);
                }
                true
            }
            (Asked::Join(room) | Asked::Sync(room), Err(refused)) => {
                if let Some(view) = self.rooms.get_mut(&room) {
                    view.asking = !view.begun;
                    self.again_at.insert(room, Instant::now() + wait(refused));
                }
                true
            }
            (Asked::Ping, Ok(Answer::Ping(ping))) => {
                for (room, head) in ping.heads {
                    self.head(&room, head, at);
                    let lags = self
                        .rooms
                        .get(&room)
                        .is_some_and(|view| view.begun && !view.asking && head > view.last());
                    if lags {
                        self.again_at.insert(room, Instant::now());
                    }
                }
                true
            }
            (Asked::Send(room), outcome) => {
                self.sent(&room, outcome);
                true
            }
            (Asked::Ping | Asked::Leave(_), _) => true,
            (asked, outcome) => unreachable!("{asked:?} is answered {outcome:?}"),
        }
    }

    fn state(&mut self, room: &RoomName, state: RoomState, at: Micros) {
        self.head(room, state.head, at);
        // Left and joined again meanwhile, it is another view: its join is answered by itself.
        let view = self.rooms.get_mut(room).filter(|view| view.begun);
        let Some(view) = view else {
            return;
        };
        assert_eq!(state.error, None, "no room is remade, purged or closed");
        view.answered(state.epoch, state.items, &self.witness);
        if state.more {
            self.again_at.insert(room.clone(), Instant::now());
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
        let Some(queue) = self.sends.get_mut(room) else {
            return;
        };
        let Some(first) = queue.front_mut() else {
            return;
        };
        match outcome {
            Ok(Answer::Sent(sent)) => {
                self.witness.note(Event::Ok {
                    send: first.send,
                    epoch: sent.epoch,
                    seq: sent.seq.expect("nothing is purged"),
                    duplicate: sent.duplicate,
                });
                queue.pop_front();
            }
            Ok(answer) => unreachable!("a send is answered {answer:?}"),
            Err(refused) => {
                let code = refused.code.as_str().to_owned();
                let send = first.send;
                let is_temporary = matches!(
                    refused.code,
                    Code::RateLimited | Code::Unavailable | Code::Internal | Code::NoRoom
                );
                assert!(is_temporary, "{code} is no answer to a send in its turn");
                (first.under_way, first.due) = (false, Instant::now() + wait(refused));
                self.witness.note(Event::Refused { send, code });
            }
        }
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
        if let Asked::Send(room) = asked
            && let Some(first) = self.sends.get_mut(&room).and_then(VecDeque::front_mut)
        {
            (first.under_way, first.due) = (false, Instant::now());
            let send = first.send;
            let code = String::from("unanswered");
            self.witness.note(Event::Refused { send, code });
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

fn message(text: &str) -> Content {
    let body = serde_json::json!({ "text": text });
    Content::Message {
        body: body.as_object().cloned().unwrap_or_default(),
        reply_to: None,
    }
}
