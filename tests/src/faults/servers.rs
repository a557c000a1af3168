//! Redis and MariaDB are killed or stopped while clients send.

use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::Amount;
use super::run::Run;
use super::run::reached;
use crate::checker::Check;
use crate::checker::Recorder;
use crate::client::Manner;

/// How long a stopped server stays so: longer than a command may take.
const STOPPED: Duration = Duration::from_millis(1_500);

/// What befalls a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// SIGKILL of Redis, which comes back empty.
    KillRedis,
    /// SIGSTOP of Redis for 1.5 s.
    StopRedis,
    /// SIGKILL of MariaDB, which comes back with what it flushed.
    KillMariaDb,
    /// SIGSTOP of MariaDB for 1.5 s.
    StopMariaDb,
}

impl Blow {
    fn name(self) -> &'static str {
        match self {
            Self::KillRedis => "SIGKILL of Redis",
            Self::StopRedis => "SIGSTOP of Redis",
            Self::KillMariaDb => "SIGKILL of MariaDB",
            Self::StopMariaDb => "SIGSTOP of MariaDB",
        }
    }
}

/// Clients in two rooms send; each time a share of it is acknowledged, the blow falls. Answers the
/// figures; whether every promise was kept is their `kept`.
///
/// # Errors
/// If a send is never answered, or the run cannot go on.
pub async fn servers(blow: Blow, amount: Amount, recorder: &Recorder) -> anyhow::Result<Value> {
    let ping_seconds = 2;
    let mut run = Run::on_servers(&[("PING_SECONDS", "2")]).await?;
    run.recorder = recorder.clone();
    run.populate(&["one", "other"], amount.clients, Manner::BRISK)
        .await?;
    let (progress, mut acknowledged) = watch::channel(0);
    let each = amount.sends / amount.clients;
    let mut redis = run.stack.redis.take();
    let mut mariadb = run.stack.mariadb.take();
    let blows = async {
        for time in 1..=amount.times {
            reached(&mut acknowledged, time * amount.sends / (amount.times + 1)).await?;
            run.fault(blow.name());
            match blow {
                Blow::KillRedis => {
                    let mut server = redis.take().context("a Redis")?;
                    redis = Some(
                        spawn_blocking(move || {
                            server.restart();
                            server
                        })
                        .await?,
                    );
                }
                Blow::KillMariaDb => {
                    let mut server = mariadb.take().context("a MariaDB")?;
                    mariadb = Some(
                        spawn_blocking(move || {
                            server.restart();
                            server
                        })
                        .await?,
                    );
                }
                Blow::StopRedis => {
                    let server = redis.as_ref().context("a Redis")?;
                    server.freeze();
                    sleep(STOPPED).await;
                    server.thaw();
                }
                Blow::StopMariaDb => {
                    let server = mariadb.as_ref().context("a MariaDB")?;
                    server.freeze();
                    sleep(STOPPED).await;
                    server.thaw();
                }
            }
            run.healed(blow.name());
        }
        anyhow::Ok(())
    };
    tokio::try_join!(run.talk(each, &progress), blows)?;
    (run.stack.redis, run.stack.mariadb) = (redis, mariadb);
    let finished = run.finish().await?;
    let report = &finished.report;
    let count = |check| report.violations.get(&check).copied().unwrap_or_default();
    Ok(json!({
        "fault": blow.name(),
        "times": amount.times,
        "ping_seconds": ping_seconds,
        "acknowledged": report.figures.ok,
        "acknowledged_lost": count(Check::C2),
        "duplicates_stored": count(Check::C3) + count(Check::C4),
        "recovery_p99_ms": report.figures.outages.p99_ms,
        "settled_ms": finished.settled_ms,
        "kept": report.kept,
        "report": report,
    }))
}
