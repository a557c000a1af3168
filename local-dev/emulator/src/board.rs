//! How each function is doing: what health, the ready table and the console show.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use gatepost_runtime_api::EnvironmentId;
use gatepost_runtime_api::FactEvent;
use gatepost_runtime_api::StopReason;
use serde::Serialize;
use tokio::sync::watch;
use uuid::Uuid;

use crate::facts::Kind;
use crate::facts::Result;

/// How each function is doing.
#[derive(Debug)]
pub(crate) struct Board {
    functions: Mutex<BTreeMap<String, Function>>,
    /// Rung whenever a function's state may have changed.
    changed: watch::Sender<()>,
}

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
        /// Why.
        reason: String,
    },
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
            Self::Unsupported { .. } => "unsupported",
        }
    }

    /// Why it is not ready.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Starting | Self::Ready => None,
            Self::Failed { reason } | Self::Unsupported { reason } => Some(reason),
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

impl Board {
    /// Functions by logical ID, each [`State::Starting`] or [`State::Unsupported`].
    pub(crate) fn new(states: impl IntoIterator<Item = (String, State)>) -> Self {
        let functions = states
            .into_iter()
            .map(|(id, state)| (id, Function::new(state)))
            .collect();
        Self {
            functions: Mutex::new(functions),
            changed: watch::Sender::new(()),
        }
    }

    /// Every function, as it is now.
    pub(crate) fn functions(&self) -> BTreeMap<String, Function> {
        self.lock().clone()
    }

    /// The states alone.
    pub(crate) fn states(&self) -> BTreeMap<String, State> {
        self.lock()
            .iter()
            .map(|(id, function)| (id.clone(), function.state.clone()))
            .collect()
    }

    /// Waits until no function is starting any more.
    pub(crate) async fn settled(&self) {
        let mut changed = self.changed.subscribe();
        while self
            .lock()
            .values()
            .any(|function| function.state == State::Starting)
        {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Notes what a function's environment did at `at`, and says it in the words of the facts;
    /// what is of no interest outside comes to nothing.
    pub(crate) fn note(&self, at: u64, function: &Arc<str>, event: FactEvent) -> Vec<Kind> {
        let mut functions = self.lock();
        let Some(state) = functions.get_mut(&**function) else {
            return Vec::new();
        };
        let kinds = state.note(at, function, event);
        drop(functions);
        self.changed.send_replace(());
        kinds
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Function>> {
        self.functions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Function {
    fn new(state: State) -> Self {
        Self {
            state,
            environments: Vec::new(),
            invocations: 0,
            errors: 0,
            cold_starts: 0,
            throttles: 0,
            mean_ms: 0.0,
            last_error: None,
            waiting: HashMap::new(),
        }
    }

    fn note(&mut self, at: u64, function: &str, event: FactEvent) -> Vec<Kind> {
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
            FactEvent::InitFailed { reason, .. } => {
                self.state = State::Failed {
                    reason: reason.clone(),
                };
                self.fail(at, function, reason)
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

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> (Board, Arc<str>) {
        (
            Board::new([("F".to_owned(), State::Starting)]),
            Arc::from("F"),
        )
    }

    fn spawn(board: &Board, function: &Arc<str>, environment: EnvironmentId) {
        board.note(
            0,
            function,
            FactEvent::Spawned {
                environment,
                pid: 40,
            },
        );
    }

    #[test]
    fn a_function_is_ready_after_its_first_environment_and_stays_so_when_that_ends() {
        let (board, f) = board();
        spawn(&board, &f, 1);
        assert_eq!(board.states()["F"], State::Starting);
        let took = Duration::from_millis(5);
        let told = board.note(
            1,
            &f,
            FactEvent::Initialized {
                environment: 1,
                took,
            },
        );
        assert!(
            matches!(&told[..], [Kind::EnvironmentStarted { pid: 40, .. }]),
            "{told:?}"
        );
        assert_eq!(board.states()["F"], State::Ready);
        board.note(
            2,
            &f,
            FactEvent::Stopped {
                environment: 1,
                why: StopReason::Idle,
            },
        );
        assert_eq!(board.states()["F"], State::Ready);
        assert!(board.functions()["F"].environments.is_empty());
    }

    #[test]
    fn a_function_that_does_not_start_has_failed_until_it_does() {
        let (board, f) = board();
        spawn(&board, &f, 1);
        let reason = "no such library".to_owned();
        board.note(
            1,
            &f,
            FactEvent::InitFailed {
                environment: 1,
                reason: reason.clone(),
            },
        );
        assert_eq!(board.states()["F"], State::Failed { reason });
        spawn(&board, &f, 2);
        let took = Duration::ZERO;
        board.note(
            2,
            &f,
            FactEvent::Initialized {
                environment: 2,
                took,
            },
        );
        assert_eq!(board.states()["F"], State::Ready);
    }

    #[test]
    fn invocations_are_counted_with_their_cold_starts_and_errors() {
        let (board, f) = board();
        spawn(&board, &f, 1);
        for (n, cold, error) in [(1, true, None), (2, false, Some("Oops".to_owned()))] {
            let request_id = Uuid::from_u128(n);
            let queued = Duration::ZERO;
            board.note(
                1,
                &f,
                FactEvent::Started {
                    environment: 1,
                    request_id,
                    cold,
                    queued,
                },
            );
            assert_eq!(board.functions()["F"].environments[0].state, Phase::Busy);
            let took = Duration::from_millis(10);
            let told = board.note(
                2,
                &f,
                FactEvent::Answered {
                    environment: 1,
                    request_id,
                    error,
                    took,
                },
            );
            assert!(matches!(&told[..], [Kind::Invoked { cold: told, .. }] if *told == cold));
        }
        let function = &board.functions()["F"];
        assert_eq!(
            (function.invocations, function.cold_starts, function.errors),
            (2, 1, 1)
        );
        assert!((function.mean_ms - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_process_that_ends_by_itself_is_a_failure() {
        let (board, f) = board();
        spawn(&board, &f, 1);
        let why = StopReason::Exit("exit status: 1".into());
        let told = board.note(
            1,
            &f,
            FactEvent::Stopped {
                environment: 1,
                why,
            },
        );
        assert!(
            matches!(
                &told[..],
                [Kind::EnvironmentStopped { .. }, Kind::FunctionFailed { .. }]
            ),
            "{told:?}"
        );
    }

    #[tokio::test]
    async fn settled_waits_for_every_function() {
        let (board, f) = board();
        let waiting = board.settled();
        let failing = async {
            board.note(
                1,
                &f,
                FactEvent::InitFailed {
                    environment: 1,
                    reason: "no".into(),
                },
            );
        };
        tokio::join!(waiting, failing);
    }
}
