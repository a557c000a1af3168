//! Faults around the call of an integration that is no function's.

use std::future::Future;

use futures_util::FutureExt;
use futures_util::future::join;

use super::Answered;
use super::Call;
use super::Failure;
use crate::Fault;
use crate::Injected;
use crate::Step;
use crate::fault;

/// What the integration answers, with the faults that are due before and after. `send` calls it;
/// nothing is called before what it returns is polled.
pub(super) async fn called<F>(call: &Call<'_>, send: impl Fn() -> F) -> Result<Answered, Failure>
where
    F: Future<Output = Result<Answered, Failure>>,
{
    let (core, connection) = (call.core, call.connection);
    if !core.config.faults.armed() {
        return send().await;
    }
    let at = |step| {
        let called = Some((call.route, None));
        core.injected(step, connection.id, &connection.stage.name, called)
            .unwrap_or_default()
    };
    let failed = || Failure::Internal("a fault was injected".to_owned());
    let Injected { delay, fault } = at(Step::Invoke);
    fault::wait(delay).await;
    let (mut twice, mut late) = (false, false);
    match fault {
        Some(Fault::Throttle) => return Err(Failure::Throttled),
        Some(Fault::Fail) => return Err(failed()),
        Some(Fault::TimeOut) => late = true,
        Some(Fault::Duplicate) => twice = true,
        Some(Fault::Reorder) => core.held.wait(connection.id).await,
        Some(fault) => fault::strike(connection, &fault),
        None => {}
    }
    let mut sent = Box::pin(send());
    // As of a function's call: the first poll begins it.
    let at_once = sent.as_mut().now_or_never();
    core.held.release(connection.id);
    let answered = match at_once {
        Some(answered) => answered,
        None if twice => join(sent, send()).await.0,
        None => sent.await,
    };
    let Injected { delay, fault } = at(Step::Answer);
    fault::wait(delay).await;
    match fault {
        _ if late => return Err(Failure::TimedOut),
        Some(Fault::Fail) => return Err(failed()),
        Some(Fault::TimeOut) => return Err(Failure::TimedOut),
        Some(fault) => fault::strike(connection, &fault),
        None => {}
    }
    answered
}
