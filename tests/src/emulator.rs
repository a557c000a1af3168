//! The real `gatepost` binary, started for one test: free port, own data folder, facts instead of
//! log text, and nothing left when the test ends.

use std::collections::VecDeque;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use anyhow::Context;
use anyhow::bail;
use bytes::Bytes;
use http::Request;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncRead;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::socket::PATIENCE;

/// How long a start may take: it may have to build functions.
const START: std::time::Duration = std::time::Duration::from_secs(120);

/// A running emulator. Dropping it kills it; what it started ends with it.
#[derive(Debug)]
pub struct Emulator {
    child: Child,
    said: Arc<Said>,
    ready: Value,
    data_dir: PathBuf,
    _temporary: Option<TempDir>,
}

/// What the emulator wrote so far.
#[derive(Debug)]
struct Said {
    facts: Mutex<Vec<Value>>,
    /// The last lines of standard error.
    errors: Mutex<VecDeque<String>>,
    /// Rung at each line; says whether standard output has ended.
    more: watch::Sender<bool>,
}

/// How to start an emulator.
#[derive(Debug)]
pub struct Launch {
    arguments: Vec<String>,
    data_dir: Option<PathBuf>,
    target_dir: PathBuf,
    cpu: Option<&'static str>,
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
            cpu: None,
        }
    }

    /// On this CPU only, with everything it starts.
    #[must_use]
    pub fn pinned(mut self, cpu: &'static str) -> Self {
        self.cpu = Some(cpu);
        self
    }

    /// With further arguments; of `--port` and `--template` the last counts.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().copied().map(String::from));
        self
    }

    /// With a variable of every function.
    #[must_use]
    pub fn env(self, name: &str, value: &str) -> Self {
        self.arguments(&["--env", &format!("{name}={value}")])
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
        let said = Arc::new(Said {
            facts: Mutex::default(),
            errors: Mutex::default(),
            more: watch::Sender::new(false),
        });
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        tokio::spawn(hear_facts(
            stdout.context("standard output")?,
            Arc::clone(&said),
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
        let mut command = match self.cpu {
            None => Command::new(gatepost()?),
            Some(cpu) => {
                let mut command = Command::new("taskset");
                command.args(["-c", cpu]).arg(gatepost()?);
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
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Ok(command)
    }
}

impl Emulator {
    /// `ws://host:port/stage`.
    pub fn websocket(&self) -> &str {
        self.text("websocket")
    }

    /// `host:port`.
    pub fn authority(&self) -> &str {
        let console = self.text("console");
        console
            .trim_start_matches("http://")
            .split('/')
            .next()
            .unwrap_or_default()
    }

    /// The ready line.
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("nobody has waited for its end")
    }

    /// `${GATEPOST_DATA_DIR}`.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The facts so far, the ready line first.
    pub fn facts(&self) -> Vec<Value> {
        self.said.facts().clone()
    }

    /// The first fact that is `wanted`, whether it was told already or comes.
    ///
    /// # Errors
    /// If none comes within [`PATIENCE`]; the error holds the facts that came.
    pub async fn fact(&self, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        match timeout(PATIENCE, self.said.first(wanted)).await {
            Ok(Some(fact)) => Ok(fact),
            Ok(None) | Err(_) => {
                let facts: Vec<_> = self.facts().iter().map(Value::to_string).collect();
                bail!(
                    "no such fact; there are\n{}\n{}",
                    facts.join("\n"),
                    self.said.errors()
                )
            }
        }
    }

    /// The first fact with this `event` that is `wanted`.
    ///
    /// # Errors
    /// As [`Emulator::fact`].
    pub async fn event(
        &self,
        event: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        self.fact(|fact| fact["event"] == event && wanted(fact))
            .await
    }

    /// Sends an HTTP request to the emulator's port; `host` is filled in if it is absent.
    ///
    /// # Errors
    /// If the port does not answer.
    pub async fn http(&self, mut request: Request<String>) -> anyhow::Result<Response<Bytes>> {
        if !request.headers().contains_key("host") {
            request
                .headers_mut()
                .insert("host", self.authority().parse()?);
        }
        let stream = TcpStream::connect(self.authority()).await?;
        let io = TokioIo::new(stream);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
        tokio::spawn(connection);
        let response = sender
            .send_request(request.map(|body| Full::new(Bytes::from(body))))
            .await?;
        let (head, body) = response.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    /// Gets a path.
    ///
    /// # Errors
    /// If the port does not answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Response<Bytes>> {
        self.http(Request::get(path).body(String::new())?).await
    }

    /// Asks it to stop, as Ctrl-C does, and waits until it has.
    ///
    /// # Errors
    /// If it does not stop.
    pub async fn stop(self) -> anyhow::Result<ExitStatus> {
        self.signal(rustix::process::Signal::TERM)?;
        self.stop_asked().await
    }

    /// Waits until it has ended after a [`signal`](Self::signal).
    ///
    /// # Errors
    /// If it does not stop.
    pub async fn stop_asked(mut self) -> anyhow::Result<ExitStatus> {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        Ok(ended.context("gatepost does not stop")??)
    }

    /// Kills it with SIGKILL, and waits for its end.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// If it has ended.
    pub fn signal(&self, signal: rustix::process::Signal) -> anyhow::Result<()> {
        let pid = self.child.id().and_then(|pid| pid.try_into().ok());
        let pid = pid
            .and_then(rustix::process::Pid::from_raw)
            .context("gatepost has ended")?;
        Ok(rustix::process::kill_process(pid, signal)?)
    }

    fn text(&self, name: &str) -> &str {
        self.ready[name]
            .as_str()
            .expect("the ready line has its fixed shape")
    }
}

impl Said {
    fn facts(&self) -> std::sync::MutexGuard<'_, Vec<Value>> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn errors(&self) -> String {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.iter().cloned().collect::<Vec<_>>().join("\n")
    }

    /// The first fact that is `wanted`; `None` when standard output ended without one.
    async fn first(&self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let mut more = self.more.subscribe();
        let mut seen = 0;
        loop {
            let ended = *more.borrow_and_update();
            let found = {
                let facts = self.facts();
                let found = facts[seen..].iter().find(|fact| wanted(fact)).cloned();
                seen = facts.len();
                found
            };
            if found.is_some() || ended {
                return found;
            }
            more.changed().await.ok()?;
        }
    }
}

async fn hear_facts(from: impl AsyncRead + Unpin, said: Arc<Said>) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        said.facts()
            .push(serde_json::from_str(&line).unwrap_or(Value::String(line)));
        said.more.send_replace(false);
    }
    said.more.send_replace(true);
}

async fn hear_errors(from: impl AsyncRead + Unpin, said: Arc<Said>) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut errors = said.errors.lock().unwrap_or_else(PoisonError::into_inner);
        if errors.len() == 200 {
            errors.pop_front();
        }
        errors.push_back(line);
    }
}

/// A file of `tests/fixtures/emulator`.
pub fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures/emulator").join(name)
}

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the repository")
        .to_owned()
}

/// The folder with the binaries of the profile that this program was built with.
fn programs() -> PathBuf {
    let program = std::env::current_exe().expect("the path of a running test is known");
    let folder = program.parent().expect("a program is in a folder");
    // Tests are in `deps` of it, `bench` is in itself.
    if folder.ends_with("deps") {
        return folder
            .parent()
            .expect("deps is in a profile's folder")
            .to_owned();
    }
    folder.to_owned()
}

/// Cargo's target folder.
fn target() -> PathBuf {
    programs()
        .parent()
        .expect("a profile's folder is in the target folder")
        .to_owned()
}

fn gatepost() -> anyhow::Result<PathBuf> {
    let program = programs().join("gatepost");
    if !program.is_file() {
        bail!(
            "{} is not built: run `cargo build --workspace --bins`",
            program.display()
        );
    }
    Ok(program)
}

/// PATH with the interpreter first that has the packages of `tests/requirements.txt`.
fn path_with_python() -> anyhow::Result<std::ffi::OsString> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test command tells it through these"
    )]
    let (python, path) = (
        std::env::var_os("GATEPOST_TEST_PYTHON"),
        std::env::var_os("PATH").unwrap_or_default(),
    );
    let python = python.map_or_else(|| target().join("venv/bin/python"), PathBuf::from);
    let folder = python.parent().map(Path::to_owned).into_iter();
    Ok(std::env::join_paths(
        folder.chain(std::env::split_paths(&path)),
    )?)
}
