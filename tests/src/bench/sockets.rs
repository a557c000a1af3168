//! `bench sockets`: frames in and frames out, against a bare echo of hyper and fastwebsockets.
//!
//! Once the WebSocket layer alone, frame → route selection → frame, and once with what the gateway
//! adds, frame → event → answer → frame; one message under way a connection, and bursts.

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
use super::median;
use super::release;
use super::rounded;
use super::wire;

/// What one run came to.
#[derive(Debug, Clone, Copy)]
struct Run {
    rate: f64,
    cpu_us: f64,
}

/// Runs the servers in turn, `rounds` times each, with each of `depths` messages under way.
///
/// # Errors
/// If something cannot be built, started or reached.
pub async fn run(
    connections: usize,
    depths: &[usize],
    echoes: usize,
    rounds: usize,
) -> anyhow::Result<Value> {
    let release = release::build()?;
    cpu::pin_client(cpu::MEASURED)?;
    let mut figures = Vec::new();
    for &depth in depths {
        let (mut bare, mut frames, mut gateway) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            for (layer, runs) in [
                (Layer::Bare, &mut bare),
                (Layer::Frames, &mut frames),
                (Layer::Gateway, &mut gateway),
            ] {
                let server = layer::start(&release, layer).await?;
                runs.push(echoed(&server, connections, depth, echoes).await?);
            }
        }
        figures.push(json!({
            "under_way": depth,
            "bare_fastwebsockets": figure(&bare),
            "websocket_layer": beside(&frames, &bare),
            "gateway": beside(&gateway, &bare),
        }));
    }
    Ok(json!({
        "bench": "sockets",
        "connections": connections,
        "echoes": echoes,
        "rounds": rounds,
        "figures": figures,
    }))
}

fn figure(runs: &[Run]) -> Value {
    let of = |figure: fn(&Run) -> f64| rounded(median(runs.iter().map(figure).collect()));
    json!({ "echoes_per_s": of(|run| run.rate), "cpu_us_per_echo": of(|run| run.cpu_us) })
}

/// The same with the ratios to the bare server's runs.
fn beside(runs: &[Run], bare: &[Run]) -> Value {
    let pairs = || runs.iter().zip(bare);
    let cpu = pairs().map(|(run, bare)| bare.cpu_us / run.cpu_us);
    let rate = pairs().map(|(run, bare)| run.rate / bare.rate);
    let mut figure = figure(runs);
    figure["cpu_ratio_to_bare"] = rounded(median(cpu.collect())).into();
    figure["rate_ratio_to_bare"] = rounded(median(rate.collect())).into();
    figure
}

async fn echoed(
    server: &Server,
    connections: usize,
    depth: usize,
    echoes: usize,
) -> anyhow::Result<Run> {
    let mut sockets = Vec::new();
    for number in 0..connections {
        sockets.push(wire::open(server.address, layer::PATH, number).await?);
    }
    let turns = echoes.div_ceil(connections * depth);
    // Warm: every page is touched.
    sockets = echo_on_all(sockets, depth, turns / 10 + 1).await?;
    let before = cpu::of(server.pid);
    let started = Instant::now();
    echo_on_all(sockets, depth, turns).await?;
    let seconds = started.elapsed().as_secs_f64();
    let count = (turns * connections * depth) as f64;
    Ok(Run {
        rate: count / seconds,
        cpu_us: (cpu::of(server.pid) - before) as f64 / 1000.0 / count,
    })
}

/// Every connection sends `depth` messages at once, waits for all their echoes, and begins again.
async fn echo_on_all(
    sockets: Vec<TcpStream>,
    depth: usize,
    turns: usize,
) -> anyhow::Result<Vec<TcpStream>> {
    let (frame, _) = wire::text_frame(&layer::TEXT);
    let burst = frame.repeat(depth);
    let mut tasks = Vec::new();
    for mut socket in sockets {
        let (frame, burst) = (frame.clone(), burst.clone());
        tasks.push(tokio::spawn(async move {
            // All answers of a server are of one length.
            socket.write_all(&frame).await?;
            let answer = wire::read_text(&mut socket).await?;
            let mut answers = vec![0; (wire::text_frame(&answer).1) * depth];
            for _ in 0..turns {
                socket.write_all(&burst).await?;
                socket.read_exact(&mut answers).await?;
            }
            // But for the ids at the end of an error frame.
            let same = answer.len() / 4;
            let last = &answers[answers.len() - answer.len()..];
            anyhow::ensure!(last[..same] == answer[..same], "the answers differ");
            Ok(socket)
        }));
    }
    let mut sockets = Vec::new();
    for task in tasks {
        sockets.push(task.await.context("a client")??);
    }
    Ok(sockets)
}
