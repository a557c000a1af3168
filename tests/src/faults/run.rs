//! A run: a stack, its clients, and the history that they write.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures_util::future::try_join_all;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::checker::Event;
use crate::checker::Recorder;
use crate::checker::Report;
use crate::client::Client;
use crate::client::Manner;
use crate::client::Sent;
use crate::client::WebSocket;
use crate::emulator::Launch;
use crate::ending;
use crate::ending::Stores;
use crate::stack::Stack;

/// How long one send may take, over everything that happens to it.
const SEND: Duration = Duration::from_secs(90);

/// A run of clients on a stack.
#[derive(Debug)]
pub struct Run {
    /// What they run on.
    pub stack: Stack,
    /// What they write. A run that is to write elsewhere sets it before its first client begins.
    pub recorder: Recorder,
    /// Those that are to be there at the end.
    pub clients: Vec<Client>,
    /// Their rooms.
    pub rooms: Vec<String>,
    /// How long after the last fault everything must be right again.
    pub patience: Duration,
    stores: Stores,
}

/// A run that ended.
#[derive(Debug)]
pub struct Finished {
    /// The verdict.
    pub report: Report,
    /// From the last fault until everybody had everything and the registry was right.
    pub settled_ms: u64,
    /// The stack, for what comes next on it.
    pub stack: Stack,
}

impl Run {
    /// On a Redis and a MariaDB, where nobody and nothing is limited by the second.
    ///
    /// # Errors
    /// If the emulator does not become ready.
    pub async fn on_servers(environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let launch = launch(environment);
        Self::new(Stack::on_servers(launch, &[]).await?)
    }

    /// On SQLite, the same.
    ///
    /// # Errors
    /// If the emulator does not become ready.
    pub async fn on_sqlite(environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let launch = launch(environment);
        Self::new(Stack::on_sqlite(launch, &[]).await?)
    }

    /// On a stack that is there.
    ///
    /// # Errors
    /// If its stores cannot be opened.
    pub fn new(stack: Stack) -> anyhow::Result<Self> {
        Ok(Self {
            stores: Stores {
                history: stack.history()?,
                registry: stack.registry()?,
            },
            stack,
            recorder: Recorder::new(),
            clients: Vec::new(),
            rooms: Vec::new(),
            patience: Duration::from_secs(30),
        })
    }

    /// Starts a client of `user` in a room; its name is the user's.
    #[must_use]
    pub fn client(&self, user: &str, manner: Manner) -> Client {
        let url = self.stack.websocket.clone();
        Client::start(
            Arc::new(WebSocket { url }),
            user,
            user,
            manner,
            &self.recorder,
        )
    }

    /// Starts `count` clients, spread over `rooms`, and waits until they are in.
    ///
    /// # Errors
    /// If they do not come in.
    pub async fn populate(
        &mut self,
        rooms: &[&str],
        count: usize,
        manner: Manner,
    ) -> anyhow::Result<()> {
        for (number, room) in (0..count).zip(rooms.iter().cycle()) {
            let client = self.client(&format!("{room}-{number}"), manner);
            client.join(room);
            self.clients.push(client);
            if number < rooms.len() {
                self.rooms.push((*room).to_owned());
            }
        }
        for (number, client) in self.clients.iter().enumerate() {
            client.until_in(self.room_of(number)).await?;
        }
        Ok(())
    }

    /// The room of the client with a number.
    #[must_use]
    pub fn room_of(&self, number: usize) -> &str {
        &self.rooms[number % self.rooms.len()]
    }

    /// Every client sends so many messages to its room, each once the one before is acknowledged;
    /// `acknowledged` counts them.
    ///
    /// # Errors
    /// If one is refused for good, or never answered.
    pub async fn talk(
        &self,
        each: usize,
        acknowledged: &watch::Sender<usize>,
    ) -> anyhow::Result<()> {
        let talks = self
            .clients
            .iter()
            .enumerate()
            .map(async |(number, client)| {
                let room = self.room_of(number);
                for message in 0..each {
                    let sent = client.send(room, &format!("{message} of {}", client.name));
                    let sent = timeout(SEND, sent)
                        .await
                        .with_context(|| format!("{}: {message} is never answered", client.name))?;
                    match sent.with_context(|| format!("{} ended", client.name))? {
                        Sent::Ok(_) => acknowledged.send_modify(|count| *count += 1),
                        Sent::Failed(code) => {
                            anyhow::bail!("{}: {message} is refused: {code}", client.name)
                        }
                    }
                }
                Ok(())
            });
        try_join_all(talks).await?;
        Ok(())
    }

    /// Writes down that something is done to the servers.
    pub fn fault(&self, what: &str) {
        let what = what.to_owned();
        self.recorder.note(Event::Fault { what });
    }

    /// Writes down that it is undone.
    pub fn healed(&self, what: &str) {
        let what = what.to_owned();
        self.recorder.note(Event::Healed { what });
    }

    /// Waits until everybody has everything and the registry is right, or for the run's patience;
    /// then writes down what the stores hold, ends the clients and has the run judged.
    ///
    /// # Errors
    /// If the stores cannot be read or a client does not end.
    pub async fn finish(mut self) -> anyhow::Result<Finished> {
        let clients = std::mem::take(&mut self.clients);
        let ended = ending::end(
            &self.recorder,
            clients,
            &self.rooms,
            &self.stores,
            self.patience,
        );
        let (report, settled) = ended.await?;
        Ok(Finished {
            report,
            settled_ms: u64::try_from(settled.as_millis())?,
            stack: self.stack,
        })
    }

    /// The users that the registry holds in a room of one shard, sorted, one for each connection.
    ///
    /// # Errors
    /// If the registry cannot be read.
    pub async fn registered(&self, room: &str) -> anyhow::Result<Vec<String>> {
        self.stores.registered(room).await
    }
}

pub(super) fn launch(environment: &[(&str, &str)]) -> Launch {
    let off = [("RATE_PER_USER", "0"), ("RATE_PER_ROOM", "0")];
    off.iter()
        .chain(environment)
        .fold(Launch::chat().unthrottled(), |launch, (name, value)| {
            launch.env(name, value)
        })
        .without_facts()
}

/// Waits until a count has reached `at_least`.
///
/// # Errors
/// If whoever counts has ended.
pub(super) async fn reached(
    count: &mut watch::Receiver<usize>,
    at_least: usize,
) -> anyhow::Result<()> {
    count
        .wait_for(|count| *count >= at_least)
        .await
        .context("nobody counts any more")?;
    Ok(())
}
