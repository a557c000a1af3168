//! `gatepost replay`.

mod session;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use http::Uri;
use serde_json::Value;
use serde_json::json;

use super::RunningEmulator;
use super::api::EmulatorApi;
use super::print;
use crate::cli::Process;

pub(super) const EXAMPLES: &str = "\
Examples:
  gatepost replay session.ndjson                        at the pace of the recording
  gatepost replay session.ndjson --fast                 as fast as it goes
  gatepost replay session.ndjson --to wss://abcdef1234.execute-api.eu-west-1.amazonaws.com/prod
  gatepost replay session.ndjson --events               the functions alone, without connections

What comes back is printed, one JSON object a line, and its frames are counted for each client. No
order between clients is kept: a server that packs several messages into a frame may send fewer.
Exit codes: 0, 1 if less came back than was recorded, or a function came to something else.";

/// What `gatepost replay` is told.
#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// What `gatepost record` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The endpoint to connect to, instead of the running emulator's
    #[arg(long, value_name = "URL", conflicts_with = "events")]
    to: Option<Uri>,
    /// Do not wait between frames as their clients did
    #[arg(long)]
    fast: bool,
    /// Invoke the functions with the recorded events, instead of connecting
    #[arg(long)]
    events: bool,
    #[command(flatten)]
    emulator: RunningEmulator,
}

pub(super) async fn run(
    arguments: &ReplayArguments,
    process: &Process,
) -> anyhow::Result<ExitCode> {
    let records = read(&arguments.file)?;
    let same = if arguments.events {
        events(&arguments.emulator.find(process)?, &records).await?
    } else {
        let to = match &arguments.to {
            Some(to) => to.clone(),
            None => endpoint(&arguments.emulator.find(process)?).await?,
        };
        session::replay(&records, &to, arguments.fast).await?
    };
    Ok(if same {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn read(file: &PathBuf) -> anyhow::Result<Vec<Value>> {
    let path = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {path}"))?;
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            let what = || format!("{path}:{}: this is no record of `gatepost record`", at + 1);
            let record: Value = serde_json::from_str(line).with_context(what)?;
            record["record"]
                .is_string()
                .then_some(record)
                .with_context(what)
        })
        .collect()
}

async fn endpoint(api: &EmulatorApi) -> anyhow::Result<Uri> {
    let state = api.get("state").await?;
    let websocket = state["endpoints"]["websocket"].as_str().unwrap_or_default();
    // The address that was asked is reachable; the one it names may not be from here.
    let path = websocket.parse::<Uri>().ok();
    let path = path.as_ref().map_or("/", Uri::path);
    format!("ws://{}{path}", api.authority())
        .parse()
        .context("the emulator names no endpoint")
}

/// Invokes each function again; whether each came to the same.
async fn events(api: &EmulatorApi, records: &[Value]) -> anyhow::Result<bool> {
    let (mut same, mut count) = (0, 0);
    let invoked = records
        .iter()
        .filter(|record| record["record"] == "invoked");
    for record in invoked {
        let request = json!({ "function": record["function"], "event": record["event"] });
        let came = api.post("invoke", &request).await?;
        count += 1;
        let is = came["outcome"] == record["outcome"];
        same += usize::from(is);
        print(&format!(
            "{}\n",
            json!({
                "function": record["function"], "route": record["route"], "same": is,
                "outcome": came["outcome"], "recorded": record["outcome"],
                "answer": came["payload"],
            })
        ))?;
    }
    eprint(&format!("{same} of {count} events came to the same\n"));
    Ok(same == count)
}

/// For a person, beside what a program reads.
fn eprint(text: &str) {
    use std::io::Write;
    // Nobody may read it.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
