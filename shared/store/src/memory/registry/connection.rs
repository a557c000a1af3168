//! Connections, who wins among a user's, and what becomes of them.

use gatepost_protocol::ConnectionId;
use gatepost_protocol::Millis;
use gatepost_protocol::UserId;

use super::RegistryState;
use crate::Connection;
use crate::Greeting;
use crate::Removed;
use crate::SessionPolicy;
use crate::USER_CONNECTIONS;
use crate::Unsubscribed;
use crate::registry::REPLACED_CLIENT_MS;
use crate::registry::REPLACED_MS;
use crate::registry::TOMBSTONE_MS;

impl RegistryState {
    /// [`Registry::connect`](crate::Registry::connect): the record alone.
    pub fn connect(&mut self, connection: &Connection, now: Millis) {
        if !self.is_closed(&connection.subscriber.connection, now) {
            self.record(connection);
        }
    }

    /// [`Registry::connection`](crate::Registry::connection).
    #[must_use]
    pub fn connection(&self, id: &ConnectionId, now: Millis) -> Option<Connection> {
        let known = self.connections.get(id)?;
        (known.lease > now).then(|| known.clone())
    }

    /// [`Registry::hello`](crate::Registry::hello).
    pub fn hello(
        &mut self,
        connection: &Connection,
        policy: SessionPolicy,
        now: Millis,
    ) -> Greeting {
        let id = &connection.subscriber.connection;
        if self.is_closed(id, now) {
            return Greeting::Closed;
        }
        self.record(connection);
        let mut replaced = Vec::new();
        if let SessionPolicy::Takeover { take } = policy {
            let client = connection.client.as_ref();
            let user = self.user(&connection.subscriber.user);
            let was_replaced = user.replaced.get(id).is_some_and(|until| *until > now)
                || client
                    .and_then(|client| user.replaced_clients.get(client))
                    .is_some_and(|until| *until > now);
            if was_replaced && !take {
                return Greeting::Replaced;
            }
            // Connections without a client are never of the same one.
            let others = user.places.extract_if(.., |other, place| {
                place.lease > now
                    && other != id
                    && (client.is_none() || place.client.as_ref() != client)
            });
            for (other, place) in others {
                user.replaced.insert(other.clone(), now + REPLACED_MS);
                if let Some(client) = place.client {
                    user.replaced_clients
                        .insert(client, now + REPLACED_CLIENT_MS);
                }
                replaced.push(other);
            }
            user.replaced.remove(id);
            if let Some(client) = client {
                user.replaced_clients.remove(client);
            }
        }
        replaced.extend(self.make_way(connection, now));
        self.place(connection, now);
        Greeting::Welcome { replaced }
    }

    /// Where the user would have too many connections, those heard of longest ago go, the same
    /// client's first. Their client may come back.
    fn make_way(&mut self, connection: &Connection, now: Millis) -> Vec<ConnectionId> {
        let id = &connection.subscriber.connection;
        let client = connection.client.as_ref();
        let user = self.user(&connection.subscriber.user);
        let others = user
            .places
            .iter()
            .filter(|(other, place)| *other != id && place.lease > now);
        let mut others: Vec<_> = others
            .map(|(other, place)| {
                let is_another = client.is_none() || place.client.as_ref() != client;
                (is_another, place.lease, other.clone())
            })
            .collect();
        others.sort_unstable();
        let too_many = (others.len() + 1).saturating_sub(USER_CONNECTIONS as usize);
        let leaving = others.into_iter().take(too_many);
        let leaving: Vec<_> = leaving.map(|(_, _, other)| other).collect();
        for other in &leaving {
            user.places.remove(other);
            user.replaced.insert(other.clone(), now + REPLACED_MS);
        }
        leaving
    }

    /// [`Registry::remove`](crate::Registry::remove): everything of this connection, nothing of
    /// any other, and not again until the tombstone ends.
    pub fn remove(&mut self, id: &ConnectionId, now: Millis) -> Option<Removed> {
        self.tombstones
            .insert(id.clone(), now.saturating_add_unsigned(TOMBSTONE_MS));
        let subscriber = self.connections.remove(id)?.subscriber;
        let mut rooms = Vec::new();
        let shards: Vec<_> = self.shards.keys().cloned().collect();
        for shard in shards {
            if let Some((shards, last_device)) = self.unlist(&subscriber, &shard, now) {
                rooms.push(Unsubscribed {
                    room: shard.room,
                    shards,
                    last_device,
                });
            }
        }
        self.user(&subscriber.user).places.remove(id);
        Some(Removed { subscriber, rooms })
    }

    /// [`Registry::connections_of`](crate::Registry::connections_of).
    #[must_use]
    pub fn connections_of(&self, user: &UserId, now: Millis) -> Vec<Connection> {
        let places = self
            .users
            .get(user)
            .into_iter()
            .flat_map(|u| u.places.values());
        places.filter(|place| place.lease > now).cloned().collect()
    }
}
