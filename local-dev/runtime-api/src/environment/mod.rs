//! An execution environment: a process group, a listener of its own for the Runtime API and the
//! Extensions API, and one event at a time.

mod attached;
mod extensions;
mod http_api;
mod invocation;
mod life;
mod memory;
mod output;
mod reporter;
mod runtime;
mod state;
mod variables;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::chain;
use crate::fact::EnvironmentId;
use crate::fault::Injected;
use crate::fault::Step;
use crate::fault::injected;
use crate::function_name::function_arn;
use crate::machine::Machine;
use crate::spec::FunctionSpec;
use output::Output;
use reporter::Reporter;
use state::State;

pub use output::LINE_BYTES;
pub(crate) use variables::variables;

/// An execution environment.
///
/// Its state is behind one lock, and the machine's schedule behind another; neither is held while
/// the other is taken.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) id: EnvironmentId,
    pub(crate) spec: Arc<FunctionSpec>,
    arn: HeaderValue,
    /// What stands for the function in tracing headers.
    arn_hash: u32,
    machine: Arc<Machine>,
    state: Mutex<State>,
    output: Output,
    reporter: Reporter,
    /// Wakes the watcher: something is due sooner than it thought.
    rearm: Notify,
}

impl Environment {
    /// Starts one; [`Machine::ready`] and [`Machine::gone`] tell how it goes on. Needs a tokio
    /// runtime.
    pub(crate) fn start(
        machine: &Arc<Machine>,
        id: EnvironmentId,
        spec: Arc<FunctionSpec>,
        init_limit: Duration,
    ) -> Arc<Self> {
        let config = &machine.config;
        let function = spec.id.as_str().into();
        let reporter = Reporter {
            function,
            environment: id,
            observer: machine.config.observer.clone(),
        };
        let arn = function_arn(&config.region, &config.account, &spec.name);
        let environment = Arc::new(Self {
            id,
            arn_hash: chain::hash(arn.as_bytes()),
            arn: HeaderValue::try_from(arn).unwrap_or_else(|_| HeaderValue::from_static("")),
            spec,
            machine: machine.clone(),
            state: Mutex::new(State::new(Instant::now(), init_limit)),
            output: Output::new(reporter.clone()),
            reporter,
            rearm: Notify::new(),
        });
        match environment.spec.attach {
            Some(address) => tokio::spawn(attached::live(environment.clone(), address)),
            None => tokio::spawn(life::live(environment.clone())),
        };
        environment
    }

    /// What is injected at a step.
    fn injected(&self, step: Step) -> Injected {
        injected(&*self.machine.config.faults, &self.spec.id, step)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What panics under this lock is an observer, after the state was changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
