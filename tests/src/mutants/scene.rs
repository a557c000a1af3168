//! The scenes in which the mistakes show.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use futures_util::future::try_join_all;
use gatepost_protocol::Role;
use gatepost_protocol::RoomKind;
use gatepost_store::Migrate;
use gatepost_store::Standing;
use gatepost_store::open_history;
use gatepost_store::open_registry;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::sleep;
use tokio::time::timeout;

use super::Mutant;
use super::history::WrongHistory;
use super::registry::WrongRegistry;
use super::world::FREELY;
use super::world::World;
use crate::checker::Event;
use crate::checker::Recorder;
use crate::checker::Report;
use crate::client::Client;
use crate::client::Manner;
use crate::client::Sent;
use crate::ending;
use crate::ending::Stores;
use crate::servers::MariaDb;

const ROOM: &str = "room";

/// How long everything has to be right in the end; a mutant takes all of it.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long what must happen may take.
const SOON: Duration = Duration::from_secs(20);

/// After so long a server has flushed, whatever it was told.
const FLUSH: Duration = Duration::from_millis(2_100);

/// A world, who is in it, and what it stands on.
struct Stage {
    mutant: Mutant,
    world: Arc<World>,
    stores: Stores,
    wrong: Option<Arc<WrongHistory>>,
    recorder: Recorder,
    manner: Manner,
    clients: Vec<Client>,
    server: Option<MariaDb>,
    _folder: TempDir,
}

pub(super) async fn play(mutant: Mutant, is_made: bool) -> anyhow::Result<Report> {
    let mut stage = Stage::set(mutant, is_made).await?;
    match mutant {
        Mutant::CounterSeq | Mutant::AutoIncrement => stage.all_speak_at_once().await?,
        Mutant::AckBeforeCommit => stage.one_speaks(12).await?,
        Mutant::NoFlush => stage.the_server_is_killed().await?,
        Mutant::DeleteByUser => stage.a_disconnect_comes_late().await?,
        Mutant::ReapYoung => stage.a_post_comes_before_the_connection_is_open().await?,
        Mutant::NoHoldBack => stage.posts_overtake_each_other().await?,
        Mutant::NoHeadCheck => stage.the_last_post_is_lost().await?,
        Mutant::DedupeInRedis => stage.an_answer_is_lost_and_redis_emptied().await?,
        Mutant::ResumeInclusive => stage.a_client_was_away().await?,
        Mutant::NoAccessCheck => stage.members_speak_among_themselves().await?,
        Mutant::KeepsSubscription | Mutant::KeepsList | Mutant::NoFloor | Mutant::KeepsEpoch => {
            anyhow::bail!("{mutant:?} has no scene")
        }
    }
    stage.end().await
}

impl Stage {
    async fn set(mutant: Mutant, is_made: bool) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let sqlite = format!("sqlite:{}/log.db", folder.path().display());
        let (server, log) = match mutant {
            Mutant::NoFlush => {
                let flush = if is_made { 0 } else { 1 };
                let option = format!("--innodb-flush-log-at-trx-commit={flush}");
                let server = MariaDb::start_with(vec![option]);
                let url = server.database().await;
                (Some(server), url)
            }
            _ => (None, sqlite.clone()),
        };
        let mut stores = Stores {
            history: open_history(&log, Migrate::Auto)?,
            registry: open_registry(None, &sqlite)?,
        };
        let mut wrong = None;
        if is_made {
            let history = Arc::new(WrongHistory::new(stores.history, mutant));
            wrong = Some(Arc::clone(&history));
            stores = Stores {
                history,
                registry: Arc::new(WrongRegistry::new(stores.registry, mutant, ROOM.parse()?)),
            };
        }
        let mut manner = Manner {
            patience: Duration::from_secs(1),
            ..Manner::BRISK
        };
        match mutant {
            Mutant::NoHoldBack if is_made => manner.hold_back = Duration::ZERO,
            Mutant::NoHeadCheck if is_made => manner.heeds_heads = false,
            _ => {}
        }
        // Pings heal; where one shows that something is wrong until then, they are far away.
        let ping_seconds = match mutant {
            Mutant::DeleteByUser | Mutant::ReapYoung => 270,
            _ => 1,
        };
        let recorder = Recorder::new();
        let mut stage = Self {
            mutant,
            world: World::new(&stores, ping_seconds),
            stores,
            wrong,
            recorder,
            manner,
            clients: Vec::new(),
            server,
            _folder: folder,
        };
        if mutant == Mutant::NoAccessCheck {
            stage.close_the_room().await?;
        }
        for user in ["ann", "bob", "cy"] {
            let client = stage.world.client(user, stage.manner, &stage.recorder);
            let is_stranger = mutant == Mutant::NoAccessCheck && user == "cy";
            let room = if is_stranger { "lobby" } else { ROOM };
            client.join(room);
            client.until_in(room).await?;
            stage.clients.push(client);
        }
        Ok(stage)
    }

    /// Only ann and bob may read the room.
    async fn close_the_room(&self) -> anyhow::Result<()> {
        let (room, ann, bob) = (ROOM.parse()?, "ann".parse()?, "bob".parse()?);
        let history = &self.stores.history;
        let kind = RoomKind::Private;
        history.create_room(&room, kind, 1, Some(&ann)).await?;
        let member = Standing::Member(Role::Member);
        history.set_standing(&room, &bob, &member).await?;
        let room = ROOM.to_owned();
        self.recorder.note(Event::Restricted { room });
        for user in ["ann", "bob"] {
            let (room, user) = (ROOM.to_owned(), user.to_owned());
            self.recorder.note(Event::Admitted { room, user });
        }
        Ok(())
    }

    fn say(&self, client: usize, text: &str) -> oneshot::Receiver<Sent> {
        self.clients[client].send(ROOM, text)
    }

    async fn said(&self, client: usize, text: &str) -> anyhow::Result<u64> {
        let sent = timeout(SOON, self.say(client, text));
        match sent.await.context("never answered")?? {
            Sent::Ok(seq) => Ok(seq),
            Sent::Failed(code) => anyhow::bail!("refused: {code}"),
        }
    }

    async fn one_speaks(&self, times: usize) -> anyhow::Result<()> {
        for time in 0..times {
            self.said(0, &format!("{time}")).await?;
        }
        Ok(())
    }

    async fn all_speak_at_once(&self) -> anyhow::Result<()> {
        for round in 0..4 {
            let said = (0..self.clients.len()).map(|client| async move {
                self.said(client, &format!("{round} of {client}")).await
            });
            try_join_all(said).await?;
        }
        Ok(())
    }

    async fn the_server_is_killed(&mut self) -> anyhow::Result<()> {
        // The room itself is to outlive the server, which flushes each second in any case.
        sleep(FLUSH).await;
        self.one_speaks(50).await?;
        let mut server = self.server.take().context("a MariaDB")?;
        self.recorder.note(Event::Fault {
            what: String::from("SIGKILL of MariaDB"),
        });
        let restarted = tokio::task::spawn_blocking(move || {
            server.restart();
            server
        });
        self.server = Some(restarted.await?);
        self.said(1, "after the restart").await?;
        Ok(())
    }

    async fn a_disconnect_comes_late(&self) -> anyhow::Result<()> {
        self.world.disconnects.forget_permits(FREELY);
        let bob = &self.clients[1];
        bob.cut();
        bob.until(|seen| seen.online && seen.greeted == 2).await?;
        self.world.disconnects.add_permits(1);
        self.said(0, "after the disconnect").await?;
        Ok(())
    }

    async fn a_post_comes_before_the_connection_is_open(&mut self) -> anyhow::Result<()> {
        self.world.opens.forget_permits(FREELY);
        let connected = self.world.connected.load(Ordering::SeqCst);
        let late = self.world.client("dee", self.manner, &self.recorder);
        late.join(ROOM);
        while self.world.connected.load(Ordering::SeqCst) == connected {
            sleep(Duration::from_millis(1)).await;
        }
        let seq = self.said(0, "while dee connects").await?;
        for client in &self.clients {
            client.until_at(ROOM, seq).await?;
        }
        // The right way posts nothing to it.
        let is_target = self.wrong.is_some();
        while is_target && self.world.gateway.gone.load(Ordering::SeqCst) == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        self.world.opens.add_permits(FREELY);
        late.until_in(ROOM).await?;
        self.clients.push(late);
        Ok(())
    }

    async fn posts_overtake_each_other(&self) -> anyhow::Result<()> {
        self.world.gateway.overtake.store(40, Ordering::SeqCst);
        self.one_speaks(12).await
    }

    async fn the_last_post_is_lost(&self) -> anyhow::Result<()> {
        let seq = self.said(0, "all have this").await?;
        for client in &self.clients {
            client.until_at(ROOM, seq).await?;
        }
        self.world.gateway.lose.store(1, Ordering::SeqCst);
        self.said(0, "one does not have this").await?;
        Ok(())
    }

    async fn an_answer_is_lost_and_redis_emptied(&self) -> anyhow::Result<()> {
        self.world.loses_replies.store(true, Ordering::SeqCst);
        let said = self.say(0, "once");
        self.clients[1].until_at(ROOM, 1).await?;
        if let Some(wrong) = &self.wrong {
            wrong.flush();
        }
        self.world.loses_replies.store(false, Ordering::SeqCst);
        self.clients[0].cut();
        timeout(SOON, said).await??;
        Ok(())
    }

    async fn a_client_was_away(&self) -> anyhow::Result<()> {
        let seq = self.said(0, "all have this").await?;
        let bob = &self.clients[1];
        bob.until_at(ROOM, seq).await?;
        bob.cut();
        let seq = self.said(0, "while bob is away").await?;
        bob.until_at(ROOM, seq).await
    }

    async fn members_speak_among_themselves(&self) -> anyhow::Result<()> {
        let seq = self.said(0, "only for bob").await?;
        self.clients[1].until_at(ROOM, seq).await
    }

    async fn end(self) -> anyhow::Result<Report> {
        let rooms = [String::from(ROOM)];
        let (recorder, patience) = (&self.recorder, PATIENCE);
        let ended = ending::end(recorder, self.clients, &rooms, &self.stores, patience).await;
        Ok(ended.with_context(|| format!("{:?}", self.mutant))?.0)
    }
}
