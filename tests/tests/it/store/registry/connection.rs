//! Connections and what becomes of them.

use futures_util::future::join_all;
use gatepost_store::Admission;
use gatepost_store::Greeting;

use super::MULTI;
use super::NO_RATES;
use super::TAKE;
use super::connections;
use super::enter;
use super::listed;
use super::welcome;
use crate::store::Registries;
use crate::store::behaviours;
use crate::store::words::LEASE;
use crate::store::words::LOOKALIKES;
use crate::store::words::NOW;
use crate::store::words::client;
use crate::store::words::conn;
use crate::store::words::connection;
use crate::store::words::into;
use crate::store::words::room;
use crate::store::words::subscriber;
use crate::store::words::user;
use crate::store::words::with_client;

behaviours! { Registries:
    a_connection_is_known_until_its_lease_ends,
    connecting_makes_no_post_target,
    hello_puts_a_connection_under_its_user,
    hello_makes_a_connection_that_was_lost,
    users_that_look_alike_are_apart,
    a_removed_connection_stays_removed,
    a_connection_removed_before_it_was_written_stays_removed,
    removing_a_connection_leaves_its_successor,
    removing_twice_tells_its_rooms_once,
    a_place_whose_lease_has_ended_names_no_client,
    subscribing_never_outlives_a_removal,
}

async fn a_connection_is_known_until_its_lease_ends(registries: Registries) {
    let (one, other) = (registries.open(), registries.open());
    let mut ann = with_client("c1=", "ann", "page");
    one.connect(&ann, NOW).await.unwrap();
    assert_eq!(
        other.connection(&conn("c1="), NOW).await.unwrap(),
        Some(ann.clone())
    );
    assert_eq!(other.connection(&conn("c1"), NOW).await.unwrap(), None);
    let end = ann.lease;
    assert!(
        other
            .connection(&conn("c1="), end - 1)
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(other.connection(&conn("c1="), end).await.unwrap(), None);
    // Not knowing the client is no reason to forget it.
    ann.client = None;
    one.connect(&ann, NOW).await.unwrap();
    let found = other.connection(&conn("c1="), NOW).await.unwrap().unwrap();
    assert_eq!(found.client, Some(client("page")));
}

async fn connecting_makes_no_post_target(registries: Registries) {
    let registry = registries.open();
    registry
        .connect(&connection("c1", "ann"), NOW)
        .await
        .unwrap();
    assert!(connections(&registry, "ann", NOW).await.is_empty());
    assert!(listed(&registry, "lobby", NOW).await.is_empty());
}

async fn hello_puts_a_connection_under_its_user(registries: Registries) {
    let (one, other) = (registries.open(), registries.open());
    let ann = with_client("c1", "ann", "page");
    one.connect(&connection("c1", "ann"), NOW).await.unwrap();
    assert_eq!(one.hello(&ann, MULTI, NOW).await.unwrap(), welcome());
    assert_eq!(
        one.hello(&with_client("c2", "ann", "other"), MULTI, NOW)
            .await
            .unwrap(),
        welcome()
    );
    assert_eq!(connections(&other, "ann", NOW).await, ["c1", "c2"]);
    assert!(
        other
            .connections_of(&user("ann"), NOW)
            .await
            .unwrap()
            .contains(&ann)
    );
    assert!(connections(&other, "ann", NOW + LEASE).await.is_empty());
}

async fn hello_makes_a_connection_that_was_lost(registries: Registries) {
    let registry = registries.open();
    let ann = with_client("c1", "ann", "page");
    assert_eq!(registry.hello(&ann, MULTI, NOW).await.unwrap(), welcome());
    assert_eq!(
        registry.connection(&conn("c1"), NOW).await.unwrap(),
        Some(ann)
    );
}

async fn users_that_look_alike_are_apart(registries: Registries) {
    let registry = registries.open();
    for (number, id) in LOOKALIKES.iter().enumerate() {
        enter(&registry, &connection(&format!("c{number}"), id)).await;
    }
    for (number, id) in LOOKALIKES.iter().enumerate() {
        assert_eq!(
            connections(&registry, id, NOW).await,
            [format!("c{number}")],
            "{id:?}"
        );
    }
    assert_eq!(
        listed(&registry, "lobby", NOW).await.len(),
        LOOKALIKES.len()
    );
    let removed = registry.remove(&conn("c2"), NOW).await.unwrap().unwrap();
    assert_eq!(removed.subscriber, subscriber("c2", LOOKALIKES[2]));
    assert!(removed.rooms[0].last_device);
    assert_eq!(
        listed(&registry, "lobby", NOW).await.len(),
        LOOKALIKES.len() - 1
    );
}

async fn a_removed_connection_stays_removed(registries: Registries) {
    let (one, other) = (registries.open(), registries.open());
    let ann = connection("c1", "ann");
    enter(&one, &ann).await;
    assert_eq!(
        one.remove(&conn("c1"), NOW)
            .await
            .unwrap()
            .unwrap()
            .rooms
            .len(),
        1
    );
    assert_eq!(
        other
            .subscribe(&ann, &[into("lobby")], NOW + 1)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        other.hello(&ann, MULTI, NOW + 1).await.unwrap(),
        Greeting::Closed
    );
    assert_eq!(
        other.hello(&ann, TAKE, NOW + 1).await.unwrap(),
        Greeting::Closed
    );
    other.connect(&ann, NOW + 1).await.unwrap();
    assert_eq!(other.connection(&conn("c1"), NOW + 1).await.unwrap(), None);
    assert!(listed(&other, "lobby", NOW + 1).await.is_empty());
    assert!(connections(&other, "ann", NOW + 1).await.is_empty());
    assert_eq!(one.remove(&conn("c1"), NOW + 1).await.unwrap(), None);
}

async fn a_connection_removed_before_it_was_written_stays_removed(registries: Registries) {
    let registry = registries.open();
    let ann = connection("c1", "ann");
    assert_eq!(registry.remove(&conn("c1"), NOW).await.unwrap(), None);
    registry.connect(&ann, NOW).await.unwrap();
    assert_eq!(registry.connection(&conn("c1"), NOW).await.unwrap(), None);
    assert_eq!(
        registry
            .subscribe(&ann, &[into("lobby")], NOW)
            .await
            .unwrap(),
        None
    );
    assert!(listed(&registry, "lobby", NOW).await.is_empty());
}

async fn removing_a_connection_leaves_its_successor(registries: Registries) {
    let registry = registries.open();
    let (old, new) = (
        with_client("c1", "ann", "page"),
        with_client("c2", "ann", "page"),
    );
    enter(&registry, &old).await;
    enter(&registry, &new).await;
    let removed = registry.remove(&conn("c1"), NOW).await.unwrap().unwrap();
    assert!(!removed.rooms[0].last_device);
    assert_eq!(listed(&registry, "lobby", NOW).await, ["c2"]);
    assert_eq!(connections(&registry, "ann", NOW).await, ["c2"]);
    assert_eq!(
        registry.connection(&conn("c2"), NOW).await.unwrap(),
        Some(new)
    );
}

async fn removing_twice_tells_its_rooms_once(registries: Registries) {
    let registry = registries.open();
    for round in 0..10 {
        let id = format!("c{round}");
        enter(&registry, &connection(&id, "ann")).await;
        let removals = (0..4).map(|_| {
            let (registry, id) = (registries.open(), conn(&id));
            async move { registry.remove(&id, NOW).await.unwrap() }
        });
        let told: usize = join_all(removals)
            .await
            .into_iter()
            .flatten()
            .map(|one| one.rooms.len())
            .sum();
        assert_eq!(told, 1);
    }
}

async fn subscribing_never_outlives_a_removal(registries: Registries) {
    let (one, other) = (registries.open(), registries.open());
    for round in 0..100 {
        let ann = connection(&format!("c{round}"), "ann");
        one.hello(&ann, MULTI, NOW).await.unwrap();
        let rooms = [into("lobby"), into("other")];
        let id = ann.subscriber.connection.clone();
        let (subscribed, removed) =
            tokio::join!(one.subscribe(&ann, &rooms, NOW), other.remove(&id, NOW));
        subscribed.unwrap();
        removed.unwrap();
        assert!(listed(&one, "lobby", NOW).await.is_empty(), "round {round}");
        assert!(listed(&one, "other", NOW).await.is_empty(), "round {round}");
        assert!(
            connections(&one, "ann", NOW).await.is_empty(),
            "round {round}"
        );
    }
}

async fn a_place_whose_lease_has_ended_names_no_client(registries: Registries) {
    let registry = registries.open();
    let ann = with_client("c1", "ann", "page");
    registry.hello(&ann, MULTI, NOW).await.unwrap();
    let client_at = async |now| {
        let (of, id, lobby) = (user("ann"), conn("c1"), room("lobby"));
        let admitted = registry.admit(&of, &id, &lobby, NO_RATES, now);
        match admitted.await.unwrap() {
            Admission::Admitted { client } => client,
            other => panic!("{other:?}"),
        }
    };
    let end = NOW + LEASE;
    assert_eq!(client_at(end - 1).await, ann.client);
    assert_eq!(client_at(end).await, None);
    // Nor does it come back with the lease.
    let mut renewed = connection("c1", "ann");
    renewed.lease = end + LEASE;
    registry.subscribe(&renewed, &[], end).await.unwrap();
    assert_eq!(client_at(end).await, None);
    let known = registry.connections_of(&user("ann"), end).await.unwrap();
    assert_eq!(known, [renewed]);
}
