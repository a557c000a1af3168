//! What happened, for whoever looks into a seed.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use gatepost_chat::Clock;
use gatepost_protocol::Millis;
use tokio::time::Instant;

/// When a world begins.
const START: Millis = 1_700_000_000_000;

/// The time of a world, and the lines written in it. Lines cost time, so only who asks gets them.
#[derive(Debug, Clone)]
pub(super) struct Trace {
    began: Instant,
    lines: Option<Arc<Mutex<Vec<String>>>>,
}

impl Trace {
    pub(super) fn new(is_kept: bool) -> Self {
        Self {
            began: Instant::now(),
            lines: is_kept.then(Arc::default),
        }
    }

    /// Writes a line.
    pub(super) fn say(&self, what: impl FnOnce() -> String) {
        if let Some(lines) = &self.lines {
            let at = self.began.elapsed().as_millis();
            let line = format!("{at:>7} {}", what());
            lines
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line);
        }
    }

    pub(super) fn take(&self) -> Vec<String> {
        let lines = self.lines.as_ref();
        lines.map_or_else(Vec::new, |lines| {
            std::mem::take(&mut lines.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }

    pub(super) fn millis(&self) -> Millis {
        START + Millis::try_from(self.began.elapsed().as_millis()).unwrap_or(Millis::MAX - START)
    }
}

impl Clock for Trace {
    fn now(&self) -> Millis {
        self.millis()
    }
}
