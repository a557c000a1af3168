//! An emulator as a person starts it, without `--json`: facts that nobody reads are not written.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use http::Request;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Child;

use super::cpu;
use crate::emulator::UNTHROTTLED;

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running emulator on the measured side's CPU; killed when dropped.
#[derive(Debug)]
pub struct Plain {
    /// `ws://host:port/local`.
    pub websocket: String,
    /// Its process ID.
    pub pid: u32,
    port: u16,
    _child: Child,
    data: TempDir,
}

/// Starts `gatepost dev` with release binaries that are built, and waits until every function is
/// ready.
///
/// # Errors
/// If it does not become ready.
pub async fn start(release: &Path, template: &Path, arguments: &[&str]) -> anyhow::Result<Plain> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let data = tempfile::tempdir()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the workspace")?;
    let child = cpu::pinned(&release.join("gatepost"))
        .args([
            "dev",
            "--no-build",
            "--release",
            "--port",
            &port.to_string(),
        ])
        .args(UNTHROTTLED)
        .arg("--template")
        .arg(template)
        .arg("--data-dir")
        .arg(data.path())
        .args(arguments)
        .env(
            "CARGO_TARGET_DIR",
            release.parent().context("the target folder")?,
        )
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("starting gatepost")?;
    let pid = child.id().context("its pid")?;
    let ready = async {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        while !is_ready(port).await.unwrap_or(false) {
            tick.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, ready)
        .await
        .context("gatepost does not become ready")?;
    let websocket = format!("ws://127.0.0.1:{port}/local");
    Ok(Plain {
        websocket,
        pid,
        port,
        _child: child,
        data,
    })
}

impl Plain {
    /// Invocations of all functions so far.
    ///
    /// # Errors
    /// If its console does not answer.
    pub async fn invocations(&self) -> anyhow::Result<u64> {
        let found = std::fs::read(self.data.path().join("emulator.json"))?;
        let found: Value = serde_json::from_slice(&found)?;
        let token = found["token"].as_str().context("a token")?;
        let answer = get(self.port, "/_gatepost/api/state", token).await?;
        let state = answer.into_body().collect().await?.to_bytes();
        let state: Value = serde_json::from_slice(&state)?;
        let functions = state["functions"].as_array().context("functions")?;
        let counts = functions.iter().map(|one| one["invocations"].as_u64());
        Ok(counts.map(Option::unwrap_or_default).sum())
    }
}

async fn is_ready(port: u16) -> anyhow::Result<bool> {
    Ok(get(port, "/_gatepost/health", "").await?.status() == 200)
}

async fn get(port: u16, path: &str, token: &str) -> anyhow::Result<Response<Incoming>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut client, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get(path)
        .header("host", format!("127.0.0.1:{port}"))
        .header("x-gatepost-token", token)
        .body(Empty::<Bytes>::new())?;
    Ok(client.send_request(request).await?)
}
