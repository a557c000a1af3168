//! `bench invoke`: an event → a function → its response, through the execution environments alone,
//! against a bare Runtime API host that feeds the same function.

use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use bytes::Bytes;
use gatepost_runtime_api::Config;
use gatepost_runtime_api::Lambda;
use gatepost_runtime_api::Outcome;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncBufReadExt;

use super::bare;
use super::bare::Bare;
use super::cpu;
use super::median;
use super::release;
use super::rounded;
use crate::machine;

/// Callers that wait at once, for one environment: an event always waits, as at the bare host.
const CALLERS: u64 = 4;

/// Runs both in turn, `rounds` times each.
///
/// # Errors
/// If something cannot be built, started or reached.
pub async fn run(invocations: u64, rounds: usize) -> anyhow::Result<Value> {
    let release = release::build()?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        bare.push(bare::run(&release, invocations).await?);
        ours.push(machine(&release, invocations).await?);
    }
    let of =
        |all: &[Bare], figure: fn(&Bare) -> f64| rounded(median(all.iter().map(figure).collect()));
    let ratios = ours
        .iter()
        .zip(&bare)
        .map(|(ours, bare)| ours.rate / bare.rate);
    Ok(json!({
        "bench": "invoke",
        "invocations": invocations,
        "rounds": rounds,
        "invocations_per_s": of(&ours, |ours| ours.rate),
        "cpu_us_per_invocation": of(&ours, |ours| ours.cpu_us),
        "bare_runtime_api_host": {
            "invocations_per_s": of(&bare, |bare| bare.rate),
            "cpu_us_per_invocation": of(&bare, |bare| bare.cpu_us),
        },
        "rate_ratio_to_bare_host": rounded(median(ratios.collect())),
    }))
}

async fn machine(release: &Path, invocations: u64) -> anyhow::Result<Bare> {
    let mut host = cpu::pinned(&release.join("bench"))
        .args(["invoke-host", &invocations.to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("starting the host")?;
    let pid = host.id().context("its pid")?;
    let stdout = host.stdout.take().context("its standard output")?;
    let mut lines = tokio::io::BufReader::new(stdout).lines();
    lines.next_line().await?.context("that it is warm")?;
    let before = cpu::of_tree(pid)?;
    let seconds: f64 = lines.next_line().await?.context("its time")?.parse()?;
    let used = cpu::since(&before, &cpu::of_tree(pid)?);
    host.kill().await?;
    let count = invocations as f64;
    Ok(Bare {
        rate: count / seconds,
        cpu_us: used as f64 / 1000.0 / count,
    })
}

/// The host itself: prints a line when it is warm, then the seconds that `invocations` took, then
/// waits to be killed.
///
/// # Errors
/// If the function does not answer.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
pub async fn host(invocations: u64) -> anyhow::Result<()> {
    let release = std::env::current_exe()?;
    let release = release.parent().context("its folder")?;
    let config = Config {
        concurrency: NonZeroUsize::MIN,
        ..machine::config(release.join("lambda_machine"), |_| {})
    };
    let echo = machine::function("echo", release.join("echo"));
    let lambda = Arc::new(Lambda::new(config, vec![echo])?);
    lambda.ready().await;
    invoke(&lambda, invocations / 20 + 1).await?;
    println!("warm");
    let started = Instant::now();
    invoke(&lambda, invocations).await?;
    println!("{}", started.elapsed().as_secs_f64());
    std::future::pending().await
}

async fn invoke(lambda: &Arc<Lambda>, invocations: u64) -> anyhow::Result<()> {
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let lambda = Arc::clone(lambda);
            tokio::spawn(async move {
                for _ in 0..invocations / CALLERS {
                    let event = Bytes::from_static(bare::EVENT.as_bytes());
                    let outcome = lambda.invoke("echo", event).await?;
                    anyhow::ensure!(matches!(outcome, Outcome::Response(_)), "{outcome:?}");
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for caller in callers {
        caller.await.context("a caller")??;
    }
    Ok(())
}
