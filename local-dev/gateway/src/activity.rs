//! When a message last passed a connection.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// One moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Milliseconds since 1970.
    pub(crate) epoch_ms: u64,
    /// Milliseconds since the gateway's clock began.
    pub(crate) uptime_ms: u64,
}

/// The last moment at which a message passed, in either direction.
#[derive(Debug)]
pub(crate) struct Activity {
    epoch_ms: AtomicU64,
    uptime_ms: AtomicU64,
}

impl Activity {
    pub(crate) fn new(now: Moment) -> Self {
        Self {
            epoch_ms: AtomicU64::new(now.epoch_ms),
            uptime_ms: AtomicU64::new(now.uptime_ms),
        }
    }

    /// A message passed at `now`. Whoever sent one may come to say so after a later one was
    /// received: that one stays the last.
    pub(crate) fn touch(&self, now: Moment) {
        if self.uptime_ms.fetch_max(now.uptime_ms, Ordering::Relaxed) <= now.uptime_ms {
            self.epoch_ms.store(now.epoch_ms, Ordering::Relaxed);
        }
    }

    /// The last moment.
    pub(crate) fn last(&self) -> Moment {
        Moment {
            epoch_ms: self.epoch_ms.load(Ordering::Relaxed),
            uptime_ms: self.uptime_ms.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(ms: u64) -> Moment {
        Moment {
            epoch_ms: 1_000_000 + ms,
            uptime_ms: ms,
        }
    }

    #[test]
    fn a_message_that_is_told_of_late_does_not_make_idle() {
        let activity = Activity::new(moment(0));
        activity.touch(moment(18));
        activity.touch(moment(9));
        assert_eq!(activity.last(), moment(18));
    }

    #[test]
    fn the_time_of_day_may_go_back() {
        let activity = Activity::new(moment(0));
        let later = Moment {
            epoch_ms: 5,
            uptime_ms: 10,
        };
        activity.touch(later);
        assert_eq!(activity.last(), later);
    }
}
