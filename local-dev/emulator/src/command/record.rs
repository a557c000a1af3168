//! `gatepost record`.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::RunningEmulator;
use super::print;
use crate::cli::Process;
use crate::faults::duration;
use crate::stop::Stop;

pub(super) const EXAMPLES: &str = "\
Examples:
  gatepost record session.ndjson             until Ctrl-C
  gatepost record session.ndjson --for 30s
  gatepost replay session.ndjson             sends the same again

The file has a JSON object a line: who connected, every message with its body, every event that a
function got and what it answered. What clients send stands in it, tokens of their URLs as well:
it is readable by you only.";

/// What `gatepost record` is told.
#[derive(Debug, Args)]
pub(crate) struct RecordArguments {
    /// The file; it must not exist yet
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Stop after this time, as in 30s
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    time: Option<Duration>,
    #[command(flatten)]
    emulator: RunningEmulator,
}

fn time(text: &str) -> Result<Duration, &'static str> {
    duration(text).ok_or("expected a time, such as 500ms, 30s or 5m")
}

pub(super) async fn run(arguments: &RecordArguments, process: &Process) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;

    let stop = Stop::on_signals(|| std::process::exit(1)).context("cannot listen to signals")?;
    let api = arguments.emulator.find(process)?;
    let mut lines = api.lines("recording", "application/x-ndjson").await?;
    let path = arguments.file.display();
    let mut file = std::fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&arguments.file)
        .with_context(|| format!("cannot make {path}"))?;
    let ends = async {
        match arguments.time {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(ends);
    let mut count = 0_u64;
    loop {
        let line = tokio::select! {
            line = lines.next() => line,
            () = stop.asked() => None,
            () = &mut ends => None,
        };
        let Some(line) = line else { break };
        // At once: who looks while it records sees everything.
        writeln!(file, "{line}").with_context(|| format!("cannot write to {path}"))?;
        count += 1;
    }
    // The first line is about the session itself.
    print(&format!("{} records in {path}\n", count.saturating_sub(1)))
}
