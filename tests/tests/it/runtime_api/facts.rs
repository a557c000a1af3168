//! The facts that a machine tells, to wait for.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use gatepost_runtime_api::Fact;
use gatepost_runtime_api::FactEvent;
use gatepost_runtime_api::StopReason;
use tokio::sync::watch;
use tokio::time::timeout;

/// Longer than anything takes here, shorter than anybody waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Everything that was told, in order.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    told: Arc<Mutex<Vec<FactEvent>>>,
    changed: Arc<watch::Sender<()>>,
}

impl Facts {
    pub(super) fn new() -> Self {
        Self {
            told: Arc::default(),
            changed: Arc::new(watch::Sender::new(())),
        }
    }

    pub(super) fn observer(&self) -> impl Fn(Fact) + Send + Sync + 'static {
        let facts = self.clone();
        move |fact| {
            facts.told.lock().unwrap().push(fact.event);
            facts.changed.send_replace(());
        }
    }

    pub(super) fn all(&self) -> Vec<FactEvent> {
        self.told.lock().unwrap().clone()
    }

    pub(super) fn count(&self, of: impl Fn(&FactEvent) -> bool) -> usize {
        self.all().iter().filter(|fact| of(fact)).count()
    }

    /// Waits until `number` facts are such.
    pub(super) async fn wait_for(
        &self,
        number: usize,
        of: impl Fn(&FactEvent) -> bool,
    ) -> FactEvent {
        let mut changed = self.changed.subscribe();
        let found = timeout(PATIENCE, async {
            loop {
                if let Some(fact) = self.all().iter().filter(|fact| of(fact)).nth(number - 1) {
                    return fact.clone();
                }
                changed.changed().await.unwrap();
            }
        });
        found
            .await
            .unwrap_or_else(|_| panic!("it was not told: {:#?}", self.all()))
    }

    pub(super) async fn wait(&self, of: impl Fn(&FactEvent) -> bool) -> FactEvent {
        self.wait_for(1, of).await
    }

    /// Waits for the end of an environment; why it ended.
    pub(super) async fn stopped(&self, number: u64) -> StopReason {
        let is = |fact: &FactEvent| matches!(fact, FactEvent::Stopped { environment, .. } if *environment == number);
        match self.wait(is).await {
            FactEvent::Stopped { why, .. } => why,
            other => panic!("{other:?}"),
        }
    }
}
