//! Where an environment is between Init, Ready and Busy.

use std::time::Duration;

use bytes::Bytes;
use gatepost_clock::Clock;
use http::HeaderValue;
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use crate::chain::Chain;
use crate::event::Reply;
use crate::fact::StopReason;
use crate::function_error::FunctionError;

/// Where an environment is.
///
/// *Ready* is when the runtime and every registered extension wait for the next event; before the
/// first time it is in *Init*, later *Busy*. Lambda guide, "Using the Lambda Extensions API": the
/// Init and the Invoke phase end when "the runtime and all extensions signal completion by sending
/// a Next API request".
#[derive(Debug)]
pub(super) struct State {
    pub(super) runtime: Runtime,
    pub(super) extensions: Vec<Extension>,
    pub(super) initialized: bool,
    pub(super) ready: bool,
    /// The invocation from its event until ready.
    pub(super) current: Option<Current>,
    /// Whether an event was ever sent.
    pub(super) warm: bool,
    pub(super) created: Instant,
    /// When the Init phase ends at the latest.
    pub(super) init_deadline: Instant,
    /// Since when it is ready, in milliseconds of the emulator's clock.
    pub(super) idle_since: u64,
    pub(super) frozen: bool,
    /// Open connections to its listener; counted only of an attached process.
    pub(super) connections: usize,
    /// Once there were none, and nothing was answered since: the process that comes now may be
    /// another one.
    pub(super) abandoned: bool,
    /// The most memory that was seen, in MB; 0 while none was.
    pub(super) max_memory_mb: u32,
    /// That it has more memory than it may was told.
    pub(super) over_memory: bool,
    /// When its memory is looked at again.
    pub(super) weigh_at: Instant,
    /// Process and process group, once it runs.
    pub(super) group: Option<rustix::process::Pid>,
    pub(super) stopping: Option<Stopping>,
    /// What an invocation without an answer is answered when the process ends, if it is not that
    /// the process ended.
    pub(super) failure: Option<FunctionError>,
    /// Until when its watcher sleeps.
    pub(super) armed: Instant,
}

/// What the runtime did last.
#[derive(Debug)]
pub(super) enum Runtime {
    Started,
    InitError,
    /// It waits for an event.
    Ready(oneshot::Sender<Delivery>),
    /// It works on one.
    Running,
    ResponseSent,
}

impl Runtime {
    /// The state's name in error messages of the Runtime API.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::InitError => "InitError",
            Self::Ready(_) => "Ready",
            Self::Running => "Running",
            Self::ResponseSent => "ResponseSent",
        }
    }
}

/// A registered extension: one of the function's own process, for no others are started.
#[derive(Debug)]
pub(super) struct Extension {
    pub(super) name: String,
    pub(super) identifier: Uuid,
    /// Whether it gets a notice of each invocation.
    pub(super) invoke: bool,
    pub(super) waiting: Option<oneshot::Sender<Notice>>,
}

/// What an extension is told of an invocation.
#[derive(Debug)]
pub(super) struct Notice {
    pub(super) request_id: Uuid,
    pub(super) deadline_ms: u64,
    pub(super) trace: HeaderValue,
}

/// What the runtime is told of an invocation.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) request_id: Uuid,
    /// Of this attempt alone.
    pub(super) invocation_id: Uuid,
    pub(super) payload: Bytes,
    pub(super) client_context: Option<HeaderValue>,
    pub(super) deadline_ms: u64,
    pub(super) trace: HeaderValue,
}

/// The invocation that an environment works on.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) delivery: Delivery,
    /// What led to it.
    pub(super) chain: Option<Box<Chain>>,
    /// `None` after the answer.
    pub(super) reply: Option<Reply>,
    pub(super) started: Instant,
    pub(super) deadline: Instant,
}

/// An environment that ends.
#[derive(Debug)]
pub(super) struct Stopping {
    pub(super) why: StopReason,
    /// When it is killed; `None` once it was.
    pub(super) kill_at: Option<Instant>,
}

/// How long an environment waits for its next event: 5 minutes. Lambda keeps them for minutes and
/// promises nothing.
const REAP_AFTER_MS: u64 = 5 * 60 * 1000;

/// For something that never comes: far away, and not too far for arithmetic.
pub(super) const NEVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

impl State {
    pub(super) fn new(now: Instant, init_limit: Duration) -> Self {
        Self {
            runtime: Runtime::Started,
            extensions: Vec::new(),
            initialized: false,
            ready: false,
            current: None,
            warm: false,
            created: now,
            init_deadline: now + init_limit,
            idle_since: 0,
            frozen: false,
            connections: 0,
            abandoned: false,
            max_memory_mb: 0,
            over_memory: false,
            weigh_at: now,
            group: None,
            stopping: None,
            failure: None,
            armed: now,
        }
    }

    /// Back to the Init phase, for another process.
    pub(super) fn reset(&mut self, now: Instant) {
        self.runtime = Runtime::Started;
        self.extensions.clear();
        self.initialized = false;
        self.ready = false;
        self.current = None;
        self.warm = false;
        self.created = now;
        self.abandoned = false;
        self.failure = None;
    }

    /// Whether the runtime and every extension wait.
    pub(super) fn all_wait(&self) -> bool {
        matches!(self.runtime, Runtime::Ready(_))
            && self
                .extensions
                .iter()
                .all(|extension| extension.waiting.is_some())
    }

    /// When it ends because no event came, unless the clock is put forward.
    pub(super) fn idle_until(&self, clock: &Clock) -> Instant {
        clock.moment_of(self.idle_since + REAP_AFTER_MS)
    }

    /// When something happens by itself.
    pub(super) fn due(&self, clock: &Clock) -> Instant {
        match (&self.stopping, &self.current) {
            (Some(Stopping { kill_at, .. }), _) => kill_at.unwrap_or(self.created + NEVER),
            (None, Some(current)) => current.deadline,
            (None, None) if !self.initialized => self.init_deadline,
            (None, None) => self.idle_until(clock),
        }
    }
}
