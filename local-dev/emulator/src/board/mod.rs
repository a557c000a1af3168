//! How each function is doing: what health, the ready table and the console show.

mod function;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use gatepost_runtime_api::FactEvent;
use tokio::sync::watch;

use crate::facts::Kind;

pub(crate) use function::Function;
pub(crate) use function::State;

/// How each function is doing.
#[derive(Debug)]
pub(crate) struct Board {
    functions: Mutex<BTreeMap<String, Function>>,
    /// Rung whenever a function's state may have changed.
    changed: watch::Sender<()>,
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

    /// Puts these functions in the place of those before. Those that stay keep what is known of
    /// them; those in `replaced` start anew.
    pub(crate) fn replace(
        &self,
        states: impl IntoIterator<Item = (String, State)>,
        replaced: &[String],
    ) {
        let mut functions = self.lock();
        let mut before = std::mem::take(&mut *functions);
        for (id, state) in states {
            let function = match before.remove(&id) {
                Some(mut known) => {
                    let starts_anew = replaced.contains(&id);
                    if starts_anew || matches!(state, State::Unsupported { .. }) {
                        known.state = state;
                    }
                    known
                }
                None => Function::new(state),
            };
            functions.insert(id, function);
        }
        drop(functions);
        self.changed.send_replace(());
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gatepost_runtime_api::EnvironmentId;
    use gatepost_runtime_api::StopReason;
    use uuid::Uuid;

    use super::function::Phase;
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
        let told = board.note(
            1,
            &f,
            FactEvent::InitFailed {
                environment: 1,
                reason: "Init.Error: no such library:\n  libx\n  liby\n".to_owned(),
                printed: "cannot load libx".to_owned(),
            },
        );
        let brief = "Init.Error: no such library: libx; liby".to_owned();
        assert!(
            matches!(&told[..], [Kind::FunctionFailed { message, .. }] if *message == brief),
            "what it printed was told: {told:?}"
        );
        let reason =
            "Init.Error: no such library:\n  libx\n  liby; it printed: cannot load libx".to_owned();
        assert_eq!(board.states()["F"], State::Failed { reason, brief });
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

    #[test]
    fn functions_are_replaced_and_those_that_stay_keep_their_figures() {
        let (board, f) = board();
        spawn(&board, &f, 1);
        let took = Duration::ZERO;
        let ready = FactEvent::Initialized {
            environment: 1,
            took,
        };
        board.note(1, &f, ready);
        board.note(1, &f, FactEvent::Throttled);
        let starting = |id: &str| (id.to_owned(), State::Starting);
        board.replace([starting("F"), starting("G")], &["G".to_owned()]);
        assert_eq!(board.states()["F"], State::Ready);
        assert_eq!(board.states()["G"], State::Starting);
        board.replace([starting("F")], &["F".to_owned()]);
        assert_eq!(board.states(), BTreeMap::from([starting("F")]));
        assert_eq!(board.functions()["F"].throttles, 1);
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
                    printed: String::new(),
                },
            );
        };
        tokio::join!(waiting, failing);
    }
}
