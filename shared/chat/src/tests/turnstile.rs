//! Lets a test decide which of several tasks makes its next step: every call of a store or of the
//! gateway is one.

use std::future::Future;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use gatepost_store::StoreError;
use gatepost_store::memory::Trip;
use tokio::sync::Semaphore;

tokio::task_local! {
    static ACTOR: usize;
}

/// Steps that the tasks may make.
#[derive(Debug, Clone)]
pub(crate) struct Turnstile {
    gates: Arc<Vec<Semaphore>>,
}

impl Turnstile {
    pub(crate) fn new(actors: usize) -> Self {
        let gates = (0..actors).map(|_| Semaphore::new(0)).collect();
        Self {
            gates: Arc::new(gates),
        }
    }

    /// Waits until this task may make its next step. Whoever is no actor just goes on.
    pub(crate) async fn pass(&self) {
        if let Ok(actor) = ACTOR.try_with(|actor| *actor)
            && let Some(gate) = self.gates.get(actor)
        {
            gate.acquire().await.unwrap().forget();
        }
    }

    /// Runs a task as an actor.
    pub(crate) fn actor<F>(actor: usize, task: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(ACTOR.scope(actor, task))
    }

    /// Lets the actors make their steps in this order, then everybody all of theirs.
    pub(crate) async fn drive(&self, order: impl IntoIterator<Item = usize>) {
        for actor in order {
            self.gates[actor].add_permits(1);
            settle().await;
        }
        for gate in self.gates.iter() {
            gate.add_permits(10_000);
        }
    }
}

/// The way to a store: through the turnstile, and no further while the store is away.
#[derive(Debug)]
pub(crate) struct Passage {
    store: &'static str,
    turnstile: Turnstile,
    is_away: Arc<AtomicBool>,
    calls: Calls,
}

/// The calls that arrived, by name.
pub(crate) type Calls = Arc<Mutex<Vec<&'static str>>>;

impl Passage {
    pub(crate) fn new(store: &'static str, turnstile: Turnstile) -> Self {
        Self {
            store,
            turnstile,
            is_away: Arc::default(),
            calls: Calls::default(),
        }
    }

    /// Set, the store is away.
    pub(crate) fn is_away(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_away)
    }

    pub(crate) fn calls(&self) -> Calls {
        Arc::clone(&self.calls)
    }
}

#[async_trait]
impl Trip for Passage {
    async fn out(&self, what: &'static str) -> Result<(), StoreError> {
        self.turnstile.pass().await;
        if self.is_away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable {
                store: self.store,
                what,
                source: None,
            });
        }
        self.calls.lock().unwrap().push(what);
        Ok(())
    }

    async fn back(&self, _: &'static str) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Runs every other task until it waits for something that does not come by itself.
pub(crate) async fn settle() {
    for _ in 0..32 {
        tokio::task::yield_now().await;
    }
}
