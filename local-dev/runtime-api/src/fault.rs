//! Faults on purpose: the steps of an environment at which it asks whether one is due.
//!
//! Which rule fires is decided elsewhere, by a [`Faults`]. While no rule is set every step costs
//! one relaxed load.

use std::fmt;
use std::time::Duration;

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
    /// An environment begins to start: the Init phase. The one place where it can be late.
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
    /// Whether the environment can wait here.
    #[must_use]
    pub fn can_wait(self) -> bool {
        self == Self::Init
    }
}

/// What is due at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Injected {
    /// To wait before the step.
    pub delay: Duration,
    /// The environment's processes are killed.
    pub crash: bool,
}

/// What is due at a step; nothing while no rule is set.
pub(crate) fn injected(faults: &dyn Faults, function: &str, step: Step) -> Injected {
    if faults.armed() {
        faults.at(function, step)
    } else {
        Injected::default()
    }
}
