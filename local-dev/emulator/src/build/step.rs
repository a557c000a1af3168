//! A tool that the build starts: it never outlives the emulator.

use std::path::Path;
use std::process::Stdio;

use rustix::process::Pid;
use rustix::process::Signal;
use tokio::process::Child;
use tokio::process::Command;

use super::BuildError;
use crate::cli::Process;

/// A running tool, in a process group of its own. Dropping it kills the group: a stop during a
/// build must take the compilers with it, and they are children of cargo, not of the emulator.
#[derive(Debug)]
pub(super) struct Step {
    /// The tool.
    pub(super) child: Child,
    group: Option<Pid>,
}

impl Drop for Step {
    fn drop(&mut self) {
        // After `wait` the group may be somebody else's: `id` is then `None`.
        if let (Some(group), Some(_)) = (self.group, self.child.id()) {
            // An error means that it has just ended.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}

/// A command that finds its environment in `process` and gives its output to the emulator.
pub(super) fn command(program: &str, folder: &Path, process: &Process) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_clear()
        .envs(&process.environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// Starts it.
///
/// # Errors
/// [`BuildError::Tool`] with `help` when the program is not found or not executable.
pub(super) fn start(command: &mut Command, help: &str) -> Result<Step, BuildError> {
    let child = command.spawn().map_err(|source| {
        let command = command.as_std();
        BuildError::Tool {
            program: command.get_program().to_string_lossy().into_owned(),
            folder: command
                .get_current_dir()
                .map(Path::to_owned)
                .unwrap_or_default(),
            help: help.to_owned(),
            source,
        }
    })?;
    let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    Ok(Step { child, group })
}
