//! What runs interpreted functions: an interpreter and a client of the Runtime API in it.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use gatepost_runtime_api::Command;
use serde::de::DeserializeOwned;

use super::Launch;
use super::step;
use crate::cli::Process;

/// An interpreter that takes longer to say its version is none.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// What came of looking for the interpreter of a runtime in a folder.
#[derive(Debug, Clone)]
pub(super) struct Interpreter {
    /// The program and its arguments before the handler; or what is missing.
    pub(super) start: Result<(PathBuf, Vec<String>), String>,
    /// What somebody should know.
    pub(super) warnings: Vec<String>,
}

impl Interpreter {
    /// The command of a function, or what is missing.
    pub(super) fn launch(&self, handler: &str, folder: &Path) -> Launch {
        match &self.start {
            Err(missing) => Launch::Unsupported(missing.clone()),
            Ok((program, arguments)) => {
                let mut arguments = arguments.clone();
                arguments.push(handler.to_owned());
                Launch::Command(Command {
                    program: program.clone(),
                    arguments,
                    folder: folder.to_owned(),
                })
            }
        }
    }
}

/// Runs `program` in `folder`; the JSON that it prints, or `None` if it does not start or fails.
pub(super) async fn ask<T: DeserializeOwned>(
    program: &Path,
    arguments: &[&str],
    folder: &Path,
    process: &Process,
) -> Option<T> {
    let mut command = step::command(program, folder, process);
    command.args(arguments);
    let output = tokio::time::timeout(ANSWER_WITHIN, command.output())
        .await
        .ok()?
        .ok()?;
    let answer = serde_json::from_slice(&output.stdout).ok()?;
    output.status.success().then_some(answer)
}

/// That another version runs the functions of `runtime`.
pub(super) fn other_version(runtime: &str, why: &str, version: &str) -> String {
    format!("{runtime} {why}: its functions run on {version}")
}
