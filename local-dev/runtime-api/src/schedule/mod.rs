//! Which event goes to which environment, and when a new one starts. Decides only: it starts
//! nothing and waits for nothing.

mod function;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::event::Event;
use crate::fact::EnvironmentId;
use crate::fact::StopReason;
use crate::function_error::FunctionError;
use crate::spec::FunctionSpec;
use crate::spec::InvokeError;
use crate::status::FunctionStatus;
use function::Function;
use function::Place;

/// Lambda guide, "Understanding the Lambda execution environment lifecycle": "The Init phase is
/// limited to 10 seconds"; if it fails, it is done again within the first invocation, under the
/// function's timeout.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// The environments of every function, the events that wait for one, and how many may work at
/// once. `E` is the handle of an environment.
#[derive(Debug)]
pub(crate) struct Schedule<E> {
    functions: BTreeMap<String, Function<E>>,
    /// Environments that start or work, of all functions.
    active: usize,
    concurrency: usize,
    processors: usize,
    /// Events that wait, of all functions.
    queued: usize,
    /// Numbers the events in the order in which they came.
    next_event: u64,
    next_environment: EnvironmentId,
    closed: bool,
}

/// What is to be done; the order matters.
#[derive(Debug)]
pub(crate) enum Step<E> {
    /// Sends the event. If the environment does not take it: [`Schedule::undelivered`].
    Deliver(E, EnvironmentId, Event),
    /// Starts an environment, then [`Schedule::attach`].
    Start {
        environment: EnvironmentId,
        spec: Arc<FunctionSpec>,
        init_limit: Duration,
    },
    Stop(E, StopReason),
    /// Answers the event: its function cannot be started.
    Fail(Arc<FunctionSpec>, Event, FunctionError),
    /// Calls [`Schedule::pump`] then.
    PumpAt(Instant),
}

/// Why an environment never was ready.
#[derive(Debug, Clone)]
pub(crate) struct InitFailure {
    pub(crate) error: FunctionError,
    /// For a person.
    pub(crate) reason: String,
}

type Steps<E> = Vec<Step<E>>;

fn removed(function: &str) -> FunctionError {
    FunctionError::Removed(function.to_owned())
}

impl<E: Clone> Schedule<E> {
    pub(crate) fn new(concurrency: NonZeroUsize, processors: NonZeroUsize) -> Self {
        Self {
            functions: BTreeMap::new(),
            active: 0,
            concurrency: concurrency.get(),
            processors: processors.get(),
            queued: 0,
            next_event: 0,
            next_environment: 1,
            closed: false,
        }
    }

    /// Adds a function or puts a new version in the place of the old one, and starts its first
    /// environment. Environments of the old version get no more events.
    pub(crate) fn place(&mut self, spec: FunctionSpec) -> Steps<E> {
        if self.closed {
            return Vec::new();
        }
        let spec = Arc::new(spec);
        let function = self
            .functions
            .entry(spec.id.clone())
            .or_insert_with(|| Function::new(spec.clone()));
        let mut steps = Vec::new();
        let (stopped, were_starting) = function.renew(spec);
        self.active -= were_starting;
        steps.extend(
            stopped
                .into_iter()
                .map(|e| Step::Stop(e, StopReason::Replaced)),
        );
        // Beside the cap: whoever starts the emulator waits for all functions at once.
        self.active += 1;
        steps.push(function.start(&mut self.next_environment, INIT_LIMIT));
        steps
    }

    /// Takes a function away. Who waits for it is told that it is gone.
    pub(crate) fn remove(&mut self, id: &str) -> Steps<E> {
        let Some(function) = self.functions.get_mut(id) else {
            return Vec::new();
        };
        let spec = function.spec.clone();
        let (stopped, were_starting) = function.renew(spec.clone());
        let waiting = function.take_queue();
        function.removed = true;
        self.active -= were_starting;
        self.queued -= waiting.len();
        let stops = stopped
            .into_iter()
            .map(|e| Step::Stop(e, StopReason::Replaced));
        let failures = waiting
            .into_iter()
            .map(|event| Step::Fail(spec.clone(), event, removed(id)));
        let mut steps: Steps<E> = stops.chain(failures).collect();
        self.forget(id);
        steps.extend(self.pump());
        steps
    }

    /// Forgets a function that was removed if nothing is left of it.
    fn forget(&mut self, id: &str) {
        let is_over = |function: &Function<E>| function.removed && function.members.is_empty();
        if self.functions.get(id).is_some_and(is_over) {
            self.functions.remove(id);
        }
    }

    /// The function with this `FunctionName`.
    pub(crate) fn named(&self, name: &str) -> Option<&Arc<FunctionSpec>> {
        self.functions
            .values()
            .filter(|function| !function.removed)
            .map(|function| &function.spec)
            .find(|spec| spec.name == name)
    }

    /// The function with this logical ID.
    pub(crate) fn spec(&self, function: &str) -> Option<&Arc<FunctionSpec>> {
        self.functions.get(function).map(|function| &function.spec)
    }

    /// Takes a new event.
    ///
    /// # Errors
    /// When it is refused: [`InvokeError::NotFound`], [`InvokeError::Throttled`] or
    /// [`InvokeError::Stopping`]. An event that nobody waits for is never throttled, but waits.
    pub(crate) fn submit(&mut self, function: &str, event: Event) -> Result<Steps<E>, InvokeError> {
        if self.closed {
            return Err(InvokeError::Stopping);
        }
        let has_slot = self.active < self.concurrency;
        let known = self.functions.get_mut(function);
        let Some(function) = known.filter(|function| !function.removed) else {
            return Err(InvokeError::NotFound(function.to_owned()));
        };
        if event.reply.is_caller() && function.is_throttled() {
            return Err(InvokeError::Throttled(function.spec.id.clone()));
        }
        let now = event.submitted;
        // The common case: a warm environment, and nobody before.
        if function.queue.is_empty()
            && function.may_start(has_slot)
            && function.holds_back(self.processors, now).is_none()
            && let Some((id, environment)) = function.take_idle(now)
        {
            self.active += 1;
            return Ok(vec![Step::Deliver(environment, id, event)]);
        }
        function.push(self.next_event, event);
        self.next_event += 1;
        self.queued += 1;
        Ok(self.pump())
    }

    /// Gives an event back that its environment did not take. It is the next one again.
    pub(crate) fn undelivered(
        &mut self,
        function: &str,
        environment: EnvironmentId,
        event: Event,
    ) -> Steps<E> {
        if self.closed {
            return Vec::new();
        }
        let mut steps = Vec::new();
        if let Some(function) = self.functions.get_mut(function) {
            self.active -= function.retire(environment);
            if function.removed {
                let spec = function.spec.clone();
                let error = removed(&spec.id);
                steps.push(Step::Fail(spec, event, error));
            } else {
                function.push_front(event);
                self.queued += 1;
            }
        }
        steps.extend(self.pump());
        steps
    }

    /// Keeps the handle of an environment that was started.
    pub(crate) fn attach(
        &mut self,
        function: &str,
        environment: EnvironmentId,
        handle: E,
    ) -> Steps<E> {
        let member = self
            .functions
            .get_mut(function)
            .and_then(|function| function.members.get_mut(&environment));
        match member {
            Some(member) if !self.closed && member.place != Place::Leaving => {
                member.handle = Some(handle);
                Vec::new()
            }
            Some(member) => {
                member.handle = Some(handle.clone());
                let why = if self.closed {
                    StopReason::Shutdown
                } else {
                    StopReason::Replaced
                };
                vec![Step::Stop(handle, why)]
            }
            None => vec![Step::Stop(handle, StopReason::Shutdown)],
        }
    }

    /// An environment waits for an event.
    pub(crate) fn ready(&mut self, function: &str, environment: EnvironmentId) -> Steps<E> {
        let Some(function) = self.functions.get_mut(function) else {
            return Vec::new();
        };
        let (freed, replaced) = function.ready(environment, Instant::now());
        self.active -= freed;
        if self.closed || replaced {
            let why = if self.closed {
                StopReason::Shutdown
            } else {
                StopReason::Replaced
            };
            self.active -= function.retire(environment);
            let handle = function
                .members
                .get(&environment)
                .and_then(|m| m.handle.clone());
            let mut steps = self.pump();
            steps.extend(handle.map(|handle| Step::Stop(handle, why)));
            return steps;
        }
        self.pump()
    }

    /// An environment waits for another process, as it did at the start. An event that the one
    /// before did not take is the next one again.
    pub(crate) fn detached(
        &mut self,
        function: &str,
        environment: EnvironmentId,
        event: Option<Event>,
    ) {
        let Some(function) = self.functions.get_mut(function) else {
            return;
        };
        self.active += function.begin_again(environment);
        if let Some(event) = event.filter(|_| !self.closed) {
            function.push_front(event);
            self.queued += 1;
        }
    }

    /// Takes an environment out of use if nothing is on its way to it.
    pub(crate) fn reap(&mut self, function: &str, environment: EnvironmentId) -> Steps<E> {
        let Some(function) = self.functions.get_mut(function) else {
            return Vec::new();
        };
        let Some(member) = function.members.get(&environment) else {
            return Vec::new();
        };
        if member.place != Place::Idle {
            return Vec::new();
        }
        let handle = member.handle.clone();
        function.retire(environment);
        handle
            .map(|handle| Step::Stop(handle, StopReason::Idle))
            .into_iter()
            .collect()
    }

    /// An environment has ended; with why if it never was ready.
    pub(crate) fn gone(
        &mut self,
        function: &str,
        environment: EnvironmentId,
        failure: Option<InitFailure>,
        now: Instant,
    ) -> Steps<E> {
        let Some(function) = self.functions.get_mut(function) else {
            return Vec::new();
        };
        let current = function.is_current(environment);
        self.active -= function.retire(environment);
        function.members.remove(&environment);
        let mut steps = Vec::new();
        if let Some(failure) = failure.filter(|_| current && !self.closed) {
            let (failed, pump_at) = function.init_failed(&failure, now);
            self.queued -= failed.len();
            let spec = &function.spec;
            steps.extend(
                failed
                    .into_iter()
                    .map(|event| Step::Fail(spec.clone(), event, failure.error.clone())),
            );
            steps.extend(pump_at.map(Step::PumpAt));
        }
        let id = function.spec.id.clone();
        self.forget(&id);
        steps.extend(self.pump());
        steps
    }

    /// Gives waiting events, the oldest first, to idle environments, or starts new ones for them.
    pub(crate) fn pump(&mut self) -> Steps<E> {
        let mut steps = Vec::new();
        if self.closed {
            return steps;
        }
        if self.queued == 0 {
            return steps;
        }
        let now = Instant::now();
        while self.queued > 0 {
            let has_slot = self.active < self.concurrency;
            let processors = self.processors;
            let oldest = self
                .functions
                .values_mut()
                .filter(|function| function.may_start(has_slot))
                .filter_map(|function| Some((function.waiting_since()?, function)))
                .filter_map(|waiting| match waiting.1.holds_back(processors, now) {
                    None => Some(waiting),
                    Some(until) => {
                        let look = waiting.1.is_to_look(until, now);
                        steps.extend(look.then_some(Step::PumpAt(until)));
                        None
                    }
                })
                .min_by_key(|(since, _)| *since);
            let Some((_, function)) = oldest else { break };
            self.active += 1;
            match function.take_idle(now) {
                Some((id, environment)) => {
                    if let Some(event) = function.pop() {
                        self.queued -= 1;
                        steps.push(Step::Deliver(environment, id, event));
                    }
                }
                None => {
                    let limit = function.next_init_limit();
                    steps.push(function.start(&mut self.next_environment, limit));
                }
            }
        }
        steps
    }

    /// Refuses what comes from now on, and drops what waits. What is idle or starts is to be
    /// stopped at once; what works, when it is ready.
    pub(crate) fn close(&mut self) -> Steps<E> {
        self.closed = true;
        self.queued = 0;
        let mut steps = Vec::new();
        for function in self.functions.values_mut() {
            function.queue.clear();
            let members = function.members.values();
            steps.extend(
                members
                    .filter(|member| member.place != Place::Busy)
                    .filter_map(|member| member.handle.clone())
                    .map(|handle| Step::Stop(handle, StopReason::Shutdown)),
            );
        }
        steps
    }

    /// Every environment that is left.
    pub(crate) fn environments(&self) -> Vec<E> {
        self.functions
            .values()
            .flat_map(|function| function.members.values())
            .filter_map(|member| member.handle.clone())
            .collect()
    }

    pub(crate) fn status(&self) -> Vec<FunctionStatus> {
        let functions = self.functions.values();
        let there = functions.filter(|function| !function.removed);
        there.map(Function::status).collect()
    }

    /// Whether no environment is left, not even one that is about to start.
    pub(crate) fn is_empty(&self) -> bool {
        self.functions
            .values()
            .all(|function| function.members.is_empty())
    }
}
