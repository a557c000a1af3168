//! Faults on purpose: the steps of a function's invocation at which is asked whether one is due.
//!
//! Which rule fires is decided elsewhere, by a [`Faults`]. While no rule is set every step costs
//! one relaxed load.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

/// Decides which faults are due.
pub trait Faults: fmt::Debug + Send + Sync {
    /// Whether any rule is set. Asked at every step, so it must be no more than a relaxed load.
    fn armed(&self) -> bool;
    /// What is due at this step of the function with this logical ID. Called where it happens, with
    /// locks held: it must neither block nor call back.
    fn at(&self, function: &str, step: Step) -> Injected;
}

/// Nothing ever fails on purpose.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFaults;

impl Faults for NoFaults {
    fn armed(&self) -> bool {
        false
    }

    fn at(&self, _function: &str, _step: Step) -> Injected {
        Injected::default()
    }
}

/// Where a fault can be injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A request to the Invoke API that may be answered.
    Request,
    /// An asynchronous event was accepted and is about to be queued.
    Queue,
    /// An environment begins to start: the Init phase.
    Init,
    /// An event is about to be sent to the runtime, which does not see it if it crashes.
    Event,
    /// The runtime has sent its response: if it crashes nobody gets it.
    Response,
    /// The caller has its answer, and the function works on.
    Answered,
    /// The function asks for the next event.
    Ended,
}

impl Step {
    /// Whether what is due can be late here.
    #[must_use]
    pub fn can_wait(self) -> bool {
        matches!(self, Self::Request | Self::Queue | Self::Init)
    }

    /// Whether this fault can happen here.
    #[must_use]
    pub fn admits(self, fault: Fault) -> bool {
        match fault {
            Fault::Crash => !matches!(self, Self::Request | Self::Queue),
            Fault::Status(_) => self == Self::Request,
            Fault::Drop | Fault::Duplicate => self == Self::Queue,
        }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The environment's processes are killed.
    Crash,
    /// The request is answered with this status, and nothing is invoked.
    Status(StatusCode),
    /// The event is lost, and nobody is told.
    Drop,
    /// The event is delivered twice.
    Duplicate,
}

/// What is due at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Injected {
    /// To wait before the step.
    pub delay: Duration,
    /// What goes wrong.
    pub fault: Option<Fault>,
}

impl Injected {
    /// Whether the environment's processes are killed.
    pub(crate) fn crashes(self) -> bool {
        self.fault == Some(Fault::Crash)
    }
}

/// What is due at a step; nothing while no rule is set.
pub(crate) fn injected(faults: &dyn Faults, function: &str, step: Step) -> Injected {
    if faults.armed() {
        faults.at(function, step)
    } else {
        Injected::default()
    }
}
