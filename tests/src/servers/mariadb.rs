//! A MariaDB server.

use std::fs;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use sqlx::Connection;
use sqlx::Executor;
use tempfile::TempDir;

use super::process::Process;
use super::process::Start;
use super::process::free_port;
use super::unique_name;

/// Small files are quickly copied.
const SMALL: [&str; 2] = [
    "--innodb-log-file-size=4M",
    "--innodb-data-file-path=ibdata1:4M:autoextend",
];

/// The server takes one statement a line.
const USER: &str = "create user if not exists gatepost@'127.0.0.1' identified by 'gatepost';
grant all on *.* to gatepost@'127.0.0.1';
";

/// A MariaDB server that flushes every commit to the disk. Starts in about a second; the first on a
/// machine takes 5 s more, to make the folder that all others copy.
#[derive(Debug)]
pub struct MariaDb {
    port: u16,
    extra: Vec<String>,
    folder: TempDir,
    process: Process,
}

impl MariaDb {
    /// Starts a server.
    ///
    /// # Panics
    ///
    /// Where mariadb-server is not installed or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(Vec::new())
    }

    /// Starts a server with further options, which override ours.
    ///
    /// # Panics
    ///
    /// Where mariadb-server is not installed or does not start.
    #[must_use]
    pub fn start_with(extra: Vec<String>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let copied = Command::new("cp")
            .args(["-a", "--reflink=auto"])
            .arg(template())
            .arg(folder.path().join("data"))
            .status()
            .expect("cp starts");
        assert!(
            copied.success(),
            "the template of MariaDB's folder cannot be copied"
        );
        fs::write(folder.path().join("init.sql"), USER).expect("the folder was just made");
        let mut said = String::new();
        for _ in 0..5 {
            let port = free_port();
            match run(port, folder.path(), &extra) {
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
        panic!("mariadbd does not start:\n{said}");
    }

    /// Makes an empty database and answers its URL.
    ///
    /// # Panics
    ///
    /// Where the server does not answer.
    pub async fn database(&self) -> String {
        let name = unique_name();
        let url = |name: &str| {
            format!(
                "mysql://gatepost:gatepost@127.0.0.1:{}/{name}?ssl-mode=disabled",
                self.port
            )
        };
        let mut connection = sqlx::MySqlConnection::connect(&url(""))
            .await
            .expect("a server that is ready can be connected to");
        connection
            .execute(sqlx::AssertSqlSafe(format!("create database {name}")))
            .await
            .expect("the user may make databases");
        url(&name)
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

    /// Kills it, if it runs, and starts it again on the same port and folder.
    ///
    /// # Panics
    ///
    /// Where it does not start.
    pub fn restart(&mut self) {
        self.process.kill();
        match run(self.port, self.folder.path(), &self.extra) {
            Start::Ready(process) => self.process = process,
            Start::Ended(said) => panic!("mariadbd does not start again:\n{said}"),
        }
    }
}

fn run(port: u16, folder: &Path, extra: &[String]) -> Start {
    let in_folder = |option: &str, name: &str| format!("{option}={}", folder.join(name).display());
    let mut args = vec![
        // The first argument, or it is not heeded.
        String::from("--no-defaults"),
        in_folder("--datadir", "data"),
        in_folder("--socket", "socket"),
        in_folder("--pid-file", "pid"),
        in_folder("--init-file", "init.sql"),
        format!("--port={port}"),
        format!("--user={}", user()),
    ];
    let fixed = [
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        "--skip-log-bin",
        "--innodb-flush-log-at-trx-commit=1",
        "--innodb-buffer-pool-size=32M",
        "--performance-schema=off",
        "--max-connections=200",
    ];
    args.extend(fixed.into_iter().chain(SMALL).map(String::from));
    args.extend_from_slice(extra);
    Process::start("mariadbd", "mariadb-server", &args, "ready for connections")
}

/// Whom it runs as: as root it will not unless told.
fn user() -> String {
    if rustix::process::getuid().is_root() {
        return "root".into();
    }
    let output = Command::new("id").arg("-un").output().expect("id starts");
    String::from_utf8_lossy(&output.stdout).trim().into()
}

/// An installed, never started folder, made once on a machine for each version of the server.
fn template() -> PathBuf {
    let version = Command::new("mariadbd")
        .args(["--no-defaults", "--version"])
        .output()
        .expect("mariadbd is not installed: apt-get install mariadb-server");
    let version: String = String::from_utf8_lossy(&version.stdout)
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let cache = std::env::temp_dir().join(format!("gatepost-servers-{}", user()));
    fs::create_dir_all(&cache).expect("the temporary folder can be written");
    let template = cache.join(version);
    let lock = File::create(cache.join("lock")).expect("the temporary folder can be written");
    lock.lock().expect("a file can be locked");
    if template.exists() {
        return template;
    }
    let making = tempfile::tempdir_in(&cache).expect("the temporary folder can be written");
    let data = making.path().join("data");
    let installed = Command::new("mariadb-install-db")
        .arg("--no-defaults")
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--user={}", user()))
        .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
        .args(SMALL)
        .output()
        .expect("mariadb-install-db is not installed: apt-get install mariadb-server");
    assert!(
        installed.status.success(),
        "mariadb-install-db: {}",
        String::from_utf8_lossy(&installed.stderr)
    );
    fs::rename(&data, &template).expect("both are in one folder");
    template
}
