//! Does what the schedule decides.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::asynchronous::Attempted;
use crate::chain;
use crate::chain::Chain;
use crate::config::Config;
use crate::environment::Environment;
use crate::event::Answer;
use crate::event::Event;
use crate::event::Reply;
use crate::fact::Condition;
use crate::fact::Fact;
use crate::fact::FactEvent;
use crate::fact::StopReason;
use crate::function_name::function_arn;
use crate::launcher::Launcher;
use crate::schedule::InitFailure;
use crate::schedule::Schedule;
use crate::schedule::Step;
use crate::spec::FunctionSpec;
use crate::spec::InvokeError;
use crate::spec::Outcome;
use crate::status::FunctionStatus;

/// How long invocations may go on when the emulator stops.
const DRAIN: Duration = Duration::from_secs(1);

/// Everything that environments share.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) config: Config,
    pub(crate) launcher: Launcher,
    schedule: Mutex<Schedule<Arc<Environment>>>,
    /// An environment became ready for the first time, or ended.
    changed: watch::Sender<()>,
}

impl Machine {
    pub(crate) fn start(config: Config, functions: Vec<FunctionSpec>) -> io::Result<Arc<Self>> {
        let machine = Arc::new(Self {
            launcher: Launcher::start(&config.supervisor)?,
            schedule: Mutex::new(Schedule::new(config.concurrency, config.processors)),
            changed: watch::Sender::new(()),
            config,
        });
        for function in functions {
            machine.place(function);
        }
        Ok(machine)
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule<Arc<Environment>>> {
        // Nothing panics under this lock.
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn place(self: &Arc<Self>, function: FunctionSpec) {
        let steps = self.schedule().place(function);
        self.perform(steps);
    }

    pub(crate) fn remove(self: &Arc<Self>, function: &str) {
        let steps = self.schedule().remove(function);
        self.perform(steps);
    }

    /// The function with this `FunctionName`.
    pub(crate) fn named(&self, name: &str) -> Option<Arc<FunctionSpec>> {
        self.schedule().named(name).cloned()
    }

    /// The function with this logical ID.
    pub(crate) fn spec(&self, function: &str) -> Result<Arc<FunctionSpec>, InvokeError> {
        self.schedule()
            .spec(function)
            .cloned()
            .ok_or_else(|| InvokeError::NotFound(function.to_owned()))
    }

    /// Whether the function would call itself once too often.
    pub(crate) fn is_loop(&self, spec: &FunctionSpec, chain: Option<&Chain>) -> bool {
        let Some(chain) = chain.filter(|_| !spec.may_recurse) else {
            return false;
        };
        let arn = function_arn(&self.config.region, &self.config.account, &spec.name);
        chain.is_loop(chain::hash(arn.as_bytes()))
    }

    pub(crate) fn submit(
        self: &Arc<Self>,
        function: &str,
        event: Event,
    ) -> Result<(), InvokeError> {
        let steps = self.schedule().submit(function, event);
        if let Err(InvokeError::Throttled(function)) = &steps {
            self.tell(function, FactEvent::Throttled);
        }
        self.perform(steps?);
        Ok(())
    }

    pub(crate) fn ready(self: &Arc<Self>, environment: &Environment) {
        let steps = self.schedule().ready(&environment.spec.id, environment.id);
        self.perform(steps);
    }

    /// The process of an attached function is gone, and maybe did not take an event.
    pub(crate) fn detached(self: &Arc<Self>, environment: &Environment, event: Option<Event>) {
        let function = &environment.spec.id;
        self.schedule().detached(function, environment.id, event);
    }

    pub(crate) fn initialized(&self) {
        self.changed.send_replace(());
    }

    pub(crate) fn reap(self: &Arc<Self>, environment: &Environment) {
        let steps = self.schedule().reap(&environment.spec.id, environment.id);
        self.perform(steps);
    }

    pub(crate) fn gone(self: &Arc<Self>, environment: &Environment, failure: Option<InitFailure>) {
        let function = &environment.spec.id;
        let steps = self
            .schedule()
            .gone(function, environment.id, failure, Instant::now());
        self.perform(steps);
        self.changed.send_replace(());
    }

    fn perform(self: &Arc<Self>, steps: Vec<Step<Arc<Environment>>>) {
        if steps.is_empty() {
            return;
        }
        let mut steps = VecDeque::from(steps);
        while let Some(step) = steps.pop_front() {
            match step {
                Step::Deliver(environment, id, event)
                    if self.is_expired(&environment.spec, &event) =>
                {
                    self.drop_event(&environment.spec, event, Condition::EventAgeExceeded);
                    steps.extend(self.schedule().ready(&environment.spec.id, id));
                }
                Step::Deliver(environment, id, event) => {
                    if let Err(event) = environment.deliver(event) {
                        if environment.spec.attach.is_some() {
                            self.detached(&environment, Some(*event));
                            continue;
                        }
                        let function = &environment.spec.id;
                        steps.extend(self.schedule().undelivered(function, id, *event));
                        environment.stop(StopReason::Broken);
                    }
                }
                Step::Start {
                    environment: id,
                    spec,
                    init_limit,
                } => {
                    let environment = Environment::start(self, id, spec, init_limit);
                    let function = environment.spec.clone();
                    steps.extend(self.schedule().attach(&function.id, id, environment));
                }
                Step::Stop(environment, why) => environment.stop(why),
                Step::Fail(spec, event, error) => {
                    let outcome = Outcome::FunctionError(error.json(event.request_id));
                    match event.reply {
                        Reply::Caller { sender, tail } => {
                            let tail = tail.then(Vec::new);
                            let _ = sender.send(Answer { outcome, tail });
                        }
                        Reply::Nobody(attempt) => self.attempted(
                            &spec,
                            Attempted {
                                request_id: event.request_id,
                                payload: event.payload,
                                chain: event.chain,
                                attempt,
                                outcome: Some(outcome),
                            },
                        ),
                    }
                }
                Step::PumpAt(at) => {
                    let machine = self.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep_until(at).await;
                        let steps = machine.schedule().pump();
                        machine.perform(steps);
                    });
                }
            }
        }
    }

    pub(crate) fn tell(&self, function: &str, event: FactEvent) {
        (self.config.observer)(Fact {
            function: function.into(),
            event,
        });
    }

    pub(crate) fn status(&self) -> Vec<FunctionStatus> {
        self.schedule().status()
    }

    /// A receiver that changes when [`Machine::status`] may have.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Ends every environment; those that work get a moment.
    pub(crate) async fn shut_down(self: &Arc<Self>) {
        let steps = self.schedule().close();
        self.perform(steps);
        if tokio::time::timeout(DRAIN, self.emptied()).await.is_err() {
            self.kill();
            self.emptied().await;
        }
        self.launcher.close().await;
    }

    async fn emptied(&self) {
        let mut changes = self.changes();
        while !self.schedule().is_empty() && changes.changed().await.is_ok() {}
    }

    /// Kills every environment at once.
    pub(crate) fn kill(self: &Arc<Self>) {
        let steps = self.schedule().close();
        self.perform(steps);
        let environments = self.schedule().environments();
        environments
            .iter()
            .for_each(|environment| environment.stop(StopReason::Shutdown));
    }
}
