//! `bench append`: a hot room on MariaDB, eight writers at once.
//!
//! `gatepost_append` in one round trip, against the same checks in separate round trips, and against
//! a bare insert that checks nothing and takes its number from elsewhere: the raw limit.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::Context;
use anyhow::ensure;
use gatepost_protocol::Content;
use gatepost_protocol::RoomKind;
use gatepost_protocol::RoomName;
use gatepost_protocol::Sender;
use gatepost_protocol::UserId;
use gatepost_store::Append;
use gatepost_store::AppendKey;
use gatepost_store::Appended;
use gatepost_store::Migrate;

use serde_json::Value;
use serde_json::json;
use sqlx::Connection;
use sqlx::MySqlConnection;
use sqlx::Row;

use super::cpu;
use super::median;
use super::rounded;
use crate::servers::MariaDb;

#[derive(Debug, Clone, Copy)]
struct Run {
    rate: f64,
    server_us: f64,
    client_us: f64,
}

/// Runs the three in turn, `rounds` times each, with `writers` writers and `appends` in all.
///
/// # Errors
/// If the server cannot be started, an append is refused, or the log has a hole.
pub async fn run(writers: usize, appends: usize, rounds: usize) -> anyhow::Result<Value> {
    let server = MariaDb::start();
    cpu::pin(server.pid(), cpu::MEASURED)?;
    cpu::pin_client(cpu::OTHER)?;
    let url = server.database().await;
    gatepost_store::migrate(&url).await?;
    let mut admin = MySqlConnection::connect(&url).await?;
    sqlx::query("create table bare (seq bigint not null primary key, body json not null)")
        .execute(&mut admin)
        .await?;
    let settings = sqlx::query(
        "select cast(@@log_bin as char), cast(@@innodb_flush_log_at_trx_commit as char), version()",
    )
    .fetch_one(&mut admin)
    .await?;
    let each = appends / writers;
    let (mut procedure, mut separate, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let room = format!("procedure-{round}");
        procedure
            .push(measure(&server, in_one_round_trip(&url, None, &room, writers, each)).await?);
        gapless(&mut admin, &room, writers * each).await?;
        let room = format!("separate-{round}");
        separate.push(measure(&server, in_separate_trips(&url, &room, writers, each)).await?);
        gapless(&mut admin, &room, writers * each).await?;
        bare.push(measure(&server, bare_inserts(&url, round, writers, each)).await?);
    }
    let figures = |runs: &[Run]| {
        let of = |figure: fn(&Run) -> f64| rounded(median(runs.iter().map(figure).collect()));
        json!({
            "appends_per_s": of(|run| run.rate),
            "server_cpu_us": of(|run| run.server_us),
            "client_cpu_us": of(|run| run.client_us),
        })
    };
    let ratio = |others: &[Run]| {
        let ratios = procedure
            .iter()
            .zip(others)
            .map(|(one, other)| one.rate / other.rate);
        rounded(median(ratios.collect()))
    };
    Ok(json!({
        "bench": "append",
        "server": settings.try_get::<String, _>(2)?,
        "log_bin": settings.try_get::<String, _>(0)?,
        "flush_log_at_trx_commit": settings.try_get::<String, _>(1)?,
        "writers": writers,
        "appends": writers * each,
        "rounds": rounds,
        "gatepost_append": figures(&procedure),
        "separate_round_trips": figures(&separate),
        "bare_insert": figures(&bare),
        "rate_ratio_to_separate_round_trips": ratio(&separate),
        "rate_ratio_to_bare_insert": ratio(&bare),
        "holes": 0,
        "errors": 0,
    }))
}

async fn measure(
    server: &MariaDb,
    work: impl Future<Output = anyhow::Result<(usize, f64)>>,
) -> anyhow::Result<Run> {
    let before = (cpu::of(server.pid()), cpu::of(std::process::id()));
    let (appends, seconds) = work.await?;
    let after = (cpu::of(server.pid()), cpu::of(std::process::id()));
    let each = |before: u64, after: u64| (after - before) as f64 / 1000.0 / appends as f64;
    Ok(Run {
        rate: appends as f64 / seconds,
        server_us: each(before.0, after.0),
        client_us: each(before.1, after.1),
    })
}

/// Fails unless the room's log is 1, 2, 3 … `expected`.
async fn gapless(admin: &mut MySqlConnection, room: &str, expected: usize) -> anyhow::Result<()> {
    const SQL: &str = "select count(*), cast(coalesce(min(m.seq), 0) as signed), \
        cast(coalesce(max(m.seq), 0) as signed) from message m join room r on r.id = m.room_id \
        where r.name = ?";
    let row = sqlx::query(SQL).bind(room).fetch_one(admin).await?;
    let (count, first, last): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let expected = i64::try_from(expected)?;
    ensure!(
        (count, first, last) == (expected, 1, expected),
        "{room} has a hole: {count} to {last}"
    );
    Ok(())
}

/// Entries a second of the bare procedure: `writers` writers that do nothing else, or that ping
/// `redis` before each and after it, which is the least that two turns there can cost.
///
/// # Errors
/// If an append is refused.
pub(super) async fn bare_procedure(
    url: &str,
    redis: Option<&str>,
    round: usize,
    writers: usize,
    appends: usize,
) -> anyhow::Result<f64> {
    let room = format!("bare-{}-{round}", redis.map_or("alone", |_| "pinging"));
    let each = appends / writers;
    let (appends, seconds) = in_one_round_trip(url, redis, &room, writers, each).await?;
    Ok(appends as f64 / seconds)
}

async fn in_one_round_trip(
    url: &str,
    redis: Option<&str>,
    room: &str,
    writers: usize,
    each: usize,
) -> anyhow::Result<(usize, f64)> {
    let room: RoomName = room.parse()?;
    let history = gatepost_store::open_history(url, Migrate::Off)?;
    history
        .create_room(&room, RoomKind::Public, 1, None)
        .await?;
    let mut tasks = Vec::new();
    let ready = Arc::new(tokio::sync::Barrier::new(writers + 1));
    for writer in 0..writers {
        let history = gatepost_store::open_history(url, Migrate::Off)?;
        let room = room.clone();
        let ready = Arc::clone(&ready);
        let mut pinged = match redis {
            Some(url) => Some(
                redis::Client::open(url)?
                    .get_multiplexed_async_connection()
                    .await?,
            ),
            None => None,
        };
        tasks.push(tokio::spawn(async move {
            let user: UserId = format!("writer-{writer}").parse()?;
            // Connects, and prepares the statement.
            history.rooms(std::slice::from_ref(&room), &user).await?;
            ready.wait().await;
            for n in 1..=each {
                let append = Append {
                    room: room.clone(),
                    from: Sender {
                        id: user.clone(),
                        name: String::from("Writer"),
                    },
                    key: AppendKey::Numbered {
                        client: format!("client-of-writer-{writer}").parse()?,
                        n: n as u64,
                    },
                    content: content(),
                    digest: [0; 32],
                    moderates: false,
                };
                ping(pinged.as_mut()).await?;
                let appended = history.append(&append).await?;
                ensure!(matches!(appended, Appended::Stored { .. }), "{appended:?}");
                ping(pinged.as_mut()).await?;
            }
            anyhow::Ok(())
        }));
    }
    timed(&ready, tasks, writers * each).await
}

async fn ping(connection: Option<&mut redis::aio::MultiplexedConnection>) -> anyhow::Result<()> {
    if let Some(connection) = connection {
        redis::cmd("PING").exec_async(connection).await?;
    }
    Ok(())
}

async fn in_separate_trips(
    url: &str,
    room: &str,
    writers: usize,
    each: usize,
) -> anyhow::Result<(usize, f64)> {
    let name: RoomName = room.parse()?;
    let history = gatepost_store::open_history(url, Migrate::Off)?;
    history
        .create_room(&name, RoomKind::Public, 1, None)
        .await?;
    let mut tasks = Vec::new();
    let ready = Arc::new(tokio::sync::Barrier::new(writers + 1));
    for writer in 0..writers {
        let (url, room, ready) = (String::from(url), String::from(room), Arc::clone(&ready));
        tasks.push(tokio::spawn(async move {
            let mut connection = MySqlConnection::connect(&url).await?;
            let sender = format!("writer-{writer}").into_bytes();
            let client = format!("client-of-writer-{writer}").into_bytes();
            let body = body();
            ready.wait().await;
            for n in 1..=i64::try_from(each)? {
                append_in_separate_trips(&mut connection, &room, &sender, &client, n, &body)
                    .await?;
            }
            anyhow::Ok(())
        }));
    }
    timed(&ready, tasks, writers * each).await
}

/// The checks that `gatepost_append_v2` makes of a send, each statement a round trip, as a transaction.
async fn append_in_separate_trips(
    connection: &mut MySqlConnection,
    room: &str,
    sender: &[u8],
    client: &[u8],
    n: i64,
    body: &str,
) -> anyhow::Result<()> {
    const ROOM: &str = "select id, head + 1, last_at, \
        timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000 \
        from room where name = ? for update";
    const RIGHTS: &str = "select p.last_n, b.room_id, m.role, m.muted_until \
        from (select 1 as one) as one_row \
        left join producer p on p.room_id = ? and p.sender = ? and p.client = ? \
        left join ban b on b.room_id = ? and b.user_id = ? \
        left join membership m on m.room_id = ? and m.user_id = ?";
    const MESSAGE: &str = "insert into message \
        (room_id, seq, at, sender, sender_name, producer, n, kind, body, digest) \
        values (?, ?, ?, ?, 'Writer', ?, ?, 'message', ?, repeat(x'00', 32))";
    const HEAD: &str = "update room set head = ?, last_at = ?, active = ? div 60000 where id = ?";
    const FIRST: &str = "insert into producer (room_id, sender, client, last_n, updated_at) \
        values (?, ?, ?, ?, ?)";
    const NEXT: &str = "update producer set last_n = ?, updated_at = ? \
        where room_id = ? and sender = ? and client = ?";
    let mut transaction = connection.begin().await?;
    let row = sqlx::query(ROOM)
        .bind(room)
        .fetch_one(&mut *transaction)
        .await?;
    let (id, seq, last_at, now): (i64, i64, i64, i64) = (
        row.try_get(0)?,
        row.try_get(1)?,
        row.try_get(2)?,
        row.try_get(3)?,
    );
    let at = now.max(last_at);
    let rights = sqlx::query(RIGHTS)
        .bind(id)
        .bind(sender)
        .bind(client)
        .bind(id)
        .bind(sender)
        .bind(id)
        .bind(sender)
        .fetch_one(&mut *transaction)
        .await?;
    let last_n: Option<i64> = rights.try_get(0)?;
    ensure!(
        last_n.unwrap_or_default() + 1 == n,
        "the sends are in order"
    );
    sqlx::query(MESSAGE)
        .bind(id)
        .bind(seq)
        .bind(at)
        .bind(sender)
        .bind(client)
        .bind(n)
        .bind(body)
        .execute(&mut *transaction)
        .await?;
    sqlx::query(HEAD)
        .bind(seq)
        .bind(at)
        .bind(at)
        .bind(id)
        .execute(&mut *transaction)
        .await?;
    let producer = match last_n {
        None => sqlx::query(FIRST)
            .bind(id)
            .bind(sender)
            .bind(client)
            .bind(n)
            .bind(at),
        Some(_) => sqlx::query(NEXT)
            .bind(n)
            .bind(at)
            .bind(id)
            .bind(sender)
            .bind(client),
    };
    producer.execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}

async fn bare_inserts(
    url: &str,
    round: usize,
    writers: usize,
    each: usize,
) -> anyhow::Result<(usize, f64)> {
    let seq = Arc::new(AtomicI64::new(i64::try_from(round * writers * each)?));
    let mut tasks = Vec::new();
    let ready = Arc::new(tokio::sync::Barrier::new(writers + 1));
    for _ in 0..writers {
        let (url, seq, ready) = (String::from(url), Arc::clone(&seq), Arc::clone(&ready));
        tasks.push(tokio::spawn(async move {
            let mut connection = MySqlConnection::connect(&url).await?;
            let body = body();
            ready.wait().await;
            for _ in 0..each {
                sqlx::query("insert into bare (seq, body) values (?, ?)")
                    .bind(seq.fetch_add(1, Ordering::Relaxed))
                    .bind(&body)
                    .execute(&mut connection)
                    .await?;
            }
            anyhow::Ok(())
        }));
    }
    timed(&ready, tasks, writers * each).await
}

/// The time from when every writer is ready until the last has finished.
async fn timed(
    ready: &tokio::sync::Barrier,
    tasks: Vec<tokio::task::JoinHandle<anyhow::Result<()>>>,
    appends: usize,
) -> anyhow::Result<(usize, f64)> {
    ready.wait().await;
    let started = Instant::now();
    for task in tasks {
        task.await.context("a writer")??;
    }
    Ok((appends, started.elapsed().as_secs_f64()))
}

fn content() -> Content {
    let mut body = serde_json::Map::new();
    body.insert(String::from("text"), json!("x".repeat(200)));
    Content::Message {
        body,
        reply_to: None,
    }
}

fn body() -> String {
    json!({"body": {"text": "x".repeat(200)}}).to_string()
}
