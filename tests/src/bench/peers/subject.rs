//! An emulator under measurement.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use tempfile::TempDir;
use tokio::process::Child;
use tokio::process::Command;

use super::super::cpu;
use crate::emulator::UNTHROTTLED;
use crate::socket::Socket;

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks whether it accepts connections.
const LOOK: Duration = Duration::from_millis(5);

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// gatepost with a Rust function.
    Rust,
    /// gatepost with the Node function.
    Node,
    /// serverless-offline as it is by default: functions in worker threads.
    Worker,
    /// serverless-offline with functions in its own thread.
    InProcess,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Rust, Self::Node, Self::Worker, Self::InProcess];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rust => "gatepost_rust_function",
            Self::Node => "gatepost_node_function",
            Self::Worker => "serverless_offline_worker",
            Self::InProcess => "serverless_offline_in_process",
        }
    }

    /// Whether its function answers the connection's ID, so that it can be posted to.
    pub(super) fn answers_ids(self) -> bool {
        self != Self::Rust
    }

    fn is_ours(self) -> bool {
        matches!(self, Self::Rust | Self::Node)
    }
}

/// A running emulator on the measured CPU; killed when dropped.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) kind: Kind,
    pub(super) websocket: String,
    /// Authority and path before `/@connections`.
    pub(super) management: (String, &'static str),
    /// From the start of the process to the first accepted WebSocket.
    pub(super) started_in_s: f64,
    pid: u32,
    _child: Child,
    _data: TempDir,
}

impl Subject {
    /// Starts it and waits until it accepts a connection.
    pub(super) async fn start(kind: Kind, release: &Path, folder: &Path) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let [port, http, lambda] = [free_port()?, free_port()?, free_port()?];
        let mut command = if kind.is_ours() {
            ours(kind, release, folder, port, data.path())
        } else {
            theirs(kind, folder, port, http, lambda)
        };
        let began = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", kind.name()))?;
        let path = if kind.is_ours() { "/local" } else { "" };
        let websocket = format!("ws://localhost:{port}{path}");
        let accepts = async {
            let mut look = tokio::time::interval(LOOK);
            while Socket::open(&websocket).await.is_err() {
                look.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, accepts)
            .await
            .with_context(|| format!("{} accepts no connection", kind.name()))?;
        Ok(Self {
            kind,
            websocket,
            management: (format!("localhost:{port}"), path),
            started_in_s: began.elapsed().as_secs_f64(),
            pid: child.id().context("its pid")?,
            _child: child,
            _data: data,
        })
    }

    /// Nanoseconds of CPU of it and all its processes.
    pub(super) fn cpu_ns(&self) -> anyhow::Result<u64> {
        Ok(cpu::of_tree(self.pid)?.values().sum())
    }

    /// Proportional set size of it and all its processes: a page that several share counts once.
    pub(super) fn memory_mib(&self) -> anyhow::Result<f64> {
        let mut kib = 0.0;
        for pid in cpu::of_tree(self.pid)?.keys() {
            // One may have ended meanwhile.
            let rollup =
                fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
            let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
            let pss = pss.and_then(|pss| pss.split_whitespace().next()?.parse::<f64>().ok());
            kib += pss.unwrap_or_default();
        }
        Ok(kib / 1024.0)
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // npm's shim starts node: the group, not only its first process.
        if let Some(group) = i32::try_from(self.pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

fn ours(kind: Kind, release: &Path, folder: &Path, port: u16, data: &Path) -> Command {
    let template = if kind == Kind::Rust {
        "rust.yaml"
    } else {
        "template.yaml"
    };
    let mut command = cpu::pinned(&release.join("gatepost"));
    command
        .args([
            "dev",
            "--no-build",
            "--release",
            "--port",
            &port.to_string(),
        ])
        .arg("--template")
        .arg(folder.join(template))
        .arg("--data-dir")
        .arg(data)
        .args(UNTHROTTLED)
        .env("CARGO_TARGET_DIR", release.parent().unwrap_or(release));
    command
}

fn theirs(kind: Kind, folder: &Path, port: u16, http: u16, lambda: u16) -> Command {
    let mut command = cpu::pinned(&folder.join("node_modules/.bin/serverless"));
    command
        .args(["offline", "--noPrependStageInUrl"])
        .args(["--websocketPort", &port.to_string()])
        .args(["--httpPort", &http.to_string()])
        .args(["--lambdaPort", &lambda.to_string()])
        .env("SLS_TELEMETRY_DISABLED", "1")
        .current_dir(folder);
    if kind == Kind::InProcess {
        command.arg("--useInProcess");
    }
    command
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
