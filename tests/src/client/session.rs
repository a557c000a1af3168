//! A client's life: one task that owns everything it has, and waits for the next of a command, a
//! frame and a time.

mod answers;
mod rotation;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use gatepost_protocol::Entry;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Command;
use super::Dial;
use super::Link;
use super::Manner;
use super::Outgoing;
use super::Seen;
use super::outbox::Outbox;
use super::view;
use super::view::View;
use crate::checker::Event;
use crate::checker::Micros;
use crate::checker::Witness;
use crate::socket::Received;

/// An action whose answer is not there yet.
struct Pending {
    what: Asked,
    asked: Micros,
    until: Instant,
}

enum Asked {
    /// Where the application was in each room.
    Hello(BTreeMap<String, (u64, u64)>),
    Join(String),
    Sync(BTreeMap<String, (u64, u64)>),
    Ping,
    /// The hello of the next connection, while this one goes on.
    Rotate(BTreeMap<String, (u64, u64)>),
    Send {
        room: String,
        send: u64,
    },
    Leave,
}

/// What an ended life ended with.
struct Over;

pub(super) struct Session {
    dial: Arc<dyn Dial>,
    user: String,
    manner: Manner,
    witness: Witness,
    show: watch::Sender<Seen>,
    random: Random,
    client: String,
    link: Option<Link>,
    other: Option<rotation::Other>,
    rotate_at: Option<Instant>,
    rotations: u64,
    is_greeted: bool,
    greeted: u64,
    attempts: u32,
    come_back_at: Option<Instant>,
    ping_at: Option<Instant>,
    ping_every: Duration,
    /// Rooms that it is to be in.
    views: BTreeMap<String, View>,
    outboxes: BTreeMap<String, Outbox>,
    pending: HashMap<String, Pending>,
    asked: u64,
    sends: u64,
}

impl Session {
    pub(super) fn new(
        dial: Arc<dyn Dial>,
        user: &str,
        name: &str,
        manner: Manner,
        witness: Witness,
        show: watch::Sender<Seen>,
    ) -> Self {
        let mut random = Random::of(name);
        let client = random.client();
        witness.note(Event::Client {
            user: user.to_owned(),
        });
        Self {
            dial,
            user: user.to_owned(),
            manner,
            witness,
            show,
            random,
            client,
            link: None,
            other: None,
            rotate_at: None,
            rotations: 0,
            is_greeted: false,
            greeted: 0,
            attempts: 0,
            come_back_at: Some(Instant::now()),
            ping_at: None,
            ping_every: Duration::from_secs(270),
            views: BTreeMap::new(),
            outboxes: BTreeMap::new(),
            pending: HashMap::new(),
            asked: 0,
            sends: 0,
        }
    }

    pub(super) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        while self.turn(&mut commands).await.is_ok() {
            self.send_what_may_go();
            self.leave_last();
            self.show(false);
        }
        for outbox in self.outboxes.values() {
            for send in outbox.unknown() {
                self.witness.note(Event::Unknown { send });
            }
        }
        self.witness.note(Event::Ended);
        self.show(true);
    }

    /// Waits for one thing and does what it asks for.
    async fn turn(&mut self, commands: &mut mpsc::UnboundedReceiver<Command>) -> Result<(), Over> {
        let due = self.due();
        let received = async {
            match &mut self.link {
                Some(link) => link.inbox.recv().await.unwrap_or(Received::Dropped),
                None => std::future::pending().await,
            }
        };
        let by_other = async {
            match &mut self.other {
                Some(other) => other.link().inbox.recv().await.unwrap_or(Received::Dropped),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                Some(command) => self.command(command).await,
                None => Err(Over),
            },
            received = received => self.received(received),
            received = by_other => self.received_by_other(received),
            () = tokio::time::sleep_until(due) => {
                self.look_at_the_clock().await;
                Ok(())
            }
        }
    }

    /// When the clock is to be looked at.
    fn due(&self) -> Instant {
        let rests = self
            .outboxes
            .values()
            .filter_map(|outbox| outbox.rest_until);
        let holds = self.views.values().filter_map(|view| view.held_until);
        let answers = self.pending.values().map(|pending| pending.until);
        let rotation = self.rotate_at.filter(|_| self.other.is_none());
        let online = rests.chain(holds).chain(answers).chain(self.ping_at);
        let online = online.chain(rotation);
        let far = Instant::now() + Duration::from_secs(3_600);
        let online = online.filter(|_| self.link.is_some());
        online.chain(self.come_back_at).min().unwrap_or(far)
    }

    async fn command(&mut self, command: Command) -> Result<(), Over> {
        match command {
            Command::Join(room) => {
                let view = View::new(&room, self.manner.hold_back);
                self.views.entry(room.clone()).or_insert(view);
                if self.is_greeted {
                    self.join(&room);
                }
            }
            Command::Leave(room) => {
                self.give_up(&room);
                if self.is_greeted {
                    self.ask(Asked::Leave, json!({"action": "leave", "room": room}));
                }
            }
            Command::Send { room, text, told } => {
                self.sends += 1;
                let client = self.client.clone();
                let window = self.manner.window;
                let outbox = self
                    .outboxes
                    .entry(room)
                    .or_insert_with_key(|room| Outbox::new(room, window, client));
                outbox.add(self.sends, &text, told);
            }
            Command::Cut => self.lost(1006),
            Command::Stop => {
                if let Some(mut link) = self.link.take() {
                    let _ = link.out.send(Outgoing::Close);
                    while let Some(Received::Text(_)) = link.inbox.recv().await {}
                }
                return Err(Over);
            }
        }
        Ok(())
    }

    async fn look_at_the_clock(&mut self) {
        let now = Instant::now();
        if self.come_back_at.is_some_and(|at| at <= now) {
            self.come_back_at = None;
            self.connect().await;
            return;
        }
        let late: Vec<String> = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.until <= now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in late {
            if let Some(pending) = self.pending.remove(&id) {
                self.unanswered(pending.what);
            }
        }
        let over: Vec<String> = self
            .views
            .iter()
            .filter(|(_, view)| view.held_until.is_some_and(|at| at <= now))
            .map(|(room, _)| room.clone())
            .collect();
        for room in over {
            self.sync(&room);
        }
        if self.ping_at.is_some_and(|at| at <= now) {
            self.ping();
        }
        if self.other.is_none() && self.rotate_at.is_some_and(|at| at <= now) {
            self.rotate().await;
        }
    }

    async fn connect(&mut self) {
        match self.dial.dial(&self.user).await {
            Ok(link) => {
                self.link = Some(link);
                self.hello();
            }
            Err(_) => self.come_back(),
        }
    }

    fn hello(&mut self) {
        let mut places = BTreeMap::new();
        for (room, view) in &mut self.views {
            if let Some(at) = view.at {
                view.ask();
                places.insert(room.clone(), at);
            }
        }
        self.resume(&places);
        let hello = json!({
            "action": "hello",
            "client": self.client,
            "resume": positions(&places),
        });
        self.pending.clear();
        self.ask(Asked::Hello(places), hello);
        self.schedule_ping();
    }

    /// Writes down from where it asks.
    fn resume(&self, places: &BTreeMap<String, (u64, u64)>) {
        for (room, (epoch, seq)) in places {
            self.witness.note(Event::Resume {
                room: room.clone(),
                epoch: *epoch,
                seq: *seq,
            });
        }
    }

    fn join(&mut self, room: &str) {
        let Some(view) = self.views.get_mut(room) else {
            return;
        };
        view.ask();
        let join = json!({"action": "join", "room": room, "history": self.manner.history});
        self.ask(Asked::Join(room.to_owned()), join);
    }

    fn sync(&mut self, room: &str) {
        let Some(view) = self.views.get_mut(room) else {
            return;
        };
        let Some(at) = view.at else {
            return self.join(room);
        };
        view.ask();
        view.held_until = None;
        let places = BTreeMap::from([(room.to_owned(), at)]);
        self.resume(&places);
        let sync = json!({"action": "sync", "rooms": positions(&places)});
        self.ask(Asked::Sync(places), sync);
    }

    fn ping(&mut self) {
        let rooms: BTreeMap<&String, u64> = self
            .views
            .iter()
            .filter_map(|(room, view)| Some((room, view.at?.1)))
            .collect();
        let ping = json!({"action": "ping", "rooms": rooms});
        self.ask(Asked::Ping, ping);
        self.schedule_ping();
    }

    fn schedule_ping(&mut self) {
        self.ping_at =
            Some(Instant::now() + self.ping_every.mul_f64(self.random.between(0.9, 1.0)));
    }

    fn send_what_may_go(&mut self) {
        if !self.is_greeted {
            return;
        }
        let rooms: Vec<String> = self.outboxes.keys().cloned().collect();
        for room in rooms {
            while let Some(outbox) = self.outboxes.get_mut(&room)
                && let Some((send, frame)) = outbox.next(|| self.random.client(), &self.witness)
            {
                let room = room.clone();
                self.ask(Asked::Send { room, send }, frame);
            }
        }
    }

    fn ask(&mut self, what: Asked, action: Value) {
        let (asked, frame) = self.asked_next(what, action);
        self.pending.extend([asked]);
        if let Some(link) = &self.link {
            // One that is closed says so in its inbox.
            let _ = link.out.send(Outgoing::Text(frame));
        }
    }

    /// An action with its number, and its frame.
    fn asked_next(&mut self, what: Asked, mut action: Value) -> ((String, Pending), String) {
        self.asked += 1;
        let id = self.asked.to_string();
        action["id"] = json!(id);
        let pending = Pending {
            what,
            asked: self.witness.now(),
            until: Instant::now() + self.manner.patience,
        };
        ((id, pending), action.to_string())
    }

    fn received(&mut self, received: Received) -> Result<(), Over> {
        let text = match received {
            Received::Text(text) => text,
            Received::Close(code, _) => {
                self.lost(code);
                return Ok(());
            }
            Received::Dropped => {
                self.lost(1006);
                return Ok(());
            }
        };
        self.text(&text)
    }

    fn text(&mut self, text: &str) -> Result<(), Over> {
        let Ok(frame) = serde_json::from_str::<Value>(text) else {
            panic!("{} got what is no JSON: {text}", self.user);
        };
        if frame.get("event").is_some() {
            self.event(frame)
        } else if let Some(id) = frame["reply"].as_str() {
            match self.pending.remove(id) {
                Some(pending) => self.reply(pending, frame),
                // It was given up meanwhile.
                None => Ok(()),
            }
        } else {
            // The gateway's own error names no action: whatever was sent may have failed. All of
            // it may be repeated.
            let pending: Vec<Pending> = self.pending.drain().map(|(_, pending)| pending).collect();
            pending
                .into_iter()
                .for_each(|pending| self.unanswered(pending.what));
            Ok(())
        }
    }

    fn event(&mut self, frame: Value) -> Result<(), Over> {
        #[derive(Deserialize)]
        struct Entries {
            room: String,
            epoch: u64,
            items: Vec<Entry>,
        }
        match frame["event"].as_str() {
            Some("entries") => {
                let entries: Entries = serde_json::from_value(frame).expect("entries as fixed");
                match self.views.get_mut(&entries.room) {
                    Some(view) => view.pushed(entries.epoch, entries.items, &self.witness),
                    // It left, or never was in that room: it arrived all the same.
                    None => {
                        for entry in &entries.items {
                            let (room, via) = (&entries.room, crate::checker::Via::Push);
                            view::received(room, entries.epoch, entry, via, None, &self.witness);
                        }
                    }
                }
            }
            Some("bye") if frame["reconnect"] == false => return Err(Over),
            _ => {}
        }
        Ok(())
    }

    fn give_up(&mut self, room: &str) {
        if self
            .views
            .remove(room)
            .is_some_and(|view| view.at.is_some())
        {
            let room = room.to_owned();
            self.witness.note(Event::Left { room });
        }
    }

    fn lost(&mut self, code: u16) {
        if self.link.take().is_none() {
            return;
        }
        if self.is_greeted {
            self.witness.note(Event::Closed { code });
        }
        (self.is_greeted, self.ping_at) = (false, None);
        (self.other, self.rotate_at) = (None, None);
        self.pending.clear();
        self.outboxes.values_mut().for_each(Outbox::lost);
        for view in self.views.values_mut() {
            (view.is_asked, view.held_until) = (false, None);
        }
        self.come_back();
    }

    /// Full jitter, twice as far each time.
    fn come_back(&mut self) {
        let (least, most) = self.manner.back_off;
        let reach = (least * 2_u32.saturating_pow(self.attempts.min(16))).min(most);
        let pause = (least + reach.mul_f64(self.random.between(0.0, 1.0))).min(most);
        self.attempts += 1;
        self.come_back_at = Some(Instant::now() + pause);
    }

    fn show(&self, ended: bool) {
        let rooms = self.views.iter();
        let seen = Seen {
            online: self.is_greeted && !ended,
            greeted: self.greeted,
            rotated: self.rotations,
            ended,
            rooms: rooms
                .filter_map(|(room, view)| Some((room.clone(), view.at?.1)))
                .collect(),
            unanswered: self.outboxes.values().map(Outbox::len).sum(),
        };
        self.show.send_if_modified(|shown| {
            let is_new = *shown != seen;
            *shown = seen;
            is_new
        });
    }
}

fn positions(places: &BTreeMap<String, (u64, u64)>) -> Value {
    let positions = places
        .iter()
        .map(|(room, (epoch, seq))| (room.clone(), json!({"epoch": epoch, "seq": seq})));
    Value::Object(positions.collect())
}

/// Numbers that depend on a name alone: xorshift64* from its FNV-1a hash.
struct Random(u64);

impl Random {
    fn of(name: &str) -> Self {
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(hash | 1)
    }

    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn between(&mut self, least: f64, most: f64) -> f64 {
        let unit =
            f64::from(u32::try_from(self.bits() >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX);
        least + (most - least) * unit
    }

    fn client(&mut self) -> String {
        format!("{:016x}{:016x}", self.bits(), self.bits())
    }
}
