//! The facts themselves: what `--json` prints and the console shows.
//!
//! No fact holds a message's body, a payload, a token or a client's address; a line that a
//! function printed is passed on as it is, and of a message that has no route the beginning of the
//! key that it named is told.

use gatepost_gateway::Cause;
use gatepost_gateway::Id;
use gatepost_runtime_api::Condition;
use serde::Serialize;

use crate::console::Token;
use crate::credentials::Credentials;
use crate::overview::StageRow;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Fact {
    /// When in the emulated world, in milliseconds since 1970.
    pub(crate) at: u64,
    /// What.
    #[serde(flatten)]
    pub(crate) kind: Kind,
}

/// What happened, by the name in `event`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A handshake was refused.
    Refused {
        /// The id that the connection would have had.
        connection: Id,
        /// HTTP status that the client got.
        status: u16,
        /// Why.
        why: String,
    },
    /// A connection is established.
    Connected {
        /// Its id.
        connection: Id,
        /// The name of its stage, which tells its API, too.
        stage: String,
        /// The subprotocol that `$connect` chose.
        #[serde(skip_serializing_if = "Option::is_none")]
        subprotocol: Option<String>,
        /// `principalId` of the authorizer.
        #[serde(skip_serializing_if = "Option::is_none")]
        principal: Option<String>,
    },
    /// A message of a client arrived.
    Received {
        /// The connection.
        connection: Id,
        /// `requestId` of its event.
        request: Id,
        /// The route it takes; absent when there is none.
        #[serde(skip_serializing_if = "Option::is_none")]
        route: Option<String>,
        /// Its length.
        bytes: usize,
    },
    /// A message of a client or a call of `@connections` was one too many.
    RequestThrottled {
        /// The connection.
        connection: Id,
        /// `requestId` of the message's event; absent for `@connections`.
        #[serde(skip_serializing_if = "Option::is_none")]
        request: Option<Id>,
        /// Which of the quotas of `--quota`.
        quota: &'static str,
    },
    /// A route's function (or the authorizer) was called for a connection.
    Routed {
        /// The connection.
        connection: Id,
        /// `requestId` of its event.
        request: Id,
        /// The route key, or `authorizer`.
        route: String,
        /// Logical ID of the function.
        function: String,
        /// What came of it.
        outcome: Result,
        /// How long the gateway waited.
        duration_ms: f64,
    },
    /// An integration that is no function was called for a connection.
    Integrated {
        /// The connection.
        connection: Id,
        /// `requestId` of its event.
        request: Id,
        /// The route key.
        route: String,
        /// `MOCK`, or method and URL without its query.
        calls: String,
        /// The status of the answer; absent when there is none.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// Why there is no answer.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        /// How long the gateway waited.
        duration_ms: f64,
    },
    /// A function answered, whoever called it.
    Invoked {
        /// Logical ID.
        function: String,
        /// `AwsRequestId`.
        request: String,
        /// Which of the function's environments, from 1.
        environment: u64,
        /// Whether it was the environment's first event.
        cold: bool,
        /// What came of it.
        outcome: Result,
        /// `errorType` of a function error.
        #[serde(skip_serializing_if = "Option::is_none")]
        error_type: Option<String>,
        /// How long it waited for an environment.
        queued_ms: f64,
        /// From the event to the answer.
        duration_ms: f64,
    },
    /// A post to `@connections` went to a client.
    Posted {
        /// The connection.
        connection: Id,
        /// Its length.
        bytes: usize,
    },
    /// A route response went to a client.
    Answered {
        /// The connection.
        connection: Id,
        /// `requestId` of the event it answers.
        request: Id,
        /// Its length.
        bytes: usize,
    },
    /// The gateway told a client of an error.
    ErrorSent {
        /// The connection.
        connection: Id,
        /// `requestId` of the event.
        request: Id,
        /// The route key; absent when there is none.
        #[serde(skip_serializing_if = "Option::is_none")]
        route: Option<String>,
        /// `no_route`, `no_target`, `not_emulated`, `model`, `throttled`, `not_invoked`,
        /// `function_error`, `timed_out`, `answer` or `integration`.
        #[serde(serialize_with = "name_of_cause")]
        cause: Cause,
        /// The same for a person.
        why: String,
        /// What the client is told.
        message: String,
        /// Length of the frame.
        bytes: usize,
    },
    /// A message for a client was refused.
    NotSent {
        /// The connection.
        connection: Id,
        /// Its length.
        bytes: usize,
        /// `gone` or `client does not read`.
        why: &'static str,
    },
    /// A request's signature does not hold.
    BadSignature {
        /// `execute-api` (`@connections`, and handshakes with `AWS_IAM`) or `lambda` (Invoke).
        service: &'static str,
        /// `missing`, `incomplete`, `expired`, `not_yet_current`, `scope`, `unknown_key` or
        /// `mismatch`.
        cause: &'static str,
        /// How many of this cause there were in this start, this one included.
        count: u64,
        /// Whether the request was refused for it: `--sigv4 strict`, or `AWS_IAM`.
        refused: bool,
    },
    /// A connection ended.
    Disconnected {
        /// The connection.
        connection: Id,
        /// `disconnectStatusCode`.
        code: u16,
        /// `disconnectReason`.
        reason: String,
        /// Who ended it.
        by: ByWhom,
    },
    /// An environment is ready for its first event.
    EnvironmentStarted {
        /// Logical ID of the function.
        function: String,
        /// Which of the function's environments, from 1.
        environment: u64,
        /// Its process and process group.
        pid: u32,
        /// From the start of the process.
        init_ms: f64,
    },
    /// No process of an environment is left.
    EnvironmentStopped {
        /// Logical ID of the function.
        function: String,
        /// Which.
        environment: u64,
        /// Why: `idle`, `replaced`, `timeout`, `init failed`, `exit status: 1`, `broken`,
        /// `shutdown`.
        why: String,
    },
    /// An environment of a function failed: it did not start, ended by itself, or ran out of time.
    FunctionFailed {
        /// Logical ID.
        function: String,
        /// What went wrong, for a person.
        message: String,
    },
    /// An invocation was refused: reserved concurrency is used up, or too many callers wait.
    Throttled {
        /// Logical ID.
        function: String,
    },
    /// An asynchronous invocation was accepted.
    Queued {
        /// Logical ID.
        function: String,
        /// `AwsRequestId`.
        request: String,
    },
    /// An attempt of an asynchronous invocation failed.
    AttemptFailed {
        /// Logical ID.
        function: String,
        /// `AwsRequestId`.
        request: String,
        /// From 1.
        attempt: u8,
        /// When it is tried again; absent when it is not.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_in_ms: Option<f64>,
    },
    /// An asynchronous invocation is over.
    AsyncEnded {
        /// Logical ID.
        function: String,
        /// `AwsRequestId`.
        request: String,
        /// `Success`, `RetriesExhausted` or `EventAgeExceeded`.
        condition: Condition,
        /// Logical ID of the function that gets a record of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        destination: Option<String>,
    },
    /// An attached function listens for a process that somebody starts.
    Listening {
        /// Logical ID.
        function: String,
        /// `AWS_LAMBDA_RUNTIME_API` of that process.
        runtime_api: String,
    },
    /// That process is gone.
    Detached {
        /// Logical ID.
        function: String,
    },
    /// How much memory an environment has had: told when it stops, and as soon as that is too much.
    Memory {
        /// Logical ID of the function.
        function: String,
        /// Which of the function's environments, from 1.
        environment: u64,
        /// The most that its first process has had, in MB.
        max_memory_mb: u32,
        /// `MemorySize`, in MB.
        memory_size_mb: u32,
    },
    /// A line that a function printed.
    Log {
        /// Logical ID.
        function: String,
        /// The invocation during which it was printed.
        #[serde(skip_serializing_if = "Option::is_none")]
        request: Option<String>,
        /// The line.
        line: String,
    },
    /// A schedule is due.
    Scheduled {
        /// Logical ID of the function.
        function: String,
    },
    /// A fault rule fired.
    FaultInjected {
        /// The rule's `id`.
        rule: u64,
        /// What goes wrong.
        effect: String,
        /// At which step; `now` of a rule without one.
        step: &'static str,
        /// The connection, unless it is a step of a function.
        #[serde(skip_serializing_if = "Option::is_none")]
        connection: Option<Id>,
        /// The route that is called.
        #[serde(skip_serializing_if = "Option::is_none")]
        route: Option<String>,
        /// Logical ID of the function.
        #[serde(skip_serializing_if = "Option::is_none")]
        function: Option<String>,
    },
    /// The clock of the emulated world was put forward; `at` is the time after it.
    ClockAdvanced {
        /// By how much.
        by_ms: u64,
    },
    /// What changed on disk has taken over.
    Reloaded {
        /// Functions that are new or replaced.
        functions: Vec<String>,
        /// Functions that are gone.
        removed: Vec<String>,
        /// Whether the template or the file of variables changed.
        template: bool,
        /// From the change to the take-over; new environments start after it.
        took_ms: f64,
    },
    /// What changed on disk cannot be read or built: what ran goes on.
    ReloadFailed {
        /// Why.
        reason: String,
    },
    /// The emulator begins to stop.
    Stopping,
}

fn name_of_cause<S: serde::Serializer>(
    cause: &Cause,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(cause.name())
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Result {
    /// A response.
    Response,
    /// An error of the function.
    FunctionError,
    /// It took too long.
    TimedOut,
    /// It was not called: throttled, or it cannot run.
    NotInvoked,
}

/// Who ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ByWhom {
    /// The client, with a close frame.
    Client,
    /// The gateway: a limit, or it is stopping.
    Gateway,
    /// `DELETE @connections`, or the console.
    Management,
    /// Nobody: the TCP connection ended.
    Network,
}

/// The first line of `--json`: where everything is.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename = "ready")]
pub(crate) struct Ready {
    /// `ws://host:port/stage`.
    pub(crate) websocket: String,
    /// `http://host:port/stage/@connections`.
    pub(crate) management: String,
    /// The console.
    pub(crate) console: String,
    /// The page, or the console if the template names none.
    pub(crate) page: String,
    /// Every stage of every API, that of `websocket` and `management` first.
    pub(crate) stages: Vec<StageRow>,
    /// Of the emulator.
    pub(crate) pid: u32,
    /// Of the console's API, for this start.
    pub(crate) token: Token,
    /// What functions have, and callers may sign with.
    pub(crate) credentials: Credentials,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::facts::Entry;

    #[test]
    fn a_fact_is_one_flat_object() {
        let kind = Kind::Disconnected {
            connection: "PJqB0fHsqRcCHlw=".parse().unwrap(),
            code: 1001,
            reason: "Going away".into(),
            by: ByWhom::Gateway,
        };
        let json = Entry {
            number: 3,
            fact: Fact { at: 5, kind },
        }
        .json();
        assert_eq!(
            json,
            r#"{"number":3,"at":5,"event":"disconnected","connection":"PJqB0fHsqRcCHlw=","code":1001,"reason":"Going away","by":"gateway"}"#
        );
    }

    #[test]
    fn the_ready_line_has_its_fixed_shape() {
        let credentials = Credentials::generate(|_| Ok::<_, std::convert::Infallible>(())).unwrap();
        let ready = Ready {
            websocket: "ws://127.0.0.1:1/local".into(),
            management: "http://127.0.0.1:1/local/@connections".into(),
            console: "http://127.0.0.1:1/_gatepost/".into(),
            page: "http://127.0.0.1:1/".into(),
            stages: Vec::new(),
            pid: 7,
            token: Token::generate(|_| Ok::<_, std::convert::Infallible>(())).unwrap(),
            credentials,
        };
        let json = serde_json::to_value(ready).unwrap();
        let keys: BTreeSet<_> = json
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let expected = [
            "event",
            "websocket",
            "management",
            "console",
            "page",
            "stages",
            "pid",
            "token",
            "credentials",
        ];
        assert_eq!(keys, BTreeSet::from(expected));
        assert_eq!(json["event"], "ready");
        let keys: BTreeSet<_> = json["credentials"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let expected = [
            "access_key_id",
            "secret_access_key",
            "session_token",
            "region",
        ];
        assert_eq!(keys, BTreeSet::from(expected));
    }
}
