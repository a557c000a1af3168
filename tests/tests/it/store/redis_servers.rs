//! The registry on Redis, and on a cluster.

use std::sync::Arc;

use gatepost_store::Rates;
use gatepost_store::open_registry;
use gatepost_tests::servers::Redis;
use gatepost_tests::servers::RedisCluster;
use gatepost_tests::servers::unique_name;

use super::Registries;
use super::check;
use super::registry;
use super::words::NOW;
use super::words::conn;
use super::words::connection;
use super::words::into;
use super::words::room;
use super::words::user;

fn registries(url: String) -> Registries {
    Registries(Arc::new(move || {
        open_registry(Some(&url), "sqlite:/none").unwrap()
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_registry_on_redis_keeps_the_contract() {
    let server = Redis::start();
    check(registry::ALL, || registries(server.url(&unique_name()))).await;
    every_key_expires(server.port());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_registry_on_a_cluster_keeps_the_contract() {
    let cluster = RedisCluster::start();
    check(registry::ALL, || registries(cluster.url(&unique_name()))).await;
    for node in cluster.nodes() {
        assert!(
            every_key_expires(node.port()) > 0,
            "the keys spread over the nodes"
        );
    }
}

/// How many keys there are.
fn every_key_expires(port: u16) -> usize {
    let mut connection = redis::Client::open(format!("redis://127.0.0.1:{port}"))
        .unwrap()
        .get_connection()
        .unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    for key in &keys {
        let ttl: i64 = redis::cmd("PTTL").arg(key).query(&mut connection).unwrap();
        // -2: it came to its end since the keys were listed.
        assert_ne!(ttl, -1, "{key} has a time to live");
    }
    keys.len()
}

#[tokio::test]
async fn a_room_that_is_only_asked_for_is_soon_forgotten() {
    let server = Redis::start();
    let registry = open_registry(Some(&server.url("")), "sqlite:/none").unwrap();
    let life = || -> i64 {
        let mut connection = redis::Client::open(format!("redis://127.0.0.1:{}", server.port()))
            .unwrap()
            .get_connection()
            .unwrap();
        redis::cmd("PTTL")
            .arg("gp:r:{invented}")
            .query(&mut connection)
            .unwrap()
    };
    let rates = Rates {
        per_user: 20,
        per_room: 20,
    };
    let admit = || async {
        let (user, invented) = (user("ann"), room("invented"));
        let id = conn("c1");
        registry.admit(&user, &id, &invented, rates, NOW).await
    };
    admit().await.unwrap();
    assert!((1..=60_000).contains(&life()), "{}", life());
    registry.raise_head(&room("invented"), 1).await.unwrap();
    admit().await.unwrap();
    assert!(life() > 80_000_000, "a head lives for a day: {}", life());
}

#[tokio::test]
async fn a_warm_command_costs_one_command_of_the_server() {
    let server = Redis::start();
    let registry = open_registry(Some(&server.url("")), "sqlite:/none").unwrap();
    registry.raise_head(&room("lobby"), 1).await.unwrap();
    let count = || {
        let mut connection = redis::Client::open(format!("redis://127.0.0.1:{}", server.port()))
            .unwrap()
            .get_connection()
            .unwrap();
        let text: String = redis::cmd("INFO")
            .arg("commandstats")
            .query(&mut connection)
            .unwrap();
        let calls = |command: &str| {
            text.lines()
                .find_map(|line| {
                    line.strip_prefix(&format!("cmdstat_{command}:calls="))?
                        .split_once(',')
                })
                .map_or(0, |(calls, _)| calls.parse::<u64>().unwrap())
        };
        (calls("evalsha"), calls("ping"), calls("eval"))
    };
    let before = count();
    for seq in 2..12 {
        registry.raise_head(&room("lobby"), seq).await.unwrap();
    }
    let after = count();
    assert_eq!(
        (after.0 - before.0, after.1, after.2 - before.2),
        (10, 0, 0)
    );
}

#[tokio::test]
async fn a_ghost_that_a_dead_worker_left_ends_with_the_first_410() {
    let server = Redis::start();
    let registry = open_registry(Some(&server.url("")), "sqlite:/none").unwrap();
    let ann = connection("c1=", "ann");
    let rooms = [into("lobby")];
    registry.subscribe(&ann, &rooms, NOW).await.unwrap();
    let mut raw = redis::Client::open(format!("redis://127.0.0.1:{}", server.port()))
        .unwrap()
        .get_connection()
        .unwrap();
    let list = "gp:m:{lobby:0}";
    let mut range = redis::cmd("ZRANGE");
    let members: Vec<String> = range.arg(list).arg(0).arg(-1).query(&mut raw).unwrap();
    let removed = registry.remove(&conn("c1="), NOW).await.unwrap();
    assert_eq!(removed.unwrap().rooms.len(), 1);
    // Its `subscribe` had come that far, and dies before it looks again.
    let mut add = redis::cmd("ZADD");
    let _: u64 = add
        .arg(list)
        .arg(ann.lease)
        .arg(&members)
        .query(&mut raw)
        .unwrap();
    assert_eq!(registry.count(&room("lobby"), 1, NOW).await.unwrap(), 1);
    // A post to it is answered 410. The room was told before.
    let again = registry.remove(&conn("c1="), NOW).await.unwrap();
    assert_eq!(again, None);
    assert_eq!(registry.count(&room("lobby"), 1, NOW).await.unwrap(), 0);
    assert_eq!(registry.connection(&conn("c1="), NOW).await.unwrap(), None);
}

#[tokio::test]
async fn keys_have_the_names_the_operator_knows() {
    let server = Redis::start();
    let registry = open_registry(Some(&server.url("t:")), "sqlite:/none").unwrap();
    let ann = connection("c1=", "a}n");
    registry
        .hello(&ann, gatepost_store::SessionPolicy::Multi, NOW)
        .await
        .unwrap();
    registry
        .subscribe(&ann, &[into("lobby")], NOW)
        .await
        .unwrap();
    registry.raise_head(&room("lobby"), 1).await.unwrap();
    let mut connection = redis::Client::open(format!("redis://127.0.0.1:{}", server.port()))
        .unwrap()
        .get_connection()
        .unwrap();
    let mut keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    keys.sort();
    assert_eq!(keys.len(), 5, "{keys:?}");
    assert!(
        keys[0].starts_with("t:gp:c:{") && keys[0].len() == 41,
        "{keys:?}"
    );
    assert_eq!(keys[1], "t:gp:f:{lobby:0}");
    assert_eq!(keys[2], "t:gp:m:{lobby:0}");
    assert_eq!(keys[3], "t:gp:r:{lobby}");
    assert!(
        keys[4].starts_with("t:gp:u:{") && keys[4].len() == 41,
        "{keys:?}"
    );
}
