//! The reference keeps the contract that the real stores keep.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::time::UNIX_EPOCH;

use gatepost_store::History;
use gatepost_store::Registry;
use gatepost_store::memory::MemoryHistory;
use gatepost_store::memory::MemoryRegistry;
use gatepost_store::memory::Straight;

use super::Histories;
use super::Inside;
use super::Registries;
use super::check;
use super::history;
use super::registry;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_registry_in_memory_keeps_the_contract() {
    check(registry::ALL, || {
        let memory = Arc::new(MemoryRegistry::default());
        Registries(Arc::new(move || Arc::clone(&memory) as Arc<dyn Registry>))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_in_memory_keeps_the_contract() {
    check(history::ALL, || {
        let began = i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
        let time = AtomicI64::new(began);
        // As on a disk no two appends are of one millisecond.
        let clock = move || time.fetch_add(1, Ordering::SeqCst);
        let memory = Arc::new(MemoryHistory::new(Arc::new(clock), Arc::new(Straight)));
        let inside = Inside::Memory(Arc::clone(&memory));
        let open = Arc::new(move || Arc::clone(&memory) as Arc<dyn History>);
        Histories { inside, open }
    })
    .await;
}
