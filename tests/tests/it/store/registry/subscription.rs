//! Subscriptions and the lists they make.

use futures_util::future::join_all;
use gatepost_protocol::Millis;
use gatepost_store::Connection;
use gatepost_store::Dialect;
use gatepost_store::LAPSED;
use gatepost_store::Shard;
use gatepost_store::Subscriber;
use gatepost_store::Subscribers;
use gatepost_store::Subscription;
use gatepost_store::shard_of;

use super::connections;
use super::enter;
use super::listed;
use super::shard;
use crate::store::Registries;
use crate::store::behaviours;
use crate::store::words::LEASE;
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
    the_first_and_the_last_device_are_told,
    a_subscription_ends_with_its_lease,
    whoever_subscribes_next_is_told_whose_leases_ended,
    renewing_keeps_a_subscription_and_its_connection,
    the_version_changes_when_the_list_does,
    subscribers_are_listed_as_they_said_hello,
    many_subscribe_at_once_and_none_is_lost,
    shards_have_lists_of_their_own,
    leaving_where_one_is_not_is_nothing,
    subscribing_tells_how_many_connections_the_user_has,
    subscribing_tells_the_heads_of_the_rooms,
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

async fn whoever_subscribes_next_is_told_whose_leases_ended(registries: Registries) {
    let registry = registries.open();
    for (id, of) in [("c1", "ann"), ("c2", "bob"), ("c3", "bob"), ("c4", "eve")] {
        enter(&registry, &connection(id, of)).await;
    }
    let mut eve = connection("c4", "eve");
    eve.lease += LEASE;
    let lapsed = async |connection: &Connection, now: Millis| {
        let found = registry.subscribe(connection, &[into("lobby")], now).await;
        let found = found.unwrap().unwrap().remove(0);
        let mut ids: Vec<_> = found
            .lapsed
            .iter()
            .map(|one| one.connection.clone())
            .collect();
        ids.sort();
        (ids, found.subscribers)
    };
    assert_eq!(lapsed(&eve, NOW + LEASE - 1).await, (Vec::new(), 4));
    // To whoever asks for the list they are gone already, and it tells nobody.
    assert_eq!(listed(&registry, "lobby", NOW + LEASE).await, ["c4"]);
    let told = ["c1", "c2", "c3"].map(conn).to_vec();
    assert_eq!(lapsed(&eve, NOW + LEASE).await, (told, 1));
    assert_eq!(lapsed(&eve, NOW + LEASE).await, (Vec::new(), 1), "once");
    // A user who is there again is not told of his own.
    let later = NOW + 2 * LEASE;
    let mut again = connection("c5", "eve");
    again.lease = later + LEASE;
    assert_eq!(lapsed(&again, later).await, (Vec::new(), 1));
    assert_eq!(listed(&registry, "lobby", later).await, ["c5"]);
    // Of more than go at once everybody is told of in the end.
    for number in 0..LAPSED + 6 {
        let mut guest = connection(&format!("g{number}"), &format!("guest {number}"));
        guest.lease = later + 1;
        enter(&registry, &guest).await;
    }
    let mut told = Vec::new();
    loop {
        let (some, left) = lapsed(&again, later + 1).await;
        assert_eq!(left, 1, "none of them counts");
        if some.is_empty() {
            break;
        }
        told.extend(some);
    }
    told.sort();
    told.dedup();
    assert_eq!(told.len(), LAPSED + 6);
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
                let (id, of) = (format!("c{process}-{number}"), format!("u{number}"));
                enter(&registry, &connection(&id, &of)).await;
            }
        }
    });
    join_all(joins).await;
    let registry = registries.open();
    assert_eq!(listed(&registry, "lobby", NOW).await.len(), 64);
    for number in 0..8 {
        let of = format!("u{number}");
        assert_eq!(connections(&registry, &of, NOW).await.len(), 8);
    }
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

async fn subscribing_tells_how_many_connections_the_user_has(registries: Registries) {
    let registry = registries.open();
    let told = async |one: &Connection, now| {
        let rooms = [into("lobby"), into("other")];
        let found = registry.subscribe(one, &rooms, now).await;
        let found = found.unwrap().unwrap().into_iter();
        found.map(|room| room.connections).collect::<Vec<_>>()
    };
    let (phone, laptop) = (connection("c1", "ann"), with_client("c2", "ann", "page"));
    assert_eq!(told(&phone, NOW).await, [1, 1]);
    assert_eq!(told(&laptop, NOW).await, [2, 2]);
    assert_eq!(told(&phone, NOW).await, [2, 2]);
    assert_eq!(told(&connection("c3", "bob"), NOW).await, [1, 1]);
    registry.remove(&conn("c1"), NOW).await.unwrap();
    assert_eq!(told(&laptop, NOW).await, [1, 1]);
    // One whose lease has ended is none.
    let mut late = connection("c4", "ann");
    late.lease += LEASE;
    assert_eq!(told(&late, NOW + LEASE).await, [1, 1]);
}

async fn subscribing_tells_the_heads_of_the_rooms(registries: Registries) {
    let registry = registries.open();
    let rooms = [into("lobby"), into("other")];
    let heads = async || {
        let found = registry
            .subscribe(&connection("c1", "ann"), &rooms, NOW)
            .await;
        let found = found.unwrap().unwrap();
        [found[0].head, found[1].head]
    };
    assert_eq!(heads().await, [None, None]);
    registry.raise_head(&room("other"), 0).await.unwrap();
    assert_eq!(heads().await, [None, Some(0)]);
    registry.raise_head(&room("lobby"), 9).await.unwrap();
    assert_eq!(heads().await, [Some(9), Some(0)]);
}
