//! What the history does while MariaDB does not answer, and what it has kept afterwards.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use futures_util::future::join_all;
use gatepost_protocol::RoomKind;
use gatepost_protocol::Seq;
use gatepost_store::Appended;
use gatepost_store::History;
use gatepost_store::Migrate;
use gatepost_store::Range;
use gatepost_store::StoreError;
use gatepost_store::open_history;
use gatepost_tests::servers::MariaDb;
use sqlx::Connection;
use sqlx::Executor;

use super::words::room;
use super::words::send;
use super::words::user;

async fn with_lobby(url: &str) -> Arc<dyn History> {
    let history = open_history(url, Migrate::Auto).unwrap();
    history
        .create_room(&room("lobby"), RoomKind::Public, 1, None)
        .await
        .unwrap();
    history
}

/// Sends the same until somebody says where it is.
async fn sent(history: &Arc<dyn History>, from: &str, n: u64) -> (Seq, bool) {
    loop {
        match history.append(&send("lobby", from, "c", n, "hi")).await {
            Ok(Appended::Stored { seq, .. }) => return (seq, false),
            Ok(Appended::Duplicate { seq, .. }) => return (seq.unwrap(), true),
            Ok(other) => panic!("{other:?}"),
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loses_nothing_that_was_acknowledged() {
    let mut server = MariaDb::start();
    let url = server.database().await;
    let history = with_lobby(&url).await;
    let stop = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let writers = (0..8).map(|writer| {
        let (url, stop, acknowledged) = (url.clone(), stop.clone(), acknowledged.clone());
        tokio::spawn(async move {
            let history = open_history(&url, Migrate::Off).unwrap();
            let from = format!("u{writer}");
            for n in 1.. {
                let (seq, _) = sent(&history, &from, n).await;
                acknowledged.lock().unwrap().push((seq, from.clone(), n));
                if stop.load(Ordering::SeqCst) {
                    return;
                }
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    for crash in 1..=2 {
        while acknowledged.lock().unwrap().len() < crash * 300 {
            tokio::task::yield_now().await;
        }
        tokio::task::block_in_place(|| server.restart());
    }
    stop.store(true, Ordering::SeqCst);
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    let entries = history
        .entries(&room("lobby"), Range::After(0), 1_000_000)
        .await
        .unwrap();
    let mut acknowledged = acknowledged.lock().unwrap().clone();
    acknowledged.sort_unstable();
    let kept: Vec<_> = entries
        .iter()
        .map(|entry| (entry.seq, entry.from.id.to_string(), entry.n.unwrap()))
        .collect();
    assert!(
        kept.iter().map(|(seq, ..)| *seq).eq(1..=kept.len() as u64),
        "no holes"
    );
    assert_eq!(
        kept, acknowledged,
        "what was acknowledged, where it was said to be, and no more"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_is_away_at_once_and_back_when_it_is() {
    let mut server = MariaDb::start();
    let history = with_lobby(&server.database().await).await;
    assert_eq!(sent(&history, "ann", 1).await, (1, false));
    server.kill();
    let began = Instant::now();
    let error = history
        .append(&send("lobby", "ann", "c", 2, "hi"))
        .await
        .unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert!(began.elapsed() < Duration::from_millis(300));
    tokio::task::block_in_place(|| server.restart());
    // Whoever refuses is asked again with the next call.
    let met = history.append(&send("lobby", "ann", "c", 2, "hi")).await;
    assert!(
        matches!(met, Ok(Appended::Stored { seq: 2, .. })),
        "{met:?}"
    );
}

#[tokio::test]
async fn a_frozen_server_is_given_up_and_taken_up_again() {
    let server = MariaDb::start();
    let history = with_lobby(&server.database().await).await;
    assert_eq!(sent(&history, "ann", 1).await, (1, false));
    server.freeze();
    let began = Instant::now();
    let error = history
        .append(&send("lobby", "ann", "c", 2, "hi"))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(
        began.elapsed() < Duration::from_millis(2_500),
        "{:?}",
        began.elapsed()
    );
    let began = Instant::now();
    history
        .rooms(&[room("lobby")], &user("ann"))
        .await
        .unwrap_err();
    assert!(began.elapsed() < Duration::from_millis(20), "at once");
    server.thaw();
    // Given up, but the server had it: it is stored once and in its place.
    let (seq, _) = sent(&history, "ann", 2).await;
    assert_eq!(seq, 2);
    assert_eq!(sent(&history, "ann", 3).await.0, 3);
}

#[tokio::test]
async fn a_connection_that_the_server_closed_does_not_show() {
    let server = MariaDb::start();
    let url = server.database().await;
    let history = with_lobby(&url).await;
    let mut own = sqlx::MySqlConnection::connect(&url).await.unwrap();
    for n in 1..=3 {
        let appended = history
            .append(&send("lobby", "ann", "c", n, "hi"))
            .await
            .unwrap();
        assert!(matches!(appended, Appended::Stored { .. }), "{appended:?}");
        let others: Vec<i64> = sqlx::query_scalar(
            "select cast(id as signed) from information_schema.processlist
             where id <> connection_id() and user = 'gatepost'",
        )
        .fetch_all(&mut own)
        .await
        .unwrap();
        assert_eq!(others.len(), 1, "one connection, and it is kept");
        own.execute(sqlx::AssertSqlSafe(format!("kill {}", others[0])))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_room_locked_by_another_is_given_up_in_time_and_free_afterwards() {
    let server = MariaDb::start();
    let url = server.database().await;
    let history = with_lobby(&url).await;
    let mut own = sqlx::MySqlConnection::connect(&url).await.unwrap();
    let mut lock = own.begin().await.unwrap();
    lock.execute("select * from room for update").await.unwrap();
    let began = Instant::now();
    let error = history
        .append(&send("lobby", "ann", "c", 1, "hi"))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(
        began.elapsed() < Duration::from_millis(2_600),
        "{:?}",
        began.elapsed()
    );
    lock.rollback().await.unwrap();
    assert_eq!(sent(&history, "ann", 1).await.0, 1);
    assert_eq!(sent(&history, "ann", 2).await, (2, false));
}

#[tokio::test]
async fn a_server_without_room_for_another_connection_is_unavailable() {
    let server = MariaDb::start();
    let url = server.database().await;
    with_lobby(&url).await;
    let mut own = sqlx::MySqlConnection::connect(&url).await.unwrap();
    own.execute("set global max_connections = 10")
        .await
        .unwrap();
    let mut taken = Vec::new();
    while let Ok(connection) = sqlx::MySqlConnection::connect(&url).await {
        taken.push(connection);
    }
    let history = open_history(&url, Migrate::Auto).unwrap();
    let error = history
        .append(&send("lobby", "ann", "c", 1, "hi"))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    drop(taken);
    assert_eq!(sent(&history, "ann", 1).await, (1, false));
}

#[tokio::test]
async fn an_append_that_fails_half_way_leaves_its_room_free() {
    let server = MariaDb::start();
    let url = server.database().await;
    let (one, other) = (
        with_lobby(&url).await,
        open_history(&url, Migrate::Off).unwrap(),
    );
    let mut own = sqlx::MySqlConnection::connect(&url).await.unwrap();
    // In the way of the next append, which finds out once it has locked the room.
    own.execute(
        "insert into message (room_id, seq, at, sender, sender_name, producer, n, kind, body, digest)
         select id, 1, 1, 'x', 'x', 'x', 0, 'message', '{}', 'x' from room",
    )
    .await
    .unwrap();
    let error = one
        .append(&send("lobby", "ann", "c", 1, "hi"))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unusable { .. }), "{error:?}");
    own.execute("delete from message").await.unwrap();
    for n in 1..=2 {
        let appended = other
            .append(&send("lobby", "bob", "c", n, "hi"))
            .await
            .unwrap();
        assert!(
            matches!(appended, Appended::Stored { seq, .. } if seq == n),
            "{appended:?}"
        );
    }
    assert_eq!(sent(&one, "ann", 1).await, (3, false));
}
