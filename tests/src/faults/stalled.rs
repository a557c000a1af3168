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
use crate::checker::Recorder;
use crate::checker::Spread;
use crate::client::Manner;
use crate::client::Sent;
use crate::emulator::Emulator;
use crate::stalled::Stalled;

/// About the longest body there is: what is held for the client that does not read fills up early.
const TEXT_BYTES: usize = 8_000;

/// How long everybody else may take.
const OTHERS: Duration = Duration::from_secs(20);

/// Who does not read.
const STALLED: &str = "stalled";

/// Sends to a room with a client that does not read; each message is waited for at all others.
///
/// The first post to that client is not answered by the gateway at all: when everybody else has the
/// message, the gateway must say that it is still under way. Answers how long the others took.
///
/// # Errors
/// If one of the others does not get a message, or the post that was to be pending is not.
pub async fn stalled(amount: Amount, recorder: &Recorder) -> anyhow::Result<Value> {
    let mut run = Run::on_servers(&[]).await?;
    run.recorder = recorder.clone();
    run.populate(&["room"], amount.clients, Manner::V1).await?;
    let url = format!("{}?user={STALLED}&name={STALLED}", run.stack.websocket);
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
    let connection = connection(&run.stack.emulator).await?;
    let pending = json!({
        "effect": "delay:1h", "times": 1,
        "match": {"step": "post", "connection": connection["id"]},
    });
    let pending = run.stack.emulator.fault(pending).await?;
    run.fault("a client does not read");
    let mut times = Vec::new();
    let mut is_under_way = true;
    let mut while_pending = 0_usize;
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
        if is_under_way {
            // The worker that posts gives it up in the end.
            let connection = self::connection(&run.stack.emulator).await?;
            is_under_way = connection["posts_under_way"].as_u64() > Some(0);
            while_pending += usize::from(is_under_way);
        }
    }
    anyhow::ensure!(
        while_pending > 0,
        "the post was over before everybody else had the first message"
    );
    drop((socket, pending));
    run.healed("a client does not read");
    let report = run.finish().await?.report;
    Ok(json!({
        "fault": "stalled socket",
        "messages": amount.sends,
        "bytes": TEXT_BYTES * amount.sends,
        "others": amount.clients,
        "all_others_have_it": Spread::of(times),
        "messages_that_all_others_have_while_one_post_is_pending": while_pending,
        "by_replay_percent": report.figures.by_replay_percent,
        "kept": report.kept,
        "report": report,
    }))
}

/// What the gateway says of the connection that does not read.
async fn connection(emulator: &Emulator) -> anyhow::Result<Value> {
    let mut state = emulator.state().await?;
    let connections = state["connections"].as_array_mut().context("connections")?;
    let found = connections
        .iter_mut()
        .find(|connection| connection["principal"] == STALLED);
    Ok(found.context("the connection that does not read")?.take())
}
