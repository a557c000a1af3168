//! Limits beside the rate of sending, and how many are there.

use std::sync::Arc;

use gatepost_protocol::Millis;
use gatepost_store::Greeting;
use gatepost_store::Limit;
use gatepost_store::Owner;
use gatepost_store::Reached;
use gatepost_store::Registry;
use gatepost_store::Subscription;
use gatepost_store::USER_CONNECTIONS;

use super::MULTI;
use super::connections;
use super::listed;
use super::welcome;
use crate::store::Registries;
use crate::store::behaviours;
use crate::store::words::LEASE;
use crate::store::words::NOW;
use crate::store::words::conn;
use crate::store::words::connection;
use crate::store::words::into;
use crate::store::words::room;
use crate::store::words::user;
use crate::store::words::with_client;

behaviours! { Registries:
    a_limit_lets_its_burst_through_and_then_one_at_a_time,
    of_several_limits_all_are_taken_from_or_none,
    limits_of_users_and_rooms_with_like_names_are_several,
    subscriptions_are_counted_over_all_shards_while_they_live,
    an_occupancy_is_news_once,
    a_connection_is_told_in_how_many_rooms_it_is,
    of_too_many_connections_the_one_heard_of_longest_ago_gives_way,
    an_older_connection_of_the_same_client_gives_way_first,
}

/// One a second, `burst` at once.
fn each_second(what: &str, burst: u32) -> Limit<'_> {
    Limit {
        what,
        every_us: 1_000_000,
        burst,
    }
}

async fn wait(
    registry: &Arc<dyn Registry>,
    of: Owner<'_>,
    limit: Limit<'_>,
    now: Millis,
) -> Option<u64> {
    let reached = registry.take(of, &[limit], now).await.unwrap();
    reached.map(|reached| reached.retry_after_ms)
}

async fn a_limit_lets_its_burst_through_and_then_one_at_a_time(registries: Registries) {
    let (one, other) = (registries.open(), registries.open());
    let ann = user("ann");
    let of = Owner::User(&ann);
    let limit = each_second("typing:lobby", 2);
    for (registry, now, expected) in [
        (&one, NOW, None),
        (&other, NOW, None),
        (&one, NOW, Some(1_000)),
        (&other, NOW + 400, Some(600)),
        (&one, NOW + 1_000, None),
        (&other, NOW + 1_000, Some(1_000)),
        (&one, NOW + 60_000, None),
        (&one, NOW + 60_000, None),
        (&one, NOW + 60_000, Some(1_000)),
    ] {
        let at = now - NOW;
        assert_eq!(wait(registry, of, limit, now).await, expected, "at {at}");
    }
}

async fn of_several_limits_all_are_taken_from_or_none(registries: Registries) {
    let registry = registries.open();
    let ann = user("ann");
    let of = Owner::User(&ann);
    let (many, few) = (each_second("actions", 3), each_second("read:lobby", 1));
    let both = async |now| registry.take(of, &[many, few], now).await.unwrap();
    assert_eq!(both(NOW).await, None);
    for _ in 0..5 {
        let reached = both(NOW).await.unwrap();
        assert_eq!((reached.limit, reached.retry_after_ms), (1, 1_000));
    }
    // What was refused took nothing from the first.
    assert_eq!(wait(&registry, of, many, NOW).await, None);
    assert_eq!(wait(&registry, of, many, NOW).await, None);
    let reached = Reached {
        limit: 0,
        retry_after_ms: 1_000,
    };
    assert_eq!(both(NOW).await, Some(reached));
}

async fn limits_of_users_and_rooms_with_like_names_are_several(registries: Registries) {
    let registry = registries.open();
    let limit = each_second("x", 1);
    let (users, rooms) = (["ann", "Ann", "an n", "a}n"], ["ann", "an-n"]);
    for id in users.map(user) {
        assert_eq!(wait(&registry, Owner::User(&id), limit, NOW).await, None);
        let again = wait(&registry, Owner::User(&id), limit, NOW).await;
        assert!(again.is_some(), "{id}");
    }
    for name in rooms.map(room) {
        assert_eq!(wait(&registry, Owner::Room(&name), limit, NOW).await, None);
    }
    let ann = user("ann");
    let other = each_second("x:y", 1);
    assert_eq!(wait(&registry, Owner::User(&ann), other, NOW).await, None);
}

async fn subscriptions_are_counted_over_all_shards_while_they_live(registries: Registries) {
    let registry = registries.open();
    let (wide, lobby) = (room("wide"), room("lobby"));
    assert_eq!(registry.count(&wide, 5, NOW).await.unwrap(), 0);
    for number in 0..20 {
        let mut one = connection(&format!("c{number}"), &format!("u{number}"));
        one.lease += number % 2;
        let shards = Subscription {
            shards: 5,
            ..into("wide")
        };
        registry.subscribe(&one, &[shards], NOW).await.unwrap();
    }
    registry
        .subscribe(&connection("d", "u1"), &[into("lobby")], NOW)
        .await
        .unwrap();
    for (now, count) in [(NOW, 20), (NOW + LEASE, 10), (NOW + LEASE + 1, 0)] {
        assert_eq!(registry.count(&wide, 5, now).await.unwrap(), count);
    }
    assert_eq!(registry.count(&lobby, 1, NOW).await.unwrap(), 1);
}

async fn an_occupancy_is_news_once(registries: Registries) {
    let (one, other) = (registries.open(), registries.open());
    let lobby = room("lobby");
    for (registry, count, is_news) in [
        (&one, 60, true),
        (&other, 60, false),
        (&one, 61, true),
        (&other, 60, true),
        (&one, 60, false),
    ] {
        assert_eq!(
            registry.note_occupancy(&lobby, count).await.unwrap(),
            is_news
        );
    }
    assert!(one.note_occupancy(&room("other"), 60).await.unwrap());
}

async fn a_connection_is_told_in_how_many_rooms_it_is(registries: Registries) {
    let registry = registries.open();
    let (phone, laptop) = (connection("c1", "ann"), connection("c2", "ann"));
    let subscribe = async |connection, rooms: &[Subscription]| {
        let subscribed = registry.subscribe(connection, rooms, NOW).await;
        let told = subscribed.unwrap().unwrap();
        told.iter().map(|room| room.rooms).collect::<Vec<_>>()
    };
    assert_eq!(subscribe(&phone, &[into("a"), into("b")]).await, [2, 2]);
    assert_eq!(subscribe(&laptop, &[into("a")]).await, [1]);
    assert_eq!(subscribe(&phone, &[into("b"), into("c")]).await, [3, 3]);
    registry
        .unsubscribe(&phone.subscriber, &room("a"), 1, NOW)
        .await
        .unwrap();
    assert_eq!(subscribe(&phone, &[into("c")]).await, [2]);
}

async fn of_too_many_connections_the_one_heard_of_longest_ago_gives_way(registries: Registries) {
    let (one, other) = (registries.open(), registries.open());
    for number in 0..USER_CONNECTIONS {
        let mut some = connection(&format!("c{number}"), "ann");
        // The third was heard of longest ago.
        some.lease += if number == 2 { 0 } else { 10 };
        assert_eq!(one.hello(&some, MULTI, NOW).await.unwrap(), welcome());
    }
    let newest = connection("new", "ann");
    let greeting = Greeting::Welcome {
        replaced: vec![conn("c2")],
    };
    assert_eq!(other.hello(&newest, MULTI, NOW).await.unwrap(), greeting);
    let all = connections(&one, "ann", NOW).await;
    assert_eq!(all.len(), USER_CONNECTIONS as usize);
    assert!(all.contains(&"new".into()) && !all.contains(&"c2".into()));
    // It has been told to go, and what it says late brings it nowhere.
    let late = one
        .subscribe(&connection("c2", "ann"), &[into("lobby")], NOW)
        .await;
    assert_eq!(late.unwrap(), None);
    assert!(listed(&one, "lobby", NOW).await.is_empty());
    // Whose lease ended is not counted, and nobody else's connection is.
    let later = NOW + LEASE + 10;
    let mut late = connection("later", "ann");
    late.lease = later + LEASE;
    assert_eq!(one.hello(&late, MULTI, later).await.unwrap(), welcome());
    let bob = connection("bob", "bob");
    assert_eq!(one.hello(&bob, MULTI, NOW).await.unwrap(), welcome());
}

async fn an_older_connection_of_the_same_client_gives_way_first(registries: Registries) {
    let registry = registries.open();
    for number in 0..USER_CONNECTIONS {
        let mut some = with_client(&format!("c{number}"), "ann", &format!("tab{number}"));
        some.lease += i64::from(number);
        registry.hello(&some, MULTI, NOW).await.unwrap();
    }
    let greeting = registry
        .hello(&with_client("new", "ann", "tab5"), MULTI, NOW)
        .await
        .unwrap();
    let expected = Greeting::Welcome {
        replaced: vec![conn("c5")],
    };
    assert_eq!(greeting, expected);
}
