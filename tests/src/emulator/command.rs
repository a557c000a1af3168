//! The other subcommands of `gatepost`, run to their end.

use std::path::Path;
use std::process::Stdio;

use anyhow::Context;
use tokio::process::Child;
use tokio::process::Command;
use tokio::time::timeout;

use super::Emulator;
use super::place::gatepost;
use super::place::path_with_python;
use super::place::root;
use crate::socket::PATIENCE;

/// How a subcommand ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Everything on standard output.
    pub stdout: String,
    /// Everything on standard error.
    pub stderr: String,
}

/// A running subcommand. Dropping it kills it.
#[derive(Debug)]
pub struct Subcommand(Child);

/// Starts `gatepost` with these arguments, in the repository's folder.
///
/// # Errors
/// If it cannot be started.
pub fn begin(arguments: &[&str], environment: &[(&str, &str)]) -> anyhow::Result<Subcommand> {
    let child = Command::new(gatepost()?)
        .args(arguments)
        .current_dir(root())
        .env("PATH", path_with_python()?)
        .env_remove("AWS_ACCESS_KEY_ID")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    Ok(Subcommand(child.context("starting gatepost")?))
}

/// Runs `gatepost` with these arguments to its end.
///
/// # Errors
/// If it does not end.
pub async fn run(arguments: &[&str]) -> anyhow::Result<Ended> {
    begin(arguments, &[])?.ended().await
}

impl Subcommand {
    /// Waits until it has ended.
    ///
    /// # Errors
    /// If it does not end.
    pub async fn ended(self) -> anyhow::Result<Ended> {
        let output = timeout(PATIENCE, self.0.wait_with_output()).await;
        let output = output.context("gatepost goes on")??;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Ended {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        })
    }

    /// Asks it to stop, as Ctrl-C does.
    ///
    /// # Errors
    /// If it has ended.
    pub fn interrupt(&self) -> anyhow::Result<()> {
        let pid = self.0.id().and_then(|pid| pid.try_into().ok());
        let pid = pid.and_then(rustix::process::Pid::from_raw);
        let pid = pid.context("gatepost has ended")?;
        Ok(rustix::process::kill_process(
            pid,
            rustix::process::Signal::INT,
        )?)
    }

    /// Its standard output, to read while it runs.
    ///
    /// # Errors
    /// If it was taken before.
    pub fn stdout(&mut self) -> anyhow::Result<tokio::process::ChildStdout> {
        self.0.stdout.take().context("standard output")
    }

    /// Its standard error, to read while it runs.
    ///
    /// # Errors
    /// If it was taken before.
    pub fn stderr(&mut self) -> anyhow::Result<tokio::process::ChildStderr> {
        self.0.stderr.take().context("standard error")
    }
}

impl Emulator {
    /// Runs a subcommand that finds this emulator by its data folder.
    ///
    /// # Errors
    /// If it does not end.
    pub async fn gatepost(&self, arguments: &[&str]) -> anyhow::Result<Ended> {
        run(&with_data_dir(arguments, self.data_dir())?).await
    }

    /// Starts a subcommand that finds this emulator by its data folder.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn begin(&self, arguments: &[&str]) -> anyhow::Result<Subcommand> {
        begin(&with_data_dir(arguments, self.data_dir())?, &[])
    }
}

fn with_data_dir<'a>(arguments: &[&'a str], folder: &'a Path) -> anyhow::Result<Vec<&'a str>> {
    let folder = folder.to_str().context("a folder with a name in UTF-8")?;
    Ok([arguments, &["--data-dir", folder]].concat())
}
