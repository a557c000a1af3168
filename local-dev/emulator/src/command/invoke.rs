//! `gatepost invoke`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use anyhow::bail;
use clap::Args;
use serde_json::Value;
use serde_json::json;

use super::RunningEmulator;
use super::print;
use crate::cli::Process;
use crate::cli::Variable;
use crate::cli::parameter;

pub(super) const EXAMPLES: &str = "\
Examples:
  gatepost invoke FanoutFunction                             with an empty event
  gatepost invoke MessageFunction --event event.json         with the event of a file
  gatepost invoke --route '$default' --body '{\"action\":\"rooms\",\"id\":\"1\"}' \\
    --authorizer user=ann --authorizer name=Ann
  jq .event line.json | gatepost invoke MessageFunction --event -
  gatepost invoke FanoutFunction --event task.json --async   queued, with retries

Standard output is the response, standard error the last lines that the function printed.
Exit codes: 0, 1 if the function failed or could not be invoked.";

/// What `gatepost invoke` is told.
#[derive(Debug, Args)]
pub(crate) struct InvokeArguments {
    /// The function's logical ID or its name
    #[arg(value_name = "FUNCTION", required_unless_present = "route")]
    function: Option<String>,
    /// File with the event, JSON; - reads it from standard input
    #[arg(long, value_name = "FILE", conflicts_with = "route")]
    event: Option<PathBuf>,
    /// Send the event that this route sends, of a connection that does not exist
    #[arg(long, value_name = "KEY", conflicts_with = "function")]
    route: Option<String>,
    /// The message that the route's event carries
    #[arg(long, value_name = "TEXT", requires = "route")]
    body: Option<String>,
    /// The stage on which the route is
    #[arg(long, value_name = "NAME", requires = "route")]
    stage: Option<String>,
    /// What the route's event has of an authorizer, which is not asked itself
    #[arg(long, value_name = "KEY=VALUE", requires = "route", value_parser = parameter)]
    authorizer: Vec<Variable>,
    /// Queue it and do not wait for the answer
    #[arg(long = "async")]
    asynchronous: bool,
    /// Print everything that came of it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    emulator: RunningEmulator,
}

pub(super) async fn run(
    arguments: &InvokeArguments,
    process: &Process,
) -> anyhow::Result<ExitCode> {
    let event = event(arguments)?;
    let context: Vec<_> = arguments
        .authorizer
        .iter()
        .map(|member| (&member.name, &member.value))
        .collect();
    let request = json!({
        "function": arguments.function,
        "event": event,
        "route": arguments.route,
        "body": arguments.body,
        "stage": arguments.stage,
        "authorizer": context,
        "async": arguments.asynchronous,
    });
    let api = arguments.emulator.find(process)?;
    let came = api.post("invoke", &request).await?;
    let failed = came["outcome"] == "function_error";
    let code = if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    };
    if arguments.json {
        print(&format!("{came:#}\n"))?;
        return Ok(code);
    }
    if let Some(log) = came["log"].as_str() {
        // Runtimes end lines within an entry with a carriage return alone.
        let log = log.replace('\r', "\n");
        // Nobody may read what is only said beside the answer.
        let _ = std::io::stderr().write_all(log.as_bytes());
    }
    match came["payload"].as_str() {
        Some(payload) => print(&format!("{payload}\n"))?,
        None => print(&format!(
            "queued as {}\n",
            came["request"].as_str().unwrap_or_default()
        ))?,
    }
    Ok(code)
}

/// The event of the command line.
fn event(arguments: &InvokeArguments) -> anyhow::Result<Option<Value>> {
    let Some(path) = &arguments.event else {
        return Ok(None);
    };
    let text = if path.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())
            .context("reading the event from standard input")?
    } else {
        std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the event {}", path.display()))?
    };
    match serde_json::from_str(&text) {
        Ok(event) => Ok(Some(event)),
        Err(error) => bail!(
            "{}:{}:{}: the event is no JSON: {error}",
            path.display(),
            error.line(),
            error.column()
        ),
    }
}
