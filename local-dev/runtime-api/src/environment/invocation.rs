//! One invocation in an environment: the event, the answer, and ready again.

use std::sync::Arc;
use std::sync::MutexGuard;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use super::Environment;
use super::state::Current;
use super::state::Delivery;
use super::state::Notice;
use super::state::Runtime;
use super::state::State;
use crate::asynchronous::Attempted;
use crate::chain;
use crate::event::Answer;
use crate::event::Event;
use crate::event::Reply;
use crate::fact::FactEvent;
use crate::fault::Step;
use crate::function_error::FunctionError;
use crate::function_error::error_type;
use crate::spec::Outcome;

/// Lambda quotas: "Function timeout 900 seconds".
const MAX_TIMEOUT: Duration = Duration::from_secs(900);

impl Environment {
    /// Sends an event to the waiting runtime and to the extensions.
    ///
    /// # Errors
    /// The event, if the runtime does not wait any more: it hung up, or it ends.
    pub(crate) fn deliver(&self, event: Event) -> Result<(), Box<Event>> {
        let now = Instant::now();
        let mut state = self.state();
        let State {
            runtime,
            ready,
            stopping,
            ..
        } = &mut *state;
        let waits = matches!(runtime, Runtime::Ready(waiting) if !waiting.is_closed());
        if !*ready || !waits || stopping.is_some() {
            return Err(Box::new(event));
        }
        let Runtime::Ready(waiting) = std::mem::replace(runtime, Runtime::Running) else {
            return Err(Box::new(event));
        };
        self.thaw(&mut state);

        let now_ms = self.machine.config.clock.machine_ms();
        // Nothing ends what somebody looks at in a debugger; it should not end itself either.
        let timeout = match self.is_attached() {
            true => MAX_TIMEOUT,
            false => self.spec.timeout,
        };
        let deadline_ms = deadline_ms(now_ms, timeout);
        let delivery = Delivery {
            request_id: event.request_id,
            invocation_id: (self.machine.config.new_id)(),
            payload: event.payload,
            client_context: event.client_context,
            deadline_ms,
            trace: chain::header(
                event.chain.as_deref(),
                self.arn_hash,
                now_ms / 1000,
                event.request_id,
            ),
        };
        self.reporter.tell(FactEvent::Started {
            environment: self.id,
            request_id: event.request_id,
            cold: !state.warm,
            queued: now - event.submitted,
        });
        self.output.begin(event.request_id);
        for extension in state
            .extensions
            .iter_mut()
            .filter(|extension| extension.invoke)
        {
            if let Some(waiting) = extension.waiting.take() {
                let trace = delivery.trace.clone();
                // One that hung up is waited for until the timeout, as on Lambda.
                let _ = waiting.send(Notice {
                    request_id: event.request_id,
                    deadline_ms,
                    trace,
                });
            }
        }
        state.ready = false;
        state.warm = true;
        let deadline = now + self.spec.timeout;
        state.current = Some(Current {
            delivery: delivery.clone(),
            chain: event.chain,
            reply: Some(event.reply),
            started: now,
            deadline,
        });
        if self.injected(Step::Event).crashes() {
            Self::signal(&state, Signal::KILL);
        } else {
            // A runtime that hangs up at this moment asks again and gets the same event, or ends.
            let _ = waiting.send(delivery);
        }
        self.rearm_for(&mut state, deadline);
        Ok(())
    }

    /// Releases the caller. The environment stays busy.
    pub(super) fn answer(&self, state: &mut State, outcome: Outcome) {
        let Some(current) = &mut state.current else {
            return;
        };
        let Some(reply) = current.reply.take() else {
            return;
        };
        let error = match &outcome {
            Outcome::Response(_) => None,
            Outcome::FunctionError(json) => Some(error_type(json)),
        };
        self.reporter.tell(FactEvent::Answered {
            environment: self.id,
            request_id: current.delivery.request_id,
            error,
            took: current.started.elapsed(),
        });
        match reply {
            Reply::Caller { sender, tail } => {
                let tail = tail.then(|| {
                    self.output.drain();
                    self.output.tail()
                });
                // Nobody may wait any more: an integration times out before its function.
                let _ = sender.send(Answer { outcome, tail });
            }
            Reply::Nobody(attempt) => self.machine.attempted(
                &self.spec,
                Attempted {
                    request_id: current.delivery.request_id,
                    payload: current.delivery.payload.clone(),
                    chain: current.chain.take(),
                    attempt,
                    outcome: Some(outcome),
                },
            ),
        }
    }

    /// Answers what has no answer yet with a function error.
    pub(super) fn answer_error(&self, state: &mut State, error: &FunctionError) {
        if let Some(current) = &state.current {
            let json = error.json(current.delivery.request_id);
            self.answer(state, Outcome::FunctionError(json));
        }
    }

    /// Goes to ready if the runtime and every extension wait now.
    pub(super) fn settle(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        if state.ready || state.stopping.is_some() || !state.all_wait() {
            return;
        }
        self.output.drain();
        self.weigh_sometimes(&mut state);
        self.end_current(&mut state);
        if state.initialized && self.injected(Step::Ended).crashes() {
            // It ends, and is not offered to the next event.
            Self::signal(&state, Signal::KILL);
            return;
        }
        let first = !state.initialized;
        if first {
            state.initialized = true;
            let took = state.created.elapsed();
            self.reporter.tell(FactEvent::Initialized {
                environment: self.id,
                took,
            });
        }
        state.ready = true;
        state.idle_since = self.machine.config.clock.uptime_ms();
        drop(state);
        // The next event follows at once, or none does.
        self.machine.ready(self);
        if first {
            self.machine.initialized();
        }
        let mut state = self.state();
        if state.ready {
            self.freeze(&mut state);
            let due = state.idle_until(&self.machine.config.clock);
            self.rearm_for(&mut state, due);
        }
    }

    pub(super) fn end_current(&self, state: &mut State) {
        if let Some(current) = state.current.take() {
            self.reporter.tell(FactEvent::Ended {
                environment: self.id,
                request_id: current.delivery.request_id,
                took: current.started.elapsed(),
            });
        }
    }

    /// Stops the processes, so that nothing runs between invocations, as on Lambda.
    ///
    /// At once, and not after a short wait for the next event. Under load that event is queued
    /// already and the environment never gets here; otherwise the two signals cost 4 µs an
    /// invocation, and a timer of a millisecond costs 12 µs, because every wait of the event loop
    /// then programs the clock (measured on a virtual machine with 2 processors).
    fn freeze(&self, state: &mut State) {
        if !state.frozen && state.stopping.is_none() && !self.is_attached() {
            state.frozen = true;
            Self::signal(state, Signal::STOP);
            self.reporter.tell(FactEvent::Frozen {
                environment: self.id,
            });
        }
    }

    /// Lets the processes go on.
    pub(super) fn thaw(&self, state: &mut State) {
        if state.frozen {
            state.frozen = false;
            self.reporter.tell(FactEvent::Thawed {
                environment: self.id,
            });
            Self::signal(state, Signal::CONT);
        }
    }
}

/// By the machine's clock, which is the function's: it reckons from this what time it has left.
fn deadline_ms(now_ms: u64, timeout: Duration) -> u64 {
    now_ms.saturating_add(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX))
}
