//! Who wins when a user comes with another client.

use gatepost_store::Admission;
use gatepost_store::Greeting;
use gatepost_store::SessionPolicy;

use super::MULTI;
use super::NO_RATES;
use super::TAKE;
use super::connections;
use super::listed;
use super::welcome;
use crate::store::Registries;
use crate::store::behaviours;
use crate::store::words::NOW;
use crate::store::words::client;
use crate::store::words::conn;
use crate::store::words::connection;
use crate::store::words::into;
use crate::store::words::room;
use crate::store::words::user;
use crate::store::words::with_client;

behaviours! { Registries:
    another_client_takes_over,
    a_client_rotates_its_connection,
    connections_without_a_client_take_over_from_each_other,
    only_users_of_a_policy_are_fenced,
    a_refused_takeover_changes_nothing_under_the_user,
}

const TAKEOVER: SessionPolicy = SessionPolicy::Takeover { take: false };

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
        .admit(&user("ann"), &conn("c1"), &room("lobby"), NO_RATES, NOW)
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
        .admit(&user("ann"), &conn("c3"), &room("lobby"), NO_RATES, NOW)
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
        .admit(&seed, &conn("c1"), &lobby, NO_RATES, NOW)
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
        .admit(&user("ann"), &conn("c1"), &lobby, NO_RATES, NOW)
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
            .admit(&user("ann"), &conn(id), &lobby, NO_RATES, NOW)
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

async fn a_refused_takeover_changes_nothing_under_the_user(registries: Registries) {
    let registry = registries.open();
    let (first, second) = (
        with_client("c1", "ann", "first"),
        with_client("c2", "ann", "second"),
    );
    registry.hello(&first, TAKEOVER, NOW).await.unwrap();
    registry.hello(&second, TAKEOVER, NOW).await.unwrap();
    // The second's connection, as the client that was replaced, for longer.
    let mut again = with_client("c2", "ann", "first");
    again.lease += 1;
    let refused = registry.hello(&again, TAKEOVER, NOW).await.unwrap();
    assert_eq!(refused, Greeting::Replaced);
    let known = registry.connections_of(&user("ann"), NOW).await.unwrap();
    assert_eq!(known, [second]);
    let (ann, id, lobby) = (user("ann"), conn("c2"), room("lobby"));
    let sent = registry.admit(&ann, &id, &lobby, NO_RATES, NOW).await;
    let client = Some(client("second"));
    assert_eq!(sent.unwrap(), Admission::Admitted { client });
}
