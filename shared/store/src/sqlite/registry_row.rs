//! How the registry's rows read, and how its values are bound.

use gatepost_protocol::ConnectionId;
use gatepost_protocol::InvalidId;
use gatepost_protocol::Millis;
use sqlx::FromRow;
use sqlx::query;
use sqlx::sqlite::SqliteRow;

use super::file::Query;
use crate::Connection;
use crate::Dialect;
use crate::Shard;
use crate::StoreError;
use crate::Subscriber;
use crate::row;
use crate::row::column;

pub(super) fn columns<C>(what: &'static str, row: &SqliteRow) -> Result<C, StoreError>
where
    C: for<'r> FromRow<'r, SqliteRow>,
{
    C::from_row(row).map_err(|error| StoreError::unusable("sqlite", what, error))
}

pub(super) fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

pub(super) fn text(text: &str) -> String {
    text.to_owned()
}

pub(super) fn dialect_word(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::V1 => "v1",
        Dialect::Seed => "seed",
    }
}

/// connection, user, name, dialect.
pub(super) type SubscriberColumns = (String, Vec<u8>, String, String);

pub(super) fn subscriber(
    what: &'static str,
    (connection, user, name, dialect): SubscriberColumns,
) -> Result<Subscriber, StoreError> {
    let connection = ConnectionId::try_from(connection)
        .map_err(|error| StoreError::unusable("sqlite", what, error))?;
    let user = row::user(user).map_err(|error| StoreError::unusable("sqlite", what, error))?;
    let dialect = if dialect == "seed" {
        Dialect::Seed
    } else {
        Dialect::V1
    };
    Ok(Subscriber {
        connection,
        user,
        name,
        dialect,
    })
}

/// connection, user, name, dialect, client, lease.
pub(super) type ConnectionColumns = (String, Vec<u8>, String, String, Option<String>, Millis);

pub(super) fn connection(
    what: &'static str,
    columns: ConnectionColumns,
) -> Result<Connection, StoreError> {
    let (id, user, name, dialect, client, lease) = columns;
    let client = client
        .map(|client| client.try_into())
        .transpose()
        .map_err(|error: InvalidId| StoreError::unusable("sqlite", what, error))?;
    Ok(Connection {
        subscriber: subscriber(what, (id, user, name, dialect))?,
        client,
        lease,
    })
}

/// ?1 id, ?2 user, ?3 name, ?4 dialect, ?5 client, ?6 lease, ?7 now: what every statement that
/// writes a connection begins with.
pub(super) fn bind(sql: &'static str, connection: &Connection, now: Millis) -> Query {
    let Subscriber {
        connection: id,
        user,
        name,
        dialect,
    } = &connection.subscriber;
    query(sql)
        .bind(text(id.as_str()))
        .bind(bytes(user.as_str()))
        .bind(name.clone())
        .bind(dialect_word(*dialect))
        .bind(
            connection
                .client
                .as_ref()
                .map(|client| text(client.as_str())),
        )
        .bind(connection.lease)
        .bind(now)
}

pub(super) fn on_shard(sql: &'static str, shard: &Shard) -> Query {
    query(sql)
        .bind(text(shard.room.as_str()))
        .bind(i64::from(shard.index))
}

pub(super) fn end(now: Millis, ttl_ms: u64) -> Millis {
    now.saturating_add(column(ttl_ms))
}
