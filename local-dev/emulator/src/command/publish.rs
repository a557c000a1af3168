//! `gatepost publish`.

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::operator::MessageFunction;
use super::print;
use crate::cli::Process;

pub(super) const EXAMPLES: &str = "\
Examples:
  gatepost publish lobby 'Maintenance at noon'
  gatepost publish lobby 'Deployed' --from ci --name CI
  gatepost publish lobby - < release-notes.txt
  gatepost publish lobby 'Once' --key release-7        said once, however often it is run
  gatepost publish lobby 'Brb' --notice                shown to who is there, not kept

On AWS: aws lambda invoke --function-name STACK-message --cli-binary-format raw-in-base64-out \\
  --payload '{\"operator\":\"publish\",\"room\":\"lobby\",\"body\":{\"text\":\"Hello\"}}' answer.json";

/// What `gatepost publish` is told.
#[derive(Debug, Args)]
pub(crate) struct PublishArguments {
    /// The room
    #[arg(value_name = "ROOM")]
    room: String,
    /// The text; - reads it from standard input
    #[arg(value_name = "TEXT")]
    text: String,
    /// Whom it is from, a user's id
    #[arg(long, value_name = "USER", conflicts_with = "notice")]
    from: Option<String>,
    /// The name of whom it is from
    #[arg(long, value_name = "NAME", requires = "from")]
    name: Option<String>,
    /// What makes it the same message if repeated
    #[arg(long, value_name = "TEXT", conflicts_with = "notice")]
    key: Option<String>,
    /// Only show it to who is in the room now
    #[arg(long)]
    notice: bool,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    message: MessageFunction,
}

pub(super) async fn run(arguments: &PublishArguments, process: &Process) -> anyhow::Result<()> {
    let PublishArguments { room, from, .. } = arguments;
    let text = match arguments.text.as_str() {
        "-" => std::io::read_to_string(std::io::stdin())
            .context("reading the text from standard input")?,
        text => String::from(text),
    };
    let operation = if arguments.notice {
        json!({"operator": "announce", "room": room, "text": text})
    } else {
        let mut operation = json!({"operator": "publish", "room": room, "body": {"text": text}});
        if let Some(from) = from {
            let name = arguments.name.as_ref().unwrap_or(from);
            operation["from"] = json!({"id": from, "name": name});
        }
        if let Some(key) = &arguments.key {
            operation["key"] = json!(key);
        }
        operation
    };
    let ok = arguments.message.ask(&operation, process).await?;
    if arguments.json {
        return print(&format!("{ok:#}\n"));
    }
    if arguments.notice {
        return print(&format!(
            "shown on {} of {} connections in {room}\n",
            ok["reached"], ok["connections"]
        ));
    }
    let again = if ok["duplicate"] == true {
        " before"
    } else {
        ""
    };
    print(&format!("published{again} as {} of {room}\n", ok["seq"]))
}
