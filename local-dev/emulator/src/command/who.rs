//! `gatepost who`.

use anyhow::Context;
use clap::Args;
use serde_json::Value;
use serde_json::json;

use super::operator::MessageFunction;
use super::print;
use super::table::table;
use crate::cli::Process;

pub(super) const EXAMPLES: &str = "\
Examples:
  gatepost who lobby                       the users in a room
  gatepost who lobby --json | jq -r '.[].id'
  gatepost who --user ann                  the connections of a user

On AWS: aws lambda invoke --function-name STACK-message --cli-binary-format raw-in-base64-out \\
  --payload '{\"operator\":\"presence\",\"room\":\"lobby\"}' answer.json";

/// What `gatepost who` is told.
#[derive(Debug, Args)]
pub(crate) struct WhoArguments {
    /// The room
    #[arg(value_name = "ROOM", required_unless_present = "user")]
    room: Option<String>,
    /// The connections of this user instead
    #[arg(long, value_name = "USER", conflicts_with = "room")]
    user: Option<String>,
    /// As a JSON array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    message: MessageFunction,
}

pub(super) async fn run(arguments: &WhoArguments, process: &Process) -> anyhow::Result<()> {
    let (rows, columns) = match (&arguments.user, &arguments.room) {
        (Some(user), _) => {
            let operation = json!({"operator": "presence", "user": user});
            let mut ok = arguments.message.ask(&operation, process).await?;
            (ok["connections"].take(), ["connection", "name"])
        }
        (None, room) => (
            users(arguments, room.as_deref(), process).await?,
            ["id", "name"],
        ),
    };
    if arguments.json {
        return print(&format!("{rows:#}\n"));
    }
    let rows = rows.as_array().context("the answer has no list")?;
    if rows.is_empty() {
        return print("nobody\n");
    }
    let text = |row: &Value, column: &str| String::from(row[column].as_str().unwrap_or_default());
    let heading = match arguments.user {
        Some(_) => ["CONNECTION", "NAME"],
        None => ["USER", "NAME"],
    };
    let rows = rows
        .iter()
        .map(|row| columns.map(|column| text(row, column)).to_vec());
    let rows: Vec<Vec<String>> = [heading.map(String::from).to_vec()]
        .into_iter()
        .chain(rows)
        .collect();
    print(&table(&rows))
}

/// The users in a room, page by page.
async fn users(
    arguments: &WhoArguments,
    room: Option<&str>,
    process: &Process,
) -> anyhow::Result<Value> {
    let mut users = Vec::new();
    let mut operation = json!({"operator": "presence", "room": room});
    loop {
        let mut ok = arguments.message.ask(&operation, process).await?;
        let page = ok["users"]
            .as_array_mut()
            .context("the answer has no users")?;
        users.append(page);
        match ok["cursor"].take() {
            Value::Null => return Ok(Value::Array(users)),
            cursor => operation["cursor"] = cursor,
        }
    }
}
