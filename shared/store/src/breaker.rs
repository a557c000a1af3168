//! After a failure that took long every call fails at once for a while: a stopped server hangs, it
//! does not refuse, and an invocation must not wait for it more than once.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

/// How long calls fail at once after one hung.
const OPEN: Duration = Duration::from_secs(1);

/// A server that is gone, or takes no more connections, says so sooner. To ask it again with the
/// next call costs nothing, and it is met the moment that it is back.
const SOON: Duration = Duration::from_millis(50);

#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<Option<Instant>>);

impl Breaker {
    /// Whether calls fail at once now.
    pub(crate) fn is_open(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some_and(|since| since.elapsed() < OPEN)
    }

    /// A call failed, after so long.
    pub(crate) fn failed(&self, took: Duration) {
        if took < SOON {
            return;
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// A call succeeded.
    pub(crate) fn reset(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
