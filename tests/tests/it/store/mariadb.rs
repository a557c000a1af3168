//! The history on MariaDB.

use std::sync::Arc;

use futures_util::future::join_all;
use gatepost_store::Migrate;
use gatepost_store::StoreError;
use gatepost_store::open_history;
use gatepost_tests::servers::MariaDb;

use super::Histories;
use super::Inside;
use super::check;
use super::history;
use super::words::send;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_on_mariadb_keeps_the_contract() {
    let server = MariaDb::start();
    let urls = join_all(
        history::ALL
            .iter()
            .copied()
            .flatten()
            .map(|_| server.database()),
    )
    .await;
    let urls = std::sync::Mutex::new(urls);
    check(history::ALL, || {
        let url = urls.lock().unwrap().pop().unwrap();
        let inside = Inside::Database(url.clone());
        let open = Arc::new(move || open_history(&url, Migrate::Auto).unwrap());
        Histories { inside, open }
    })
    .await;
}

#[tokio::test]
async fn several_starters_migrate_once() {
    let server = MariaDb::start();
    history::migrate_together(&server.database().await).await;
}

#[tokio::test]
async fn a_database_that_was_not_migrated_says_what_to_do() {
    let server = MariaDb::start();
    let history = open_history(&server.database().await, Migrate::Off).unwrap();
    let error = history
        .append(&send("lobby", "ann", "c", 1, "hi"))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unusable { .. }), "{error:?}");
    assert!(error.to_string().contains("MIGRATE=auto"), "{error}");
}

#[tokio::test]
async fn a_wrong_password_is_a_fault_of_the_deployment() {
    let server = MariaDb::start();
    let url = server
        .database()
        .await
        .replace("gatepost:gatepost", "gatepost:wrong-secret");
    let history = open_history(&url, Migrate::Auto).unwrap();
    let error = history
        .append(&send("lobby", "ann", "c", 1, "hi"))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unusable { .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("wrong-secret"), "{error:?}");
}
