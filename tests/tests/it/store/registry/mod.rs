//! What every registry does. Each behaviour has a registry of its own.

mod connection;
mod evict;
mod fan_out;
mod limit;
mod rate;
mod subscription;
mod takeover;

use std::sync::Arc;

use gatepost_protocol::Millis;
use gatepost_store::Connection;
use gatepost_store::Greeting;
use gatepost_store::Rates;
use gatepost_store::Registry;
use gatepost_store::SessionPolicy;
use gatepost_store::Shard;
use gatepost_store::Subscribers;

use super::Behaviour;
use super::Registries;
use super::words::NOW;
use super::words::into;
use super::words::room;
use super::words::user;

/// The behaviours by subject.
pub(super) const ALL: &[&[Behaviour<Registries>]] = &[
    connection::ALL,
    subscription::ALL,
    evict::ALL,
    takeover::ALL,
    rate::ALL,
    limit::ALL,
    fan_out::ALL,
];

pub(super) const MULTI: SessionPolicy = SessionPolicy::Multi;

pub(super) const TAKE: SessionPolicy = SessionPolicy::Takeover { take: true };

/// Without limits.
pub(super) const NO_RATES: Rates = Rates {
    per_user: 0,
    per_room: 0,
};

pub(super) fn shard(name: &str) -> Shard {
    Shard {
        room: room(name),
        index: 0,
    }
}

pub(super) fn welcome() -> Greeting {
    Greeting::Welcome {
        replaced: Vec::new(),
    }
}

/// The ids of the connections of a room of one shard, in order.
pub(super) async fn listed(registry: &Arc<dyn Registry>, name: &str, now: Millis) -> Vec<String> {
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
pub(super) async fn connections(
    registry: &Arc<dyn Registry>,
    of: &str,
    now: Millis,
) -> Vec<String> {
    let found = registry.connections_of(&user(of), now).await.unwrap();
    let mut ids: Vec<_> = found
        .into_iter()
        .map(|one| one.subscriber.connection.to_string())
        .collect();
    ids.sort();
    ids
}

/// Says hello and joins the lobby.
pub(super) async fn enter(registry: &Arc<dyn Registry>, connection: &Connection) {
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
