//! What holds for every function.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use gatepost_clock::Clock;
use uuid::Uuid;

use crate::fact::Fact;
use crate::fault::Faults;
use crate::file_system::FileSystem;

/// What holds for every function.
#[derive(Clone)]
pub struct Config {
    /// `AWS_REGION`, and part of ARNs.
    pub region: String,
    /// The account in ARNs: 12 digits.
    pub account: String,
    /// Variables of every function: credentials and endpoints. A function's own variables win over
    /// them, except those that Lambda reserves (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
    /// `AWS_SESSION_TOKEN` and the region).
    pub injected: BTreeMap<String, String>,
    /// What processes inherit of the emulator's own environment, for example `PATH` and `HOME`.
    /// Everything else wins over it.
    pub inherited: BTreeMap<OsString, OsString>,
    /// What processes find of the machine's files.
    pub file_system: FileSystem,
    /// How many environments may start or work at once; above it invocations queue, at most
    /// 10,000 callers a function. A function
    /// without any environment may always have one, so that a function which waits for another
    /// one does not wait for ever. [`Config::default_concurrency`] by default.
    pub concurrency: NonZeroUsize,
    /// How many environments can run at the same time: a function that is busy for less than a
    /// millisecond gets more only when these do not get on.
    pub processors: NonZeroUsize,
    /// Starts processes that end with this one.
    pub supervisor: Supervisor,
    /// By which retries are due and idle environments end. Timeouts, and the deadlines that
    /// functions are told, go by the machine's time, which is theirs.
    pub clock: Clock,
    /// A new identifier: request IDs, extension identifiers, names of log streams.
    pub new_id: Arc<dyn Fn() -> Uuid + Send + Sync>,
    /// Is told every fact, among them every line that functions print. Called where it happens and
    /// in the order in which it happens, with locks held: it must neither block nor call back.
    pub observer: Arc<dyn Fn(Fact) + Send + Sync>,
    /// Decides which faults are injected.
    pub faults: Arc<dyn Faults>,
}

impl Config {
    /// Those that the system lets this process use.
    pub fn available_processors() -> NonZeroUsize {
        std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
    }

    /// Four environments a processor: functions wait for databases more than they compute.
    pub fn default_concurrency() -> NonZeroUsize {
        Self::available_processors().saturating_mul(NonZeroUsize::MIN.saturating_add(3))
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither variables: they hold credentials.
        f.debug_struct("Config")
            .field("region", &self.region)
            .field("account", &self.account)
            .field("concurrency", &self.concurrency)
            .field("clock", &self.clock)
            .field("supervisor", &self.supervisor)
            .finish_non_exhaustive()
    }
}

/// A program whose `main` calls [`supervise`](crate::supervise()) with what follows `arguments`.
///
/// On Linux `/proc/self/exe` names the running program even after it was rebuilt or deleted.
#[derive(Debug, Clone)]
pub struct Supervisor {
    /// The program.
    pub program: PathBuf,
    /// What tells the program to call [`supervise`](crate::supervise()), for example a hidden
    /// subcommand.
    pub arguments: Vec<OsString>,
}
