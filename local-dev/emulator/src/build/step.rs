//! A tool that the build starts: it never outlives the emulator.

use std::ffi::OsStr;
use std::io;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::ExitStatus;
use std::process::Stdio;

use gatepost_runtime_api::GUARD;
use tokio::process::Child;
use tokio::process::Command;

use super::BuildError;
use crate::cli::Process;
use crate::cli::SUPERVISE;

/// A running tool, in a process group of its own, which the guard kills unless the tool was waited
/// for: a stop, even by SIGKILL, must take the compilers along, and they are children of cargo.
#[derive(Debug)]
pub(super) struct Step {
    /// The tool.
    pub(super) child: Child,
    guard: std::process::Child,
}

impl Step {
    /// Waits until the tool ends.
    pub(super) async fn finish(mut self) -> io::Result<ExitStatus> {
        let group = self.child.id();
        let status = self.child.wait().await?;
        if let (Some(group), Some(mut lines)) = (group, self.guard.stdin.take()) {
            // Its number may be another group's soon. Without the guard there is nobody to tell.
            let _ = writeln!(lines, "-{group}");
            drop(lines);
            let _ = self.guard.wait();
        }
        Ok(status)
    }
}

/// A command that finds its environment in `process` and gives its output to the emulator.
pub(super) fn command(program: impl AsRef<OsStr>, folder: &Path, process: &Process) -> Command {
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
pub(super) fn start(
    command: &mut Command,
    process: &Process,
    help: &str,
) -> Result<Step, BuildError> {
    let started = command.spawn().and_then(|child| {
        let mut guard = std::process::Command::new(&process.program)
            .args([SUPERVISE, GUARD])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C reaches the terminal's group: the guard must outlive that.
            .process_group(0)
            .spawn()?;
        let lines = guard.stdin.as_mut().expect("its standard input is a pipe");
        if let Some(group) = child.id() {
            writeln!(lines, "+{group}")?;
        }
        Ok(Step { child, guard })
    });
    started.map_err(|source| {
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
    })
}
