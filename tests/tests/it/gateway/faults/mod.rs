//! Faults on purpose, by raw bytes: each does what it says at its step, and nothing else.

mod calls;
mod connections;
mod integrations;
mod posts;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gatepost_gateway::Fault;
use gatepost_gateway::Faults;
use gatepost_gateway::Injected;
use gatepost_gateway::Site;
use gatepost_gateway::Step;

use super::served::Wanted;

/// One fault at one step; `route` says at which calls.
#[derive(Debug)]
struct Once {
    step: Step,
    route: Option<&'static str>,
    injected: Mutex<Option<Injected>>,
    armed: AtomicBool,
}

impl Faults for Once {
    fn armed(&self) -> bool {
        self.armed.load(Ordering::Relaxed)
    }

    fn at(&self, site: &Site<'_>) -> Injected {
        let is = site.step == self.step && (self.route.is_none() || site.route == self.route);
        let injected = self.injected.lock().unwrap().take_if(|_| is);
        injected.unwrap_or_default()
    }
}

impl Wanted {
    /// With a fault that fires once.
    fn fault(self, step: Step, fault: Fault) -> Self {
        let (delay, fault) = (Duration::ZERO, Some(fault));
        self.injected(step, None, Injected { delay, fault })
    }

    /// With a fault that fires once, at the call of this route's function.
    fn fault_of(self, step: Step, route: &'static str, fault: Fault) -> Self {
        let (delay, fault) = (Duration::ZERO, Some(fault));
        self.injected(step, Some(route), Injected { delay, fault })
    }

    /// With a step that is late once.
    fn late(self, step: Step) -> Self {
        let (delay, fault) = (LATE, None);
        self.injected(step, None, Injected { delay, fault })
    }

    fn injected(mut self, step: Step, route: Option<&'static str>, injected: Injected) -> Self {
        assert!(injected.fault.iter().all(|fault| step.admits(fault)));
        self.faults = Arc::new(Once {
            step,
            route,
            injected: Mutex::new(Some(injected)),
            armed: AtomicBool::new(true),
        });
        self
    }
}

/// How late a late step is.
const LATE: Duration = Duration::from_millis(120);
