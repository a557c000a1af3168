//! How long an invocation lives: it makes so many steps, and at the next it is killed.

use std::future::Future;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

tokio::task_local! {
    static LIFE: Arc<Life>;
}

/// The life of an invocation.
#[derive(Debug)]
pub(super) struct Life {
    name: String,
    steps: AtomicU64,
    end: Notify,
}

impl Life {
    pub(super) fn new(name: String, steps: u64) -> Arc<Self> {
        Arc::new(Self {
            name,
            steps: AtomicU64::new(steps),
            end: Notify::new(),
        })
    }

    /// Does the work unless it dies before, or takes longer than the function's timeout.
    pub(super) async fn live<T>(
        self: Arc<Self>,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let life = Arc::clone(&self);
        let work = LIFE.scope(life, work);
        tokio::select! {
            biased;
            () = self.end.notified() => None,
            done = timeout(limit, work) => done.ok(),
        }
    }
}

/// A step of whichever invocation this is: it may be the one at which it dies.
pub(super) async fn step() {
    let Ok(life) = LIFE.try_with(Arc::clone) else {
        return;
    };
    let left = life.steps.load(Ordering::SeqCst);
    if left == 0 {
        life.end.notify_one();
        pending::<()>().await;
    }
    life.steps.store(left - 1, Ordering::SeqCst);
}

/// Whose step this is.
pub(super) fn name() -> String {
    LIFE.try_with(|life| life.name.clone()).unwrap_or_default()
}
