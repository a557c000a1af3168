//! `bench quiet-rooms`: what quiet rooms notice of a hot one beside them.
//!
//! Through the emulator and the real functions on Redis and MariaDB. Messages to quiet rooms, one
//! after the other, are timed until every member has them: alone, while writers send to another room
//! as fast as its limit lets them, and while the same room is hot elsewhere: behind an emulator,
//! functions and stores of its own on the same CPUs. What both cost is the machine's, not the room's.
//! In turn.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::cpu;
use super::median;
use super::plain;
use super::plain::Plain;
use super::release;
use super::rounded;
use crate::member::Member;
use crate::sender::Stores;

/// The hot room.
const HOT: &str = "hot";

/// How much of everything there is.
#[derive(Debug, Clone, Copy)]
pub struct Amount {
    /// Quiet rooms.
    pub rooms: usize,
    /// Members of each.
    pub members: usize,
    /// Messages to them each time.
    pub messages: usize,
    /// Who writes to the hot room.
    pub writers: usize,
    /// Members of the hot room, the writers among them.
    pub hot_members: usize,
    /// Rounds, in turn.
    pub rounds: usize,
}

/// Times quiet rooms alone and beside a hot one.
///
/// # Errors
/// If something cannot be built, started or reached, or an entry does not arrive.
pub async fn run(amount: Amount) -> anyhow::Result<Value> {
    let release = release::build()?;
    cpu::pin_client(cpu::OTHER)?;
    let (here, elsewhere) = (Chat::start(&release).await?, Chat::start(&release).await?);
    let mut rooms = Vec::new();
    for room in 0..amount.rooms {
        let name = format!("quiet-{room}");
        let mut members = Vec::new();
        for member in 0..amount.members {
            let mut member =
                Member::hello(&here.emulator.websocket, &format!("q{room}-{member}")).await?;
            member.join(&name).await?;
            members.push(member);
        }
        rooms.push((name, members));
    }
    let (hot_here, hot_elsewhere) = (
        Hot::start(&here, amount).await?,
        Hot::start(&elsewhere, amount).await?,
    );
    // Environments have started.
    time(&mut rooms, amount.messages / 5).await?;
    let (mut alone, mut beside, mut apart) = (Vec::new(), Vec::new(), Vec::new());
    let mut rates = Vec::new();
    for _ in 0..amount.rounds {
        alone.push(time(&mut rooms, amount.messages).await?);
        let (times, rate) = hot_here.while_hot(&mut rooms, amount.messages).await?;
        beside.push(times);
        rates.push(rate);
        apart.push(
            hot_elsewhere
                .while_hot(&mut rooms, amount.messages)
                .await?
                .0,
        );
    }
    let ratios = |of: &[(f64, f64)], to: &[(f64, f64)]| -> Vec<f64> {
        let pairs = of.iter().zip(to);
        pairs.map(|((_, p99), (_, other))| p99 / other).collect()
    };
    let (to_alone, to_apart) = (ratios(&beside, &alone), ratios(&beside, &apart));
    let figures = |all: &[(f64, f64)]| {
        json!({
            "p50_ms": rounded(median(all.iter().map(|(p50, _)| *p50).collect())),
            "p99_ms": rounded(median(all.iter().map(|(_, p99)| *p99).collect())),
        })
    };
    Ok(json!({
        "bench": "quiet-rooms",
        "rooms": amount.rooms,
        "members": amount.members,
        "messages": amount.messages,
        "hot_members": amount.hot_members,
        "hot_entries_per_s": rounded(median(rates)),
        "alone": figures(&alone),
        "beside_a_hot_room": figures(&beside),
        "beside_one_that_is_hot_elsewhere": figures(&apart),
        "p99_ratios": to_alone.iter().copied().map(rounded).collect::<Vec<_>>(),
        "p99_ratio": rounded(median(to_alone)),
        "p99_ratio_to_hot_elsewhere": rounded(median(to_apart)),
    }))
}

/// Stores, and an emulator with the functions on them.
struct Chat {
    emulator: Plain,
    _stores: Stores,
}

impl Chat {
    async fn start(release: &Path) -> anyhow::Result<Self> {
        let stores = Stores::start().await?;
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/template.yaml");
        let (database, redis) = (
            format!("DATABASE_URL={}", stores.database_url),
            format!("REDIS_URL={}", stores.redis_url),
        );
        let arguments = [
            "--env",
            &database,
            "--env",
            &redis,
            "--env",
            "RATE_PER_USER=0",
            // Lambda has room for a thousand; with four a processor a message would wait for whoever
            // still fans out.
            "--concurrency",
            "64",
        ];
        let emulator = plain::start(release, &template, &arguments).await?;
        Ok(Self {
            emulator,
            _stores: stores,
        })
    }
}

/// The members of a hot room, who write while it is hot.
struct Hot {
    is_hot: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    refused: Arc<Notify>,
    _members: JoinSet<anyhow::Result<()>>,
}

impl Hot {
    async fn start(chat: &Chat, amount: Amount) -> anyhow::Result<Self> {
        let is_hot = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicU64::new(0));
        let refused = Arc::new(Notify::new());
        let mut members = JoinSet::new();
        for number in 0..amount.hot_members {
            let mut member = Member::hello(&chat.emulator.websocket, &format!("h{number}")).await?;
            member.join(HOT).await?;
            let (is_hot, sent) = (Arc::clone(&is_hot), Arc::clone(&sent));
            let refused = Arc::clone(&refused);
            let writes = number < amount.writers;
            members.spawn(async move { heat(member, writes, &is_hot, &sent, &refused).await });
        }
        Ok(Self {
            is_hot,
            sent,
            refused,
            _members: members,
        })
    }

    /// Times messages to quiet rooms while the room is hot, and says how many entries a second it had.
    async fn while_hot(
        &self,
        rooms: &mut [(String, Vec<Member>)],
        messages: usize,
    ) -> anyhow::Result<((f64, f64), f64)> {
        self.is_hot.store(true, Ordering::Relaxed);
        // What its limit lets it send at once is gone.
        self.refused.notified().await;
        time(rooms, messages / 10).await?;
        let (before, began) = (self.sent.load(Ordering::Relaxed), Instant::now());
        let times = time(rooms, messages).await?;
        let entries = self.sent.load(Ordering::Relaxed) - before;
        let rate = entries as f64 / began.elapsed().as_secs_f64();
        self.is_hot.store(false, Ordering::Relaxed);
        time(rooms, messages / 10).await?;
        Ok((times, rate))
    }
}

/// One message to each room in turn, `messages` in all; p50 and p99 in ms until all have heard it.
async fn time(rooms: &mut [(String, Vec<Member>)], messages: usize) -> anyhow::Result<(f64, f64)> {
    let mut milliseconds = Vec::new();
    let count = rooms.len();
    for message in 0..messages {
        let (name, members) = &mut rooms[message % count];
        let started = Instant::now();
        let seq = members[0].say(name, "quiet").await?;
        for member in members.iter_mut() {
            member.entries_to(name, seq).await?;
        }
        milliseconds.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    milliseconds.sort_by(f64::total_cmp);
    let p99 = milliseconds[milliseconds.len() * 99 / 100];
    Ok((median(milliseconds), p99))
}

/// A member of the hot room: reads all that comes and, while the room is hot, writes if it is to.
async fn heat(
    mut member: Member,
    writes: bool,
    is_hot: &AtomicBool,
    sent: &AtomicU64,
    refused: &Notify,
) -> anyhow::Result<()> {
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(5));
    loop {
        if !writes {
            member.socket.next().await?;
        } else if is_hot.load(Ordering::Relaxed) {
            let send = json!({"action": "send", "room": HOT, "body": {"text": "x".repeat(200)}});
            let reply = member.act(send).await?;
            match reply["error"]["retry_after_ms"].as_u64() {
                Some(ms) => {
                    refused.notify_waiters();
                    tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
                }
                None => drop(sent.fetch_add(1, Ordering::Relaxed)),
            }
        } else {
            tick.tick().await;
        }
    }
}
