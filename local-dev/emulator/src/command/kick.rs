//! `gatepost kick`.

use clap::Args;
use serde_json::json;

use super::operator::MessageFunction;
use super::print;
use crate::cli::Process;

pub(super) const EXAMPLES: &str = "\
Examples:
  gatepost kick ann                   tells every connection of ann `bye`, and closes it
  gatepost kick seed:7                a client that speaks the seed's frames

On AWS: aws lambda invoke --function-name STACK-message --cli-binary-format raw-in-base64-out \\
  --payload '{\"operator\":\"disconnect\",\"user\":\"ann\"}' answer.json

The user can come back while the token holds: to keep a user out of a room, ban.";

/// What `gatepost kick` is told.
#[derive(Debug, Args)]
pub(crate) struct KickArguments {
    /// The user's id
    #[arg(value_name = "USER")]
    user: String,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    message: MessageFunction,
}

pub(super) async fn run(arguments: &KickArguments, process: &Process) -> anyhow::Result<()> {
    let user = &arguments.user;
    let operation = json!({"operator": "disconnect", "user": user});
    let ok = arguments.message.ask(&operation, process).await?;
    if arguments.json {
        return print(&format!("{ok:#}\n"));
    }
    if ok["connections"] == 0 {
        return print(&format!("{user} is not connected\n"));
    }
    print(&format!(
        "closed {} of {} connections of {user}\n",
        ok["reached"], ok["connections"]
    ))
}
