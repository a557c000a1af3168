//! `bench reply`: what the `message` function works between a frame and its reply, against the append
//! alone; and what a message costs Redis, its fan-out included, when nobody came or went.

use std::sync::Arc;

use anyhow::Context;
use anyhow::ensure;
use gatepost_protocol::Content;
use gatepost_protocol::RoomName;
use gatepost_protocol::Sender as Author;
use gatepost_store::Append;
use gatepost_store::AppendKey;
use gatepost_store::Appended;
use gatepost_store::Migrate;
use serde_json::Value;
use serde_json::json;

use super::cpu;
use super::environment::Environment;
use super::environment::Tally;
use super::hot_room::frame;
use super::median;
use super::post::BareGateway;
use super::rounded;
use crate::sender::Sender;
use crate::sender::Stores;

const ROOM: &str = "reply";

/// `messages` messages a round, one after the other; those that are fanned out go to `members`.
///
/// # Errors
/// If a server does not start, or a message is refused.
pub async fn run(messages: usize, members: usize, rounds: usize) -> anyhow::Result<Value> {
    cpu::pin_client(cpu::OTHER)?;
    let stores = Stores::start().await?;
    let gateway = BareGateway::start(&std::env::current_exe()?).await?;
    cpu::pin_client(cpu::MEASURED)?;
    let unlimited = [("RATE_PER_USER", "10000"), ("RATE_PER_ROOM", "100000")];
    let mut sender = Sender::start(&stores, "ann", None, &unlimited).await?;
    sender.join(ROOM).await?;
    let tally = Arc::new(Tally::default());
    let environment = Environment::start(&stores, &gateway.url, &tally)?;
    for member in 0..members {
        environment.join(&format!("m{member}"), "whole").await?;
    }
    let (mut reply, mut append, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut redis_reply, mut redis_whole) = (Vec::new(), Vec::new());
    let own = || cpu::of(std::process::id());
    let redis = || cpu::of(stores.redis.pid());
    for round in 0..=rounds {
        let events: Vec<String> = (0..messages)
            .map(|n| sender.event(&frame(ROOM, "ann", round * messages + n + 1)))
            .collect();
        let before = (own(), redis());
        for event in &events {
            let (_, work) = sender.take(event).await?;
            ensure!(work.is_some(), "a message was refused");
        }
        let one = micros(own() - before.0, messages);
        let in_redis = micros(redis() - before.1, messages);
        let other = append_alone(&stores, round, messages).await?;
        let before = redis();
        for n in 1..=messages {
            let frame = frame("whole", "m0", round * messages + n);
            environment.send("m0", &frame).await?.1.done().await;
        }
        let whole = micros(redis() - before, messages);
        // The first connects, and is not counted.
        if round > 0 {
            reply.push(one);
            append.push(other);
            ratios.push(one / other);
            redis_reply.push(in_redis);
            redis_whole.push(whole);
        }
    }
    Ok(json!({
        "bench": "reply",
        "messages": messages,
        "members": members,
        "reply_cpu_us": rounded(median(reply)),
        "append_client_cpu_us": rounded(median(append)),
        "ratio_to_append": rounded(median(ratios)),
        "redis_cpu_us_until_reply": rounded(median(redis_reply)),
        "redis_cpu_us_per_message": rounded(median(redis_whole)),
    }))
}

fn micros(nanoseconds: u64, messages: usize) -> f64 {
    nanoseconds as f64 / 1000.0 / messages as f64
}

/// CPU microseconds of this process an append.
async fn append_alone(stores: &Stores, round: usize, appends: usize) -> anyhow::Result<f64> {
    let history = gatepost_store::open_history(&stores.database_url, Migrate::Off)?;
    let room: RoomName = ROOM.parse()?;
    let user = "bob".parse()?;
    let found = history.rooms(std::slice::from_ref(&room), &user).await?;
    found.first().context("the room")?;
    let mut body = serde_json::Map::new();
    body.insert(String::from("text"), json!("x".repeat(200)));
    let append = |n: usize| -> anyhow::Result<Append> {
        Ok(Append {
            room: room.clone(),
            from: Author {
                id: user.clone(),
                name: String::from("Bob"),
            },
            key: AppendKey::Numbered {
                client: format!("the-page-load-of-bob-{round}").parse()?,
                n: n as u64,
            },
            content: Content::Message {
                body: body.clone(),
                reply_to: None,
            },
            digest: [0; 32],
            moderates: false,
        })
    };
    let first = history.append(&append(1)?).await?;
    ensure!(matches!(first, Appended::Stored { .. }), "{first:?}");
    let before = cpu::of(std::process::id());
    for n in 2..=appends + 1 {
        let appended = history.append(&append(n)?).await?;
        ensure!(matches!(appended, Appended::Stored { .. }), "{appended:?}");
    }
    Ok(micros(cpu::of(std::process::id()) - before, appends))
}
