//! How connections and subscriptions are written into values.

use std::collections::HashMap;

use gatepost_protocol::ClientId;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::InvalidId;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomName;
use gatepost_protocol::UserId;
use redis::Value;

use crate::Connection;
use crate::Dialect;
use crate::StoreError;
use crate::Subscriber;

pub(super) fn dialect_word(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::V1 => "v1",
        Dialect::Seed => "seed",
    }
}

fn dialect(word: &str) -> Option<Dialect> {
    match word {
        "v1" => Some(Dialect::V1),
        "seed" => Some(Dialect::Seed),
        _ => None,
    }
}

fn unreadable(what: &'static str) -> StoreError {
    StoreError::unusable(
        "redis",
        what,
        "a key holds what this version does not write",
    )
}

fn invalid(what: &'static str) -> impl FnOnce(InvalidId) -> StoreError {
    move |error| StoreError::unusable("redis", what, error)
}

pub(super) fn connection_id(what: &'static str, id: String) -> Result<ConnectionId, StoreError> {
    ConnectionId::try_from(id).map_err(invalid(what))
}

/// Empty or `-`: unknown.
pub(super) fn client(what: &'static str, word: &str) -> Result<Option<ClientId>, StoreError> {
    match word {
        "" | "-" => Ok(None),
        word => word.parse().map(Some).map_err(invalid(what)),
    }
}

/// A member of a shard's list: connection, dialect, the length of the user's id, then the id and
/// the name one after the other. Only they may hold spaces, so it reads in one way.
pub(super) fn subscription(subscriber: &Subscriber) -> String {
    let Subscriber {
        connection,
        user,
        name,
        dialect,
    } = subscriber;
    let (dialect, length) = (dialect_word(*dialect), user.as_str().len());
    format!("{connection} {dialect} {length} {user}{name}")
}

pub(super) fn subscriber(what: &'static str, text: &[u8]) -> Result<Subscriber, StoreError> {
    let read = || {
        let mut parts = std::str::from_utf8(text).ok()?.splitn(4, ' ');
        let connection = parts.next()?.parse().ok()?;
        let dialect = dialect(parts.next()?)?;
        let length = parts.next()?.parse().ok()?;
        let (user, name) = parts.next()?.split_at_checked(length)?;
        Some(Subscriber {
            connection,
            user: user.parse().ok()?,
            name: name.into(),
            dialect,
        })
    };
    read().ok_or_else(|| unreadable(what))
}

/// A connection's place under its user: lease, client, dialect, name.
pub(super) fn place(
    what: &'static str,
    user: &UserId,
    id: String,
    text: &str,
) -> Result<Connection, StoreError> {
    let connection = connection_id(what, id)?;
    let read = || {
        let mut parts = text.splitn(4, ' ');
        let lease = parts.next()?.parse().ok()?;
        let client = client(what, parts.next()?).ok()?;
        let dialect = dialect(parts.next()?)?;
        let name = parts.next()?.into();
        let subscriber = Subscriber {
            connection,
            user: user.clone(),
            name,
            dialect,
        };
        Some(Connection {
            subscriber,
            client,
            lease,
        })
    };
    read().ok_or_else(|| unreadable(what))
}

/// A connection's record.
#[derive(Debug)]
pub(super) struct Record(HashMap<String, String>);

impl Record {
    pub(super) fn read(what: &'static str, value: Value) -> Result<Self, StoreError> {
        redis::from_redis_value(value)
            .map(Self)
            .map_err(|error| StoreError::unusable("redis", what, error))
    }

    /// The connection, also if it was closed; `None` where nothing was known of it.
    pub(super) fn connection(&self, id: &ConnectionId) -> Option<Connection> {
        let field = |name: &str| self.0.get(name).map(String::as_str);
        let subscriber = Subscriber {
            connection: id.clone(),
            user: field("u")?.parse().ok()?,
            name: field("n")?.into(),
            dialect: dialect(field("d")?)?,
        };
        let client = field("i").and_then(|client| client.parse().ok());
        let lease: Millis = field("l")?.parse().ok()?;
        Some(Connection {
            subscriber,
            client,
            lease,
        })
    }

    /// Whether a removal came to its end.
    pub(super) fn is_removed(&self) -> bool {
        self.0.contains_key("y")
    }

    /// The connection, unless it was closed.
    pub(super) fn open_connection(&self, id: &ConnectionId) -> Option<Connection> {
        if self.0.contains_key("x") {
            None
        } else {
            self.connection(id)
        }
    }

    /// The rooms it may be subscribed to, with their shards.
    pub(super) fn rooms(&self, what: &'static str) -> Result<Vec<(RoomName, u16)>, StoreError> {
        let rooms = self.0.iter().filter_map(|(field, shards)| {
            let room = field.strip_prefix("r:")?;
            Some((room, shards))
        });
        rooms
            .map(|(room, shards)| {
                let room = room.parse().map_err(invalid(what))?;
                let shards = shards.parse().map_err(|_| unreadable(what))?;
                Ok((room, shards))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_the_same() {
        for (user, name) in [
            ("ann", "Ann"),
            ("a b", " 3 x"),
            ("}🙂'\"\n", ""),
            ("1 2", "2 1"),
        ] {
            let subscriber = Subscriber {
                connection: "TWeg=".parse().unwrap(),
                user: user.parse().unwrap(),
                name: name.into(),
                dialect: Dialect::V1,
            };
            let text = subscription(&subscriber);
            assert_eq!(super::subscriber("", text.as_bytes()).unwrap(), subscriber);
        }
    }

    #[test]
    fn a_place_keeps_the_spaces_of_a_name() {
        let user = "ann".parse().unwrap();
        let text = format!("17 {} seed  Ann  B ", "c".repeat(16));
        let read = place("", &user, "TWeg=".into(), &text).unwrap();
        assert_eq!(
            (read.lease, read.subscriber.name.as_str()),
            (17, " Ann  B ")
        );
        assert_eq!(read.client.unwrap().as_str(), "c".repeat(16));
        assert!(place("", &user, "TWeg=".into(), "17 - v2 x").is_err());
    }
}
