//! One function: its state, its environments and its figures.

use std::collections::HashMap;
use std::time::Duration;

use gatepost_runtime_api::EnvironmentId;
use gatepost_runtime_api::FactEvent;
use gatepost_runtime_api::StopReason;
use gatepost_runtime_api::with_last_words;
use serde::Serialize;
use uuid::Uuid;

use crate::facts::Kind;
use crate::facts::Result;

/// How a function is doing.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Function {
    /// Whether it can be called.
    #[serde(flatten)]
    pub(crate) state: State,
    /// Its environments.
    pub(crate) environments: Vec<Environment>,
    /// Events that were answered.
    pub(crate) invocations: u64,
    /// Of these, those that came to an error.
    pub(crate) errors: u64,
    /// Of these, those that an environment got as its first.
    pub(crate) cold_starts: u64,
    /// Invocations that were refused.
    pub(crate) throttles: u64,
    /// Mean time from the event to the answer, in milliseconds.
    pub(crate) mean_ms: f64,
    /// The most memory that one of its environments has had, in MB; 0 while that is unknown.
    pub(crate) max_memory_mb: u32,
    /// What went wrong last.
    pub(crate) last_error: Option<LastError>,
    /// Events that were not answered yet.
    #[serde(skip)]
    waiting: HashMap<Uuid, Waiting>,
}

/// Whether a function can be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum State {
    /// Its first environment is not ready yet.
    Starting,
    /// It can.
    Ready,
    /// Its last environment did not start.
    Failed {
        /// Why, and what it printed.
        reason: String,
        /// Why, on one line.
        #[serde(skip)]
        brief: String,
    },
    /// It waits for a process that somebody starts.
    Detached,
    /// It cannot run here.
    Unsupported {
        /// Why, and what to do.
        reason: String,
    },
}

impl State {
    /// One word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Failed { .. } => "failed",
            Self::Detached => "detached",
            Self::Unsupported { .. } => "unsupported",
        }
    }

    /// Why it is not ready.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Starting | Self::Ready => None,
            Self::Detached => Some("it waits until you start it, for example in a debugger"),
            Self::Failed { reason, .. } | Self::Unsupported { reason } => Some(reason),
        }
    }

    /// The same where there is little room.
    pub(crate) fn brief_reason(&self) -> Option<&str> {
        match self {
            Self::Failed { brief, .. } => Some(brief),
            other => other.reason(),
        }
    }
}

/// An execution environment.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Environment {
    /// Its number, from 1.
    pub(crate) id: EnvironmentId,
    /// Its process and process group.
    pub(crate) pid: u32,
    /// What it does.
    pub(crate) state: Phase,
}

/// What an environment does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Its process starts.
    Init,
    /// It waits for an event.
    Idle,
    /// It works on one.
    Busy,
    /// It waits, and none of its processes runs.
    Frozen,
}

/// What went wrong.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LastError {
    /// When, in milliseconds since 1970.
    pub(crate) at: u64,
    /// What.
    pub(crate) message: String,
}

#[derive(Debug, Clone)]
struct Waiting {
    environment: EnvironmentId,
    cold: bool,
    queued: Duration,
}

impl Function {
    pub(super) fn new(state: State) -> Self {
        Self {
            state,
            environments: Vec::new(),
            invocations: 0,
            errors: 0,
            cold_starts: 0,
            throttles: 0,
            mean_ms: 0.0,
            max_memory_mb: 0,
            last_error: None,
            waiting: HashMap::new(),
        }
    }

    /// Notes what an environment did at `at`, and says it in the words of the facts.
    pub(super) fn note(&mut self, at: u64, function: &str, event: FactEvent) -> Vec<Kind> {
        let function = function.to_owned();
        match event {
            FactEvent::Spawned { environment, pid } => {
                self.environments.push(Environment {
                    id: environment,
                    pid,
                    state: Phase::Init,
                });
                Vec::new()
            }
            FactEvent::Initialized { environment, took } => {
                self.state = State::Ready;
                self.enter(environment, Phase::Idle);
                let pid = self
                    .environments
                    .iter()
                    .find(|e| e.id == environment)
                    .map_or(0, |e| e.pid);
                vec![Kind::EnvironmentStarted {
                    function,
                    environment,
                    pid,
                    init_ms: ms(took),
                }]
            }
            FactEvent::InitFailed {
                reason, printed, ..
            } => {
                let brief = on_one_line(&reason);
                // Who printed something said it at length.
                let told = match printed.as_str() {
                    "" => reason.clone(),
                    _ => brief.clone(),
                };
                self.state = State::Failed {
                    reason: with_last_words(reason, &printed),
                    brief,
                };
                self.fail(at, function, told)
            }
            FactEvent::Started {
                environment,
                request_id,
                cold,
                queued,
            } => {
                self.enter(environment, Phase::Busy);
                self.waiting.insert(
                    request_id,
                    Waiting {
                        environment,
                        cold,
                        queued,
                    },
                );
                Vec::new()
            }
            FactEvent::Answered {
                environment,
                request_id,
                error,
                took,
            } => {
                let waiting = self.waiting.remove(&request_id);
                let cold = waiting.as_ref().is_some_and(|waiting| waiting.cold);
                self.count(at, cold, ms(took), error.as_deref());
                vec![Kind::Invoked {
                    function,
                    request: request_id.to_string(),
                    environment,
                    cold,
                    outcome: match error {
                        Some(_) => Result::FunctionError,
                        None => Result::Response,
                    },
                    error_type: error,
                    queued_ms: waiting.map_or(0.0, |waiting| ms(waiting.queued)),
                    duration_ms: ms(took),
                }]
            }
            FactEvent::Ended { environment, .. } => {
                self.enter(environment, Phase::Idle);
                Vec::new()
            }
            FactEvent::Frozen { environment } => {
                self.enter(environment, Phase::Frozen);
                Vec::new()
            }
            FactEvent::Thawed { environment } => {
                self.enter(environment, Phase::Idle);
                Vec::new()
            }
            FactEvent::Printed {
                request_id, line, ..
            } => {
                vec![Kind::Log {
                    function,
                    request: request_id.map(|id| id.to_string()),
                    line,
                }]
            }
            FactEvent::Stopped { environment, why } => {
                self.environments.retain(|known| known.id != environment);
                self.waiting
                    .retain(|_, waiting| waiting.environment != environment);
                self.stopped(at, function, environment, &why)
            }
            FactEvent::Throttled => {
                self.throttles += 1;
                vec![Kind::Throttled { function }]
            }
            FactEvent::Queued { request_id } => {
                vec![Kind::Queued {
                    function,
                    request: request_id.to_string(),
                }]
            }
            FactEvent::AsyncFailed {
                request_id,
                attempt,
                retry_in,
            } => vec![Kind::AttemptFailed {
                function,
                request: request_id.to_string(),
                attempt,
                retry_in_ms: retry_in.map(ms),
            }],
            FactEvent::AsyncEnded {
                request_id,
                condition,
                destination,
            } => vec![Kind::AsyncEnded {
                function,
                request: request_id.to_string(),
                condition,
                destination,
            }],
            FactEvent::Listening { address, .. } => {
                self.state = State::Detached;
                vec![Kind::Listening {
                    function,
                    runtime_api: address.to_string(),
                }]
            }
            FactEvent::Detached { .. } => {
                self.state = State::Detached;
                vec![Kind::Detached { function }]
            }
            FactEvent::Memory {
                environment,
                max_mb,
                limit_mb,
            } => {
                self.max_memory_mb = self.max_memory_mb.max(max_mb);
                vec![Kind::Memory {
                    function,
                    environment,
                    max_memory_mb: max_mb,
                    memory_size_mb: limit_mb,
                }]
            }
            FactEvent::RecursionStopped => {
                let message = "it called itself 16 times in a row and was stopped".to_owned();
                self.fail(at, function, message)
            }
        }
    }

    fn count(&mut self, at: u64, cold: bool, took_ms: f64, error: Option<&str>) {
        self.invocations += 1;
        self.cold_starts += u64::from(cold);
        let count = self.invocations as f64;
        self.mean_ms += (took_ms - self.mean_ms) / count;
        if let Some(error) = error {
            self.errors += 1;
            self.last_error = Some(LastError {
                at,
                message: error.to_owned(),
            });
        }
    }

    fn stopped(
        &mut self,
        at: u64,
        function: String,
        environment: EnvironmentId,
        why: &StopReason,
    ) -> Vec<Kind> {
        let (word, failure) = match why {
            StopReason::Idle => ("idle", None),
            StopReason::Replaced => ("replaced", None),
            StopReason::Shutdown => ("shutdown", None),
            // Its reason was told before.
            StopReason::Init => ("init failed", None),
            StopReason::Timeout => ("timeout", Some("it ran out of time and was killed")),
            StopReason::Exit(status) => (status.as_str(), Some("its process ended by itself")),
            StopReason::Broken => ("broken", Some("its runtime or an extension gave up")),
        };
        let stopped = Kind::EnvironmentStopped {
            function: function.clone(),
            environment,
            why: word.to_owned(),
        };
        let mut kinds = vec![stopped];
        if let Some(failure) = failure {
            let message = match why {
                StopReason::Exit(status) => format!("{failure}: {status}"),
                _ => failure.to_owned(),
            };
            kinds.extend(self.fail(at, function, message));
        }
        kinds
    }

    fn fail(&mut self, at: u64, function: String, message: String) -> Vec<Kind> {
        self.last_error = Some(LastError {
            at,
            message: message.clone(),
        });
        vec![Kind::FunctionFailed { function, message }]
    }

    fn enter(&mut self, environment: EnvironmentId, phase: Phase) {
        if let Some(known) = self.environments.iter_mut().find(|e| e.id == environment) {
            known.state = phase;
        }
    }
}

/// The longest reason in a table, in characters.
const BRIEF: usize = 200;

fn on_one_line(reason: &str) -> String {
    let mut line = String::new();
    for part in reason
        .lines()
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        match line.chars().last() {
            None => {}
            Some(':') => line.push(' '),
            Some(_) => line.push_str("; "),
        }
        line.push_str(part);
    }
    match line.char_indices().nth(BRIEF) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
