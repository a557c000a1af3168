//! The chat on stores and a gateway in memory, with the time at hand.

mod acting;
mod big_rooms;
mod degraded;
mod directing;
mod fanout;
mod gateway;
mod history;
mod limits;
mod operating;
mod presence;
mod races;
mod registry;
mod resuming;
mod seeds;
mod shutting_out;
mod sweeping;
mod turnstile;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gatepost_protocol::Answer;
use gatepost_protocol::ClientFrame;
use gatepost_protocol::Code;
use gatepost_protocol::Content;
use gatepost_protocol::Entry;
use gatepost_protocol::Event;
use gatepost_protocol::Millis;
use gatepost_protocol::Seq;
use gatepost_store::Rates;
use gatepost_store::Registry;
use tokio::time::Instant;

use crate::Acted;
use crate::Caller;
use crate::Chat;
use crate::Clock;
use crate::Parts;
use crate::Random;
use crate::RoomPolicy;
use crate::Sessions;
use crate::Settings;
use crate::Task;
use gateway::MemoryGateway;
use history::TestHistory;
use registry::TestRegistry;
use turnstile::Turnstile;

/// The time at which a test begins.
const START: Millis = 1_700_000_000_000;

/// Time goes with the test's own clock, which stands still unless something waits.
#[derive(Debug)]
struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Millis {
        START + Millis::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Random for Counter {
    fn bits(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// A chat and what it stands on.
#[derive(Debug, Clone)]
struct World {
    chat: Arc<Chat>,
    registry: Arc<TestRegistry>,
    history: Arc<TestHistory>,
    gateway: Arc<MemoryGateway>,
    messages: Arc<AtomicU64>,
    processes: Arc<AtomicU64>,
}

fn settings() -> Settings {
    Settings {
        sessions: Sessions::Multi,
        rooms: RoomPolicy::Open,
        declared: std::collections::BTreeMap::new(),
        rates: Rates {
            per_user: 0,
            per_room: 0,
        },
        ping_seconds: 270,
        guests: true,
        seed_room: "lobby".parse().unwrap(),
    }
}

fn world() -> World {
    World::new(settings(), Turnstile::new(0))
}

impl World {
    fn new(settings: Settings, turnstile: Turnstile) -> Self {
        let registry = Arc::new(TestRegistry::new(turnstile.clone()));
        let history = Arc::new(TestHistory::new(turnstile.clone()));
        let gateway = Arc::new(MemoryGateway::new(turnstile));
        let chat = Chat::new(Parts {
            registry: Arc::clone(&registry.memory) as _,
            history: Arc::clone(&history.memory) as _,
            connections: Arc::clone(&gateway) as _,
            fanout: Arc::clone(&gateway) as _,
            clock: Arc::new(TestClock(Instant::now())),
            random: Arc::new(Counter::default()),
            settings,
        });
        Self {
            chat: Arc::new(chat),
            registry,
            history,
            gateway,
            messages: Arc::default(),
            processes: Arc::default(),
        }
    }

    /// Another process on the same stores.
    fn another_process(&self, settings: Settings) -> Self {
        let process = 1 + self.processes.fetch_add(1, Ordering::SeqCst);
        let chat = Chat::new(Parts {
            registry: Arc::clone(&self.registry.memory) as _,
            history: Arc::clone(&self.history.memory) as _,
            connections: Arc::clone(&self.gateway) as _,
            fanout: Arc::clone(&self.gateway) as _,
            clock: Arc::new(TestClock(Instant::now())),
            random: Arc::new(Counter(AtomicU64::new(process << 32))),
            settings,
        });
        Self {
            chat: Arc::new(chat),
            ..self.clone()
        }
    }

    /// What a frame comes to, before anything after it.
    async fn act(&self, caller: &Caller, frame: &str) -> Acted {
        let message = self.messages.fetch_add(1, Ordering::SeqCst);
        let caller = Caller {
            message_id: format!("m{message}"),
            ..caller.clone()
        };
        match gatepost_protocol::parse(frame).unwrap() {
            ClientFrame::Action { action, .. } => self.chat.act(&caller, action).await,
            ClientFrame::Seed(frame) => self.chat.seed(&caller, frame).await,
        }
    }

    /// What a frame comes to, with all that is done after it. The future can go to another thread.
    async fn frame(&self, caller: &Caller, frame: &str) -> Result<Answer, Code> {
        let acted = self.act(caller, frame).await;
        let chat = Arc::clone(&self.chat);
        tokio::spawn(async move { chat.after(acted.after, deadline()).await })
            .await
            .unwrap();
        acted.outcome.map_err(|refusal| refusal.code)
    }

    async fn ok(&self, caller: &Caller, frame: &str) -> Answer {
        self.frame(caller, frame).await.unwrap()
    }

    /// Without what is done after it.
    async fn ok_alone(&self, caller: &Caller, frame: &str) -> Answer {
        self.act(caller, frame).await.outcome.unwrap()
    }

    /// The registry hears of an entry.
    async fn registry_head(&self, room: &str, head: Seq) {
        self.registry
            .raise_head(&room.parse().unwrap(), head)
            .await
            .unwrap();
    }

    async fn refused(&self, caller: &Caller, frame: &str) -> Code {
        self.frame(caller, frame).await.unwrap_err()
    }

    async fn join(&self, caller: &Caller, room: &str) {
        self.ok(caller, &format!(r#"{{"action":"join","room":"{room}"}}"#))
            .await;
    }

    async fn send(&self, caller: &Caller, room: &str, text: &str) -> Seq {
        match self.ok(caller, &send(room, text)).await {
            Answer::Sent(sent) => sent.seq.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Does the tasks that were handed on, and those that they hand on.
    async fn work(&self) -> usize {
        let mut done = 0;
        loop {
            let tasks = self.gateway.take_tasks();
            if tasks.is_empty() {
                return done;
            }
            for task in tasks {
                self.chat.work(task, deadline()).await.unwrap();
                done += 1;
            }
        }
    }

    async fn sweep(&self) {
        self.chat.work(Task::Sweep, deadline()).await.unwrap();
    }

    /// The texts of the entries that were pushed to a connection, in the order of arrival.
    fn pushed(&self, connection: &str) -> Vec<String> {
        self.entries(connection).iter().map(text_of).collect()
    }

    fn entries(&self, connection: &str) -> Vec<Entry> {
        let mut entries = Vec::new();
        for event in self.events(connection) {
            if let Event::Entries { items, .. } = event {
                entries.extend(items);
            }
        }
        entries
    }

    fn events(&self, connection: &str) -> Vec<Event> {
        let frames = self.gateway.frames(connection);
        frames
            .iter()
            .map(|frame| serde_json::from_str(frame).unwrap())
            .collect()
    }
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// A user with one connection, named as the user.
fn user(name: &str) -> Caller {
    device(name, name)
}

/// A user's connection.
fn device(user: &str, connection: &str) -> Caller {
    Caller {
        connection: connection.parse().unwrap(),
        user: user.parse().unwrap(),
        name: user.to_uppercase(),
        anonymous: false,
        connected_at: START,
        expires_at: None,
        message_id: String::new(),
        rooms: None,
        role: None,
    }
}

fn send(room: &str, text: &str) -> String {
    format!(r#"{{"action":"send","room":"{room}","body":{{"text":"{text}"}}}}"#)
}

fn text_of(entry: &Entry) -> String {
    match &entry.content {
        Content::Message { body, .. } => body["text"].as_str().unwrap().to_owned(),
        other => format!("{other:?}"),
    }
}
