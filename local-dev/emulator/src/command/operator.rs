//! What `publish`, `kick` and `who` have in common: they invoke the project's message function as
//! an operator of gatepost's chat does on AWS, with `aws lambda invoke`.

use anyhow::Context;
use anyhow::bail;
use clap::Args;
use serde_json::Value;
use serde_json::json;

use super::RunningEmulator;
use crate::cli::Process;

/// Whom an operation is sent to.
#[derive(Debug, Args)]
pub(super) struct MessageFunction {
    /// The function that takes the chat's messages, by its logical ID or its name
    #[arg(long, value_name = "NAME", default_value = "MessageFunction")]
    function: String,
    #[command(flatten)]
    emulator: RunningEmulator,
}

impl MessageFunction {
    /// Invokes the function with an operation; answers its `ok`.
    ///
    /// # Errors
    /// Why it was not done.
    pub(super) async fn ask(&self, operation: &Value, process: &Process) -> anyhow::Result<Value> {
        let function = &self.function;
        let request = json!({"function": function, "event": operation, "async": false});
        let came = self
            .emulator
            .find(process)?
            .post("invoke", &request)
            .await?;
        let payload = came["payload"].as_str().unwrap_or_default();
        if came["outcome"] == "function_error" {
            bail!("{function} failed: {payload}");
        }
        let answer: Value = serde_json::from_str(payload)
            .with_context(|| format!("{function} answered no JSON: {payload}"))?;
        match (answer.get("ok"), answer.get("error")) {
            (Some(ok), _) => Ok(ok.clone()),
            (None, Some(error)) => bail!(
                "{}: {}",
                error["code"].as_str().unwrap_or("refused"),
                error["message"].as_str().unwrap_or_default()
            ),
            (None, None) => bail!(
                "{function} is not the message function of gatepost's chat (it answered \
                 {payload}): name that with --function"
            ),
        }
    }
}
