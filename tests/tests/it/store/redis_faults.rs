//! What the registry does while Redis does not answer, and afterwards.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use gatepost_store::Registry;
use gatepost_store::StoreError;
use gatepost_store::open_registry;
use gatepost_tests::servers::Redis;
use gatepost_tests::servers::RedisCluster;
use gatepost_tests::servers::unique_name;

use super::words::NOW;
use super::words::connection;
use super::words::into;
use super::words::room;
use super::words::user;

fn open(server: &Redis) -> Arc<dyn Registry> {
    open_registry(Some(&server.url("")), "sqlite:/none").unwrap()
}

/// How long a call took that found the registry away.
async fn away(registry: &Arc<dyn Registry>) -> Duration {
    let began = Instant::now();
    let error = registry.head(&room("lobby")).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Unavailable { store: "redis", .. }),
        "{error:?}"
    );
    began.elapsed()
}

/// Asks until the registry answers, and how long that took.
async fn back(registry: &Arc<dyn Registry>) -> Duration {
    let began = Instant::now();
    while registry.head(&room("lobby")).await.is_err() {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "it does not come back"
        );
        tokio::task::yield_now().await;
    }
    began.elapsed()
}

#[tokio::test]
async fn a_frozen_server_is_given_up_and_taken_up_again() {
    let server = Redis::start();
    let registry = open(&server);
    registry.raise_head(&room("lobby"), 7).await.unwrap();
    server.freeze();
    let first = away(&registry).await;
    assert!((900..1_300).contains(&first.as_millis()), "{first:?}");
    for _ in 0..100 {
        let next = away(&registry).await;
        assert!(next < Duration::from_millis(20), "at once: {next:?}");
    }
    server.thaw();
    let took = back(&registry).await;
    assert!(took < Duration::from_millis(1_500), "{took:?}");
    assert_eq!(registry.head(&room("lobby")).await.unwrap(), Some(7));
}

#[tokio::test]
async fn a_server_frozen_from_the_start_is_given_up_soon() {
    let server = Redis::start();
    server.freeze();
    let first = away(&open(&server)).await;
    assert!(first < Duration::from_millis(600), "{first:?}");
}

#[tokio::test]
async fn a_restarted_server_is_met_without_an_error() {
    let mut server = Redis::start();
    let registry = open(&server);
    for round in 1..=3 {
        registry.raise_head(&room("lobby"), round).await.unwrap();
        server.restart();
        // The connection is gone, and so are the scripts: neither shows.
        let ann = connection("c1", "ann");
        registry
            .subscribe(&ann, &[into("lobby")], NOW)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(registry.head(&room("lobby")).await.unwrap(), None);
        assert_eq!(
            registry.connections_of(&user("ann"), NOW).await.unwrap(),
            [ann]
        );
    }
}

#[tokio::test]
async fn what_is_done_once_is_not_done_again_because_a_script_before_it_was_unknown() {
    let server = Redis::start();
    let registry = open(&server);
    let (ann, eve) = (connection("c1", "ann"), connection("c2", "eve"));
    // Leaves no room, so that not every script of a removal is used.
    registry.subscribe(&ann, &[], NOW).await.unwrap();
    registry
        .remove(&ann.subscriber.connection, NOW)
        .await
        .unwrap();
    registry
        .subscribe(&eve, &[into("lobby")], NOW)
        .await
        .unwrap()
        .unwrap();
    let removed = registry.remove(&eve.subscriber.connection, NOW).await;
    let removed = removed.unwrap().expect("it was there");
    assert!(
        removed.rooms.len() == 1 && removed.rooms[0].last_device,
        "{removed:?}"
    );
}

#[tokio::test]
async fn a_killed_server_is_away_at_once_and_back_when_it_is() {
    let mut server = Redis::start();
    let registry = open(&server);
    registry.raise_head(&room("lobby"), 1).await.unwrap();
    server.kill();
    assert!(away(&registry).await < Duration::from_millis(300));
    server.restart();
    // Whoever refuses is asked again with the next call.
    let met = registry.head(&room("lobby")).await;
    assert_eq!(met.unwrap(), None);
}

#[tokio::test]
async fn forgotten_scripts_are_told_again() {
    let server = Redis::start();
    let registry = open(&server);
    let ann = connection("c1", "ann");
    let mut own = redis::Client::open(format!("redis://127.0.0.1:{}", server.port()))
        .unwrap()
        .get_connection()
        .unwrap();
    for _ in 0..3 {
        redis::cmd("SCRIPT").arg("FLUSH").exec(&mut own).unwrap();
        registry
            .subscribe(&ann, &[into("lobby"), into("other")], NOW)
            .await
            .unwrap()
            .unwrap();
        redis::cmd("SCRIPT").arg("FLUSH").exec(&mut own).unwrap();
        let removed = registry.remove(&"c2".parse().unwrap(), NOW).await.unwrap();
        assert_eq!(removed, None);
        let left = registry
            .unsubscribe(&ann.subscriber, &room("lobby"), 1, NOW)
            .await
            .unwrap();
        assert!(left.unwrap().last_device);
    }
}

#[tokio::test]
async fn a_server_that_wants_a_password_is_a_fault_of_the_deployment() {
    let server = Redis::start();
    let mut own = redis::Client::open(format!("redis://127.0.0.1:{}", server.port()))
        .unwrap()
        .get_connection()
        .unwrap();
    redis::cmd("CONFIG")
        .arg(&["SET", "requirepass", "right"])
        .exec(&mut own)
        .unwrap();
    let address = format!("127.0.0.1:{}", server.port());
    for url in [
        format!("redis://{address}"),
        format!("redis://:wrong-secret@{address}"),
    ] {
        let registry = open_registry(Some(&url), "sqlite:/none").unwrap();
        let error = registry.raise_head(&room("lobby"), 1).await.unwrap_err();
        assert!(matches!(error, StoreError::Unusable { .. }), "{error:?}");
        assert!(!format!("{error:?}").contains("wrong-secret"), "{error:?}");
    }
    let registry =
        open_registry(Some(&format!("redis://:right@{address}")), "sqlite:/none").unwrap();
    registry.raise_head(&room("lobby"), 1).await.unwrap();
}

#[tokio::test]
async fn tls_to_a_server_without_it_is_unavailable() {
    let server = Redis::start();
    let url = format!("rediss://127.0.0.1:{}", server.port());
    let registry = open_registry(Some(&url), "sqlite:/none").unwrap();
    away(&registry).await;
}

#[tokio::test]
async fn a_cluster_with_a_frozen_node_serves_what_the_others_hold() {
    let cluster = RedisCluster::start();
    let registry = open_registry(Some(&cluster.url(&unique_name())), "sqlite:/none").unwrap();
    let names: Vec<_> = (0..30).map(|number| room(&format!("r{number}"))).collect();
    for name in &names {
        registry.raise_head(name, 1).await.unwrap();
    }
    cluster.nodes()[1].freeze();
    let mut answered = 0;
    let mut failed = 0;
    for name in &names {
        let began = Instant::now();
        match registry.head(name).await {
            Ok(head) => {
                assert_eq!(head, Some(1));
                answered += 1;
            }
            Err(error) => {
                assert!(error.is_retryable(), "{error:?}");
                failed += 1;
            }
        }
        assert!(began.elapsed() < Duration::from_millis(2_300));
    }
    assert!(failed > 0, "a third of the keys is away");
    println!("{answered} answered, {failed} failed");
    cluster.nodes()[1].thaw();
    let began = Instant::now();
    for name in &names {
        while registry.head(name).await.is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "it does not come back"
            );
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn callers_that_come_together_do_not_wait_for_each_other() {
    let server = Redis::start();
    server.freeze();
    let registry = open(&server);
    let began = Instant::now();
    let calls = (0..20).map(|_| away(&registry));
    futures_util::future::join_all(calls).await;
    assert!(
        began.elapsed() < Duration::from_millis(600),
        "{:?}",
        began.elapsed()
    );
}
