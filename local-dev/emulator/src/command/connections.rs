//! `gatepost connections`.

use clap::Args;
use clap::Subcommand;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;
use serde_json::json;

use super::RunningEmulator;
use super::print;
use super::table::table;
use crate::cli::Process;
use crate::overview::duration;

pub(super) const EXAMPLES: &str = "\
Examples:
  gatepost connections ls                             who is connected
  gatepost connections ls --json | jq -r '.[].id'     their ids
  gatepost connections send PJqB0fHsqRcCHlw= hello    as POST @connections
  gatepost connections send PJqB0fHsqRcCHlw= - < message.json
  gatepost connections close PJqB0fHsqRcCHlw=         as DELETE @connections";

/// What `gatepost connections` is told.
#[derive(Debug, Args)]
pub(crate) struct ConnectionsArguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists the established connections, oldest first
    Ls {
        /// As a JSON array
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        emulator: RunningEmulator,
    },
    /// Sends a text message to a connection
    Send {
        /// The connection's id
        #[arg(value_name = "ID")]
        id: String,
        /// The text; - reads it from standard input
        #[arg(value_name = "TEXT")]
        text: String,
        #[command(flatten)]
        emulator: RunningEmulator,
    },
    /// Closes a connection
    Close {
        /// The connection's id
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        emulator: RunningEmulator,
    },
}

pub(super) async fn run(arguments: &ConnectionsArguments, process: &Process) -> anyhow::Result<()> {
    match &arguments.verb {
        Verb::Ls { json, emulator } => {
            let state = emulator.find(process)?.get("state").await?;
            if *json {
                return print(&format!("{:#}\n", state["connections"]));
            }
            print(&rows(&state))
        }
        Verb::Send { id, text, emulator } => {
            let text = match text.as_str() {
                "-" => std::io::read_to_string(std::io::stdin())?,
                text => text.to_owned(),
            };
            let api = emulator.find(process)?;
            api.post(&path(id, "send"), &json!({ "text": text }))
                .await?;
            Ok(())
        }
        Verb::Close { id, emulator } => {
            let api = emulator.find(process)?;
            api.post(&path(id, "close"), &json!({})).await?;
            Ok(())
        }
    }
}

fn path(id: &str, verb: &str) -> String {
    let id = utf8_percent_encode(id, NON_ALPHANUMERIC);
    format!("connections/{id}/{verb}")
}

fn rows(state: &Value) -> String {
    let connections = state["connections"].as_array();
    let connections = connections.map(Vec::as_slice).unwrap_or_default();
    if connections.is_empty() {
        let websocket = state["endpoints"]["websocket"].as_str();
        return format!("nobody is connected to {}\n", websocket.unwrap_or_default());
    }
    let heading = [
        "CONNECTION",
        "FROM",
        "SINCE",
        "IDLE",
        "IN",
        "OUT",
        "PRINCIPAL",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    let since = |connection: &Value, name: &str| {
        let now = state["now"].as_u64().unwrap_or_default();
        let at = connection[name].as_u64().unwrap_or_default();
        let seconds = now.saturating_sub(at) / 1000;
        duration(std::time::Duration::from_secs(seconds.max(1)))
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.extend(connections.iter().map(|connection| {
        vec![
            text(&connection["id"]),
            text(&connection["ip"]),
            since(connection, "connected_at"),
            since(connection, "active_at"),
            connection["messages_in"].to_string(),
            connection["messages_out"].to_string(),
            text(&connection["principal"]),
        ]
    }));
    let mut shown = table(&rows);
    let total = state["connections_total"].as_u64().unwrap_or_default();
    let more = total.saturating_sub(connections.len() as u64);
    if more > 0 {
        shown.push_str(&format!("and {more} more\n"));
    }
    shown
}
