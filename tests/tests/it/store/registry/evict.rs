//! The end of all of a user's subscriptions in a room.

use gatepost_store::SessionPolicy;
use gatepost_store::Shard;
use gatepost_store::Subscribers;

use super::TAKE;
use super::enter;
use super::listed;
use crate::store::Registries;
use crate::store::behaviours;
use crate::store::words::LEASE;
use crate::store::words::LOOKALIKES;
use crate::store::words::NOW;
use crate::store::words::connection;
use crate::store::words::into;
use crate::store::words::room;
use crate::store::words::subscriber;
use crate::store::words::user;
use crate::store::words::with_client;

behaviours! { Registries:
    every_connection_of_the_user_is_out_of_the_room_and_nobody_else,
    an_eviction_may_be_repeated,
    whoever_was_evicted_comes_in_anew,
    the_version_changes_with_an_eviction,
    users_that_look_alike_stay,
    a_connection_that_was_replaced_is_evicted_too,
    a_renewal_at_the_same_time_does_not_outlive_an_eviction,
    who_asked_the_history_before_an_eviction_is_to_ask_again,
    who_is_not_known_any_more_is_to_ask_again,
}

async fn every_connection_of_the_user_is_out_of_the_room_and_nobody_else(registries: Registries) {
    let registry = registries.open();
    let rooms = [into("lobby"), into("other")];
    for (id, of) in [("c1", "ann"), ("c2", "ann"), ("c3", "bob")] {
        let found = registry.subscribe(&connection(id, of), &rooms, NOW).await;
        assert_eq!(found.unwrap().unwrap().len(), 2);
    }
    let mut evicted = registries
        .open()
        .evict(&user("ann"), &room("lobby"), 1, NOW)
        .await
        .unwrap();
    evicted.sort_by_key(|subscriber| subscriber.connection.to_string());
    assert_eq!(evicted, [subscriber("c1", "ann"), subscriber("c2", "ann")]);
    assert_eq!(listed(&registry, "lobby", NOW).await, ["c3"]);
    assert_eq!(listed(&registry, "other", NOW).await, ["c1", "c2", "c3"]);
    let known = registry.connections_of(&user("ann"), NOW).await.unwrap();
    assert_eq!(known.len(), 2, "the connections stay");
    // A removal tells no room that was ended before.
    let removed = registry
        .remove(&"c1".parse().unwrap(), NOW)
        .await
        .unwrap()
        .unwrap();
    let rooms: Vec<_> = removed
        .rooms
        .iter()
        .map(|left| left.room.as_str())
        .collect();
    assert_eq!(rooms, ["other"]);
}

async fn an_eviction_may_be_repeated(registries: Registries) {
    let registry = registries.open();
    enter(&registry, &connection("c1", "ann")).await;
    let (ann, lobby) = (user("ann"), room("lobby"));
    let evict = |now| registry.evict(&ann, &lobby, 1, now);
    let nobody = user("nobody");
    let evicted = registry.evict(&nobody, &lobby, 1, NOW).await;
    assert_eq!(evicted.unwrap(), []);
    assert_eq!(evict(NOW).await.unwrap().len(), 1);
    assert_eq!(evict(NOW).await.unwrap(), []);
    // A subscription whose lease had ended is none that was ended now.
    enter(&registry, &connection("c1", "ann")).await;
    assert_eq!(evict(NOW + LEASE).await.unwrap(), []);
}

async fn whoever_was_evicted_comes_in_anew(registries: Registries) {
    let registry = registries.open();
    let (phone, laptop) = (connection("c1", "ann"), connection("c2", "ann"));
    let rooms = [into("lobby")];
    let mut found = Vec::new();
    for (device, evict) in [
        (&phone, false),
        (&phone, false),
        (&laptop, false),
        (&phone, true),
        (&laptop, false),
    ] {
        if evict {
            registry
                .evict(&user("ann"), &room("lobby"), 1, NOW)
                .await
                .unwrap();
        }
        let answer = registry.subscribe(device, &rooms, NOW).await;
        let answer = answer.unwrap().unwrap().remove(0);
        found.push((answer.first_device, answer.renewed));
    }
    let expected = [
        (true, false),
        (false, true),
        (false, false),
        (true, false),
        (false, false),
    ];
    assert_eq!(found, expected);
}

async fn the_version_changes_with_an_eviction(registries: Registries) {
    let registry = registries.open();
    enter(&registry, &connection("c1", "ann")).await;
    let shard = Shard {
        room: room("lobby"),
        index: 0,
    };
    let read = |known| registry.subscribers(&shard, known, NOW);
    let Subscribers::Listed { version, .. } = read(None).await.unwrap() else {
        panic!("a first reading lists");
    };
    registry
        .evict(&user("ann"), &room("lobby"), 1, NOW)
        .await
        .unwrap();
    let again = read(Some(version)).await.unwrap();
    assert!(
        matches!(&again, Subscribers::Listed { list, .. } if list.is_empty()),
        "{again:?}"
    );
}

async fn users_that_look_alike_stay(registries: Registries) {
    let registry = registries.open();
    for (number, of) in LOOKALIKES.iter().enumerate() {
        enter(&registry, &connection(&format!("c{number:02}"), of)).await;
    }
    for (number, of) in LOOKALIKES.iter().enumerate() {
        registry
            .evict(&user(of), &room("lobby"), 1, NOW)
            .await
            .unwrap();
        let left = listed(&registry, "lobby", NOW).await;
        assert_eq!(left.len(), LOOKALIKES.len() - number - 1, "{of:?}");
    }
}

async fn a_renewal_at_the_same_time_does_not_outlive_an_eviction(registries: Registries) {
    let registry = registries.open();
    let (ann, lobby) = (connection("c1", "ann"), room("lobby"));
    for round in 0..60 {
        enter(&registry, &ann).await;
        let (renewing, evicting) = (registries.open(), registries.open());
        let (connection, rooms) = (ann.clone(), [into("lobby")]);
        let renewed =
            tokio::spawn(async move { renewing.subscribe(&connection, &rooms, NOW).await });
        let (of, name) = (user("ann"), lobby.clone());
        let evicted = tokio::spawn(async move { evicting.evict(&of, &name, 1, NOW).await });
        let renewed = renewed.await.unwrap().unwrap().unwrap().remove(0);
        evicted.await.unwrap().unwrap();
        // What is left came in after the eviction, and whoever asked for it knows.
        if !listed(&registry, "lobby", NOW).await.is_empty() {
            assert!(!renewed.renewed, "round {round}");
        }
        // Whoever was in it, or comes in after it, is told.
        assert!(renewed.renewed || renewed.confirm, "round {round}");
    }
}

async fn who_asked_the_history_before_an_eviction_is_to_ask_again(registries: Registries) {
    let registry = registries.open();
    let (ann, bob) = (connection("c1", "ann"), connection("c2", "bob"));
    let subscribe = async |connection: &_, now| {
        let rooms = [into("lobby"), into("other")];
        let found = registry.subscribe(connection, &rooms, now).await;
        let found = found.unwrap().unwrap();
        [found[0].confirm, found[1].confirm]
    };
    for connection in [&ann, &bob] {
        registry
            .hello(connection, SessionPolicy::Multi, NOW)
            .await
            .unwrap();
    }
    // Nobody was in it: who asked and was let in is on the way.
    let evicted = registry.evict(&user("ann"), &room("lobby"), 1, NOW).await;
    assert_eq!(evicted.unwrap(), []);
    assert_eq!(subscribe(&ann, NOW).await, [true, false]);
    assert_eq!(subscribe(&bob, NOW).await, [false, false]);
    assert_eq!(subscribe(&ann, NOW).await, [false, false], "it is in it");
    // The mark outlives every invocation that was under way, and no more.
    for (after, expected) in [(119_999, true), (120_000, false)] {
        let left = subscriber("c1", "ann");
        let now = NOW + after;
        registry
            .unsubscribe(&left, &room("lobby"), 1, now)
            .await
            .unwrap();
        assert_eq!(subscribe(&ann, now).await, [expected, false], "{after} ms");
    }
}

async fn who_is_not_known_any_more_is_to_ask_again(registries: Registries) {
    let registry = registries.open();
    let ann = connection("c1", "ann");
    let rooms = [into("lobby")];
    let confirm = async |now| {
        let subscribed = registry.subscribe(&ann, &rooms, now).await;
        subscribed.unwrap().unwrap()[0].confirm
    };
    // As after a loss of everything: what was known of evictions is gone as well.
    assert!(confirm(NOW).await, "it said no hello");
    assert!(!confirm(NOW).await);
    assert!(confirm(NOW + LEASE).await, "its lease had ended");
}

async fn a_connection_that_was_replaced_is_evicted_too(registries: Registries) {
    let registry = registries.open();
    let (first, second) = (
        with_client("c1", "ann", "first"),
        with_client("c2", "ann", "second"),
    );
    enter(&registry, &first).await;
    registry.hello(&second, TAKE, NOW).await.unwrap();
    // Nobody has closed it yet, so it hears.
    assert_eq!(listed(&registry, "lobby", NOW).await, ["c1"]);
    let evicted = registry.evict(&user("ann"), &room("lobby"), 1, NOW).await;
    assert_eq!(evicted.unwrap(), [first.subscriber]);
    assert!(listed(&registry, "lobby", NOW).await.is_empty());
}
