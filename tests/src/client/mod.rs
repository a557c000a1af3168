//! A whole `gatepost.v1` client for the tests: it does what the protocol asks of one (hold-back,
//! `sync`, `ping`, numbered sends, coming back), and writes down what it sent and saw for the judge.
//!
//! Runs over a WebSocket, or over the chat's core in memory under a stopped clock: see [`Dial`].
//! For a test of single frames there is [`Member`](crate::member::Member).

mod link;
mod outbox;
mod session;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::checker::Recorder;
use crate::socket::PATIENCE;

pub use link::Dial;
pub use link::Link;
pub use link::Outgoing;
pub use link::WebSocket;

/// How a client is, the things that a test may want otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// How long a higher entry is held for those before it; zero is for a client that breaks the
    /// protocol and shows what comes as it comes.
    pub hold_back: Duration,
    /// Whether it compares the heads of a `ping` with what it has.
    pub heeds_heads: bool,
    /// Unanswered sends a room, 1 to 8.
    pub window: usize,
    /// From when on an action that is not answered counts as unknown.
    pub patience: Duration,
    /// The least and the greatest pause before it comes back.
    pub back_off: (Duration, Duration),
    /// Entries of a room that it asks for when it joins.
    pub history: u32,
    /// The least and the greatest age of a connection when the next takes its place.
    pub rotation: (Duration, Duration),
}

impl Manner {
    /// As the protocol says.
    pub const V1: Self = Self {
        hold_back: Duration::from_millis(250),
        heeds_heads: true,
        window: 1,
        patience: Duration::from_secs(30),
        back_off: (Duration::from_millis(500), Duration::from_secs(20)),
        history: 0,
        rotation: (Duration::from_secs(90 * 60), Duration::from_secs(115 * 60)),
    };

    /// For servers that are killed every few seconds: comes back and asks again sooner, so that a
    /// test lasts seconds.
    pub const BRISK: Self = Self {
        patience: Duration::from_secs(5),
        back_off: (Duration::from_millis(50), Duration::from_secs(1)),
        ..Self::V1
    };
}

/// What became of a send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// It is durable, at this place.
    Ok(u64),
    /// It was refused for good, with this code.
    Failed(String),
}

/// What the client's application knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Whether there is a greeted connection.
    pub online: bool,
    /// How often a connection was greeted.
    pub greeted: u64,
    /// How often another connection took the place of one that was still open.
    pub rotated: u64,
    /// Whether it ended: stopped, replaced or refused for good.
    pub ended: bool,
    /// The last entry of each room that was begun.
    pub rooms: BTreeMap<String, u64>,
    /// Sends whose outcome is open.
    pub unanswered: usize,
}

/// A client that runs by itself. Dropping it ends it without a word.
#[derive(Debug)]
pub struct Client {
    /// Its name in the history.
    pub name: String,
    /// Whose it is.
    pub user: String,
    commands: mpsc::UnboundedSender<Command>,
    seen: watch::Receiver<Seen>,
    task: tokio::task::JoinHandle<()>,
}

enum Command {
    Join(String),
    Leave(String),
    Send {
        room: String,
        text: String,
        told: oneshot::Sender<Sent>,
    },
    Cut,
    Stop,
}

impl Client {
    /// Starts a client of `user`; `name` is its own in the history. The same `name` gives the same
    /// random numbers.
    #[must_use]
    pub fn start(
        dial: Arc<dyn Dial>,
        user: &str,
        name: &str,
        manner: Manner,
        recorder: &Recorder,
    ) -> Self {
        let (commands, inbox) = mpsc::unbounded_channel();
        let (show, seen) = watch::channel(Seen::default());
        let witness = recorder.witness(name);
        let session = session::Session::new(dial, user, name, manner, witness, show);
        Self {
            name: name.to_owned(),
            user: user.to_owned(),
            commands,
            seen,
            task: tokio::spawn(session.run(inbox)),
        }
    }

    /// Joins a room now or once it is connected, and again whenever that is needed.
    pub fn join(&self, room: &str) {
        self.command(Command::Join(room.to_owned()));
    }

    /// Leaves a room.
    pub fn leave(&self, room: &str) {
        self.command(Command::Leave(room.to_owned()));
    }

    /// Sends a text, however long that takes; resolves with what became of it, or with an error
    /// where the client ended before that was known.
    pub fn send(&self, room: &str, text: &str) -> oneshot::Receiver<Sent> {
        let (told, outcome) = oneshot::channel();
        self.command(Command::Send {
            room: room.to_owned(),
            text: text.to_owned(),
            told,
        });
        outcome
    }

    /// Loses the connection: the TCP connection ends without a close frame.
    pub fn cut(&self) {
        self.command(Command::Cut);
    }

    /// What its application knows now.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Waits until its application knows something.
    ///
    /// # Errors
    /// If that does not happen within [`PATIENCE`], with what it knows.
    pub async fn until(&self, is_so: impl Fn(&Seen) -> bool) -> anyhow::Result<Seen> {
        let mut seen = self.seen.clone();
        let waited = timeout(PATIENCE, seen.wait_for(|seen| is_so(seen))).await;
        let known = match waited {
            Ok(Ok(known)) => return Ok(known.clone()),
            Ok(Err(_)) => "it ended",
            Err(_) => "it does not happen",
        };
        anyhow::bail!("{}: {known}: {:?}", self.name, self.seen())
    }

    /// Waits until it has begun a room.
    ///
    /// # Errors
    /// As [`Client::until`].
    pub async fn until_in(&self, room: &str) -> anyhow::Result<()> {
        let begun = self.until(|seen| seen.online && seen.rooms.contains_key(room));
        begun.await.with_context(|| format!("joining {room}"))?;
        Ok(())
    }

    /// Waits until its application has seen a room up to `seq`.
    ///
    /// # Errors
    /// As [`Client::until`].
    pub async fn until_at(&self, room: &str, seq: u64) -> anyhow::Result<()> {
        let there = self.until(|seen| seen.rooms.get(room).is_some_and(|last| *last >= seq));
        there
            .await
            .with_context(|| format!("waiting for {seq} of {room}"))?;
        Ok(())
    }

    /// Ends it with a close frame; nothing is expected of it any more.
    ///
    /// # Errors
    /// If it does not end.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.command(Command::Stop);
        timeout(PATIENCE, &mut self.task)
            .await
            .with_context(|| format!("{} does not end", self.name))?
            .with_context(|| format!("{} failed", self.name))
    }

    fn command(&self, command: Command) {
        // One that has ended does nothing more.
        let _ = self.commands.send(command);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}
