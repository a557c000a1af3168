//! The whole, started for one test: the emulator with this project's template and functions, on
//! SQLite or on a Redis and a MariaDB of its own, and what a test asks of its stores.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use anyhow::Context;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomName;
use gatepost_store::History;
use gatepost_store::Migrate;
use gatepost_store::Range;
use gatepost_store::Registry;
use gatepost_store::Shard;
use gatepost_store::Subscribers;
use serde_json::Value;
use serde_json::json;
use sqlx::Connection as _;
use sqlx::Executor as _;

use crate::emulator::Emulator;
use crate::emulator::Launch;
use crate::member::Member;
use crate::servers::MariaDb;
use crate::servers::Redis;
use crate::servers::RedisCluster;
use crate::servers::unique_name;

/// A running whole.
#[derive(Debug)]
pub struct Stack {
    /// The emulator.
    pub emulator: Emulator,
    /// `ws://host:port/local`.
    pub websocket: String,
    /// `DATABASE_URL`.
    pub database_url: String,
    /// `REDIS_URL`.
    pub redis_url: Option<String>,
    /// The registry's server, unless it is a file.
    pub redis: Option<Redis>,
    /// The registry's servers, where it is a cluster.
    pub cluster: Option<RedisCluster>,
    /// The log's server, unless it is a file.
    pub mariadb: Option<MariaDb>,
}

impl Stack {
    /// On SQLite, with more variables for the functions.
    ///
    /// # Errors
    /// If the emulator does not become ready.
    pub async fn sqlite(environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::on_sqlite(Launch::chat(), environment).await
    }

    /// On SQLite, launched as the test says.
    ///
    /// # Errors
    /// If the emulator does not become ready.
    pub async fn on_sqlite(launch: Launch, environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let emulator = started(launch, environment).await?;
        let database_url = sqlite_url(emulator.data_dir());
        Ok(Self {
            websocket: emulator.websocket().into(),
            emulator,
            database_url,
            redis_url: None,
            redis: None,
            cluster: None,
            mariadb: None,
        })
    }

    /// On a Redis and a MariaDB, with more variables for the functions.
    ///
    /// # Errors
    /// If the emulator does not become ready.
    pub async fn servers(environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::on_servers(Launch::chat(), environment).await
    }

    /// On a Redis and a MariaDB, launched as the test says.
    ///
    /// # Errors
    /// If the emulator does not become ready.
    pub async fn on_servers(launch: Launch, environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let (redis, mariadb) = (Redis::start(), MariaDb::start());
        let database_url = mariadb.database().await;
        let redis_url = redis.url(&unique_name());
        let launch = launch
            .env("DATABASE_URL", &database_url)
            .env("REDIS_URL", &redis_url);
        let emulator = started(launch, environment).await?;
        Ok(Self {
            websocket: emulator.websocket().into(),
            emulator,
            database_url,
            redis_url: Some(redis_url),
            redis: Some(redis),
            cluster: None,
            mariadb: Some(mariadb),
        })
    }

    /// On a Redis Cluster of three nodes and a MariaDB, with more variables for the functions.
    ///
    /// # Errors
    /// If the emulator does not become ready.
    pub async fn cluster(environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::on_cluster(Launch::chat(), RedisCluster::start(), environment).await
    }

    /// On this Redis Cluster and a MariaDB, launched as the test says.
    ///
    /// # Errors
    /// If the emulator does not become ready.
    pub async fn on_cluster(
        launch: Launch,
        cluster: RedisCluster,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let mariadb = MariaDb::start();
        let database_url = mariadb.database().await;
        let redis_url = cluster.url(&unique_name());
        let launch = launch
            .env("DATABASE_URL", &database_url)
            .env("REDIS_URL", &redis_url);
        let emulator = started(launch, environment).await?;
        Ok(Self {
            websocket: emulator.websocket().into(),
            emulator,
            database_url,
            redis_url: Some(redis_url),
            redis: None,
            cluster: Some(cluster),
            mariadb: Some(mariadb),
        })
    }

    /// Another one on the same kind of stores, with more variables for the functions.
    ///
    /// # Errors
    /// If the emulator does not become ready.
    pub async fn like(&self, environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        match self.redis_url {
            Some(_) => Self::servers(environment).await,
            None => Self::sqlite(environment).await,
        }
    }

    /// Another one on the same kind of stores, in which nobody and nothing is limited by the second.
    ///
    /// # Errors
    /// If the emulator does not become ready.
    pub async fn unlimited(&self) -> anyhow::Result<Self> {
        let (launch, off) = (
            Launch::chat().unthrottled(),
            [("RATE_PER_USER", "0"), ("RATE_PER_ROOM", "0")],
        );
        match self.redis_url {
            Some(_) => Self::on_servers(launch, &off).await,
            None => Self::on_sqlite(launch, &off).await,
        }
    }

    /// The log, opened by the test itself.
    ///
    /// # Errors
    /// If the URL is wrong.
    pub fn history(&self) -> anyhow::Result<Arc<dyn History>> {
        Ok(gatepost_store::open_history(
            &self.database_url,
            Migrate::Off,
        )?)
    }

    /// Changes the log as no function does, by statements that both databases understand.
    ///
    /// # Errors
    /// If the database refuses one.
    pub async fn change_log(&self, statements: &[&'static str]) -> anyhow::Result<()> {
        let url = &self.database_url;
        if url.starts_with("sqlite:") {
            let mut log = sqlx::SqliteConnection::connect(url).await?;
            for statement in statements {
                log.execute(*statement).await?;
            }
        } else {
            let mut log = sqlx::MySqlConnection::connect(url).await?;
            for statement in statements {
                log.execute(*statement).await?;
            }
        }
        Ok(())
    }

    /// Sweeps now, as the schedule does each minute.
    ///
    /// # Errors
    /// If the sweep fails.
    pub async fn sweep(&self) -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let task = folder.path().join("sweep.json");
        std::fs::write(&task, r#"{"task":"sweep"}"#)?;
        let task = task.display().to_string();
        let sweep = ["invoke", "FanoutFunction", "--event", &task];
        let swept = self.emulator.gatepost(&sweep).await?;
        anyhow::ensure!(swept.code == Some(0), "{}", swept.stderr);
        Ok(())
    }

    /// The registry, opened by the test itself.
    ///
    /// # Errors
    /// If the URL is wrong.
    pub fn registry(&self) -> anyhow::Result<Arc<dyn Registry>> {
        Ok(gatepost_store::open_registry(
            self.redis_url.as_deref(),
            &self.database_url,
        )?)
    }

    /// Every entry of a room as JSON, oldest first.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub async fn log(&self, room: &str) -> anyhow::Result<Vec<Value>> {
        let (room, history): (RoomName, _) = (room.parse()?, self.history()?);
        let mut log: Vec<Value> = Vec::new();
        loop {
            let after = log
                .last()
                .and_then(|entry| entry["seq"].as_u64())
                .unwrap_or_default();
            let page = history.entries(&room, Range::After(after), 500).await?;
            if page.is_empty() {
                return Ok(log);
            }
            for entry in page {
                log.push(serde_json::to_value(entry)?);
            }
        }
    }

    /// The users that `who` lists in a room, sorted.
    ///
    /// # Errors
    /// If the room cannot be asked about.
    pub async fn users_of(&self, room: &str) -> anyhow::Result<Vec<String>> {
        let mut observer = Member::hello(&self.websocket, "observer").await?;
        let mut users = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let mut who = json!({"action": "who", "room": room});
            if !cursor.is_null() {
                who["cursor"] = cursor;
            }
            let page = observer.ok(who).await?;
            for user in page["users"].as_array().context("users")? {
                users.push(String::from(user["id"].as_str().context("an id")?));
            }
            cursor = page["cursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
        observer.socket.close().await?;
        users.sort();
        Ok(users)
    }

    /// How many live subscriptions a room of one shard has.
    ///
    /// # Errors
    /// If the registry cannot be read.
    pub async fn subscriptions(&self, room: &str) -> anyhow::Result<usize> {
        let shard = Shard {
            room: room.parse()?,
            index: 0,
        };
        match self.registry()?.subscribers(&shard, None, now()).await? {
            Subscribers::Listed { list, .. } => Ok(list.len()),
            Subscribers::Unchanged => anyhow::bail!("a list was not answered"),
        }
    }

    /// How many of all connections there ever were the registry still knows.
    ///
    /// # Errors
    /// If the registry cannot be read.
    pub async fn live_connections(&self) -> anyhow::Result<usize> {
        let facts = self.emulator.facts();
        let ids: BTreeSet<&str> = facts
            .iter()
            .filter_map(|fact| fact["connection"].as_str())
            .collect();
        let registry = self.registry()?;
        let mut live = 0;
        for id in ids {
            let id: ConnectionId = id.parse()?;
            live += usize::from(registry.connection(&id, now()).await?.is_some());
        }
        Ok(live)
    }

    /// Waits until `$disconnect` has been called to its end for `count` connections in all.
    ///
    /// # Errors
    /// If that does not happen.
    pub async fn until_disconnected(&self, count: usize) -> anyhow::Result<()> {
        let seen = AtomicUsize::new(0);
        let last = |fact: &Value| {
            fact["route"] == "$disconnect" && seen.fetch_add(1, Ordering::Relaxed) + 1 == count
        };
        self.emulator.event("routed", last).await?;
        Ok(())
    }
}

async fn started(launch: Launch, environment: &[(&str, &str)]) -> anyhow::Result<Emulator> {
    let launch = environment
        .iter()
        .fold(launch, |launch, (name, value)| launch.env(name, value));
    launch.start().await
}

fn sqlite_url(folder: &Path) -> String {
    format!("sqlite:{}/log.db", folder.display())
}

/// Milliseconds since 1970-01-01T00:00:00Z.
///
/// # Panics
/// Where the machine's clock is before 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a test's clock is the machine's")]
pub fn now() -> Millis {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970");
    Millis::try_from(since.as_millis()).expect("before the year 292,000,000")
}
