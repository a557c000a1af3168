//! The real `gatepost` binary, started for one test: free port, own data folder, facts instead of
//! log text, and nothing left when the test ends.

mod command;
mod fault;
mod launch;
mod place;
mod said;

use std::path::Path;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

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
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::time::timeout;

use crate::socket::PATIENCE;

pub use command::Ended;
pub use command::Subcommand;
pub use command::begin;
pub use command::run;
pub use fault::Fault;
pub use launch::Failed;
pub use launch::Launch;
pub use launch::UNTHROTTLED;
pub use place::fixture;
pub use place::python;
use said::Said;

/// A running emulator. Dropping it kills it; what it started ends with it.
#[derive(Debug)]
pub struct Emulator {
    child: Child,
    said: Arc<Said>,
    ready: Value,
    data_dir: PathBuf,
    _temporary: Option<TempDir>,
}

impl Emulator {
    /// `ws://host:port/stage`.
    pub fn websocket(&self) -> &str {
        self.text("websocket")
    }

    /// `host:port`.
    pub fn authority(&self) -> &str {
        let console = self.text("console");
        let bare = console.split_once("://").map_or(console, |(_, bare)| bare);
        bare.split('/').next().unwrap_or_default()
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

    /// Sends a request to the console's API, with the token of the ready line.
    ///
    /// # Errors
    /// If the port does not answer.
    pub async fn api(&self, mut request: Request<String>) -> anyhow::Result<Response<Bytes>> {
        let token = self.text("token").parse()?;
        request.headers_mut().insert("x-gatepost-token", token);
        self.http(request).await
    }

    /// Gets a path.
    ///
    /// # Errors
    /// If the port does not answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Response<Bytes>> {
        self.http(Request::get(path).body(String::new())?).await
    }

    /// How everything is now: `GET /_gatepost/api/state`.
    ///
    /// # Errors
    /// If the console does not answer.
    pub async fn state(&self) -> anyhow::Result<Value> {
        let request = Request::get("/_gatepost/api/state").body(String::new())?;
        let answer = self.api(request).await?;
        anyhow::ensure!(answer.status() == 200, "{answer:?}");
        Ok(serde_json::from_slice(answer.body())?)
    }

    /// Puts its clock forward; the clock after it.
    ///
    /// # Errors
    /// If it does not do so.
    pub async fn advance(&self, by: Duration) -> anyhow::Result<Value> {
        let step = serde_json::json!({ "advance_ms": by.as_millis() });
        let request = Request::post("/_gatepost/api/clock")
            .header("content-type", "application/json")
            .body(step.to_string())?;
        let answer = self.api(request).await?;
        anyhow::ensure!(answer.status() == 200, "{answer:?}");
        Ok(serde_json::from_slice(answer.body())?)
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
