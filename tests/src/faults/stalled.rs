//! One client does not read: whoever else is in the room has every entry while a post to it is
//! pending.

use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use serde_json::json;
use tokio::time::Instant;
use tokio::time::timeout;

use super::Amount;
use super::run::Run;
use crate::checker::Spread;
use crate::client::Manner;
use crate::client::Sent;
use crate::stalled::Stalled;

/// About the longest body there is: what is held for the client that does not read fills up early.
const TEXT_BYTES: usize = 8_000;

/// How long everybody else may take.
const OTHERS: Duration = Duration::from_secs(20);

/// Sends to a room with a client that does not read; each message is waited for at all others.
///
/// Answers how long that took.
///
/// # Errors
/// If one of the others does not get a message.
pub async fn stalled(amount: Amount) -> anyhow::Result<Value> {
    let mut run = Run::on_servers(&[]).await?;
    run.populate(&["room"], amount.clients, Manner::V1).await?;
    let url = format!("{}?user=stalled&name=stalled", run.stack.websocket);
    let history = run.stack.history()?;
    let room = history
        .rooms(&["room".parse()?], &"nobody".parse()?)
        .await?;
    let epoch = room.first().context("the room")?.epoch;
    let hello = json!({
        "action": "hello", "id": "1", "client": "one-that-does-not-read",
        "resume": {"room": {"epoch": epoch, "seq": 0}},
    });
    let socket = Stalled::open(&url, &hello.to_string()).await?;
    run.fault("a client does not read");
    let mut times = Vec::new();
    let sender = run.clients.first().context("a client")?;
    for message in 0..amount.sends {
        let began = Instant::now();
        let text = format!("{message} {}", "x".repeat(TEXT_BYTES));
        let Sent::Ok(seq) = sender.send("room", &text).await? else {
            anyhow::bail!("a message is refused");
        };
        for client in &run.clients {
            timeout(OTHERS, client.until_at("room", seq))
                .await
                .with_context(|| format!("{} waits for {seq}", client.name))??;
        }
        times.push(u64::try_from(began.elapsed().as_micros())?);
    }
    drop(socket);
    run.healed("a client does not read");
    let report = run.finish().await?.report;
    Ok(json!({
        "fault": "stalled socket",
        "messages": amount.sends,
        "bytes": TEXT_BYTES * amount.sends,
        "others": amount.clients,
        "all_others_have_it": Spread::of(times),
        "by_replay_percent": report.figures.by_replay_percent,
        "kept": report.kept,
        "report": report,
    }))
}
