//! The end of connections that are idle or too old.
//!
//! One task looks at all of them when the next one may be due, so that a connection holds no timer,
//! and all deadlines follow a clock that is put forward. It looks at most a thousand times in the
//! idle time: a connection may live a little longer than its time, as on AWS, where an idle one was
//! seen to end after 603.9 s.

use std::sync::Arc;
use std::sync::Weak;

use crate::close::Ending;
use crate::gateway::Core;

/// Looks until the gateway is gone.
pub(crate) async fn run(core: Weak<Core>) {
    while let Some(core) = core.upgrade() {
        let next = look(&core);
        let clock = core.config.clock.clone();
        drop(core);
        clock.sleep_until(next).await;
    }
}

/// Ends what is due, and says when to look again, in milliseconds of the clock.
fn look(core: &Arc<Core>) -> u64 {
    let (idle, lifetime) = (core.idle_ms, core.lifetime_ms);
    let now = core.config.clock.uptime_ms();
    // Who connects from now on is not due before.
    let mut next = now.saturating_add(idle.min(lifetime));
    core.registry.each(|connection| {
        let oldest = connection.opened().saturating_add(lifetime);
        let idle = connection.activity().last().uptime_ms.saturating_add(idle);
        if now >= oldest {
            connection.end(Ending::TOO_OLD);
        } else if now >= idle {
            connection.end(Ending::IDLE);
        } else {
            next = next.min(oldest).min(idle);
        }
    });
    next.max(now.saturating_add((idle / 1000).max(1)))
}
