//! The registry in a file: `registry.db`. Every call is one trip of one or several statements; what
//! several statements decide on is kept in a temporary table of the connection.

use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;
use sqlx::FromRow;
use sqlx::Row;
use sqlx::SqliteConnection;
use sqlx::query;
use sqlx::raw_sql;
use sqlx::sqlite::SqliteRow;

use super::file::File;
use super::file::Prepare;
use super::file::Query;
use super::file::Unready;
use super::file::several;
use super::registry_row::bind;
use super::registry_row::bytes;
use super::registry_row::columns;
use super::registry_row::connection;
use super::registry_row::end;
use super::registry_row::on_shard;
use super::registry_row::subscriber;
use super::registry_row::text;
use super::registry_statement as statement;
use crate::Admission;
use crate::Begun;
use crate::Claim;
use crate::Connection;
use crate::Greeting;
use crate::Limit;
use crate::Owner;
use crate::Rates;
use crate::Reached;
use crate::Registry;
use crate::Release;
use crate::Removed;
use crate::SessionPolicy;
use crate::Shard;
use crate::StoreError;
use crate::Subscribed;
use crate::Subscriber;
use crate::Subscribers;
use crate::Subscription;
use crate::USER_CONNECTIONS;
use crate::Unsubscribed;
use crate::registry::EVICTED_MS;
use crate::registry::REPLACED_CLIENT_MS;
use crate::registry::REPLACED_MS;
use crate::registry::TOMBSTONE_MS;
use crate::registry::interval_us;
use crate::registry::stamp;
use crate::row;
use crate::row::column;
use crate::shard_of;

/// A process clears away what has expired once in so many connections.
const SWEEP_EVERY: u32 = 256;

/// The registry in a file.
#[derive(Debug)]
pub(crate) struct SqliteRegistry {
    file: File,
    connects: AtomicU32,
}

/// Makes the tables.
struct Tables;

impl Prepare for Tables {
    const REPLACEABLE: bool = true;

    async fn prepare(&self, connection: &mut SqliteConnection) -> Result<(), Unready> {
        let version: i64 = query("pragma user_version")
            .fetch_one(&mut *connection)
            .await?
            .try_get(0)?;
        match version {
            statement::VERSION => {}
            // Another process may be making them too.
            0 => {
                raw_sql(statement::TABLES).execute(&mut *connection).await?;
            }
            _ => return Err(Unready::Strange),
        }
        raw_sql(statement::TEMPORARY)
            .execute(&mut *connection)
            .await?;
        Ok(())
    }
}

impl SqliteRegistry {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            file: File::new(path, true, false),
            connects: AtomicU32::new(1),
        }
    }

    async fn rows(
        &self,
        what: &'static str,
        query: impl Fn() -> Query + Send + Sync,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        self.file.rows(&Tables, what, query).await
    }

    /// The first row, if there is one.
    async fn first<C>(
        &self,
        what: &'static str,
        query: impl Fn() -> Query + Send + Sync,
    ) -> Result<Option<C>, StoreError>
    where
        C: for<'r> FromRow<'r, SqliteRow>,
    {
        let rows = self.rows(what, query).await?;
        rows.first().map(|row| columns(what, row)).transpose()
    }
}

/// Whether the lease is ours, and the cursor.
fn claimed((is_held, cursor): (bool, Option<i64>)) -> Claim {
    match is_held {
        true => Claim::Held {
            cursor: cursor.map(row::seq_of),
        },
        false => Claim::Busy,
    }
}

#[async_trait]
impl Registry for SqliteRegistry {
    async fn connect(&self, connection: &Connection, now: Millis) -> Result<(), StoreError> {
        self.rows("recording a connection", || {
            bind(statement::CONNECT, connection, now)
        })
        .await?;
        if self
            .connects
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(SWEEP_EVERY)
        {
            self.rows("clearing away what expired", || {
                query(statement::SWEEP).bind(now)
            })
            .await?;
        }
        Ok(())
    }

    async fn connection(
        &self,
        id: &ConnectionId,
        now: Millis,
    ) -> Result<Option<Connection>, StoreError> {
        let what = "reading a connection";
        let select = || {
            query(statement::CONNECTION)
                .bind(text(id.as_str()))
                .bind(now)
        };
        self.first(what, select)
            .await?
            .map(|columns| connection(what, columns))
            .transpose()
    }

    async fn hello(
        &self,
        connection: &Connection,
        policy: SessionPolicy,
        now: Millis,
    ) -> Result<Greeting, StoreError> {
        let what = "greeting a client";
        let policy = match policy {
            SessionPolicy::Multi => "multi",
            SessionPolicy::Takeover { take: false } => "takeover",
            SessionPolicy::Takeover { take: true } => "take",
        };
        let hello = || {
            several(
                bind(statement::HELLO, connection, now)
                    .bind(policy)
                    .bind(now.saturating_add(REPLACED_MS))
                    .bind(now.saturating_add(REPLACED_CLIENT_MS))
                    .bind(USER_CONNECTIONS),
            )
        };
        let mut rows = self.rows(what, hello).await?;
        let verdict = rows
            .pop()
            .map(|row| columns::<(bool, bool)>(what, &row))
            .transpose()?;
        let Some((open, refused)) = verdict else {
            return Ok(Greeting::Closed);
        };
        if !open {
            return Ok(Greeting::Closed);
        }
        if refused {
            return Ok(Greeting::Replaced);
        }
        let replaced = rows
            .iter()
            .map(|row| {
                ConnectionId::try_from(columns::<(String,)>(what, row)?.0)
                    .map_err(|error| StoreError::unusable("sqlite", what, error))
            })
            .collect::<Result<_, _>>()?;
        Ok(Greeting::Welcome { replaced })
    }

    async fn admit(
        &self,
        user: &UserId,
        connection: &ConnectionId,
        room: &RoomName,
        rates: Rates,
        now: Millis,
    ) -> Result<Admission, StoreError> {
        let what = "admitting a send";
        let (user_interval, tolerance) = interval_us(rates.per_user);
        let (room_interval, room_tolerance) = interval_us(rates.per_room);
        let admit = || {
            several(
                query(statement::ADMIT)
                    .bind(text(connection.as_str()))
                    .bind(bytes(user.as_str()))
                    .bind(now)
                    .bind(format!("u:{user}"))
                    .bind(user_interval)
                    .bind(format!("r:{room}"))
                    .bind(room_interval)
                    .bind(tolerance.max(room_tolerance)),
            )
        };
        let found = self
            .first::<(bool, i64, i64, Option<String>)>(what, admit)
            .await?;
        let (replaced, user_wait, room_wait, client) = found.unwrap_or_default();
        if replaced {
            return Ok(Admission::Replaced);
        }
        let wait = user_wait.max(room_wait);
        if wait > 0 {
            let wait = row::seq_of(wait).div_ceil(1_000);
            return Ok(Admission::RateLimited {
                retry_after_ms: wait,
            });
        }
        Ok(Admission::Admitted {
            client: client.and_then(|client| client.try_into().ok()),
        })
    }

    async fn refund(&self, room: &RoomName, per_room: u32, _now: Millis) -> Result<(), StoreError> {
        let (interval, _) = interval_us(per_room);
        let refund = || {
            query(statement::REFUND)
                .bind(format!("r:{room}"))
                .bind(interval)
        };
        self.rows("giving back a room's rate", refund)
            .await
            .map(drop)
    }

    async fn take(
        &self,
        of: Owner<'_>,
        limits: &[Limit<'_>],
        now: Millis,
    ) -> Result<Option<Reached>, StoreError> {
        let limits: Vec<_> = limits
            .iter()
            .map(|limit| {
                let key = match of {
                    Owner::User(user) => format!("l:{} u:{user}", limit.what),
                    Owner::Room(room) => format!("l:{} r:{room}", limit.what),
                };
                let (interval, tolerance) = limit.interval_us();
                (key, interval, tolerance)
            })
            .collect();
        let limits = serde_json::to_string(&limits).expect("texts and numbers always serialise");
        let take = || several(query(statement::TAKE).bind(now).bind(limits.clone()));
        let reached = self
            .first::<(i64, i64)>("taking from a limit", take)
            .await?;
        Ok(reached.map(|(limit, wait)| Reached {
            limit: usize::try_from(limit).unwrap_or_default(),
            retry_after_ms: row::seq_of(wait).div_ceil(1_000),
        }))
    }

    async fn count(&self, room: &RoomName, _shards: u16, now: Millis) -> Result<u64, StoreError> {
        let count = || query(statement::COUNT).bind(text(room.as_str())).bind(now);
        let count = self
            .first::<(i64,)>("counting subscriptions", count)
            .await?;
        Ok(count.map_or(0, |(count,)| row::seq_of(count)))
    }

    async fn note_occupancy(&self, room: &RoomName, count: u64) -> Result<bool, StoreError> {
        let note = || {
            query(statement::NOTE_OCCUPANCY)
                .bind(text(room.as_str()))
                .bind(column(count))
        };
        let changed = self.first::<(i64,)>("noting an occupancy", note).await?;
        Ok(changed.is_some())
    }

    async fn subscribe(
        &self,
        connection: &Connection,
        rooms: &[Subscription],
        now: Millis,
    ) -> Result<Option<Vec<Subscribed>>, StoreError> {
        let what = "subscribing";
        let user = &connection.subscriber.user;
        let stamp = column(stamp()?);
        let list: Vec<_> = rooms
            .iter()
            .map(|room| {
                (
                    room.room.as_str(),
                    shard_of(user, room.shards),
                    room.shards,
                    column(room.head),
                )
            })
            .collect();
        let list = serde_json::to_string(&list).expect("texts and numbers always serialise");
        let subscribe = || {
            several(
                bind(statement::SUBSCRIBE, connection, now)
                    .bind(list.clone())
                    .bind(stamp),
            )
        };
        let rows_answered = self.rows(what, subscribe).await?;
        let mut answers = rows_answered.iter();
        let verdict = answers.next().map(|row| columns::<(bool, bool)>(what, row));
        let Some((true, false)) = verdict.transpose()? else {
            return Ok(None);
        };
        let mut subscribed = Vec::with_capacity(rooms.len());
        for row in answers.by_ref().take(rooms.len()) {
            let (first_device, renewed, subscribers, in_rooms, connections, head, confirm) =
                columns::<(bool, bool, i64, i64, i64, Option<i64>, bool)>(what, row)?;
            subscribed.push(Subscribed {
                first_device,
                renewed,
                subscribers: row::seq_of(subscribers),
                rooms: row::seq_of(in_rooms),
                connections: row::seq_of(connections),
                lapsed: Vec::new(),
                head: head.map(row::seq_of),
                confirm,
            });
        }
        for row in answers {
            let (room, connection, user, name, dialect) = columns(what, row)?;
            let other = subscriber(what, (connection, user, name, dialect))?;
            let room: i64 = room;
            let room = usize::try_from(room).ok();
            if let Some(room) = room.and_then(|room| subscribed.get_mut(room)) {
                room.lapsed.push(other);
            }
        }
        Ok(Some(subscribed))
    }

    async fn unsubscribe(
        &self,
        subscriber: &Subscriber,
        room: &RoomName,
        shards: u16,
        now: Millis,
    ) -> Result<Option<Unsubscribed>, StoreError> {
        let what = "unsubscribing";
        let shard = Shard {
            room: room.clone(),
            index: shard_of(&subscriber.user, shards),
        };
        let stamp = column(stamp()?);
        let unsubscribe = || {
            several(
                on_shard(statement::UNSUBSCRIBE, &shard)
                    .bind(bytes(subscriber.user.as_str()))
                    .bind(text(subscriber.connection.as_str()))
                    .bind(now)
                    .bind(stamp),
            )
        };
        let found = self.first::<(bool, bool)>(what, unsubscribe).await?;
        let (there, others) = found.unwrap_or_default();
        Ok(there.then(|| Unsubscribed {
            room: room.clone(),
            shards,
            last_device: !others,
        }))
    }

    async fn evict(
        &self,
        user: &UserId,
        room: &RoomName,
        shards: u16,
        now: Millis,
    ) -> Result<Vec<Subscriber>, StoreError> {
        let what = "ending a user's subscriptions";
        let shard = Shard {
            room: room.clone(),
            index: shard_of(user, shards),
        };
        let stamp = column(stamp()?);
        let evict = || {
            several(
                on_shard(statement::EVICT, &shard)
                    .bind(bytes(user.as_str()))
                    .bind(now)
                    .bind(stamp)
                    .bind(now.saturating_add(column(EVICTED_MS))),
            )
        };
        let rows = self.rows(what, evict).await?;
        rows.iter()
            .map(|row| subscriber(what, columns(what, row)?))
            .collect()
    }

    async fn remove(&self, id: &ConnectionId, now: Millis) -> Result<Option<Removed>, StoreError> {
        let what = "removing a connection";
        let stamp = column(stamp()?);
        let remove = || {
            several(
                query(statement::REMOVE)
                    .bind(text(id.as_str()))
                    .bind(now)
                    .bind(now.saturating_add(column(TOMBSTONE_MS)))
                    .bind(stamp),
            )
        };
        let rows = self.rows(what, remove).await?;
        let mut rows = rows.iter();
        let Some(known) = rows.next() else {
            return Ok(None);
        };
        let subscriber = subscriber(what, columns(what, known)?)?;
        let rooms = rows
            .map(|row| {
                let (room, shards, others) = columns::<(String, i64, bool)>(what, row)?;
                let room = RoomName::try_from(room)
                    .map_err(|error| StoreError::unusable("sqlite", what, error))?;
                Ok(Unsubscribed {
                    room,
                    shards: row::shards_of(shards),
                    last_device: !others,
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Some(Removed { subscriber, rooms }))
    }

    async fn connections_of(
        &self,
        user: &UserId,
        now: Millis,
    ) -> Result<Vec<Connection>, StoreError> {
        let what = "reading a user's connections";
        let select = || {
            query(statement::CONNECTIONS_OF)
                .bind(bytes(user.as_str()))
                .bind(now)
        };
        let rows = self.rows(what, select).await?;
        rows.iter()
            .map(|row| connection(what, columns(what, row)?))
            .collect()
    }

    async fn subscribers(
        &self,
        shard: &Shard,
        known: Option<u64>,
        now: Millis,
    ) -> Result<Subscribers, StoreError> {
        let what = "reading subscribers";
        if let Some(known) = known {
            // Writes nothing, so it waits for nobody.
            let current = || on_shard(statement::STAMP, shard).bind(now);
            let found = self.first::<(Option<i64>, bool)>(what, current).await?;
            if found == Some((Some(column(known)), false)) {
                return Ok(Subscribers::Unchanged);
            }
        }
        let stamp = column(stamp()?);
        let list = || {
            several(
                on_shard(statement::SUBSCRIBERS, shard)
                    .bind(now)
                    .bind(stamp),
            )
        };
        let rows = self.rows(what, list).await?;
        let mut rows = rows.iter();
        let version = rows
            .next()
            .map(|row| columns::<(i64,)>(what, row))
            .transpose()?;
        let version = row::seq_of(version.map_or(stamp, |(version,)| version));
        if known == Some(version) {
            return Ok(Subscribers::Unchanged);
        }
        let list = rows.map(|row| subscriber(what, columns(what, row)?));
        Ok(Subscribers::Listed {
            version,
            list: list.collect::<Result<_, _>>()?,
        })
    }

    async fn raise_head(&self, room: &RoomName, seq: Seq) -> Result<(), StoreError> {
        let raise = || {
            query(statement::RAISE_HEAD)
                .bind(text(room.as_str()))
                .bind(column(seq))
        };
        self.rows("raising a head", raise).await.map(drop)
    }

    async fn head(&self, room: &RoomName) -> Result<Option<Seq>, StoreError> {
        let select = || query("select seq from head where room = ?1").bind(text(room.as_str()));
        let head = self.first::<(i64,)>("reading a head", select).await?;
        Ok(head.map(|(seq,)| row::seq_of(seq)))
    }

    async fn claim(
        &self,
        shard: &Shard,
        holder: &str,
        ttl_ms: u64,
        now: Millis,
    ) -> Result<Claim, StoreError> {
        let claim = || {
            on_shard(statement::CLAIM, shard)
                .bind(text(holder))
                .bind(now)
                .bind(end(now, ttl_ms))
        };
        let found = self.first("claiming a fan-out", claim).await?;
        Ok(found.map_or(Claim::Busy, claimed))
    }

    async fn begin(
        &self,
        shard: &Shard,
        seq: Seq,
        holder: &str,
        ttl_ms: u64,
        known: Option<u64>,
        now: Millis,
    ) -> Result<Begun, StoreError> {
        let what = "beginning a fan-out";
        let begin = || {
            several(
                on_shard(statement::BEGIN, shard)
                    .bind(text(holder))
                    .bind(now)
                    .bind(end(now, ttl_ms))
                    .bind(column(seq)),
            )
        };
        let rows = self.rows(what, begin).await?;
        let [answer, head, stamp] = rows.as_slice() else {
            return Err(StoreError::unusable(
                "sqlite",
                what,
                sqlx::Error::RowNotFound,
            ));
        };
        let (head,) = columns::<(i64,)>(what, head)?;
        let claim = claimed(columns(what, answer)?);
        let stamp = columns::<(Option<i64>, bool)>(what, stamp)?;
        let list_holds = matches!(claim, Claim::Held { .. })
            && known.is_some_and(|known| stamp == (Some(column(known)), false));
        Ok(Begun {
            head: row::seq_of(head),
            claim,
            list_holds,
        })
    }

    async fn advance(
        &self,
        shard: &Shard,
        holder: &str,
        cursor: Seq,
        ttl_ms: u64,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let advance = || {
            on_shard(statement::ADVANCE, shard)
                .bind(text(holder))
                .bind(column(cursor))
                .bind(end(now, ttl_ms))
        };
        Ok(self
            .first::<(i64,)>("advancing a cursor", advance)
            .await?
            .is_some())
    }

    async fn release(
        &self,
        shard: &Shard,
        holder: &str,
        cursor: Seq,
        _now: Millis,
    ) -> Result<Release, StoreError> {
        let release = || {
            on_shard(statement::RELEASE, shard)
                .bind(text(holder))
                .bind(column(cursor))
        };
        Ok(
            match self
                .first::<(bool,)>("releasing a fan-out", release)
                .await?
            {
                None => Release::Lost,
                Some((false,)) => Release::Released,
                Some((true,)) => Release::Dirty,
            },
        )
    }

    async fn forget(
        &self,
        room: &RoomName,
        head: Option<Seq>,
        cursors: &[(Shard, Seq)],
    ) -> Result<(), StoreError> {
        let what = "forgetting a log";
        if let Some(seq) = head {
            let forget = || {
                query(statement::FORGET_HEAD)
                    .bind(text(room.as_str()))
                    .bind(column(seq))
            };
            self.rows(what, forget).await?;
        }
        for (shard, cursor) in cursors {
            let forget = || on_shard(statement::FORGET_CURSOR, shard).bind(column(*cursor));
            self.rows(what, forget).await?;
        }
        Ok(())
    }

    async fn progress(
        &self,
        shard: &Shard,
        now: Millis,
    ) -> Result<(Option<Seq>, bool), StoreError> {
        let select = || on_shard(statement::PROGRESS, shard).bind(now);
        let found = self.first::<(Option<i64>, bool)>("reading a fan-out's progress", select);
        let (cursor, held) = found.await?.unwrap_or_default();
        Ok((cursor.map(row::seq_of), held))
    }
}
