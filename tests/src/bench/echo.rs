//! `bench echo`: frame → invoke → route response, through the emulator and a Rust function, against
//! a bare Runtime API host that feeds the same function.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use serde_json::Value;
use serde_json::json;

use super::bare;
use super::cpu;
use super::median;
use super::plain;
use super::release;
use super::rounded;
use crate::socket::Socket;

/// What one run of the emulator came to.
#[derive(Debug, Clone, Copy)]
struct Echo {
    rate: f64,
    emulator_us: f64,
    function_us: f64,
}

/// Runs the emulator and the bare host in turn, `rounds` times each.
///
/// # Errors
/// If something cannot be built, started or reached.
pub async fn run(
    connections: usize,
    environments: usize,
    echoes: u64,
    rounds: usize,
) -> anyhow::Result<Value> {
    let release = release::build()?;
    cpu::pin_client(cpu::MEASURED)?;
    let mut echo = Vec::new();
    let mut bare = Vec::new();
    for _ in 0..rounds {
        bare.push(bare::run(&release, echoes).await?);
        echo.push(emulated(&release, connections, environments, echoes).await?);
    }
    let of = |figure: fn(&Echo) -> f64| rounded(median(echo.iter().map(figure).collect()));
    // The rate holds the client's own time, which shares the CPU; the CPU time does not.
    let ratio = |of: fn(&Echo, &bare::Bare) -> f64| {
        rounded(median(
            echo.iter().zip(&bare).map(|(e, b)| of(e, b)).collect(),
        ))
    };
    Ok(json!({
        "bench": "echo",
        "connections": connections,
        "environments": environments,
        "echoes": echoes,
        "rounds": rounds,
        "echoes_per_s": of(|echo| echo.rate),
        "cpu_us_per_echo": of(|echo| echo.emulator_us + echo.function_us),
        "emulator_cpu_us_per_echo": of(|echo| echo.emulator_us),
        "function_cpu_us_per_echo": of(|echo| echo.function_us),
        "bare_runtime_api_host": {
            "invocations_per_s": rounded(median(bare.iter().map(|bare| bare.rate).collect())),
            "cpu_us_per_invocation": rounded(median(bare.iter().map(|bare| bare.cpu_us).collect())),
        },
        "cpu_ratio_to_bare_host": ratio(|echo, bare| {
            bare.cpu_us / (echo.emulator_us + echo.function_us)
        }),
        "rate_ratio_to_bare_host": ratio(|echo, bare| echo.rate / bare.rate),
    }))
}

async fn emulated(
    release: &Path,
    connections: usize,
    environments: usize,
    echoes: u64,
) -> anyhow::Result<Echo> {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/echo/template.yaml");
    let emulator = plain::start(
        release,
        &template,
        &["--concurrency", &environments.to_string()],
    )
    .await?;
    let mut sockets = Vec::new();
    for _ in 0..connections {
        sockets.push(Socket::open(&emulator.websocket).await?);
    }
    let each = echoes / connections as u64;
    // Warm: the environment has answered, every page is touched.
    sockets = echo_on_all(sockets, each / 10 + 1).await?;
    let before = cpu::of_tree(emulator.pid)?;
    let started = Instant::now();
    echo_on_all(sockets, each).await?;
    let seconds = started.elapsed().as_secs_f64();
    let after = cpu::of_tree(emulator.pid)?;
    let count = (each * connections as u64) as f64;
    let used = |pid: &u32| after[pid].saturating_sub(before.get(pid).copied().unwrap_or_default());
    let emulator_ns = used(&emulator.pid);
    let all_ns = cpu::since(&before, &after);
    Ok(Echo {
        rate: count / seconds,
        emulator_us: emulator_ns as f64 / 1000.0 / count,
        function_us: (all_ns - emulator_ns) as f64 / 1000.0 / count,
    })
}

/// Every connection sends one message, waits for its echo, and sends the next, `each` times.
pub(super) async fn echo_on_all(sockets: Vec<Socket>, each: u64) -> anyhow::Result<Vec<Socket>> {
    let text = "x".repeat(200);
    let tasks: Vec<_> = sockets
        .into_iter()
        .map(|mut socket| {
            let text = text.clone();
            tokio::spawn(async move {
                for _ in 0..each {
                    socket.send(&text).await?;
                    let echo = socket.text().await?;
                    anyhow::ensure!(echo == text, "the echo differs");
                }
                anyhow::Ok(socket)
            })
        })
        .collect();
    let mut sockets = Vec::new();
    for task in tasks {
        sockets.push(task.await.context("a client")??);
    }
    Ok(sockets)
}
