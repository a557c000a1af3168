//! What every registry does. Each behaviour has a registry of its own.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use gatepost_protocol::Millis;
use gatepost_store::Admission;
use gatepost_store::Claim;
use gatepost_store::Connection;
use gatepost_store::Dialect;
use gatepost_store::Greeting;
use gatepost_store::Rates;
use gatepost_store::Registry;
use gatepost_store::Release;
use gatepost_store::SessionPolicy;
use gatepost_store::Shard;
use gatepost_store::Subscriber;
use gatepost_store::Subscribers;
use gatepost_store::Subscription;
use gatepost_store::shard_of;

use super::Registries;
use super::behaviours;
use super::words::LEASE;
use super::words::LOOKALIKES;
use super::words::NOW;
use super::words::client;
use super::words::conn;
use super::words::connection;
use super::words::into;
use super::words::room;
use super::words::subscriber;
use super::words::user;
use super::words::with_client;

behaviours! { Registries:
    a_connection_is_known_until_its_lease_ends,
    connecting_makes_no_post_target,
    hello_puts_a_connection_under_its_user,
    hello_makes_a_connection_that_was_lost,
    users_that_look_alike_are_apart,
    the_first_and_the_last_device_are_told,
    a_subscription_ends_with_its_lease,
    renewing_keeps_a_subscription_and_its_connection,
    the_version_changes_when_the_list_does,
    subscribers_are_listed_as_they_said_hello,
    many_subscribe_at_once_and_none_is_lost,
    shards_have_lists_of_their_own,
    leaving_where_one_is_not_is_nothing,
    a_removed_connection_stays_removed,
    a_connection_removed_before_it_was_written_stays_removed,
    removing_a_connection_leaves_its_successor,
    removing_twice_tells_its_rooms_once,
    subscribing_never_outlives_a_removal,
    another_client_takes_over,
    a_client_rotates_its_connection,
    connections_without_a_client_take_over_from_each_other,
    only_users_of_a_policy_are_fenced,
    a_burst_is_admitted_and_then_the_rate,
    no_rate_is_no_limit,
    a_room_has_a_rate_of_its_own,
    what_a_user_may_not_send_costs_the_room_nothing,
    a_head_is_never_lowered,
    a_fan_out_has_one_holder,
    a_busy_fan_out_is_marked_and_taken_again,
    a_lease_that_ran_out_fences_its_holder,
    a_cursor_is_only_raised,
    a_subscription_gives_the_cursor_its_beginning,
    no_wake_up_is_lost,
}

const MULTI: SessionPolicy = SessionPolicy::Multi;
const TAKEOVER: SessionPolicy = SessionPolicy::Takeover { take: false };
const TAKE: SessionPolicy = SessionPolicy::Takeover { take: true };
const RATES: Rates = Rates {
    per_user: 0,
    per_room: 0,
};

fn shard(name: &str) -> Shard {
    Shard {
        room: room(name),
        index: 0,
    }
}

fn welcome() -> Greeting {
    Greeting::Welcome {
        replaced: Vec::new(),
    }
}

/// The ids of the connections of a room of one shard, in order.
async fn listed(registry: &Arc<dyn Registry>, name: &str, now: Millis) -> Vec<String> {
    let Subscribers::Listed { list, .. } =
        registry.subscribers(&shard(name), None, now).await.unwrap()
    else {
        panic!("nothing is known, so nothing is unchanged");
    };
    let mut ids: Vec<_> = list
        .into_iter()
        .map(|one| one.connection.to_string())
        .collect();
    ids.sort();
    ids
}

/// The ids of a user's connections, in order.
async fn connections(registry: &Arc<dyn Registry>, of: &str, now: Millis) -> Vec<String> {
    let found = registry.connections_of(&user(of), now).await.unwrap();
    let mut ids: Vec<_> = found
        .into_iter()
        .map(|one| one.subscriber.connection.to_string())
        .collect();
    ids.sort();
    ids
}

/// Says hello and joins the lobby.
async fn enter(registry: &Arc<dyn Registry>, connection: &Connection) {
    assert_eq!(
        registry.hello(connection, MULTI, NOW).await.unwrap(),
        welcome()
    );
    registry
        .subscribe(connection, &[into("lobby")], NOW)
        .await
        .unwrap()
        .unwrap();
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

async fn the_first_and_the_last_device_are_told(registries: Registries) {
    let registry = registries.open();
    let (phone, laptop) = (connection("c1", "ann"), connection("c2", "ann"));
    let rooms = [into("lobby"), into("other")];
    let first = registry
        .subscribe(&phone, &rooms[..1], NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((first[0].first_device, first[0].subscribers), (true, 1));
    let second = registry
        .subscribe(&laptop, &rooms, NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        second
            .iter()
            .map(|one| one.first_device)
            .collect::<Vec<_>>(),
        [false, true]
    );
    assert_eq!(
        second.iter().map(|one| one.subscribers).collect::<Vec<_>>(),
        [2, 1]
    );
    let bob = registry
        .subscribe(&connection("c3", "bob"), &rooms[..1], NOW)
        .await
        .unwrap();
    assert_eq!(
        (
            bob.clone().unwrap()[0].first_device,
            bob.unwrap()[0].subscribers
        ),
        (true, 3)
    );
    // Renewing is no coming.
    let again = registry
        .subscribe(&phone, &rooms[..1], NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((again[0].first_device, again[0].subscribers), (false, 3));

    let lobby = room("lobby");
    let left = registry
        .unsubscribe(&phone.subscriber, &lobby, 1, NOW)
        .await
        .unwrap()
        .unwrap();
    assert!(!left.last_device);
    let removed = registry.remove(&conn("c2"), NOW).await.unwrap().unwrap();
    assert_eq!(removed.subscriber, laptop.subscriber);
    assert!(removed.rooms.len() == 2 && removed.rooms.iter().all(|room| room.last_device));
    // A device whose lease ended is there no more.
    let later = NOW + LEASE;
    let mut late = connection("c4", "bob");
    late.lease = later + LEASE;
    let late = registry
        .subscribe(&late, &rooms[..1], later)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((late[0].first_device, late[0].subscribers), (true, 1));
}

async fn a_subscription_ends_with_its_lease(registries: Registries) {
    let registry = registries.open();
    enter(&registry, &connection("c1", "ann")).await;
    let mut longer = connection("c2", "bob");
    longer.lease += 1;
    enter(&registry, &longer).await;
    assert_eq!(
        listed(&registry, "lobby", NOW + LEASE - 1).await,
        ["c1", "c2"]
    );
    assert_eq!(listed(&registry, "lobby", NOW + LEASE).await, ["c2"]);
    let lobby = room("lobby");
    let gone = subscriber("c1", "ann");
    assert_eq!(
        registry
            .unsubscribe(&gone, &lobby, 1, NOW + LEASE)
            .await
            .unwrap(),
        None
    );
}

async fn renewing_keeps_a_subscription_and_its_connection(registries: Registries) {
    let registry = registries.open();
    let mut ann = with_client("c1", "ann", "page");
    enter(&registry, &ann).await;
    ann.lease += LEASE;
    ann.client = None;
    registry
        .subscribe(&ann, &[into("lobby")], NOW + 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(listed(&registry, "lobby", NOW + LEASE).await, ["c1"]);
    let found = registry
        .connections_of(&user("ann"), NOW + LEASE)
        .await
        .unwrap();
    assert_eq!(
        (found[0].lease, &found[0].client),
        (ann.lease, &Some(client("page")))
    );
    // The connection alone, and where the registry had lost it.
    let bob = connection("c2", "bob");
    assert_eq!(
        registry.subscribe(&bob, &[], NOW).await.unwrap(),
        Some(Vec::new())
    );
    assert_eq!(connections(&registry, "bob", NOW).await, ["c2"]);
    assert_eq!(
        registry.connection(&conn("c2"), NOW).await.unwrap(),
        Some(bob)
    );
}

async fn the_version_changes_when_the_list_does(registries: Registries) {
    let (one, other) = (registries.open(), registries.open());
    let lobby = shard("lobby");
    let version = async |now: Millis| match other.subscribers(&lobby, None, now).await.unwrap() {
        Subscribers::Listed { version, .. } => version,
        Subscribers::Unchanged => panic!("nothing was known"),
    };
    let mut seen = vec![version(NOW).await];
    enter(&one, &connection("c1", "ann")).await;
    seen.push(version(NOW).await);
    let mut bob = connection("c2", "bob");
    bob.lease += LEASE;
    enter(&one, &bob).await;
    seen.push(version(NOW).await);
    // Renewed: the same list.
    enter(&one, &connection("c1", "ann")).await;
    assert_eq!(version(NOW).await, seen[2]);
    let known = Some(seen[2]);
    assert_eq!(
        other.subscribers(&lobby, known, NOW).await.unwrap(),
        Subscribers::Unchanged
    );
    // A lease that ends changes the list though nobody did anything.
    let after = other.subscribers(&lobby, known, NOW + LEASE).await.unwrap();
    assert!(
        matches!(&after, Subscribers::Listed { list, .. } if list.len() == 1),
        "{after:?}"
    );
    seen.push(version(NOW + LEASE).await);
    one.unsubscribe(&bob.subscriber, &room("lobby"), 1, NOW)
        .await
        .unwrap();
    seen.push(version(NOW).await);
    enter(&one, &connection("c3", "cy")).await;
    seen.push(version(NOW).await);
    one.remove(&conn("c3"), NOW).await.unwrap();
    seen.push(version(NOW).await);
    let all = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), all, "every list had a version of its own");
}

async fn subscribers_are_listed_as_they_said_hello(registries: Registries) {
    let registry = registries.open();
    let names = ["", " ", "12 ann", "Zoë 🙂 {x}", "a'b\"c\\d", "x\ny"];
    let mut expected = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let subscriber = Subscriber {
            connection: conn(&format!("c{number}=")),
            user: user(&format!("1 {number}")),
            name: String::from(*name),
            dialect: if number % 2 == 0 {
                Dialect::V1
            } else {
                Dialect::Seed
            },
        };
        let one = Connection {
            subscriber: subscriber.clone(),
            client: None,
            lease: NOW + LEASE,
        };
        enter(&registry, &one).await;
        assert_eq!(
            registry
                .connections_of(&subscriber.user, NOW)
                .await
                .unwrap(),
            [one]
        );
        expected.push(subscriber);
    }
    let Subscribers::Listed { mut list, .. } = registry
        .subscribers(&shard("lobby"), None, NOW)
        .await
        .unwrap()
    else {
        panic!("nothing was known");
    };
    list.sort_by_key(|one| one.connection.to_string());
    assert_eq!(list, expected);
}

async fn many_subscribe_at_once_and_none_is_lost(registries: Registries) {
    let joins = (0..8).map(|process| {
        let registry = registries.open();
        async move {
            for number in 0..8 {
                enter(
                    &registry,
                    &connection(&format!("c{process}-{number}"), "ann"),
                )
                .await;
            }
        }
    });
    join_all(joins).await;
    let registry = registries.open();
    assert_eq!(listed(&registry, "lobby", NOW).await.len(), 64);
    assert_eq!(connections(&registry, "ann", NOW).await.len(), 64);
}

async fn shards_have_lists_of_their_own(registries: Registries) {
    let registry = registries.open();
    let wide = [Subscription {
        room: room("wide"),
        shards: 4,
        head: 7,
    }];
    let mut expected = [0_u64; 4];
    for number in 0..12 {
        let of = format!("user{number}");
        let index = usize::from(shard_of(&user(&of), 4));
        expected[index] += 1;
        let one = connection(&format!("c{number}"), &of);
        let found = registry.subscribe(&one, &wide, NOW).await;
        assert_eq!(found.unwrap().unwrap()[0].subscribers, expected[index]);
    }
    for (index, count) in (0..).zip(expected) {
        let one = Shard {
            room: room("wide"),
            index,
        };
        let found = registry.subscribers(&one, None, NOW).await.unwrap();
        assert!(
            matches!(&found, Subscribers::Listed { list, .. } if list.len() as u64 == count),
            "{found:?}"
        );
    }
    let removed = registry.remove(&conn("c3"), NOW).await.unwrap().unwrap();
    assert_eq!((removed.rooms.len(), removed.rooms[0].shards), (1, 4));
}

async fn leaving_where_one_is_not_is_nothing(registries: Registries) {
    let registry = registries.open();
    let ann = subscriber("c1", "ann");
    assert_eq!(
        registry
            .unsubscribe(&ann, &room("lobby"), 1, NOW)
            .await
            .unwrap(),
        None
    );
    enter(&registry, &connection("c1", "ann")).await;
    assert!(
        registry
            .unsubscribe(&ann, &room("lobby"), 1, NOW)
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(
        registry
            .unsubscribe(&ann, &room("lobby"), 1, NOW)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        registry
            .remove(&conn("c1"), NOW)
            .await
            .unwrap()
            .unwrap()
            .rooms,
        []
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

async fn another_client_takes_over(registries: Registries) {
    let (one, other) = (registries.open(), registries.open());
    let (first, second) = (
        with_client("c1", "ann", "first"),
        with_client("c2", "ann", "second"),
    );
    assert_eq!(one.hello(&first, TAKEOVER, NOW).await.unwrap(), welcome());
    assert_eq!(
        other.hello(&second, TAKEOVER, NOW).await.unwrap(),
        Greeting::Welcome {
            replaced: vec![conn("c1")]
        }
    );
    assert_eq!(connections(&one, "ann", NOW).await, ["c2"]);
    // The replaced one may neither send nor come back by itself,
    let sent = one
        .admit(&user("ann"), &conn("c1"), &room("lobby"), RATES, NOW)
        .await
        .unwrap();
    assert_eq!(sent, Admission::Replaced);
    assert_eq!(
        one.subscribe(&first, &[into("lobby")], NOW).await.unwrap(),
        None
    );
    assert!(listed(&one, "lobby", NOW).await.is_empty());
    assert_eq!(
        one.hello(&first, TAKEOVER, NOW).await.unwrap(),
        Greeting::Replaced
    );
    // not even on a new connection,
    let again = with_client("c3", "ann", "first");
    assert_eq!(
        one.hello(&again, TAKEOVER, NOW).await.unwrap(),
        Greeting::Replaced
    );
    assert_eq!(connections(&one, "ann", NOW).await, ["c2"]);
    // unless its user says so.
    assert_eq!(
        one.hello(&again, TAKE, NOW).await.unwrap(),
        Greeting::Welcome {
            replaced: vec![conn("c2")]
        }
    );
    let sent = one
        .admit(&user("ann"), &conn("c3"), &room("lobby"), RATES, NOW)
        .await
        .unwrap();
    assert_eq!(
        sent,
        Admission::Admitted {
            client: Some(client("first"))
        }
    );
    assert_eq!(
        one.hello(&second, TAKEOVER, NOW).await.unwrap(),
        Greeting::Replaced
    );
    // What the replaced one leaves behind is not the new one's.
    one.remove(&conn("c2"), NOW).await.unwrap();
    assert_eq!(connections(&one, "ann", NOW).await, ["c3"]);
}

async fn a_client_rotates_its_connection(registries: Registries) {
    let registry = registries.open();
    let (old, new) = (
        with_client("c1", "ann", "page"),
        with_client("c2", "ann", "page"),
    );
    assert_eq!(
        registry.hello(&old, TAKEOVER, NOW).await.unwrap(),
        welcome()
    );
    assert_eq!(
        registry.hello(&new, TAKEOVER, NOW).await.unwrap(),
        welcome()
    );
    assert_eq!(connections(&registry, "ann", NOW).await, ["c1", "c2"]);
    assert_eq!(
        registry.hello(&old, TAKEOVER, NOW).await.unwrap(),
        welcome()
    );
    let other = with_client("c3", "ann", "other");
    let Greeting::Welcome { mut replaced } = registry.hello(&other, TAKEOVER, NOW).await.unwrap()
    else {
        panic!("nobody replaced it");
    };
    replaced.sort();
    assert_eq!(replaced, [conn("c1"), conn("c2")]);
}

async fn connections_without_a_client_take_over_from_each_other(registries: Registries) {
    let registry = registries.open();
    let (old, new) = (connection("c1", "seed:7"), connection("c2", "seed:7"));
    assert_eq!(registry.hello(&old, TAKE, NOW).await.unwrap(), welcome());
    assert_eq!(registry.hello(&old, TAKE, NOW).await.unwrap(), welcome());
    assert_eq!(
        registry.hello(&new, TAKE, NOW).await.unwrap(),
        Greeting::Welcome {
            replaced: vec![conn("c1")]
        }
    );
    let (seed, lobby) = (user("seed:7"), room("lobby"));
    let sent = registry
        .admit(&seed, &conn("c1"), &lobby, RATES, NOW)
        .await
        .unwrap();
    assert_eq!(sent, Admission::Replaced);
    assert_eq!(
        registry.hello(&old, TAKEOVER, NOW).await.unwrap(),
        Greeting::Replaced
    );
    registry.remove(&conn("c1"), NOW).await.unwrap();
    assert_eq!(connections(&registry, "seed:7", NOW).await, ["c2"]);
}

async fn only_users_of_a_policy_are_fenced(registries: Registries) {
    let registry = registries.open();
    let lobby = room("lobby");
    // Missing means unknown, never no.
    let stranger = registry
        .admit(&user("ann"), &conn("c1"), &lobby, RATES, NOW)
        .await
        .unwrap();
    assert_eq!(stranger, Admission::Admitted { client: None });
    registry
        .hello(&with_client("c1", "ann", "one"), MULTI, NOW)
        .await
        .unwrap();
    registry
        .hello(&with_client("c2", "ann", "two"), MULTI, NOW)
        .await
        .unwrap();
    for (id, name) in [("c1", "one"), ("c2", "two")] {
        let known = registry
            .admit(&user("ann"), &conn(id), &lobby, RATES, NOW)
            .await
            .unwrap();
        assert_eq!(
            known,
            Admission::Admitted {
                client: Some(client(name))
            }
        );
    }
}

async fn admitted(
    registry: &Arc<dyn Registry>,
    of: &str,
    to: &str,
    rates: Rates,
    now: Millis,
) -> bool {
    let admission = registry
        .admit(&user(of), &conn("c1"), &room(to), rates, now)
        .await
        .unwrap();
    match admission {
        Admission::Admitted { .. } => true,
        Admission::RateLimited { retry_after_ms } => {
            assert!((1..=3_000).contains(&retry_after_ms), "{retry_after_ms}");
            false
        }
        Admission::Replaced => panic!("nobody replaced it"),
    }
}

async fn a_burst_is_admitted_and_then_the_rate(registries: Registries) {
    let (one, other) = (registries.open(), registries.open());
    let rates = Rates {
        per_user: 20,
        per_room: 0,
    };
    for number in 0..60 {
        let registry = if number % 2 == 0 { &one } else { &other };
        assert!(
            admitted(registry, "ann", "lobby", rates, NOW).await,
            "{number}"
        );
    }
    let sixty_first = one
        .admit(&user("ann"), &conn("c1"), &room("lobby"), rates, NOW)
        .await
        .unwrap();
    assert_eq!(sixty_first, Admission::RateLimited { retry_after_ms: 50 });
    assert!(
        !admitted(&one, "ann", "other", rates, NOW).await,
        "the rate is the user's"
    );
    assert!(
        admitted(&one, "bob", "lobby", rates, NOW).await,
        "not another's"
    );
    assert!(!admitted(&one, "ann", "lobby", rates, NOW + 49).await);
    assert!(admitted(&one, "ann", "lobby", rates, NOW + 50).await);
    assert!(!admitted(&one, "ann", "lobby", rates, NOW + 50).await);
    let mut count = 0;
    while admitted(&one, "ann", "lobby", rates, NOW + 60_000).await {
        count += 1;
    }
    assert_eq!(count, 60, "a minute's rest is a whole burst");
}

async fn no_rate_is_no_limit(registries: Registries) {
    let registry = registries.open();
    for _ in 0..300 {
        assert!(admitted(&registry, "ann", "lobby", RATES, NOW).await);
    }
}

async fn a_room_has_a_rate_of_its_own(registries: Registries) {
    let registry = registries.open();
    let rates = Rates {
        per_user: 10,
        per_room: 4,
    };
    for number in 0..12 {
        assert!(admitted(&registry, &format!("u{}", number % 3), "lobby", rates, NOW).await);
    }
    assert!(!admitted(&registry, "u4", "lobby", rates, NOW).await);
    assert!(admitted(&registry, "u4", "other", rates, NOW).await);
    assert!(admitted(&registry, "u4", "lobby", rates, NOW + 250).await);
}

async fn what_a_user_may_not_send_costs_the_room_nothing(registries: Registries) {
    let registry = registries.open();
    let rates = Rates {
        per_user: 1,
        per_room: 2,
    };
    for _ in 0..3 {
        assert!(admitted(&registry, "ann", "lobby", rates, NOW).await);
    }
    for _ in 0..20 {
        assert!(!admitted(&registry, "ann", "lobby", rates, NOW).await);
    }
    for _ in 0..3 {
        assert!(admitted(&registry, "bob", "lobby", rates, NOW).await);
    }
    assert!(
        !admitted(&registry, "cy", "lobby", rates, NOW).await,
        "six is the room's burst"
    );
}

async fn a_head_is_never_lowered(registries: Registries) {
    let (one, other) = (registries.open(), registries.open());
    let lobby = room("lobby");
    assert_eq!(one.head(&lobby).await.unwrap(), None);
    for (raised, head) in [(9, 9), (10, 10), (2, 10), (10, 10), (100, 100), (99, 100)] {
        one.raise_head(&lobby, raised).await.unwrap();
        assert_eq!(other.head(&lobby).await.unwrap(), Some(head));
    }
    assert_eq!(one.head(&room("other")).await.unwrap(), None);
}

async fn a_fan_out_has_one_holder(registries: Registries) {
    let claims = (0..8).map(|number| {
        let registry = registries.open();
        async move {
            let holder = format!("h{number}");
            registry
                .claim(&shard("lobby"), &holder, 1_000, NOW)
                .await
                .unwrap()
        }
    });
    let claims = join_all(claims).await;
    let held = claims
        .iter()
        .filter(|claim| matches!(claim, Claim::Held { .. }))
        .count();
    assert_eq!(held, 1, "{claims:?}");
    let registry = registries.open();
    assert_eq!(
        registry.progress(&shard("lobby"), NOW).await.unwrap(),
        (None, true)
    );
    assert_eq!(
        registry
            .progress(&shard("lobby"), NOW + 1_000)
            .await
            .unwrap(),
        (None, false)
    );
    assert_eq!(
        registry.progress(&shard("other"), NOW).await.unwrap(),
        (None, false)
    );
}

async fn a_busy_fan_out_is_marked_and_taken_again(registries: Registries) {
    let (one, other) = (registries.open(), registries.open());
    let lobby = shard("lobby");
    assert_eq!(
        one.claim(&lobby, "a", 1_000, NOW).await.unwrap(),
        Claim::Held { cursor: None }
    );
    assert_eq!(
        one.release(&lobby, "a", 3, NOW).await.unwrap(),
        Release::Released
    );
    assert_eq!(
        one.claim(&lobby, "a", 1_000, NOW).await.unwrap(),
        Claim::Held { cursor: Some(3) }
    );
    assert_eq!(
        other.claim(&lobby, "b", 1_000, NOW).await.unwrap(),
        Claim::Busy
    );
    assert_eq!(
        other.claim(&lobby, "c", 1_000, NOW).await.unwrap(),
        Claim::Busy
    );
    assert_eq!(
        one.release(&lobby, "a", 4, NOW).await.unwrap(),
        Release::Dirty
    );
    assert_eq!(
        one.progress(&lobby, NOW).await.unwrap(),
        (Some(4), true),
        "it is still held"
    );
    assert_eq!(
        one.release(&lobby, "a", 5, NOW).await.unwrap(),
        Release::Released
    );
    assert_eq!(one.progress(&lobby, NOW).await.unwrap(), (Some(5), false));
    assert_eq!(
        other.claim(&lobby, "b", 1_000, NOW).await.unwrap(),
        Claim::Held { cursor: Some(5) }
    );
    // Whoever claims reads the head afterwards: an old mark says nothing new.
    assert_eq!(
        one.claim(&lobby, "a", 1_000, NOW).await.unwrap(),
        Claim::Busy
    );
    let taken = one.claim(&lobby, "a", 1_000, NOW + 1_000).await.unwrap();
    assert_eq!(taken, Claim::Held { cursor: Some(5) });
    assert_eq!(
        one.release(&lobby, "a", 5, NOW + 1_000).await.unwrap(),
        Release::Released
    );
}

async fn a_lease_that_ran_out_fences_its_holder(registries: Registries) {
    let (one, other) = (registries.open(), registries.open());
    let lobby = shard("lobby");
    one.claim(&lobby, "a", 1_000, NOW).await.unwrap();
    assert!(one.advance(&lobby, "a", 1, 1_000, NOW + 500).await.unwrap());
    assert_eq!(
        other.claim(&lobby, "b", 1_000, NOW + 1_499).await.unwrap(),
        Claim::Busy
    );
    let taken = other.claim(&lobby, "b", 1_000, NOW + 1_500).await.unwrap();
    assert_eq!(taken, Claim::Held { cursor: Some(1) });
    assert!(
        !one.advance(&lobby, "a", 9, 1_000, NOW + 1_500)
            .await
            .unwrap()
    );
    assert_eq!(
        one.release(&lobby, "a", 9, NOW + 1_500).await.unwrap(),
        Release::Lost
    );
    assert_eq!(
        one.progress(&lobby, NOW + 1_500).await.unwrap(),
        (Some(1), true)
    );
    assert_eq!(
        other.release(&lobby, "b", 2, NOW + 1_500).await.unwrap(),
        Release::Released
    );
    assert!(
        !one.advance(&lobby, "a", 9, 1_000, NOW + 1_500)
            .await
            .unwrap()
    );
    assert_eq!(
        one.progress(&lobby, NOW + 1_500).await.unwrap(),
        (Some(2), false)
    );
    // Late, but nobody else came.
    one.claim(&lobby, "a", 1_000, NOW).await.unwrap();
    assert!(
        one.advance(&lobby, "a", 3, 1_000, NOW + 5_000)
            .await
            .unwrap()
    );
    assert_eq!(
        one.release(&lobby, "a", 4, NOW + 9_000).await.unwrap(),
        Release::Released
    );
}

async fn a_cursor_is_only_raised(registries: Registries) {
    let registry = registries.open();
    let lobby = shard("lobby");
    registry.claim(&lobby, "a", 1_000, NOW).await.unwrap();
    for (given, cursor) in [(9, 9), (10, 10), (3, 10)] {
        assert!(
            registry
                .advance(&lobby, "a", given, 1_000, NOW)
                .await
                .unwrap()
        );
        assert_eq!(
            registry.progress(&lobby, NOW).await.unwrap(),
            (Some(cursor), true)
        );
    }
    registry.release(&lobby, "a", 2, NOW).await.unwrap();
    assert_eq!(
        registry.progress(&lobby, NOW).await.unwrap(),
        (Some(10), false)
    );
}

async fn a_subscription_gives_the_cursor_its_beginning(registries: Registries) {
    let registry = registries.open();
    let at = |head| {
        [Subscription {
            room: room("lobby"),
            shards: 1,
            head,
        }]
    };
    registry
        .subscribe(&connection("c1", "ann"), &at(7), NOW)
        .await
        .unwrap();
    let held = registry
        .claim(&shard("lobby"), "a", 1_000, NOW)
        .await
        .unwrap();
    assert_eq!(held, Claim::Held { cursor: Some(7) });
    registry
        .subscribe(&connection("c2", "bob"), &at(9), NOW)
        .await
        .unwrap();
    registry
        .subscribe(&connection("c3", "cy"), &at(2), NOW)
        .await
        .unwrap();
    assert_eq!(
        registry.progress(&shard("lobby"), NOW).await.unwrap(),
        (Some(7), true)
    );
    assert_eq!(
        registry.head(&room("lobby")).await.unwrap(),
        None,
        "it raises no head"
    );
}

/// Many writers, each of which raises the head and then drains or leaves it to who drains: at the
/// end everything was posted once and in order.
async fn no_wake_up_is_lost(registries: Registries) {
    const WRITERS: u64 = 8;
    const EACH: u64 = 20;
    let log = Arc::new(AtomicU64::new(0));
    let posted = Arc::new(Mutex::new(Vec::new()));
    registries
        .open()
        .claim(&shard("lobby"), "first", 1_000, NOW)
        .await
        .unwrap();
    registries
        .open()
        .release(&shard("lobby"), "first", 0, NOW)
        .await
        .unwrap();
    let writers = (0..WRITERS).map(|writer| {
        let (registry, log, posted) = (registries.open(), log.clone(), posted.clone());
        tokio::spawn(async move {
            let (lobby, holder) = (shard("lobby"), format!("w{writer}"));
            for _ in 0..EACH {
                let seq = log.fetch_add(1, Ordering::SeqCst) + 1;
                registry.raise_head(&lobby.room, seq).await.unwrap();
                let claim = registry.claim(&lobby, &holder, 60_000, NOW).await.unwrap();
                let Claim::Held { cursor } = claim else {
                    continue;
                };
                let mut cursor = cursor.unwrap();
                loop {
                    let head = registry.head(&lobby.room).await.unwrap().unwrap();
                    posted.lock().unwrap().extend(cursor + 1..=head);
                    cursor = cursor.max(head);
                    match registry
                        .release(&lobby, &holder, cursor, NOW)
                        .await
                        .unwrap()
                    {
                        Release::Dirty => {}
                        Release::Released => break,
                        Release::Lost => panic!("the lease does not run out"),
                    }
                }
            }
        })
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    let posted = posted.lock().unwrap();
    assert_eq!(*posted, (1..=WRITERS * EACH).collect::<Vec<_>>());
}
