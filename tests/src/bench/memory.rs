//! `bench memory`: what a connection costs, what comes back when all end at once, and whether it
//! grows while connections come and go.

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::cpu;
use super::layer;
use super::layer::Layer;
use super::layer::Server;
use super::release;
use super::rounded;
use super::wire;

/// Handshakes at once.
const AT_ONCE: usize = 50;

/// How long the server may take to let go of what it does not need.
const SETTLES: Duration = Duration::from_secs(3);

/// Holds each of `counts` connections, one after the other on servers of their own, then closes all
/// at once; then lets connections come and go for `minutes`.
///
/// # Errors
/// If something cannot be built, started or reached.
pub async fn run(counts: &[usize], minutes: u64) -> anyhow::Result<Value> {
    let release = release::build()?;
    cpu::pin_client(cpu::OTHER)?;
    let mut figures = Vec::new();
    for layer in [Layer::Gateway, Layer::Bare] {
        for &count in counts {
            figures.push(held(&release, layer, count).await?);
        }
    }
    let churn = match minutes {
        0 => Value::Null,
        minutes => churned(&release, Duration::from_secs(60 * minutes)).await?,
    };
    Ok(json!({ "bench": "memory", "held": figures, "churn": churn }))
}

async fn held(release: &Path, layer: Layer, count: usize) -> anyhow::Result<Value> {
    let server = layer::start(release, layer).await?;
    // Warm: what is allocated once is there.
    let first = open_all(&server, 0..AT_ONCE).await?;
    let used = echo_once(first).await?;
    drop(used);
    settle().await;
    let start = rss(server.pid)?;
    let sockets = open_all(&server, 0..count).await?;
    let sockets = echo_once(sockets).await?;
    settle().await;
    let open = rss(server.pid)?;
    drop(sockets);
    settle().await;
    let after = rss(server.pid)?;
    Ok(json!({
        "server": layer.name(),
        "connections": count,
        "rss_kib_at_start": start / 1024,
        "rss_kib_open": open / 1024,
        "rss_kib_after_all_closed": after / 1024,
        "bytes_a_connection": open.saturating_sub(start) / count as u64,
        "after_to_start": rounded(after as f64 / start as f64),
    }))
}

/// A thousand connections, of which fifty are replaced again and again.
async fn churned(release: &Path, time: Duration) -> anyhow::Result<Value> {
    let server = layer::start(release, Layer::Gateway).await?;
    let mut sockets = open_all(&server, 0..1_000).await?;
    let mut number = sockets.len();
    let mut readings = Vec::new();
    let every = time / 10;
    let started = Instant::now();
    while started.elapsed() < time {
        sockets.drain(..AT_ONCE);
        let new = open_all(&server, number..number + AT_ONCE).await?;
        sockets.extend(echo_once(new).await?);
        number += AT_ONCE;
        if started.elapsed() >= every * u32::try_from(readings.len()).unwrap_or(u32::MAX) {
            readings.push(rss(server.pid)? / 1024);
        }
        // A bound on how fast: closed sockets keep their ports for a minute.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(json!({
        "minutes": rounded(time.as_secs_f64() / 60.0),
        "connections_made": number,
        "rss_kib": readings,
    }))
}

async fn settle() {
    tokio::time::sleep(SETTLES).await;
}

async fn open_all(
    server: &Server,
    numbers: std::ops::Range<usize>,
) -> anyhow::Result<Vec<TcpStream>> {
    let address = server.address;
    let mut tasks = Vec::new();
    for part in 0..AT_ONCE {
        let numbers = numbers.clone().skip(part).step_by(AT_ONCE);
        tasks.push(tokio::spawn(async move {
            let mut sockets = Vec::new();
            for number in numbers {
                sockets.push(wire::open(address, layer::PATH, number).await?);
            }
            anyhow::Ok(sockets)
        }));
    }
    let mut sockets = Vec::new();
    for task in tasks {
        sockets.extend(task.await.context("a client")??);
    }
    Ok(sockets)
}

/// One message and its echo on each: a connection that never carried one costs less.
async fn echo_once(mut sockets: Vec<TcpStream>) -> anyhow::Result<Vec<TcpStream>> {
    let (frame, echo) = wire::text_frame(&layer::TEXT);
    let mut echoed = vec![0; echo];
    for socket in &mut sockets {
        socket.write_all(&frame).await?;
        socket.read_exact(&mut echoed).await?;
    }
    Ok(sockets)
}

/// Bytes of a process that are in memory.
fn rss(pid: u32) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.context("VmRSS")?.parse::<u64>()? * 1024)
}
