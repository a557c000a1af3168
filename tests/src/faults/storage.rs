//! MariaDB answers, but not as one would like: others hold locks, deadlocks are broken at our
//! expense, and no connection is left.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use sqlx::Connection;
use sqlx::Executor;
use sqlx::MySqlConnection;
use tokio::sync::watch;
use tokio::time::sleep;

use super::Amount;
use super::run::Run;
use super::run::reached;
use crate::checker::Recorder;
use crate::client::Manner;

/// How long a lock is held: longer than a command may take.
const HELD: Duration = Duration::from_millis(1_500);

/// What is wrong with MariaDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Another transaction holds the rooms' rows for 1.5 s.
    LockWaits,
    /// Another transaction takes the same rows in the opposite order.
    Deadlocks,
    /// The functions lose their connections while others hold every one that there is.
    MaxConnections,
}

impl Trouble {
    fn name(self) -> &'static str {
        match self {
            Self::LockWaits => "lock waits",
            Self::Deadlocks => "deadlocks",
            Self::MaxConnections => "max_connections",
        }
    }
}

/// Clients send; each time a share of it is acknowledged, the trouble comes. Answers the figures.
///
/// # Errors
/// If a send is never answered, or MariaDB does not do what it is told.
pub async fn storage(
    trouble: Trouble,
    amount: Amount,
    recorder: &Recorder,
) -> anyhow::Result<Value> {
    let mut run = Run::on_servers(&[("PING_SECONDS", "2")]).await?;
    run.recorder = recorder.clone();
    run.populate(&["room"], amount.clients, Manner::BRISK)
        .await?;
    let url = run.stack.database_url.clone();
    let (progress, mut acknowledged) = watch::channel(0);
    let mut broken = 0_usize;
    let troubles = async {
        for time in 1..=amount.times {
            reached(&mut acknowledged, time * amount.sends / (amount.times + 1)).await?;
            run.fault(trouble.name());
            match trouble {
                Trouble::LockWaits => lock(&url).await?,
                Trouble::Deadlocks => broken += deadlocks(&url).await?,
                Trouble::MaxConnections => crowd(&url).await?,
            }
            run.healed(trouble.name());
        }
        anyhow::Ok(())
    };
    tokio::try_join!(run.talk(amount.sends / amount.clients, &progress), troubles)?;
    let finished = run.finish().await?;
    let report = &finished.report;
    Ok(json!({
        "fault": trouble.name(),
        "times": amount.times,
        "deadlocks": broken,
        "recovery_p99_ms": report.figures.outages.p99_ms,
        "settled_ms": finished.settled_ms,
        "kept": report.kept,
        "report": report,
    }))
}

async fn lock(url: &str) -> anyhow::Result<()> {
    let mut other = MySqlConnection::connect(url).await?;
    let mut held = other.begin().await?;
    held.execute("select * from room for update").await?;
    sleep(HELD).await;
    Ok(held.rollback().await?)
}

/// An append locks the room and then the sender's numbers; this does it the other way round, and
/// has changed more, so that it is not the one that is rolled back. Answers how often a deadlock was
/// broken meanwhile.
async fn deadlocks(url: &str) -> anyhow::Result<usize> {
    let mut other = MySqlConnection::connect(url).await?;
    let before = broken(&mut other).await?;
    other
        .execute("create table if not exists weight (id int primary key auto_increment, text text)")
        .await?;
    for _ in 0..10 {
        let mut held = other.begin().await?;
        for _ in 0..20 {
            held.execute("insert into weight (text) values ('heavier than an append')")
                .await?;
        }
        held.execute("select * from producer for update").await?;
        // Whoever waits for a number now holds its room.
        sleep(Duration::from_millis(20)).await;
        let _ = held.execute("select * from room for update").await;
        held.rollback().await?;
    }
    let after = broken(&mut other).await?;
    Ok(usize::try_from(after.saturating_sub(before))?)
}

async fn broken(mysql: &mut MySqlConnection) -> anyhow::Result<u64> {
    let row: (String, String) = sqlx::query_as("show global status like 'Innodb_deadlocks'")
        .fetch_one(mysql)
        .await?;
    Ok(row.1.parse()?)
}

/// Takes away all connections, and every place that they leave, for a while.
async fn crowd(url: &str) -> anyhow::Result<()> {
    let mut own = MySqlConnection::connect(url).await?;
    own.execute("set global max_connections = 10").await?;
    let others: Vec<i64> = sqlx::query_scalar(
        "select cast(id as signed) from information_schema.processlist
         where id <> connection_id() and user = 'gatepost'",
    )
    .fetch_all(&mut own)
    .await?;
    for id in others {
        // It may have ended by itself.
        let _ = own.execute(sqlx::AssertSqlSafe(format!("kill {id}"))).await;
    }
    let mut taken = Vec::new();
    while let Ok(connection) = MySqlConnection::connect(url).await {
        taken.push(connection);
    }
    sleep(HELD).await;
    drop(taken);
    own.execute("set global max_connections = 200").await?;
    Ok(())
}
