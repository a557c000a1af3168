//! Both stores in files, and what they do when the files are taken away.

use std::fs;
use std::sync::Arc;

use futures_util::FutureExt;
use gatepost_store::Migrate;
use gatepost_store::StoreError;
use gatepost_store::open_history;
use gatepost_store::open_registry;
use tempfile::TempDir;

use super::Histories;
use super::Inside;
use super::Registries;
use super::check;
use super::history;
use super::registry;
use super::words::NOW;
use super::words::connection;
use super::words::into;
use super::words::keyed;
use super::words::room;
use super::words::send;
use super::words::user;

/// The URL of a log in a folder.
fn url(folder: &TempDir) -> String {
    format!("sqlite:{}", folder.path().join("log.db").display())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_registry_in_a_file_keeps_the_contract() {
    check(registry::ALL, || {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Registries(Arc::new(move || {
            open_registry(None, &url(&folder)).unwrap()
        }))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_in_a_file_keeps_the_contract() {
    check(history::ALL, || {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let url = url(&folder);
        let inside = Inside::Database(url.clone());
        let open = Arc::new(move || {
            let _kept = &folder;
            open_history(&url, Migrate::Auto).unwrap()
        });
        Histories { inside, open }
    })
    .await;
}

#[tokio::test]
async fn a_deleted_registry_is_made_anew_by_whoever_has_it_open() {
    for kept in [&["registry.db-wal", "registry.db-shm"][..], &[]] {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (
            open_registry(None, &url(&folder)).unwrap(),
            open_registry(None, &url(&folder)).unwrap(),
        );
        for round in 0..5 {
            one.hello(
                &connection("c1", "ann"),
                gatepost_store::SessionPolicy::Multi,
                NOW,
            )
            .await
            .unwrap();
            let found = other.connections_of(&user("ann"), NOW).await.unwrap();
            assert_eq!(found.len(), 1, "both see one registry in round {round}");
            for name in ["registry.db", "registry.db-wal", "registry.db-shm"] {
                if !kept.contains(&name) {
                    let _ = fs::remove_file(folder.path().join(name));
                }
            }
            assert_eq!(one.connections_of(&user("ann"), NOW).await.unwrap(), []);
            assert_eq!(other.connections_of(&user("ann"), NOW).await.unwrap(), []);
        }
    }
}

#[tokio::test]
async fn a_registry_that_is_no_database_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("registry.db"),
        "something else, and not a short text".repeat(500),
    )
    .unwrap();
    let registry = open_registry(None, &url(&folder)).unwrap();
    registry.raise_head(&room("lobby"), 3).await.unwrap();
    assert_eq!(registry.head(&room("lobby")).await.unwrap(), Some(3));
}

#[tokio::test]
async fn a_call_given_up_leaves_no_lock_behind() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_history(&url(&folder), Migrate::Auto).unwrap();
    log.create_room(&room("lobby"), gatepost_protocol::RoomKind::Public, 1, None)
        .await
        .unwrap();
    let (one, other) = (
        open_registry(None, &url(&folder)).unwrap(),
        open_registry(None, &url(&folder)).unwrap(),
    );
    for round in 0..50 {
        let id = format!("c{round}");
        // Polled once: what it asked for is under way, and nobody waits for it any more.
        assert!(
            one.subscribe(&connection(&id, "ann"), &[into("lobby")], NOW)
                .now_or_never()
                .is_none()
        );
        let renamed = user("bob");
        assert!(
            log.create_room(
                &room(&format!("r{round}")),
                gatepost_protocol::RoomKind::Public,
                1,
                Some(&renamed)
            )
            .now_or_never()
            .is_none()
        );
        other
            .subscribe(&connection("other", "ann"), &[into("lobby")], NOW)
            .await
            .unwrap();
        let again = open_history(&url(&folder), Migrate::Off).unwrap();
        again
            .append(&keyed("lobby", "ann", &id, "hi"))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_log_that_was_not_migrated_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let history = open_history(&url(&folder), Migrate::Off).unwrap();
    let error = history
        .append(&send("lobby", "ann", "c", 1, "hi"))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unusable { .. }), "{error:?}");
    assert!(error.to_string().contains("MIGRATE=auto"), "{error}");
    assert!(
        !folder.path().join("log.db").exists(),
        "it is not made either"
    );
}

#[tokio::test]
async fn several_starters_migrate_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = url(&folder);
    history::migrate_together(&url).await;
}
