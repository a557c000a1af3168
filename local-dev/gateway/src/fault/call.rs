//! Faults around the call of a function.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::Notify;

use super::Fault;
use super::Injected;
use super::Step;
use super::strike;
use super::wait;
use crate::Id;
use crate::Outcome;
use crate::connection::Connection;
use crate::deployment::Function;
use crate::gateway::Core;

/// How long an invocation waits at most for the one that is to overtake it.
const OVERTAKEN_WITHIN: Duration = Duration::from_secs(1);

/// What a function error looks like that no function made.
const FAILED: &[u8] =
    br#"{"errorType":"Runtime.ExitError","errorMessage":"Error: a fault was injected"}"#;

/// Calls a function as [`Core::invoke`] does, with the faults that are due before and after. Delays
/// are part of the integration's time.
pub(crate) async fn invoke(
    core: &Core,
    connection: &Connection,
    route: &str,
    function: &Function,
    payload: Bytes,
) -> Outcome {
    let invoked = with_faults(core, connection, route, function, payload);
    match tokio::time::timeout(function.timeout, invoked).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::TimedOut,
    }
}

async fn with_faults(
    core: &Core,
    connection: &Connection,
    route: &str,
    function: &Function,
    payload: Bytes,
) -> Outcome {
    let at = |step| {
        let called = Some((route, Some(function.id.as_str())));
        core.injected(step, connection.id, &connection.stage.name, called)
            .unwrap_or_default()
    };
    let Injected { delay, fault } = at(Step::Invoke);
    wait(delay).await;
    match fault {
        Some(Fault::Throttle) => return Outcome::Throttled,
        Some(Fault::Fail) => return Outcome::FunctionError(Bytes::from_static(FAILED)),
        Some(Fault::TimeOut) => {
            call_beside(core, function, payload);
            return Outcome::TimedOut;
        }
        Some(Fault::Duplicate) => call_beside(core, function, payload.clone()),
        Some(Fault::Reorder) => core.held.wait(connection.id).await,
        Some(fault) => strike(connection, &fault),
        None => {}
    }
    let mut invoked = Box::pin(core.invoke(function, payload));
    // The first poll hands the event over: only then is one that waits overtaken.
    let at_once = invoked.as_mut().now_or_never();
    core.held.release(connection.id);
    let outcome = match at_once {
        Some(outcome) => outcome,
        None => invoked.await,
    };
    let Injected { delay, fault } = at(Step::Answer);
    wait(delay).await;
    match fault {
        Some(Fault::Fail) => return Outcome::FunctionError(Bytes::from_static(FAILED)),
        Some(Fault::TimeOut) => return Outcome::TimedOut,
        Some(fault) => strike(connection, &fault),
        None => {}
    }
    outcome
}

/// Calls a function whose answer nobody waits for.
fn call_beside(core: &Core, function: &Function, payload: Bytes) {
    let (invoke, function) = (Arc::clone(&core.invoke), function.id.clone());
    tokio::spawn(async move { drop(invoke.invoke(&function, payload).await) });
}

/// Invocations that wait to be overtaken, one a connection.
#[derive(Debug, Default)]
pub(crate) struct Held(Mutex<HashMap<Id, Arc<Notify>>>);

impl Held {
    /// Waits until another invocation of the connection has begun.
    pub(crate) async fn wait(&self, connection: Id) {
        let overtaken = Arc::new(Notify::new());
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(connection, Arc::clone(&overtaken));
        let _ = tokio::time::timeout(OVERTAKEN_WITHIN, overtaken.notified()).await;
        self.release(connection);
    }

    /// Another invocation of the connection has begun.
    pub(crate) fn release(&self, connection: Id) {
        let held = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&connection);
        if let Some(held) = held {
            held.notify_one();
        }
    }
}
