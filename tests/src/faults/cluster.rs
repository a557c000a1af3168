//! A Redis Cluster moves its keys, or loses a primary and promotes its replica, while clients send.

use anyhow::Context;
use serde_json::Value;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::Amount;
use super::run::Run;
use super::run::launch;
use super::run::reached;
use crate::checker::Check;
use crate::checker::Recorder;
use crate::client::Manner;
use crate::servers::RedisCluster;
use crate::stack::Stack;

/// What goes on after the replica heard its primary last.
const UNREPLICATED: usize = 10;

/// Every slot that holds a key moves to another node, `times` times. Answers the figures.
///
/// # Errors
/// If a send is never answered, or the run cannot go on.
pub async fn reshard(amount: Amount, recorder: &Recorder) -> anyhow::Result<Value> {
    let run = on(RedisCluster::start(), amount, recorder).await?;
    let (progress, mut acknowledged) = watch::channel(0);
    let mut run = run;
    let mut cluster = run.stack.cluster.take();
    let mut moved = 0;
    let moves = async {
        for time in 1..=amount.times {
            reached(&mut acknowledged, time * amount.sends / (amount.times + 1)).await?;
            run.fault("a reshard");
            let taken = cluster.take().context("a cluster")?;
            let (slots, back) = spawn_blocking(move || (taken.move_every_key(), taken)).await?;
            cluster = Some(back);
            moved += slots;
            run.healed("a reshard");
        }
        anyhow::Ok(())
    };
    tokio::try_join!(run.talk(amount.sends / amount.clients, &progress), moves)?;
    run.stack.cluster = cluster;
    let mut figures = judged("a reshard", amount, run).await?;
    figures["slots_moved"] = json!(moved);
    Ok(figures)
}

/// A primary is killed whose replica lacks what was written last; the replica is promoted, and the
/// old primary comes back as its replica. Another primary each time. Answers the figures.
///
/// # Errors
/// If a send is never answered, or the run cannot go on.
pub async fn failover(amount: Amount, recorder: &Recorder) -> anyhow::Result<Value> {
    let cluster = spawn_blocking(RedisCluster::start_with_replicas).await?;
    let mut run = on(cluster, amount, recorder).await?;
    let (progress, mut acknowledged) = watch::channel(0);
    let mut cluster = run.stack.cluster.take();
    let failovers = async {
        for time in 1..=amount.times {
            let at = time * amount.sends / (amount.times + 1);
            reached(&mut acknowledged, at).await?;
            run.fault("a lost primary");
            let number = time % 3;
            cluster
                .as_ref()
                .context("a cluster")?
                .freeze_replica(number);
            reached(&mut acknowledged, at + UNREPLICATED).await?;
            let mut taken = cluster.take().context("a cluster")?;
            cluster = Some(
                spawn_blocking(move || {
                    taken.fail_over(number);
                    taken
                })
                .await?,
            );
            run.healed("a lost primary");
        }
        anyhow::Ok(())
    };
    tokio::try_join!(
        run.talk(amount.sends / amount.clients, &progress),
        failovers
    )?;
    run.stack.cluster = cluster;
    judged("a lost primary", amount, run).await
}

async fn on(cluster: RedisCluster, amount: Amount, recorder: &Recorder) -> anyhow::Result<Run> {
    let launch = launch(&[("PING_SECONDS", "2")]);
    let mut run = Run::new(Stack::on_cluster(launch, cluster, &[]).await?)?;
    run.recorder = recorder.clone();
    run.populate(&["one", "other"], amount.clients, Manner::BRISK)
        .await?;
    Ok(run)
}

async fn judged(fault: &str, amount: Amount, run: Run) -> anyhow::Result<Value> {
    let finished = run.finish().await?;
    let report = &finished.report;
    let count = |check| report.violations.get(&check).copied().unwrap_or_default();
    Ok(json!({
        "fault": fault,
        "times": amount.times,
        "acknowledged": report.figures.ok,
        "acknowledged_lost": count(Check::C2),
        "duplicates_stored": count(Check::C3) + count(Check::C4),
        "recovery_p99_ms": report.figures.outages.p99_ms,
        "settled_ms": finished.settled_ms,
        "kept": report.kept,
        "report": report,
    }))
}
