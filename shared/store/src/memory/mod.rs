//! The reference: what the real stores must do, written to be read. For tests, models and
//! simulations, behind the feature `memory`; never in a deployed binary.
//!
//! [`RegistryState`] and [`HistoryState`] are the specification: plain data, and a function for
//! each method of [`Registry`](crate::Registry) and [`History`](crate::History) that changes it in
//! one step. They know no clock and no chance, and every map is in order, so that the same calls
//! give the same answers. [`MemoryRegistry`] and [`MemoryHistory`] are stores on them. A [`Trip`]
//! decides what a call meets on its way, so that a test can hold it, lose it or lose its answer.

mod history;
mod registry;

use std::sync::Arc;

use async_trait::async_trait;

pub use history::Audited;
pub use history::HistoryState;
pub use history::Log;
pub use history::LogClock;
pub use history::MemoryHistory;
pub use history::Person;
pub use history::Producer;
pub use history::Session;
pub use history::Stored;
pub use registry::FanOut;
pub use registry::Limited;
pub use registry::Listed;
pub use registry::MemoryRegistry;
pub use registry::RegistryState;
pub use registry::ShardState;
pub use registry::UserState;

use crate::StoreError;

/// What a call meets on its way to a store in memory and back.
#[async_trait]
pub trait Trip: std::fmt::Debug + Send + Sync {
    /// Before the store hears of the call. An error is the call's answer, and nothing happened.
    async fn out(&self, what: &'static str) -> Result<(), StoreError>;

    /// After the store did it. An error is the call's answer although it happened.
    async fn back(&self, what: &'static str) -> Result<(), StoreError>;
}

/// Every call arrives, and every answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Straight;

#[async_trait]
impl Trip for Straight {
    async fn out(&self, _: &'static str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn back(&self, _: &'static str) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A trip and what is at its end.
#[derive(Debug)]
struct Memory<S> {
    state: std::sync::Mutex<S>,
    trip: Arc<dyn Trip>,
}

impl<S> Memory<S> {
    fn new(state: S, trip: Arc<dyn Trip>) -> Self {
        Self {
            state: std::sync::Mutex::new(state),
            trip,
        }
    }

    fn look(&self) -> std::sync::MutexGuard<'_, S> {
        // A test that failed while it looked has said so already.
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn call<T>(
        &self,
        what: &'static str,
        act: impl FnOnce(&mut S) -> T + Send,
    ) -> Result<T, StoreError>
    where
        S: Send,
        T: Send,
    {
        self.trip.out(what).await?;
        let answer = act(&mut self.look());
        self.trip.back(what).await?;
        Ok(answer)
    }
}
