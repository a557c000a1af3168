//! What happens, for logs, for the console and for tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The function's logical ID.
    pub function: Arc<str>,
    /// What happened.
    pub event: FactEvent,
}

/// An execution environment's number, from 1 in the order of starting.
pub type EnvironmentId = u64;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactEvent {
    /// The process of an environment runs.
    Spawned {
        /// Which.
        environment: EnvironmentId,
        /// Process and process group.
        pid: u32,
    },
    /// The Init phase is over: the environment waits for its first event.
    Initialized {
        /// Which.
        environment: EnvironmentId,
        /// Since the process was asked for.
        took: Duration,
    },
    /// The Init phase failed; [`FactEvent::Stopped`] follows.
    InitFailed {
        /// Which.
        environment: EnvironmentId,
        /// For a person: why.
        reason: String,
        /// The last lines of output, each of which was told as [`FactEvent::Printed`].
        printed: String,
    },
    /// An event was sent to the runtime.
    Started {
        /// To which.
        environment: EnvironmentId,
        /// The invocation.
        request_id: Uuid,
        /// Whether it is the environment's first.
        cold: bool,
        /// How long it waited for the environment.
        queued: Duration,
    },
    /// The caller got its answer; the environment may work on.
    Answered {
        /// By which.
        environment: EnvironmentId,
        /// The invocation.
        request_id: Uuid,
        /// Of a function error, its JSON's `errorType`, or `Unhandled` without one.
        error: Option<String>,
        /// Since [`FactEvent::Started`].
        took: Duration,
    },
    /// The runtime and every extension asked for the next event, or the process is gone.
    Ended {
        /// Of which.
        environment: EnvironmentId,
        /// The invocation.
        request_id: Uuid,
        /// Since [`FactEvent::Started`].
        took: Duration,
    },
    /// The environment listens for a process that somebody starts.
    Listening {
        /// Which.
        environment: EnvironmentId,
        /// Its `AWS_LAMBDA_RUNTIME_API`.
        address: SocketAddr,
    },
    /// That process is gone; the environment waits for the next one.
    Detached {
        /// Which.
        environment: EnvironmentId,
    },
    /// The processes of a ready environment were stopped: nothing runs in them.
    Frozen {
        /// Which.
        environment: EnvironmentId,
    },
    /// They go on, because an event or the end follows.
    Thawed {
        /// Which.
        environment: EnvironmentId,
    },
    /// A line that the function printed on standard output or error.
    Printed {
        /// Where.
        environment: EnvironmentId,
        /// The invocation during or after which it was printed; `None` in the Init phase.
        request_id: Option<Uuid>,
        /// Without its end; at most [`LINE_BYTES`](crate::LINE_BYTES) long, longer ones are
        /// split. What is not UTF-8 is replaced.
        line: String,
    },
    /// The most memory that the environment's first process has had: told when it stops, and as soon
    /// as that is more than the function's `MemorySize`.
    Memory {
        /// Which.
        environment: EnvironmentId,
        /// Peak of its resident memory, in MB of 1024 × 1024 bytes, rounded up.
        max_mb: u32,
        /// `MemorySize`: above it Lambda kills.
        limit_mb: u32,
    },
    /// No process of the environment's group is left.
    Stopped {
        /// Which.
        environment: EnvironmentId,
        /// Why.
        why: StopReason,
    },
    /// Reserved concurrency was used up.
    Throttled,
    /// An asynchronous invocation was accepted.
    Queued {
        /// The invocation.
        request_id: Uuid,
    },
    /// An attempt of an asynchronous invocation ended in a function error.
    AsyncFailed {
        /// The invocation.
        request_id: Uuid,
        /// From 1.
        attempt: u8,
        /// When it is tried again; `None` after the last attempt.
        retry_in: Option<Duration>,
    },
    /// An asynchronous invocation is over: it failed for good, or a destination gets a record of
    /// its success.
    AsyncEnded {
        /// The invocation.
        request_id: Uuid,
        /// How it ended.
        condition: Condition,
        /// Logical ID of the function that gets the record; without one a failed event is lost, as
        /// on Lambda.
        destination: Option<String>,
    },
    /// An invocation was refused, because the function called itself 16 times in a row.
    RecursionStopped,
}

/// How an asynchronous invocation ended. Lambda guide, "Capturing records of Lambda asynchronous
/// invocations".
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Condition {
    /// The function answered.
    Success,
    /// It failed, and is not tried again.
    RetriesExhausted,
    /// The event was not answered in time.
    EventAgeExceeded,
}

/// Why an environment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// Nothing to do for a while.
    Idle,
    /// A newer version of the function took its place.
    Replaced,
    /// An invocation took longer than the function's timeout.
    Timeout,
    /// The Init phase failed.
    Init,
    /// The process ended by itself: `exit status: 1`, `signal: 9 (SIGKILL)`.
    Exit(String),
    /// An extension reported an error, or the runtime hung up without ending.
    Broken,
    /// The emulator stops.
    Shutdown,
}

/// Why a function failed, with what it printed before.
#[must_use]
pub fn with_last_words(reason: String, printed: &str) -> String {
    match printed {
        "" => reason,
        _ => format!("{}; it printed: {printed}", reason.trim_end()),
    }
}
