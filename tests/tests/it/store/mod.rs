//! What every store does, on each of its backends; and what each does when its server does not.

mod embedded;
mod history;
mod mariadb;
mod mariadb_faults;
mod redis_faults;
mod redis_servers;
mod registry;
mod words;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use gatepost_store::History;
use gatepost_store::Registry;

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
    url: String,
    open: Arc<dyn Fn() -> Arc<dyn History> + Send + Sync>,
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
        pub(super) const ALL: &[super::Behaviour<$store>] =
            &[$((stringify!($name), |store| Box::pin($name(store)))),*];
    };
}
use behaviours;

/// Checks every behaviour on a store of its own, all at once, and names all that fail.
async fn check<S: Send + 'static>(all: &[Behaviour<S>], store: impl Fn() -> S) {
    let running: Vec<_> = all
        .iter()
        .map(|(name, behaviour)| (*name, tokio::spawn(behaviour(store()))))
        .collect();
    let mut failed = Vec::new();
    for (name, behaviour) in running {
        if behaviour.await.is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "these do not hold: {failed:#?}");
}
