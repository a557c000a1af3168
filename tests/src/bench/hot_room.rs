//! `bench hot-room`: one room that many write to as fast as they can, and all its members hear.
//!
//! Each writer is an environment of the `message` function with connections of its own: admitted in
//! Redis, appended in MariaDB, answered; then it drains the room or leaves that to who does. Against
//! the bare procedure, called by as many writers that do nothing else, and once more by writers that
//! ping Redis before and after it: no chat that asks Redis twice a message costs Redis less. MariaDB
//! has CPU 1 for itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::ensure;
use gatepost_protocol::RoomName;
use gatepost_store::Migrate;
use gatepost_store::Shard;
use serde_json::Value;
use serde_json::json;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::append;
use super::cost::Bill;
use super::cpu;
use super::environment::Environment;
use super::environment::Tally;
use super::median;
use super::post::BareGateway;
use super::rounded;
use crate::sender::Stores;
use crate::stack::now;

/// One round of the whole.
struct Round {
    rate: f64,
    bare_rate: f64,
    pinging_rate: f64,
    two_pings_us: f64,
    posts_per_delivery: f64,
    redis_us: f64,
    client_us: f64,
    bill: Bill,
}

/// `writers` writers send `messages` messages a round to a room of `members`.
///
/// # Errors
/// If a server does not start, a message is refused, or the room does not hear everything.
pub async fn run(
    writers: usize,
    members: usize,
    messages: usize,
    rounds: usize,
) -> anyhow::Result<Value> {
    cpu::pin_client(cpu::OTHER)?;
    let stores = Stores::start().await?;
    cpu::pin(stores.mariadb.pid(), cpu::MEASURED)?;
    let gateway = BareGateway::start(&std::env::current_exe()?).await?;
    let mut all = Vec::new();
    for round in 0..rounds {
        let room = format!("hot-{round}");
        let bare =
            |redis| append::bare_procedure(&stores.database_url, redis, round, writers, messages);
        let bare_rate = bare(None).await?;
        let before = cpu::of(stores.redis.pid());
        let pinging_rate = bare(Some(&stores.redis_url)).await?;
        let pings = cpu::of(stores.redis.pid()) - before;
        all.push(Round {
            bare_rate,
            pinging_rate,
            two_pings_us: pings as f64 / 1000.0 / messages as f64,
            ..hot(&stores, &gateway.url, &room, writers, members, messages).await?
        });
    }
    let of = |figure: fn(&Round) -> f64| rounded(median(all.iter().map(figure).collect()));
    let bill = all.last().map(|round| round.bill.to_json());
    Ok(json!({
        "bench": "hot-room",
        "writers": writers,
        "members": members,
        "messages": messages,
        "entries_per_s": of(|round| round.rate),
        "bare_procedure_per_s": of(|round| round.bare_rate),
        "ratio_to_bare": of(|round| round.rate / round.bare_rate),
        "ratio_of_bare_with_two_pings": of(|round| round.pinging_rate / round.bare_rate),
        "posts_per_delivered_entry": of(|round| round.posts_per_delivery),
        "redis_cpu_us_per_message": of(|round| round.redis_us),
        "redis_cpu_us_of_two_pings": of(|round| round.two_pings_us),
        "functions_cpu_us_per_message": of(|round| round.client_us),
        "cost": bill,
    }))
}

async fn hot(
    stores: &Stores,
    gateway: &str,
    room: &str,
    writers: usize,
    members: usize,
    messages: usize,
) -> anyhow::Result<Round> {
    let tally = Arc::new(Tally::default());
    let first = Environment::start(stores, gateway, &tally)?;
    for member in 0..members {
        first.join(&format!("{room}-m{member}"), room).await?;
    }
    let each = messages / writers;
    let ready = Arc::new(Barrier::new(writers + 1));
    let mut tasks = JoinSet::new();
    for writer in 0..writers {
        let environment = Environment::start(stores, gateway, &tally)?;
        let (ready, room) = (Arc::clone(&ready), String::from(room));
        let user = format!("{room}-w{writer}");
        environment.act(&user, r#"{"action":"ping"}"#).await?;
        tasks.spawn(async move {
            let mut after = JoinSet::new();
            ready.wait().await;
            for n in 1..=each {
                let frame = frame(&room, &user, n);
                let (_, rest) = environment.send(&user, &frame).await?;
                // The writer has its reply, and its next message comes to another environment.
                after.spawn(rest.done());
            }
            let acknowledged = Instant::now();
            while after.join_next().await.is_some() {}
            anyhow::Ok(acknowledged)
        });
    }
    let used = || (cpu::of(stores.redis.pid()), cpu::of(std::process::id()));
    ready.wait().await;
    let (before, began) = (used(), Instant::now());
    let mut last = began;
    while let Some(task) = tasks.join_next().await {
        last = last.max(task??);
    }
    until_posted(stores, room, each * writers).await?;
    let (after, all) = (used(), (each * writers) as f64);
    let posts = tally.posts.load(Ordering::Relaxed);
    let seconds = last.duration_since(began).as_secs_f64();
    Ok(Round {
        rate: all / seconds,
        bare_rate: 0.0,
        pinging_rate: 0.0,
        two_pings_us: 0.0,
        posts_per_delivery: posts as f64 / (all * members as f64),
        redis_us: (after.0 - before.0) as f64 / 1000.0 / all,
        client_us: (after.1 - before.1) as f64 / 1000.0 / all,
        bill: Bill {
            messages_in: each as u64 * writers as u64,
            replies: each as u64 * writers as u64,
            posts,
            gone: tally.gone.load(Ordering::Relaxed),
            failed: tally.failed.load(Ordering::Relaxed),
            invocations: each as u64 * writers as u64 + tally.hand_overs.load(Ordering::Relaxed),
            cpu_ns: after.1 - before.1,
            deliveries: each as u64 * writers as u64 * members as u64,
        },
    })
}

/// A message of 200 bytes.
pub fn frame(room: &str, user: &str, n: usize) -> String {
    let text = "x".repeat(200);
    format!(
        r#"{{"action":"send","room":"{room}","client":"the-page-load-of-{user}","n":{n},"body":{{"text":"{text}"}}}}"#
    )
}

/// Waits until the room's cursor has come to its last entry.
async fn until_posted(stores: &Stores, room: &str, last: usize) -> anyhow::Result<()> {
    let registry = gatepost_store::open_registry(Some(&stores.redis_url), &stores.database_url)?;
    let history = gatepost_store::open_history(&stores.database_url, Migrate::Off)?;
    let room: RoomName = room.parse()?;
    let shard = Shard {
        room: room.clone(),
        index: 0,
    };
    let found = history.rooms(&[room], &"nobody".parse()?).await?;
    ensure!(
        found.first().map(|room| room.head) == Some(last as u64),
        "{found:?} has not {last} entries"
    );
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let (cursor, _) = registry.progress(&shard, now()).await?;
        if cursor == Some(last as u64) {
            return Ok(());
        }
        ensure!(
            tokio::time::Instant::now() < deadline,
            "posted up to {cursor:?} of {last}"
        );
        tokio::task::yield_now().await;
    }
}
