//! `gatepost events`.

use std::fmt::Write;

use clap::Args;
use clap::Subcommand;
use serde_json::Value;

use super::RunningEmulator;
use super::print;
use crate::cli::Process;
use crate::time::rfc3339;

pub(super) const EXAMPLES: &str = "\
Examples:
  gatepost events tail                          what happened so far, and what happens
  gatepost events tail --no-follow              what happened so far
  gatepost events tail --json | jq .            a program's form
  gatepost events tail --event fault_injected   one kind
  gatepost events tail --connection PJqB0fHsqRcCHlw=";

/// What `gatepost events` is told.
#[derive(Debug, Args)]
pub(crate) struct EventsArguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Shows what happened, and what happens
    Tail(Tail),
}

#[derive(Debug, Args)]
struct Tail {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Go on as things happen, which is the default
    #[arg(long, short, overrides_with = "no_follow")]
    follow: bool,
    /// End after what happened so far
    #[arg(long)]
    no_follow: bool,
    /// Only of this connection
    #[arg(long, value_name = "ID")]
    connection: Option<String>,
    /// Only of this kind, as in `connected`; may be repeated
    #[arg(long = "event", value_name = "NAME")]
    events: Vec<String>,
    #[command(flatten)]
    emulator: RunningEmulator,
}

pub(super) async fn run(arguments: &EventsArguments, process: &Process) -> anyhow::Result<()> {
    let Verb::Tail(tail) = &arguments.verb;
    let api = tail.emulator.find(process)?;
    if !tail.no_follow {
        let mut lines = api.lines("events", "text/event-stream").await?;
        while let Some(line) = lines.next().await {
            if let Some(json) = line.strip_prefix("data: ") {
                show(tail, &serde_json::from_str(json)?)?;
            }
        }
        return Ok(());
    }
    let mut after = 0;
    loop {
        let answer = api.get(&format!("events?after={after}")).await?;
        let events = answer["events"].as_array().cloned().unwrap_or_default();
        let Some(last) = events.last().and_then(|event| event["number"].as_u64()) else {
            return Ok(());
        };
        after = last;
        for event in &events {
            show(tail, event)?;
        }
    }
}

fn show(tail: &Tail, event: &Value) -> anyhow::Result<()> {
    let is = |name: &str, wanted: &str| event[name] == wanted;
    let of_connection = tail.connection.iter().all(|id| is("connection", id));
    let of_kind = tail.events.is_empty() || tail.events.iter().any(|name| is("event", name));
    if !of_connection || !of_kind {
        return Ok(());
    }
    match tail.json {
        true => print(&format!("{event}\n")),
        false => print(&line(event)),
    }
}

/// Time, kind, and everything else by its name.
fn line(event: &Value) -> String {
    let at = rfc3339(event["at"].as_u64().unwrap_or_default());
    let kind = event["event"].as_str().unwrap_or_default();
    let mut line = format!("{at}  {kind:<20}");
    let fields = event.as_object().into_iter().flatten();
    for (name, value) in fields {
        if matches!(name.as_str(), "at" | "event" | "number") {
            continue;
        }
        let shown = match value {
            Value::String(text) if !text.contains(char::is_whitespace) => text.clone(),
            other => other.to_string(),
        };
        write!(line, " {name}={shown}").expect("writing to a String cannot fail");
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let event = json!({
            "number": 7, "at": 1_708_327_306_706_u64, "event": "log",
            "function": "Echo", "line": "two words\n",
        });
        assert_eq!(
            line(&event),
            "2024-02-19T07:21:46.706Z  log                  function=Echo line=\"two words\\n\"\n"
        );
    }
}
