//! What every store does, on each of its backends; and what each does when its server does not.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it says"
)]

mod embedded;
mod history;
mod mariadb;
mod mariadb_faults;
mod memory;
mod redis_faults;
mod redis_servers;
mod registry;
mod sequences;
mod words;

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;
use gatepost_store::History;
use gatepost_store::Registry;
use gatepost_store::memory::MemoryHistory;

/// A registry that several processes open.
#[derive(Clone)]
struct Registries(Arc<dyn Fn() -> Arc<dyn Registry> + Send + Sync>);

impl Registries {
    /// Another process's view of it.
    fn open(&self) -> Arc<dyn Registry> {
        self.0()
    }
}

/// A history that several processes open.
#[derive(Clone)]
struct Histories {
    inside: Inside,
    open: Arc<dyn Fn() -> Arc<dyn History> + Send + Sync>,
}

/// Where a test looks for what no method of a history reads.
#[derive(Clone)]
enum Inside {
    /// In the database at this URL.
    Database(String),
    /// In the memory itself.
    Memory(Arc<MemoryHistory>),
}

impl Histories {
    /// Another process's view of it.
    fn open(&self) -> Arc<dyn History> {
        (self.open)()
    }
}

/// A behaviour by its name.
type Behaviour<S> = (&'static str, fn(S) -> BoxFuture<'static, ()>);

/// The functions of this module with their names.
macro_rules! behaviours {
    ($store:ty: $($name:ident,)*) => {
        pub(super) const ALL: &[$crate::store::Behaviour<$store>] =
            &[$((stringify!($name), |store| Box::pin($name(store)))),*];
    };
}
use behaviours;

/// Checks every behaviour on a store of its own, some at once, and names all that fail.
async fn check<S: Send + 'static>(all: &[&[Behaviour<S>]], store: impl Fn() -> S) {
    // More would keep each other waiting for the disk longer than a call may last.
    const AT_ONCE: usize = 4;
    let running = all.iter().copied().flatten().map(|(name, behaviour)| {
        let store = store();
        async move { (*name, tokio::spawn(behaviour(store)).await) }
    });
    let done: Vec<_> = stream::iter(running)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let failed: Vec<_> = done
        .into_iter()
        .filter(|(_, done)| done.is_err())
        .map(|(name, _)| name)
        .collect();
    assert!(failed.is_empty(), "these do not hold: {failed:#?}");
}
