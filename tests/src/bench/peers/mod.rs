//! `bench peers`: the same API and the same work on gatepost and on serverless-offline, which npm
//! installs.
//!
//! Each subject runs alone on one CPU, its client beside it; they take turns, round by round.

mod subject;
mod work;

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::cpu;
use super::median;
use super::release;
use super::rounded;
use subject::Kind;
use subject::Subject;

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub struct Amount {
    /// Echoes of each measurement.
    pub echoes: u64,
    /// Handshakes.
    pub connects: usize,
    /// Open connections that are posted to and weighed.
    pub connections: usize,
    /// Rounds, in turn.
    pub rounds: usize,
}

/// Runs every subject `amount.rounds` times.
///
/// # Errors
/// If something cannot be installed, built, started or reached.
pub async fn run(amount: Amount) -> anyhow::Result<Value> {
    let release = release::build()?;
    let folder = install()?;
    cpu::pin_client(cpu::MEASURED)?;
    let mut figures: Map<String, Value> = Map::new();
    for _ in 0..amount.rounds {
        for kind in Kind::ALL {
            let subject = Subject::start(kind, &release, &folder).await?;
            let round = measure(subject, amount)
                .await
                .with_context(|| format!("measuring {}", kind.name()))?;
            note(&mut figures, kind, &round);
        }
    }
    let median_of = |kind: Kind, figure: &str| {
        let rounds = figures[kind.name()][figure].as_array();
        let rounds = rounds.into_iter().flatten().filter_map(Value::as_f64);
        median(rounds.collect())
    };
    let times = |ours: Kind, theirs: Kind, figure: &str| {
        rounded(median_of(ours, figure) / median_of(theirs, figure))
    };
    let ratios = json!({
        "rust_to_worker_echoes_at_50": times(Kind::Rust, Kind::Worker, "echoes_per_s_at_50"),
        "node_to_worker_echoes_at_50": times(Kind::Node, Kind::Worker, "echoes_per_s_at_50"),
        "node_to_in_process_echoes_at_50": times(Kind::Node, Kind::InProcess, "echoes_per_s_at_50"),
        "node_to_in_process_echoes_at_1": times(Kind::Node, Kind::InProcess, "echoes_per_s_at_1"),
        "node_to_worker_connects": times(Kind::Node, Kind::Worker, "connects_per_s"),
    });
    let mut report = Map::new();
    report.insert("bench".to_owned(), json!("peers"));
    for kind in Kind::ALL {
        let names = figures[kind.name()].as_object().context("figures")?.keys();
        let medians = names.map(|name| (name.clone(), json!(rounded(median_of(kind, name)))));
        report.insert(kind.name().to_owned(), Value::Object(medians.collect()));
    }
    report.insert("ratios".to_owned(), ratios);
    Ok(Value::Object(report))
}

/// One round of one subject: figures by name.
async fn measure(subject: Subject, amount: Amount) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let idle = subject.memory_mib()?;
    let one = work::echo(&subject, 1, amount.echoes).await?;
    let fifty = work::echo(&subject, 50, amount.echoes).await?;
    let connects = work::connect(&subject, amount.connects).await?;
    let mut figures = vec![
        ("start_s", subject.started_in_s),
        ("idle_mib", idle),
        ("echoes_per_s_at_1", one.per_s),
        ("cpu_us_per_echo_at_1", one.cpu_us),
        ("echoes_per_s_at_50", fifty.per_s),
        ("cpu_us_per_echo_at_50", fifty.cpu_us),
        ("connects_per_s", connects.per_s),
        ("cpu_us_per_connect", connects.cpu_us),
    ];
    if subject.kind.answers_ids() {
        let posts = work::post(&subject, amount.connections).await?;
        figures.extend([
            ("posts_per_s", posts.work.per_s),
            ("cpu_us_per_post", posts.work.cpu_us),
            ("open_mib", posts.open_mib),
            ("after_mass_close_mib", posts.closed_mib),
        ]);
    }
    Ok(figures)
}

fn note(figures: &mut Map<String, Value>, kind: Kind, round: &[(&'static str, f64)]) {
    let of_kind = figures
        .entry(kind.name())
        .or_insert_with(|| json!({}))
        .as_object_mut()
        .expect("an object was put there");
    for (name, value) in round {
        let rounds = of_kind.entry(*name).or_insert_with(|| json!([]));
        if let Value::Array(rounds) = rounds {
            rounds.push(json!(value));
        }
    }
}

/// Installs the peer with npm, once; answers the folder.
fn install() -> anyhow::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    if !folder.join("node_modules/.bin/serverless").exists() {
        let status = Command::new("npm")
            // The plugin asks for a Serverless Framework that needs a login; its fork does not.
            .args([
                "ci",
                "--legacy-peer-deps",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
            ])
            .arg("--silent")
            .current_dir(&folder)
            .status()
            .context("running npm: install Node.js 20 or newer")?;
        anyhow::ensure!(status.success(), "npm ci failed in {}", folder.display());
    }
    Ok(folder)
}
