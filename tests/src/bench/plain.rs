//! An emulator as a person starts it, without `--json`: facts that nobody reads are not written.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use http::Request;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
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
    _child: Child,
    _data: TempDir,
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
        _child: child,
        _data: data,
    })
}

async fn is_ready(port: u16) -> anyhow::Result<bool> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut client, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get("/_gatepost/health")
        .header("host", format!("127.0.0.1:{port}"))
        .body(Empty::<Bytes>::new())?;
    Ok(client.send_request(request).await?.status() == 200)
}
