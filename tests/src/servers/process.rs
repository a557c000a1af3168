//! A server's process: started, waited for, stopped, killed.

use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::net::TcpListener;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::OnceLock;
use std::sync::mpsc;
use std::sync::mpsc::Sender;
use std::thread;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::WaitOptions;
use rustix::process::kill_process;
use rustix::process::waitpid;

/// A running server; killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
}

/// What came of starting a server.
pub(super) enum Start {
    /// It said that it is ready.
    Ready(Process),
    /// It ended before; perhaps another took its port. What it said last.
    Ended(String),
}

impl Process {
    /// Its process ID.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Starts a server and reads what it says until a line holds `ready`.
    ///
    /// # Panics
    ///
    /// Where the program is not installed, with what to install.
    pub(super) fn start(program: &str, package: &str, args: &[String], ready: &str) -> Start {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = spawn(command).expect("setpriv of util-linux starts");
        let (lines, said) = mpsc::channel();
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        // Read to the end, so that a full pipe never holds the server up.
        read_lines(stdout, lines.clone());
        read_lines(stderr, lines);
        let mut last = Vec::new();
        for line in said {
            if line.contains(ready) {
                return Start::Ready(Self { child });
            }
            assert!(
                !line.contains("failed to execute"),
                "{program} is not installed: apt-get install {package}"
            );
            last.push(line);
        }
        let _ = child.wait();
        Start::Ended(last.split_off(last.len().saturating_sub(20)).join("\n"))
    }

    /// Stops it, and waits until the last of its threads has stopped: the signal alone returns
    /// while others still answer.
    pub(super) fn freeze(&self) {
        self.signal(Signal::STOP);
        waitpid(Some(Pid::from_child(&self.child)), WaitOptions::UNTRACED)
            .expect("the server is a child of this process");
    }

    /// Lets it go on.
    pub(super) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal)
            .expect("the server has not been waited for, so its pid is its own");
    }

    /// Ends it at once, as a crash would.
    pub(super) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn read_lines(from: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            // Nobody listens once the server is ready.
            let _ = lines.send(line);
        }
    });
}

/// A command to start and where to answer.
type Request = (Command, Sender<io::Result<Child>>);

/// Starts a process from a thread that lives as long as this process: the kernel takes the end of
/// the thread that started a child for the end of its parent (prctl(2), `PR_SET_PDEATHSIG`).
fn spawn(command: Command) -> io::Result<Child> {
    static STARTER: OnceLock<Sender<Request>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (requests, to_start) = mpsc::channel::<Request>();
        thread::spawn(move || {
            for (mut command, answer) in to_start {
                let _ = answer.send(command.spawn());
            }
        });
        requests
    });
    let (answer, started) = mpsc::channel();
    starter
        .send((command, answer))
        .expect("the thread lives as long as the process");
    started.recv().expect("the thread answers every request")
}

/// A port that is free now and that the system does not give to outgoing connections: those begin
/// at 32768.
pub(super) fn free_port() -> u16 {
    loop {
        let random = getrandom::u32().expect("the system draws random numbers") % 20_000;
        let port = 12_000 + u16::try_from(random).expect("is below 20,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
