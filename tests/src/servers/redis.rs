//! One Redis server.

use tempfile::TempDir;

use super::process::Process;
use super::process::Start;
use super::process::free_port;

/// A Redis server that keeps nothing on disk. Starts in 0.2 s.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    extra: Vec<String>,
    folder: TempDir,
    process: Process,
}

impl Redis {
    /// Starts a server.
    ///
    /// # Panics
    ///
    /// Where redis-server is not installed or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(|_| Vec::new())
    }

    /// Starts a server with further arguments, given its port.
    pub(super) fn start_with(extra: impl Fn(u16) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut said = String::new();
        for _ in 0..5 {
            let port = free_port();
            let extra = extra(port);
            match run(port, &folder, &extra) {
                Start::Ready(process) => {
                    return Self {
                        port,
                        extra,
                        folder,
                        process,
                    };
                }
                Start::Ended(last) => said = last,
            }
        }
        panic!("redis-server does not start:\n{said}");
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process ID.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The port on which it meets other nodes of its cluster, the last of its arguments.
    pub(super) fn bus_port(&self) -> &str {
        self.extra.last().map_or("", String::as_str)
    }

    /// Its URL with a prefix for the keys.
    #[must_use]
    pub fn url(&self, prefix: &str) -> String {
        format!("redis://127.0.0.1:{}/?prefix={prefix}", self.port)
    }

    /// Stops it with SIGSTOP: it accepts connections and says nothing.
    pub fn freeze(&self) {
        self.process.freeze();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.process.thaw();
    }

    /// Kills it with SIGKILL: connections are refused.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Kills it, if it runs, and starts it again on the same port, empty.
    ///
    /// # Panics
    ///
    /// Where it does not start.
    pub fn restart(&mut self) {
        self.process.kill();
        match run(self.port, &self.folder, &self.extra) {
            Start::Ready(process) => self.process = process,
            Start::Ended(said) => panic!("redis-server does not start again:\n{said}"),
        }
    }
}

fn run(port: u16, folder: &TempDir, extra: &[String]) -> Start {
    let mut args: Vec<String> = [
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--port",
    ]
    .map(Into::into)
    .into();
    args.push(port.to_string());
    args.extend(["--dir".into(), folder.path().display().to_string()]);
    args.extend_from_slice(extra);
    Process::start(
        "redis-server",
        "redis-server",
        &args,
        "Ready to accept connections",
    )
}
