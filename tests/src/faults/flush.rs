//! Redis forgets everything, again and again, while somebody speaks.

use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use serde_json::json;
use tokio::time::Instant;
use tokio::time::interval;
use tokio::time::sleep;

use super::Amount;
use super::run::Run;
use crate::checker::Recorder;
use crate::checker::Spread;
use crate::client::Manner;

/// Within so long everybody is to be heard of again with `PING_SECONDS=10`.
const DEAF: Duration = Duration::from_secs(30);

/// FLUSHALL `times` times, each once everybody was subscribed again. Answers for how long clients
/// were deaf.
///
/// # Errors
/// If the run cannot go on.
pub async fn flush(
    amount: Amount,
    ping_seconds: u32,
    recorder: &Recorder,
) -> anyhow::Result<Value> {
    let mut run = Run::on_servers(&[("PING_SECONDS", &ping_seconds.to_string())]).await?;
    run.recorder = recorder.clone();
    run.populate(&["room"], amount.clients, Manner::BRISK)
        .await?;
    let port = run.stack.redis.as_ref().context("a Redis")?.port();
    let mut own = redis::Client::open(format!("redis://127.0.0.1:{port}"))?.get_connection()?;
    let speaker = run.clients.first().context("a client")?;
    let speak = async {
        // Somebody always says something: whoever is deaf has something to miss.
        let mut tick = interval(Duration::from_millis(100));
        loop {
            tick.tick().await;
            // What becomes of it is in the history.
            let _ = speaker.send("room", "still here").await;
        }
    };
    let flushes = async {
        let (mut deaf, mut too_long) = (Vec::new(), 0_usize);
        for _ in 0..amount.times {
            run.fault("FLUSHALL");
            let began = Instant::now();
            redis::cmd("FLUSHALL").exec(&mut own)?;
            while run.registered("room").await?.len() < amount.clients {
                if began.elapsed() > DEAF {
                    too_long += 1;
                    break;
                }
                sleep(Duration::from_millis(20)).await;
            }
            deaf.push(u64::try_from(began.elapsed().as_micros())?);
            run.healed("FLUSHALL");
        }
        anyhow::Ok((deaf, too_long))
    };
    let (deaf, too_long) = tokio::select! {
        flushed = flushes => flushed?,
        () = speak => unreachable!("somebody speaks for ever"),
    };
    let finished = run.finish().await?;
    let report = finished.report;
    Ok(json!({
        "fault": "FLUSHALL",
        "times": amount.times,
        "clients": amount.clients,
        "ping_seconds": ping_seconds,
        "deaf": Spread::of(deaf),
        "deaf_after_30_s": too_long,
        "kept": report.kept && too_long == 0,
        "report": report,
    }))
}
