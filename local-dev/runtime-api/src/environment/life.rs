//! From the start of the process to its end.

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process_group;
use tokio::net::TcpListener;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Child;
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Environment;
use super::http_api;
use super::state::NEVER;
use super::state::Runtime;
use super::state::State;
use super::state::Stopping;
use super::variables::variables;
use crate::fact::FactEvent;
use crate::fact::StopReason;
use crate::fact::with_last_words;
use crate::fault::Step;
use crate::file_system::FileSystem;
use crate::function_error;
use crate::function_error::FunctionError;
use crate::schedule::InitFailure;
use crate::supervise::LAUNCH;
use crate::supervise::LAUNCH_AS_ON_LAMBDA;

/// Lambda's Shutdown phase with an internal extension: SIGTERM, then this long until SIGKILL.
/// Without extensions there is no SIGTERM.
const SHUTDOWN: Duration = Duration::from_millis(500);
/// How long a process that reported an error may take to end by itself, so that its last lines of
/// output are not lost.
const AFTER_ERROR: Duration = Duration::from_millis(500);
/// How long answers and output that a process sent before it ended may take to be read. Only a
/// process that left the group can keep the other ends open.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Starts the process, serves it and watches it until it ends.
pub(super) async fn live(environment: Arc<Environment>) {
    let started = start(&environment).await;
    let failure = match started {
        Ok(running) => {
            let status = watch(&environment, running).await;
            environment.exited(status)
        }
        Err(error) => environment.not_started(&error),
    };
    environment.machine.gone(&environment, failure);
}

/// A process and what serves it.
struct Running {
    child: Child,
    pid: u32,
    server: JoinHandle<()>,
    close: oneshot::Sender<()>,
    output: JoinHandle<()>,
}

async fn start(environment: &Arc<Environment>) -> io::Result<Running> {
    let fault = environment.injected(Step::Init);
    if !fault.delay.is_zero() {
        tokio::time::sleep(fault.delay).await;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let spec = &environment.spec;
    let config = &environment.machine.config;
    let (reader, writer) = io::pipe()?;
    let temporary = environment.temporary();
    if let Some(folder) = &temporary {
        std::fs::create_dir_all(folder)?;
    }
    let reader = Receiver::from_owned_fd(reader.into())?;

    let mut command = Command::new(&config.supervisor.program);
    command.args(&config.supervisor.arguments);
    match &config.file_system {
        FileSystem::Machine { .. } => {
            command.arg(LAUNCH).arg(std::process::id().to_string());
        }
        FileSystem::Lambda { kept } => {
            command
                .arg(LAUNCH_AS_ON_LAMBDA)
                .arg(std::process::id().to_string())
                .arg(spec.tmp_mb.to_string())
                .arg(kept.len().to_string())
                .args(kept);
        }
    }
    command
        .arg(&spec.command.program)
        .args(&spec.command.arguments)
        .current_dir(&spec.command.folder)
        .env_clear()
        .envs(variables(
            config,
            spec,
            listener.local_addr()?,
            temporary.as_deref(),
        ))
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0)
        .kill_on_drop(true);
    let child = environment.machine.launcher.launch(command).await?;
    let pid = child
        .id()
        .ok_or_else(|| io::Error::other("the process ended at once"))?;

    let (close, closing) = oneshot::channel();
    let server = if fault.crashes() {
        // Nobody answers it: however quick it is, it dies in its Init phase.
        tokio::spawn(async move {
            let _unanswered = listener;
            let _ = closing.await;
        })
    } else {
        tokio::spawn(http_api::serve(environment.clone(), listener, closing))
    };
    let reading = environment.clone();
    let output = tokio::spawn(async move { reading.output.read(reader).await });
    environment.started(pid);
    if fault.crashes() {
        Environment::signal(&environment.state(), Signal::KILL);
    }
    Ok(Running {
        child,
        pid,
        server,
        close,
        output,
    })
}

/// Waits for the end of the process, and wakes the environment when something is due.
async fn watch(environment: &Arc<Environment>, mut running: Running) -> io::Result<ExitStatus> {
    let sleep = tokio::time::sleep_until(environment.arm());
    tokio::pin!(sleep);
    let mut advances = environment.machine.config.clock.advances();
    let status = loop {
        tokio::select! {
            status = running.child.wait() => break status,
            () = &mut sleep => {
                environment.wake();
                sleep.as_mut().reset(environment.arm());
            }
            () = environment.rearm.notified() => {
                let armed = environment.state().armed;
                sleep.as_mut().reset(armed);
            }
            // The clock lives as long as the machine.
            _ = advances.changed() => {
                environment.wake();
                sleep.as_mut().reset(environment.arm());
            }
        }
    };
    // What the process started may still run. Its ID is free now, but nothing can have taken it
    // in so short a time: the system hands out all others first.
    environment.kill_group();
    // What it said before it ended counts: a response may be on its way.
    let _ = running.close.send(());
    let last_words = async {
        let _ = (&mut running.server).await;
        let _ = (&mut running.output).await;
    };
    let _ = tokio::time::timeout(LAST_WORDS, last_words).await;
    running.server.abort();
    running.output.abort();
    environment.machine.launcher.gone(running.pid);
    if let Some(folder) = environment.temporary() {
        // What a process of another user wrote there may stay.
        let _ = std::fs::remove_dir_all(folder);
    }
    status
}

impl Environment {
    /// Its own folder for temporary files, when `/tmp` is every environment's.
    fn temporary(&self) -> Option<PathBuf> {
        match &self.machine.config.file_system {
            FileSystem::Machine {
                temporary: Some(folder),
            } => Some(folder.join(format!("{}-{}", self.spec.id, self.id))),
            FileSystem::Machine { temporary: None } | FileSystem::Lambda { .. } => None,
        }
    }

    fn started(&self, pid: u32) {
        let mut state = self.state();
        state.group = i32::try_from(pid).ok().and_then(Pid::from_raw);
        self.reporter.tell(FactEvent::Spawned {
            environment: self.id,
            pid,
        });
        if state.stopping.is_some() {
            Self::signal(&state, Signal::KILL);
        }
    }

    pub(super) fn not_started(&self, error: &io::Error) -> Option<InitFailure> {
        let folder = self.spec.command.folder.display();
        let reason = format!("the process could not be started in {folder}: {error}");
        self.reporter.tell(FactEvent::InitFailed {
            environment: self.id,
            reason: reason.clone(),
            printed: String::new(),
        });
        self.reporter.tell(FactEvent::Stopped {
            environment: self.id,
            why: StopReason::Init,
        });
        Some(InitFailure {
            error: FunctionError::Entrypoint(reason.clone()),
            reason,
        })
    }

    /// The moment until which the watcher sleeps, when it has done what was due.
    fn arm(&self) -> Instant {
        let mut state = self.state();
        state.armed = state.due(&self.machine.config.clock);
        state.armed
    }

    /// Wakes the watcher at `due` if it sleeps beyond that. It may then find that nothing is due
    /// any more: that costs less than to wake it twice an invocation.
    pub(super) fn rearm_for(&self, state: &mut State, due: Instant) {
        if due < state.armed {
            state.armed = due;
            self.rearm.notify_one();
        }
    }

    /// Does what is due.
    fn wake(self: &Arc<Self>) {
        let clock = &self.machine.config.clock;
        let mut state = self.state();
        if state.due(clock) > Instant::now() {
            return;
        }
        if let Some(stopping) = &mut state.stopping {
            stopping.kill_at = None;
            Self::signal(&state, Signal::KILL);
        } else if state.current.is_some() {
            let error = FunctionError::Timeout(self.spec.timeout);
            self.answer_error(&mut state, &error);
            Self::stop_now(&mut state, StopReason::Timeout);
        } else if !state.initialized {
            let limit = state.init_deadline - state.created;
            state.failure = Some(FunctionError::Timeout(limit));
            Self::stop_now(&mut state, StopReason::Init);
        } else {
            // An event may be on its way here: the schedule decides.
            state.idle_since = clock.uptime_ms();
            drop(state);
            self.machine.reap(self);
        }
    }

    /// Ends it. A ready environment with an extension may clean up; all others are killed.
    pub(crate) fn stop(&self, why: StopReason) {
        if self.is_attached() {
            return self.stop_listening(why);
        }
        let mut state = self.state();
        self.weigh(&mut state);
        if state.ready && !state.extensions.is_empty() && state.stopping.is_none() {
            self.thaw(&mut state);
            Self::signal(&state, Signal::TERM);
            self.stop_at(&mut state, why, Instant::now() + SHUTDOWN);
        } else {
            Self::stop_now(&mut state, why);
        }
    }

    /// Ends it soon, unless it does so by itself: it reported `failure`.
    pub(super) fn fail(&self, state: &mut State, failure: FunctionError) {
        if self.is_attached() {
            // The next process that somebody starts may do better.
            return self.reporter.tell(FactEvent::InitFailed {
                environment: self.id,
                reason: init_reason(&failure, "by itself"),
                printed: String::new(),
            });
        }
        let why = if state.initialized {
            StopReason::Broken
        } else {
            StopReason::Init
        };
        state.failure.get_or_insert(failure);
        self.stop_at(state, why, Instant::now() + AFTER_ERROR);
    }

    pub(super) fn stop_now(state: &mut State, why: StopReason) {
        state
            .stopping
            .get_or_insert(Stopping { why, kill_at: None })
            .kill_at = None;
        Self::signal(state, Signal::KILL);
    }

    fn stop_at(&self, state: &mut State, why: StopReason, kill_at: Instant) {
        state.stopping.get_or_insert(Stopping {
            why,
            kill_at: Some(kill_at),
        });
        self.rearm_for(state, kill_at);
    }

    /// To every process of the group, if it runs.
    pub(super) fn signal(state: &State, signal: Signal) {
        if let Some(group) = state.group {
            // It may have ended this moment.
            let _ = kill_process_group(group, signal);
        }
    }

    fn kill_group(&self) {
        let mut state = self.state();
        Self::signal(&state, Signal::KILL);
        state.group = None;
    }

    /// Settles what is open. A failure of the Init phase, if it never was over.
    pub(super) fn exited(&self, status: io::Result<ExitStatus>) -> Option<InitFailure> {
        let mut state = self.state();
        let (exit, ended) = match status {
            Ok(status) => (FunctionError::exit(status), status.to_string()),
            Err(error) => (
                FunctionError::Exit(Some(error.to_string())),
                error.to_string(),
            ),
        };
        let error = state.failure.take().unwrap_or(exit);
        self.answer_error(&mut state, &error);
        self.end_current(&mut state);
        state.ready = false;
        state.runtime = Runtime::InitError;
        let requested = state.stopping.take().map(|stopping| stopping.why);
        let failure = match &requested {
            _ if state.initialized => None,
            None | Some(StopReason::Init) => Some(self.init_failure(error, &ended)),
            Some(_) => None,
        };
        // Nothing is due any more.
        state.init_deadline = state.created + NEVER;
        let why = match (requested, &failure) {
            (None, None) => StopReason::Exit(ended),
            (None, Some(_)) => StopReason::Init,
            (Some(why), _) => why,
        };
        self.tell_memory(&state);
        self.reporter.tell(FactEvent::Stopped {
            environment: self.id,
            why,
        });
        failure
    }

    fn init_failure(&self, error: FunctionError, ended: &str) -> InitFailure {
        let reason = init_reason(&error, ended);
        let printed = String::from_utf8_lossy(&self.output.tail())
            .trim()
            .to_owned();
        self.reporter.tell(FactEvent::InitFailed {
            environment: self.id,
            reason: reason.clone(),
            printed: printed.clone(),
        });
        let reason = with_last_words(reason, &printed);
        InitFailure { error, reason }
    }
}

/// Why the Init phase failed, for a person; `ended` is how the process did.
fn init_reason(error: &FunctionError, ended: &str) -> String {
    match error {
        FunctionError::Timeout(limit) => {
            format!(
                "it did not ask for an event within {:.1} s",
                limit.as_secs_f64()
            )
        }
        FunctionError::Reported(json) => function_error::sentence(json),
        FunctionError::Extension(kind, reported) => {
            format!("an extension reported {kind}: {reported}")
        }
        FunctionError::Exit(_)
        | FunctionError::TooLarge(_)
        | FunctionError::InvalidResponseMode
        | FunctionError::BrokenOff(_)
        | FunctionError::Removed(_)
        | FunctionError::Entrypoint(_) => {
            format!("it ended ({ended}) before it asked for an event")
        }
    }
}
