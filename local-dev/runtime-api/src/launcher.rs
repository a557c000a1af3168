//! The thread that starts processes, and the guard that outlives it.

use std::io;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::ChildStdin;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;

use tokio::process::Child;
use tokio::process::Command;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::config::Supervisor;
use crate::supervise::GUARD;

/// Starts processes on one thread of its own, which lives as long as any of them: Linux sends the
/// death signal of [`supervise`](crate::supervise()) when the *thread* ends that started a process,
/// and threads of an async runtime come and go.
#[derive(Debug, Clone)]
pub(crate) struct Launcher {
    orders: mpsc::Sender<Order>,
}

enum Order {
    Launch(Box<Command>, oneshot::Sender<io::Result<Child>>),
    Gone(u32),
    Close(oneshot::Sender<()>),
}

impl Launcher {
    /// Starts the thread and the guard. Needs a tokio runtime.
    pub(crate) fn start(supervisor: &Supervisor) -> io::Result<Self> {
        let (orders, received) = mpsc::channel();
        let (started, start) = mpsc::channel();
        let runtime = Handle::current();
        let supervisor = supervisor.clone();
        thread::Builder::new()
            .name("launcher".to_owned())
            .spawn(move || {
                // Here and not by the caller: the guard, too, is a child of this thread.
                match start_guard(&supervisor) {
                    Ok(guard) => {
                        let _ = started.send(Ok(()));
                        obey(&runtime, &received, guard);
                    }
                    Err(error) => drop(started.send(Err(error))),
                }
            })?;
        start
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the launcher's thread ended")))?;
        Ok(Self { orders })
    }

    /// Starts a process in a group of its own.
    pub(crate) async fn launch(&self, command: Command) -> io::Result<Child> {
        let (reply, started) = oneshot::channel();
        let closed = || io::Error::other("the emulator is stopping");
        self.orders
            .send(Order::Launch(Box::new(command), reply))
            .map_err(|_| closed())?;
        started.await.map_err(|_| closed())?
    }

    /// Tells that no process of a group is left.
    pub(crate) fn gone(&self, group: u32) {
        // The thread is there unless it was closed, and then the guard is gone, too.
        let _ = self.orders.send(Order::Gone(group));
    }

    /// Ends the thread and the guard.
    pub(crate) async fn close(&self) {
        let (closed, wait) = oneshot::channel();
        if self.orders.send(Order::Close(closed)).is_ok() {
            let _ = wait.await;
        }
    }
}

struct Guard {
    process: std::process::Child,
    lines: ChildStdin,
}

fn start_guard(supervisor: &Supervisor) -> io::Result<Guard> {
    let mut process = std::process::Command::new(&supervisor.program)
        .args(&supervisor.arguments)
        .arg(GUARD)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A terminal sends Ctrl-C to the foreground group: the guard must outlive that.
        .process_group(0)
        .spawn()?;
    let lines = process.stdin.take().expect("its standard input is a pipe");
    Ok(Guard { process, lines })
}

fn obey(runtime: &Handle, orders: &mpsc::Receiver<Order>, mut guard: Guard) {
    let _entered = runtime.enter();
    let mut closed = None;
    for order in orders {
        match order {
            Order::Launch(mut command, reply) => {
                let child = command.spawn();
                if let Some(pid) = child.as_ref().ok().and_then(Child::id) {
                    tell(&mut guard, '+', pid);
                }
                // Nobody waits any more: dropping the child kills it.
                drop(reply.send(child));
            }
            Order::Gone(pid) => tell(&mut guard, '-', pid),
            Order::Close(reply) => {
                closed = Some(reply);
                break;
            }
        }
    }
    drop(guard.lines);
    let _ = guard.process.wait();
    if let Some(closed) = closed {
        let _ = closed.send(());
    }
}

/// Without a guard, because somebody killed it, the death signal still holds: not worth a word.
fn tell(guard: &mut Guard, sign: char, pid: u32) {
    let _ = guard.lines.write_all(format!("{sign}{pid}\n").as_bytes());
}
