//! Lets a test decide which of several tasks makes its next step: every call of a store or of the
//! gateway is one.

use std::future::Future;
use std::sync::Arc;

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

/// Runs every other task until it waits for something that does not come by itself.
pub(crate) async fn settle() {
    for _ in 0..32 {
        tokio::task::yield_now().await;
    }
}
