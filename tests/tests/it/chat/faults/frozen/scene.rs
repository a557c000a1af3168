//! A chat whose functions all stand still between two steps of a test.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use gatepost_store::Claim;
use gatepost_store::Release;
use gatepost_store::Shard;
use gatepost_tests::client::Manner;
use gatepost_tests::emulator::Emulator;
use gatepost_tests::emulator::Launch;
use gatepost_tests::faults::Run;
use gatepost_tests::member::Member;
use gatepost_tests::servers::Redis;
use gatepost_tests::socket::PATIENCE;
use gatepost_tests::stack::Stack;
use gatepost_tests::stack::now;
use serde_json::Value;
use serde_json::json;
use sqlx::Connection;
use sqlx::Executor;
use sqlx::MySqlConnection;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;

const CLIENT: &str = "one-page-load-of-the-tab";

/// Less than a lease lasts that nobody gave back.
const AT_ONCE: Duration = Duration::from_secs(6);

/// A function asks a store that it found away again after a second.
const ASKED_AGAIN: Duration = Duration::from_millis(1_200);

/// Ann and Bob in one room, whom the test moves, and two clients in another, whom the judge sees.
pub(super) struct Scene {
    run: Run,
    pub(super) ann: Member,
    bob: Member,
    admin: MySqlConnection,
    /// The last `n` that was acknowledged.
    pub(super) sent: u64,
    /// Its place.
    pub(super) seq: u64,
    processes: BTreeSet<u64>,
}

/// Rows that another transaction has locked.
pub(super) struct Lock(MySqlConnection);

impl Lock {
    pub(super) async fn unlock(&mut self) -> anyhow::Result<()> {
        self.0.execute("rollback").await?;
        Ok(())
    }
}

impl Scene {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let off = [
            ("RATE_PER_USER", "0"),
            ("RATE_PER_ROOM", "0"),
            ("PING_SECONDS", "1"),
        ];
        let stack = Stack::on_servers(Launch::chat().unthrottled(), &off).await?;
        let admin = MySqlConnection::connect(&stack.database_url).await?;
        let mut ann = Member::open(&format!("{}?user=ann&name=Ann", stack.websocket)).await?;
        ann.ok(json!({"action": "hello", "client": CLIENT})).await?;
        let mut bob = Member::hello(&stack.websocket, "bob").await?;
        ann.join("room").await?;
        bob.join("room").await?;
        let mut run = Run::new(stack)?;
        run.populate(&["judged"], 2, Manner::BRISK).await?;
        let mut scene = Self {
            run,
            ann,
            bob,
            admin,
            sent: 0,
            seq: 0,
            processes: BTreeSet::new(),
        };
        scene.say().await?;
        scene.processes = scene.until_still().await?;
        Ok(scene)
    }

    pub(super) fn emulator(&self) -> &Emulator {
        &self.run.stack.emulator
    }

    pub(super) fn websocket(&self) -> String {
        self.run.stack.websocket.clone()
    }

    pub(super) fn redis(&self) -> anyhow::Result<&Redis> {
        self.run.stack.redis.as_ref().context("a Redis")
    }

    pub(super) async fn lock_rooms(&self) -> anyhow::Result<Lock> {
        let mut other = MySqlConnection::connect(&self.run.stack.database_url).await?;
        other.execute("start transaction").await?;
        other.execute("select * from room for update").await?;
        Ok(Lock(other))
    }

    /// What the fan-out function answers to an event.
    pub(super) async fn invoke_fanout(&self, event: &Value) -> anyhow::Result<String> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("event.json");
        std::fs::write(&file, event.to_string())?;
        let file = file.display().to_string();
        let invoke = ["invoke", "FanoutFunction", "--event", &file];
        let ended = self.emulator().gatepost(&invoke).await?;
        Ok(ended.stdout + &ended.stderr)
    }

    /// Ann's next message, which must be acknowledged.
    pub(super) async fn send(&mut self) -> anyhow::Result<Value> {
        let text = format!("message {}", self.sent + 1);
        let ok = self.ann.ok(numbered(self.sent + 1, &text)).await?;
        self.sent += 1;
        self.seq = ok["seq"].as_u64().context("a seq")?;
        Ok(ok)
    }

    /// Ann's next message, of which Bob hears.
    pub(super) async fn say(&mut self) -> anyhow::Result<u64> {
        let ok = self.send().await?;
        ensure!(ok.get("degraded").is_none(), "{ok}");
        self.bob.entries_to("room", self.seq).await?;
        Ok(self.seq)
    }

    /// Ann's next message is not acknowledged; it is sent again later.
    pub(super) async fn unavailable(&mut self) -> anyhow::Result<()> {
        let text = format!("message {}", self.sent + 1);
        let refused = self.ann.refused(numbered(self.sent + 1, &text)).await?;
        ensure!(refused["code"] == "unavailable", "{refused}");
        Ok(())
    }

    /// Ann's next message is acknowledged while nobody can hear of it.
    pub(super) async fn degraded(&mut self) -> anyhow::Result<()> {
        let ok = self.send().await?;
        ensure!(ok["degraded"] == true, "{ok}");
        Ok(())
    }

    /// Sends, as a client does, until the stores that were away are there again.
    pub(super) async fn comes_back(&mut self) -> anyhow::Result<()> {
        sleep(ASKED_AGAIN).await;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let text = format!("message {}", self.sent + 1);
            let reply = self.ann.act(numbered(self.sent + 1, &text)).await?;
            let Some(ok) = reply.get("ok") else {
                ensure!(reply["error"]["code"] == "unavailable", "{reply}");
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            self.sent += 1;
            self.seq = ok["seq"].as_u64().context("a seq")?;
            if ok.get("degraded").is_none() {
                self.bob.entries_to("room", self.seq).await?;
                return Ok(());
            }
        }
        anyhow::bail!("the stores did not come back")
    }

    /// The server ends and begins again.
    pub(super) async fn restart_mariadb(&mut self) -> anyhow::Result<()> {
        let mut server = self.run.stack.mariadb.take().context("a MariaDB")?;
        let restarted = spawn_blocking(move || {
            server.restart();
            server
        });
        self.run.stack.mariadb = Some(restarted.await?);
        self.admin = MySqlConnection::connect(&self.run.stack.database_url).await?;
        Ok(())
    }

    pub(super) fn kill_mariadb(&mut self) -> anyhow::Result<()> {
        self.run.stack.mariadb.as_mut().context("a MariaDB")?.kill();
        Ok(())
    }

    /// Waits until every process of every function stands still; answers them.
    pub(super) async fn until_still(&self) -> anyhow::Result<BTreeSet<u64>> {
        let began = Instant::now();
        loop {
            let state = self.emulator().state().await?;
            let environments = state["functions"]
                .as_array()
                .context("functions")?
                .iter()
                .flat_map(|function| function["environments"].as_array().into_iter().flatten());
            let mut processes = BTreeSet::new();
            let mut all_still = true;
            for environment in environments {
                let pid = environment["pid"].as_u64().context("a pid")?;
                all_still &= environment["state"] == "frozen" && is_stopped(pid);
                processes.insert(pid);
            }
            if all_still {
                return Ok(processes);
            }
            ensure!(began.elapsed() < PATIENCE, "a function goes on: {state:#}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// While every function stands still, nothing of theirs is in the way of others.
    pub(super) async fn holds_nothing(&mut self, after: &str) -> anyhow::Result<()> {
        let processes = self.until_still().await?;
        let held = |what: &str| format!("{what} held after {after}");
        // What was given up may still be under way at the server, for as long as it waits for a
        // lock; what a frozen process holds is held until it is thawed.
        self.until_idle()
            .await
            .with_context(|| held("a transaction is"))?;
        timeout(PATIENCE, self.lock_everything())
            .await
            .with_context(|| held("rows are"))??;
        timeout(AT_ONCE, self.take_the_lease())
            .await
            .with_context(|| held("the lease of the fan-out is"))??;
        let connections = "select count(*) from information_schema.processlist \
            where user = 'gatepost' and id <> connection_id()";
        let connections = self.count(connections).await?;
        ensure!(
            usize::try_from(connections)? <= processes.len() + OWN_CONNECTIONS,
            "{connections} connections of {} processes after {after}",
            processes.len()
        );
        ensure!(
            self.until_still().await? == processes,
            "nobody was woken meanwhile"
        );
        Ok(())
    }

    /// Ann's frame is answered with an error.
    pub(super) async fn refused(&mut self, frame: &str) -> anyhow::Result<()> {
        self.ann.socket.send(frame).await?;
        loop {
            let answer: Value = serde_json::from_str(&self.ann.socket.text().await?)?;
            if answer.get("event").is_none() {
                ensure!(answer.get("error").is_some(), "{frame}: {answer}");
                return Ok(());
            }
        }
    }

    /// Ann's next message is acknowledged, and each post of it fails in this way.
    pub(super) async fn posts_fail(&mut self, effect: &str) -> anyhow::Result<()> {
        let rule = json!({"effect": effect, "match": {"step": "post"}});
        let fault = self.emulator().fault(rule).await?;
        let began = Instant::now();
        self.send().await?;
        // Who seemed not to read is posted to again after some seconds.
        while !self.emulator().has_fired(&fault).await? {
            ensure!(began.elapsed() < PATIENCE, "nothing is posted");
            sleep(Duration::from_millis(100)).await;
            self.send().await?;
        }
        // The lease as well: whoever writes next posts what was not.
        self.holds_nothing(effect).await
    }

    /// Bob's ping says that he lacks Ann's last message.
    pub(super) async fn is_found_out(&mut self) -> anyhow::Result<()> {
        let ping = json!({"action": "ping", "rooms": {"room": 0}});
        let heads = self.bob.ok(ping).await?;
        ensure!(heads["heads"]["room"] == self.seq, "{heads}");
        Ok(())
    }

    /// Wakes every function with its connections dead: each goes on as if nothing had been.
    pub(super) async fn goes_on(&mut self) -> anyhow::Result<()> {
        let gone_on = self.woken().await;
        gone_on.with_context(|| self.story())
    }

    /// What every function but that of the pings did last, and what all complained of.
    fn story(&self) -> String {
        let facts = self.emulator().facts();
        let is_of_interest = |fact: &&Value| match fact["line"].as_str() {
            Some(line) => line.contains("WARN") || line.contains("ERROR"),
            None => fact["function"].is_string() && fact["function"] != "MessageFunction",
        };
        let told = facts.iter().filter(is_of_interest).map(Value::to_string);
        let told: Vec<String> = told.collect();
        told[told.len().saturating_sub(40)..].join("\n")
    }

    async fn woken(&mut self) -> anyhow::Result<()> {
        let still = self.until_still().await?;
        ensure!(
            still.is_superset(&self.processes),
            "a process ended: it was to be frozen and thawed"
        );
        self.kill_connections().await?;
        self.say().await?;
        let mut eve = Member::hello(&self.websocket(), "eve").await?;
        // A function asks a store that it found away again a second later.
        while eve.join("room").await?.get("degraded").is_some() {
            sleep(Duration::from_millis(50)).await;
        }
        while self.bob.event("joined").await?["user"]["id"] != "eve" {}
        self.until_still().await?;
        self.kill_connections().await?;
        eve.socket.close().await?;
        while self.bob.event("left").await?["user"]["id"] != "eve" {}
        let (progress, _) = watch::channel(0);
        self.run.talk(2, &progress).await?;
        Ok(())
    }

    /// The judge has what the two clients saw; of the other room, everything that was acknowledged
    /// has its place.
    pub(super) async fn finish(self) -> anyhow::Result<()> {
        let log = self.run.stack.log("room").await?;
        let numbers: Vec<u64> = log.iter().filter_map(|entry| entry["n"].as_u64()).collect();
        ensure!(numbers.iter().copied().eq(1..=self.sent), "{numbers:?}");
        let report = self.run.finish().await?.report;
        ensure!(report.kept, "{report:#?}");
        Ok(())
    }

    async fn count(&mut self, query: &'static str) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(query).fetch_one(&mut self.admin).await?)
    }

    /// Waits until the server does nothing for the functions.
    async fn until_idle(&mut self) -> anyhow::Result<()> {
        let open =
            "select concat(trx_mysql_thread_id, ' ', trx_state, ' ', coalesce(trx_query, ''))
            from information_schema.innodb_trx";
        let busy =
            "select concat(id, ' ', command, ' ', coalesce(state, ''), ' ', coalesce(info, ''))
            from information_schema.processlist
            where user = 'gatepost' and id <> connection_id() and command <> 'Sleep'";
        let began = Instant::now();
        loop {
            let mut at_work: Vec<String> = Vec::new();
            for query in [open, busy] {
                at_work.extend(sqlx::query_scalar(query).fetch_all(&mut self.admin).await?);
            }
            if at_work.is_empty() {
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "{at_work:?}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Every row that an append or a moderation locks.
    async fn lock_everything(&mut self) -> anyhow::Result<()> {
        let mut held = self.admin.begin().await?;
        for table in ["room", "producer", "message", "membership", "session"] {
            let query = format!("select * from {table} for update");
            sqlx::raw_sql(sqlx::AssertSqlSafe(query))
                .fetch_all(&mut *held)
                .await?;
        }
        Ok(held.rollback().await?)
    }

    /// The lease of the room's fan-out is to be had, as by a worker that posts what was not.
    async fn take_the_lease(&self) -> anyhow::Result<()> {
        let registry = self.run.stack.registry()?;
        let shard = Shard {
            room: "room".parse()?,
            index: 0,
        };
        loop {
            match registry.claim(&shard, "the test", 1_000, now()).await? {
                Claim::Held { cursor } => {
                    let cursor = cursor.unwrap_or(self.seq);
                    while registry.release(&shard, "the test", cursor, now()).await?
                        == Release::Dirty
                    {}
                    return Ok(());
                }
                Claim::Busy => sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// As servers and what stands between do with connections that are idle for long.
    async fn kill_connections(&mut self) -> anyhow::Result<()> {
        let ids: Vec<i64> = sqlx::query_scalar(
            "select cast(id as signed) from information_schema.processlist
             where user = 'gatepost' and id <> connection_id()",
        )
        .fetch_all(&mut self.admin)
        .await?;
        for id in ids {
            let kill = sqlx::AssertSqlSafe(format!("kill {id}"));
            // It may have ended by itself.
            let _ = self.admin.execute(kill).await;
        }
        let port = self.redis()?.port();
        let mut own = redis::Client::open(format!("redis://127.0.0.1:{port}"))?.get_connection()?;
        redis::cmd("CLIENT")
            .arg(&["KILL", "TYPE", "normal"])
            .exec(&mut own)?;
        Ok(())
    }
}

/// The run's own, which reads the log for the judge, and one that held a lock.
const OWN_CONNECTIONS: usize = 2;

/// A send that names its client.
pub(super) fn numbered(n: u64, text: &str) -> Value {
    json!({"action": "send", "room": "room", "client": CLIENT, "n": n, "body": {"text": text}})
}

/// Whether the kernel says that a process was stopped (proc(5), `/proc/pid/stat`).
fn is_stopped(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start());
    state.is_some_and(|rest| rest.starts_with('T'))
}
