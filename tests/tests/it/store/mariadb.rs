//! The history on MariaDB.

use std::sync::Arc;

use futures_util::future::join_all;
use gatepost_store::Migrate;
use gatepost_store::StoreError;
use gatepost_store::open_history;
use gatepost_tests::servers::MariaDb;
use sqlx::Connection as _;
use sqlx::Executor as _;
use sqlx::Row as _;

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

#[tokio::test]
async fn a_purge_looks_at_some_rooms_at_a_time_and_at_all_in_the_end() {
    const ROOMS: u64 = 6_000;
    let server = MariaDb::start();
    let url = server.database().await;
    let history = open_history(&url, Migrate::Auto).unwrap();
    // Migrated by its first call.
    assert_eq!(history.purge(1, 10).await.unwrap(), 0);
    let mut own = sqlx::MySqlConnection::connect(&url).await.unwrap();
    for statement in [
        "insert into room (name, kind, epoch, head, shards, last_at)
         select concat('r', seq), 'public', 1, 1, 1, 5 from seq_1_to_6000",
        "insert into message
           (room_id, seq, at, sender, sender_name, producer, n, kind, body, digest)
         select id, 1, 5, 'x', 'x', 'x', 1, 'message', '{}', 'x' from room",
    ] {
        own.execute(statement).await.unwrap();
    }
    let read = async |own: &mut sqlx::MySqlConnection| {
        let rows = sqlx::raw_sql("show global status like 'Handler_read%'");
        let rows = rows.fetch_all(own).await.unwrap();
        let count = |row: &sqlx::mysql::MySqlRow| row.get::<String, _>(1).parse::<u64>().unwrap();
        rows.iter().map(count).sum::<u64>()
    };
    let before = read(&mut own).await;
    assert_eq!(history.purge(5, 10).await.unwrap(), 0, "nothing is old");
    let looked = read(&mut own).await - before;
    assert!(looked > 1_000, "{looked}");
    assert!(
        looked < 3 * ROOMS,
        "{looked}: as many as there are, and more"
    );
    // Each call that finds nothing goes on where it stopped.
    let (mut gone, mut calls) = (0, 0);
    while gone < ROOMS {
        gone += history.purge(6, 10).await.unwrap();
        calls += 1;
        assert!(calls < 2 * ROOMS, "{gone} of {ROOMS}");
    }
    assert_eq!(history.purge(6, 10).await.unwrap(), 0);
}
