//! `bench connect`: handshakes through the emulator and a `$connect` function in Rust, without an
//! authorizer and with the quotas on connections off.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use serde_json::Value;
use serde_json::json;
use tokio::net::TcpStream;

use super::bare;
use super::cpu;
use super::median;
use super::plain;
use super::release;
use super::rounded;
use super::wire;

/// What one run came to.
#[derive(Debug, Clone, Copy)]
struct Run {
    rate: f64,
    cpu_us: f64,
}

/// Opens `connects` connections, `at_once` at a time, in `rounds`; in turn with a bare Runtime API
/// host that gives the same function as many events.
///
/// # Errors
/// If something cannot be built, started or reached.
pub async fn run(connects: usize, at_once: usize, rounds: usize) -> anyhow::Result<Value> {
    let release = release::build()?;
    cpu::pin_client(cpu::MEASURED)?;
    let (mut runs, mut bares) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        bares.push(bare::run(&release, connects as u64).await?);
        runs.push(connected(&release, connects, at_once).await?);
    }
    let of = |figure: fn(&Run) -> f64| rounded(median(runs.iter().map(figure).collect()));
    Ok(json!({
        "bench": "connect",
        "connects": connects,
        "at_once": at_once,
        "rounds": rounds,
        "connects_per_s": of(|run| run.rate),
        "cpu_us_per_connect": of(|run| run.cpu_us),
        "bare_runtime_api_host": {
            "invocations_per_s": rounded(median(bares.iter().map(|bare| bare.rate).collect())),
            "cpu_us_per_invocation": rounded(median(bares.iter().map(|bare| bare.cpu_us).collect())),
        },
    }))
}

async fn connected(release: &Path, connects: usize, at_once: usize) -> anyhow::Result<Run> {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/connect/template.yaml");
    let emulator = plain::start(release, &template, &["--concurrency", "1"]).await?;
    let address = emulator.websocket.trim_start_matches("ws://");
    let address: SocketAddr = address.split('/').next().unwrap_or_default().parse()?;
    // Warm: the environment has answered.
    drop(open_all(address, at_once, at_once).await?);
    let before = cpu::of_tree(emulator.pid)?;
    let started = Instant::now();
    let sockets = open_all(address, connects, at_once).await?;
    let seconds = started.elapsed().as_secs_f64();
    let after = cpu::of_tree(emulator.pid)?;
    drop(sockets);
    Ok(Run {
        rate: connects as f64 / seconds,
        cpu_us: cpu::since(&before, &after) as f64 / 1000.0 / connects as f64,
    })
}

async fn open_all(
    address: SocketAddr,
    connects: usize,
    at_once: usize,
) -> anyhow::Result<Vec<TcpStream>> {
    let mut tasks = Vec::new();
    for part in 0..at_once {
        tasks.push(tokio::spawn(async move {
            let mut sockets = Vec::new();
            for number in (0..connects).skip(part).step_by(at_once) {
                sockets.push(wire::open(address, "/local", number).await?);
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
