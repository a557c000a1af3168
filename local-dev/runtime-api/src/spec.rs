//! What the pool is told of a function, and what an invocation comes to.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

/// A function as the pool runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSpec {
    /// Logical ID: how it is called here.
    pub id: String,
    /// `FunctionName`: what is in its ARN and in `AWS_LAMBDA_FUNCTION_NAME`.
    pub name: String,
    /// The command of a process.
    pub command: Command,
    /// Where its Runtime API listens for a process that somebody else starts, in a debugger for
    /// example; `command` names only the folder then. There is one environment at a time, which
    /// neither times out nor is frozen.
    pub attach: Option<SocketAddr>,
    /// Its own variables. The process finds besides them what Lambda sets and what
    /// [`Config`](crate::Config) names, nothing else.
    pub environment: BTreeMap<String, String>,
    /// `Runtime`, for `AWS_EXECUTION_ENV`; `provided…` leaves that variable out, as Lambda does.
    pub runtime: String,
    /// `Handler`, for `_HANDLER`.
    pub handler: String,
    /// `MemorySize` in MB: told to the function, not enforced.
    pub memory_mb: u32,
    /// `EphemeralStorage` in MB: the size of `/tmp` with
    /// [`FileSystem::Lambda`](crate::FileSystem::Lambda).
    pub tmp_mb: u32,
    /// Limit of a whole invocation, from the event to ready.
    pub timeout: Duration,
    /// Throttles above this many at once.
    pub reserved_concurrency: Option<u32>,
    /// `MaximumRetryAttempts` of asynchronous invocations: 0 to 2.
    pub retry_attempts: u8,
    /// `MaximumEventAgeInSeconds`: an asynchronous event that is older is dropped.
    pub maximum_event_age: Duration,
    /// The function, by its logical ID, that gets a record of each asynchronous invocation that
    /// succeeded.
    pub on_success: Option<String>,
    /// The function that gets a record of each that failed for good.
    pub on_failure: Option<String>,
    /// Names of its aliases: `Qualifier`s beside `$LATEST`.
    pub aliases: BTreeSet<String>,
    /// `RecursiveLoop: Allow`: it may call itself without end.
    pub may_recurse: bool,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program, absolute.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The working directory: `LAMBDA_TASK_ROOT`.
    pub folder: PathBuf,
}

/// What a synchronous invocation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The function's response.
    Response(Bytes),
    /// A function error and its JSON: `errorType`, `errorMessage`, `stackTrace`.
    FunctionError(Bytes),
}

/// Why a function could not be invoked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// Reserved concurrency is used up, or 10,000 callers wait already: `TooManyRequestsException`.
    #[error("{0} is throttled: its reserved concurrency is used up, or too many callers wait")]
    Throttled(String),
    /// No such function: `ResourceNotFoundException`.
    #[error("there is no function {0}")]
    NotFound(String),
    /// It called itself 16 times in a row, directly or through others: `RecursiveInvocationException`.
    #[error("{0} called itself 16 times in a row and was stopped")]
    Recursive(String),
    /// The payload is larger than 6 MiB (synchronous) or 1 MiB (asynchronous).
    #[error("the payload is {0} bytes long")]
    TooLarge(usize),
    /// The emulator is stopping.
    #[error("the emulator is stopping")]
    Stopping,
}
