//! How an emulator is started.

use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use anyhow::bail;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

use super::Emulator;
use super::place::fixture;
use super::place::gatepost;
use super::place::path_with_python;
use super::place::programs;
use super::place::root;
use super::place::target;
use super::said::Said;
use super::said::hear_errors;
use super::said::hear_facts;

/// How long a start may take: it may have to build functions.
const START: Duration = Duration::from_secs(120);

/// The arguments of an emulator in which nothing is limited by the second.
pub const UNTHROTTLED: [&str; 6] = [
    "--quota",
    "connects-per-second=off",
    "--quota",
    "requests-per-second=off",
    "--quota",
    "stage-throttling=off",
];

/// How to start an emulator.
#[derive(Debug)]
pub struct Launch {
    arguments: Vec<String>,
    data_dir: Option<PathBuf>,
    target_dir: PathBuf,
    environment: Vec<(&'static str, String)>,
    /// The program that becomes it, and that program's arguments.
    through: Vec<&'static str>,
    facts: usize,
}

/// How an emulator ended that did not become ready.
#[derive(Debug)]
pub struct Failed {
    /// Its exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Everything on standard output.
    pub stdout: String,
    /// Everything on standard error.
    pub stderr: String,
}

impl Launch {
    /// `gatepost dev` with this project's own template and functions, which must be built:
    /// `cargo build --workspace --bins`.
    pub fn chat() -> Self {
        Self::built(&root().join("infra/template.yaml"))
    }

    /// `gatepost dev` with a template whose functions are binaries of this workspace, which must
    /// be built.
    pub fn built(template: &Path) -> Self {
        let mut launch = Self::of(template, target());
        launch.arguments.push("--no-build".into());
        if programs().ends_with("release") {
            launch.arguments.push("--release".into());
        }
        launch
    }

    /// `gatepost dev` with a template of `tests/fixtures/emulator`, whose functions it builds.
    pub fn fixture(template: &str) -> Self {
        Self::of(&fixture(template), target().join("fixtures"))
    }

    /// `gatepost dev` with any template.
    pub fn template(template: &Path) -> Self {
        Self::of(template, target().join("fixtures"))
    }

    fn of(template: &Path, target_dir: PathBuf) -> Self {
        let template = template.display().to_string();
        Self {
            arguments: ["dev", "--json", "--port", "0", "--template", &template]
                .map(String::from)
                .into(),
            data_dir: None,
            target_dir,
            environment: Vec::new(),
            through: Vec::new(),
            facts: usize::MAX,
        }
    }

    /// On this CPU only, with everything it starts.
    #[must_use]
    pub fn pinned(mut self, cpu: &'static str) -> Self {
        self.through = vec!["taskset", "-c", cpu];
        self
    }

    /// As from a terminal whose end it is told of, even if `nohup` started the tests.
    #[must_use]
    pub fn from_a_terminal(mut self) -> Self {
        self.through = vec!["env", "--default-signal=HUP"];
        self
    }

    /// With further arguments; of `--port` and `--template` the last counts.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().copied().map(String::from));
        self
    }

    /// Without what API Gateway and the template's stage allow a second: for bursts that are not
    /// about that.
    #[must_use]
    pub fn unthrottled(self) -> Self {
        self.arguments(&UNTHROTTLED)
    }

    /// With a variable of every function.
    #[must_use]
    pub fn env(self, name: &str, value: &str) -> Self {
        self.arguments(&["--env", &format!("{name}={value}")])
    }

    /// Without keeping its facts, but for the ready line: for runs of many thousand messages.
    #[must_use]
    pub fn without_facts(mut self) -> Self {
        self.facts = 1;
        self
    }

    /// With a target folder of cargo's of its own.
    #[must_use]
    pub fn target_dir(mut self, folder: &Path) -> Self {
        folder.clone_into(&mut self.target_dir);
        self
    }

    /// With a variable of its own environment.
    #[must_use]
    pub fn process_env(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// With a data folder that outlives the emulator.
    #[must_use]
    pub fn data_dir(mut self, folder: &Path) -> Self {
        self.data_dir = Some(folder.to_owned());
        self
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// If it does not become ready; the error holds what it said.
    pub async fn start(self) -> anyhow::Result<Emulator> {
        let mut emulator = self.begin()?;
        let ready = timeout(START, emulator.said.first(|_| true)).await;
        let Ok(Some(ready)) = ready else {
            bail!("gatepost did not become ready:\n{}", emulator.said.errors());
        };
        assert_eq!(
            ready["event"], "ready",
            "the first line of --json is {ready}"
        );
        emulator.ready = ready;
        Ok(emulator)
    }

    /// Starts it and does not wait: it has no ready line.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn begin(self) -> anyhow::Result<Emulator> {
        let (data_dir, temporary) = self.folder()?;
        let mut child = self
            .command(&data_dir)?
            .spawn()
            .context("starting gatepost")?;
        let said = Arc::new(Said::default());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        tokio::spawn(hear_facts(
            stdout.context("standard output")?,
            Arc::clone(&said),
            self.facts,
        ));
        tokio::spawn(hear_errors(
            stderr.context("standard error")?,
            Arc::clone(&said),
        ));
        Ok(Emulator {
            child,
            said,
            ready: Value::Null,
            data_dir,
            _temporary: temporary,
        })
    }

    /// Runs it until it ends by itself.
    ///
    /// # Errors
    /// If it does not end.
    pub async fn fails(self) -> anyhow::Result<Failed> {
        let (data_dir, _temporary) = self.folder()?;
        let output = timeout(START, self.command(&data_dir)?.output()).await;
        let output = output
            .context("gatepost goes on")?
            .context("starting gatepost")?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Failed {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        })
    }

    fn folder(&self) -> anyhow::Result<(PathBuf, Option<TempDir>)> {
        match &self.data_dir {
            Some(folder) => Ok((folder.clone(), None)),
            None => {
                let temporary = tempfile::tempdir()?;
                Ok((temporary.path().to_owned(), Some(temporary)))
            }
        }
    }

    fn command(&self, data_dir: &Path) -> anyhow::Result<Command> {
        let gatepost = gatepost()?;
        let mut command = match self.through.as_slice() {
            [] => Command::new(gatepost),
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                command.args(arguments).arg(gatepost);
                command
            }
        };
        command
            .args(&self.arguments)
            .arg("--data-dir")
            .arg(data_dir)
            .current_dir(root())
            .env("CARGO_TARGET_DIR", &self.target_dir)
            .env("PATH", path_with_python()?)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Ok(command)
    }
}
