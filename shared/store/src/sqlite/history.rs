//! The log in a file: `log.db`. An append is one statement with a trigger.

use std::path::PathBuf;

use async_trait::async_trait;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Entry;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomKind;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;
use sqlx::FromRow;
use sqlx::Row;
use sqlx::query;
use sqlx::sqlite::SqliteRow;

use super::file::File;
use super::file::Query;
use super::file::several;
use super::log_statement as statement;
use super::schema::Schema;
use crate::Append;
use crate::Appended;
use crate::History;
use crate::Membership;
use crate::Migrate;
use crate::Moderated;
use crate::Moderation;
use crate::Range;
use crate::RecentRoom;
use crate::Room;
use crate::Standing;
use crate::StoreError;
use crate::row;
use crate::row::column;

/// The history in a file.
#[derive(Debug)]
pub(crate) struct SqliteHistory {
    file: File,
    schema: Schema,
}

impl SqliteHistory {
    pub(crate) fn new(path: PathBuf, migrate: Migrate) -> Self {
        let schema = Schema::new(&path, migrate);
        Self {
            file: File::new(path, migrate == Migrate::Auto, true),
            schema,
        }
    }

    /// Opens the file, which migrates it.
    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        self.rows("migrating", || query("select 1")).await.map(drop)
    }

    async fn rows(
        &self,
        what: &'static str,
        query: impl Fn() -> Query + Send + Sync,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        self.file.rows(&self.schema, what, query).await
    }

    /// Runs a query and reads each of its rows.
    async fn read<C, T>(
        &self,
        what: &'static str,
        query: impl Fn() -> Query + Send + Sync,
        read: impl Fn(C) -> Result<T, row::BadRow>,
    ) -> Result<Vec<T>, StoreError>
    where
        C: for<'r> FromRow<'r, SqliteRow>,
    {
        let rows = self.rows(what, query).await?;
        rows.iter()
            .map(|columns| {
                let columns = C::from_row(columns)
                    .map_err(|error| StoreError::unusable("sqlite", what, error))?;
                read(columns).map_err(|error| StoreError::unusable("sqlite", what, error))
            })
            .collect()
    }

    /// Runs a query whose last row is a number.
    async fn number(
        &self,
        what: &'static str,
        query: impl Fn() -> Query + Send + Sync,
    ) -> Result<i64, StoreError> {
        let rows = self.rows(what, query).await?;
        rows.last()
            .map_or(Ok(0), |row| row.try_get(0))
            .map_err(|error| StoreError::unusable("sqlite", what, error))
    }
}

#[async_trait]
impl History for SqliteHistory {
    async fn append(&self, append: &Append) -> Result<Appended, StoreError> {
        let what = "appending";
        let (producer, n) = row::key_columns(&append.key).ok_or_else(|| {
            StoreError::unusable(
                "sqlite",
                what,
                "n counts from 1, a message id has 1 to 128 bytes",
            )
        })?;
        let bad = |error: sqlx::Error| StoreError::unusable("sqlite", what, error);
        let (kind, body) = row::content_columns(&append.content);
        let target = row::target_column(&append.content);
        let bytes = |text: &str| text.as_bytes().to_vec();
        let insert = || {
            query(statement::APPEND)
                .bind(append.room.as_str().to_owned())
                .bind(bytes(append.from.id.as_str()))
                .bind(append.from.name.clone())
                .bind(bytes(producer))
                .bind(n)
                .bind(kind)
                .bind(body.clone())
                .bind(append.digest.to_vec())
                .bind(target)
                .bind(append.moderates)
        };
        let refusal = || {
            query(statement::REFUSAL)
                .bind(append.room.as_str().to_owned())
                .bind(bytes(append.from.id.as_str()))
                .bind(bytes(producer))
                .bind(n)
                .bind(kind)
                .bind(target)
                .bind(append.moderates)
        };
        // Another process may have lifted between the two what the first met; not many times.
        for _ in 0..8 {
            let rows = self.rows(what, insert).await?;
            if let Some(stored) = rows.first() {
                let (epoch, seq, at, shards) =
                    <(i64, i64, Millis, i64)>::from_row(stored).map_err(bad)?;
                return Ok(Appended::Stored {
                    epoch: row::seq_of(epoch),
                    seq: row::seq_of(seq),
                    at,
                    shards: row::shards_of(shards),
                });
            }
            let rows = self.rows(what, refusal).await?;
            let Some(found) = rows.first() else {
                return Ok(Appended::NoRoom);
            };
            let found = Refusal::from_row(found).map_err(bad)?;
            if let Some(appended) = why_not(&found, n, target, &append.digest) {
                return Ok(appended);
            }
        }
        Err(StoreError::Unavailable {
            store: "sqlite",
            what,
            source: None,
        })
    }

    async fn rooms(&self, names: &[RoomName], user: &UserId) -> Result<Vec<Room>, StoreError> {
        let names = serde_json::to_string(names).expect("texts always serialise");
        let user = user.as_str().as_bytes();
        let select = || {
            query(statement::ROOMS)
                .bind(names.clone())
                .bind(user.to_vec())
        };
        self.read("reading rooms", select, row::room).await
    }

    async fn create_room(
        &self,
        name: &RoomName,
        kind: RoomKind,
        shards: u16,
        owner: Option<&UserId>,
    ) -> Result<bool, StoreError> {
        let create = || {
            several(
                query(statement::CREATE)
                    .bind(name.as_str().to_owned())
                    .bind(row::kind_column(kind))
                    .bind(i64::from(shards.max(1)))
                    .bind(owner.map(|user| user.as_str().as_bytes().to_vec()))
                    .bind(None::<Vec<u8>>)
                    .bind("owner"),
            )
        };
        Ok(self.number("making a room", create).await? == 1)
    }

    async fn create_direct(
        &self,
        name: &RoomName,
        users: [&UserId; 2],
    ) -> Result<bool, StoreError> {
        let create = || {
            several(
                query(statement::CREATE)
                    .bind(name.as_str().to_owned())
                    .bind(row::kind_column(RoomKind::Direct))
                    .bind(1_i64)
                    .bind(users[0].as_str().as_bytes().to_vec())
                    .bind(users[1].as_str().as_bytes().to_vec())
                    .bind("member"),
            )
        };
        Ok(self.number("making a direct room", create).await? == 1)
    }

    async fn entries(
        &self,
        room: &RoomName,
        range: Range,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let (sql, bound) = match range {
            Range::After(seq) => (statement::AFTER, column(seq)),
            Range::Before(seq) => (statement::BEFORE, column(seq)),
            Range::Newest => (statement::BEFORE, i64::MAX),
        };
        let select = || {
            query(sql)
                .bind(room.as_str().to_owned())
                .bind(bound)
                .bind(i64::from(limit))
        };
        let mut entries = self.read("reading entries", select, row::entry).await?;
        if !matches!(range, Range::After(_)) {
            entries.reverse();
        }
        Ok(entries)
    }

    async fn memberships(
        &self,
        user: &UserId,
        after: Option<&RoomName>,
        limit: u32,
    ) -> Result<Vec<Membership>, StoreError> {
        let select = || {
            query(statement::MEMBERSHIPS)
                .bind(user.as_str().as_bytes().to_vec())
                .bind(after.map_or("", RoomName::as_str).to_owned())
                .bind(i64::from(limit))
        };
        self.read("reading memberships", select, row::membership)
            .await
    }

    async fn set_standing(
        &self,
        room: &RoomName,
        user: &UserId,
        standing: &Standing,
    ) -> Result<bool, StoreError> {
        let changed = self.change(None, 0, room, user, standing).await?;
        Ok(changed != Moderated::NoRoom)
    }

    async fn moderate(&self, moderation: &Moderation) -> Result<Moderated, StoreError> {
        let Moderation {
            by,
            role,
            room,
            user,
            standing,
        } = moderation;
        let rank = row::rank_column(*role);
        self.change(Some(by), rank, room, user, standing).await
    }

    async fn mark_read(&self, room: &RoomName, user: &UserId, seq: Seq) -> Result<(), StoreError> {
        let insert = || {
            query(statement::READ)
                .bind(room.as_str().to_owned())
                .bind(user.as_str().as_bytes().to_vec())
                .bind(column(seq))
        };
        self.rows("recording what was read", insert).await.map(drop)
    }

    async fn renew_epoch(&self, room: &RoomName, lost: Seq) -> Result<(), StoreError> {
        let update = || {
            query(statement::RENEW_EPOCH)
                .bind(room.as_str().to_owned())
                .bind(column(lost))
        };
        self.rows("giving a log another epoch", update)
            .await
            .map(drop)
    }

    async fn open_session(
        &self,
        connection: &ConnectionId,
        user: &UserId,
        at: Millis,
    ) -> Result<(), StoreError> {
        let insert = || {
            query(statement::OPEN_SESSION)
                .bind(connection.as_str().to_owned())
                .bind(user.as_str().as_bytes().to_vec())
                .bind(at)
        };
        self.rows("recording a session", insert).await.map(drop)
    }

    async fn close_session(&self, connection: &ConnectionId, at: Millis) -> Result<(), StoreError> {
        let update = || {
            query(statement::CLOSE_SESSION)
                .bind(connection.as_str().to_owned())
                .bind(at)
        };
        self.rows("recording a session's end", update)
            .await
            .map(drop)
    }

    async fn recent_rooms(
        &self,
        within_ms: u64,
        limit: u32,
    ) -> Result<Vec<RecentRoom>, StoreError> {
        let select = || {
            query(statement::RECENT)
                .bind(column(within_ms))
                .bind(i64::from(limit))
        };
        self.read("reading recent rooms", select, row::recent_room)
            .await
    }

    async fn purge(&self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        let purge = || several(query(statement::PURGE).bind(before).bind(i64::from(limit)));
        Ok(row::seq_of(self.number("purging", purge).await?))
    }
}

impl SqliteHistory {
    async fn change(
        &self,
        by: Option<&UserId>,
        rank: i64,
        room: &RoomName,
        user: &UserId,
        standing: &Standing,
    ) -> Result<Moderated, StoreError> {
        let (op, role, ends_at) = row::standing_columns(standing);
        let change = || {
            several(
                query(statement::MODERATE)
                    .bind(by.map(|by| by.as_str().as_bytes().to_vec()))
                    .bind(rank)
                    .bind(room.as_str().to_owned())
                    .bind(user.as_str().as_bytes().to_vec())
                    .bind(op)
                    .bind(role)
                    .bind(ends_at),
            )
        };
        let mut outcome = self
            .read("changing a standing", change, row::moderated)
            .await?;
        Ok(outcome.pop().unwrap_or(Moderated::NoRoom))
    }
}

/// epoch, shards, may write, muted until, banned, the last n, and of an earlier entry under the same
/// key seq, at, digest; now; the floor, whether the target is a message that is still there, whether
/// it is the sender's to change.
type Refusal = (
    i64,
    i64,
    bool,
    Option<Millis>,
    bool,
    i64,
    Option<i64>,
    Option<Millis>,
    Option<Vec<u8>>,
    Millis,
    i64,
    bool,
    bool,
);

/// `None` where by now nothing stands in the way.
fn why_not(found: &Refusal, n: i64, target: Option<i64>, digest: &[u8; 32]) -> Option<Appended> {
    let (epoch, shards, may_write, muted_until, banned, last_n, seq, at, stored, now, ..) = found;
    let (.., floor, is_said, is_own) = found;
    if (n > 0 && n <= *last_n) || seq.is_some() {
        if stored.as_ref().is_some_and(|stored| stored != digest) {
            return Some(Appended::Conflict);
        }
        return Some(Appended::Duplicate {
            epoch: row::seq_of(*epoch),
            seq: seq.map(row::seq_of),
            at: *at,
            shards: row::shards_of(*shards),
        });
    }
    if *banned {
        return Some(Appended::Banned);
    }
    if !may_write {
        return Some(Appended::NotMember);
    }
    if let Some(until) = muted_until.filter(|until| until > now) {
        return Some(Appended::Muted { until });
    }
    if n > last_n + 1 {
        return Some(Appended::Early {
            expected: row::seq_of(last_n + 1),
        });
    }
    match target? {
        target if (1..=*floor).contains(&target) => Some(Appended::BelowFloor {
            floor: row::seq_of(*floor),
        }),
        _ if !is_said => Some(Appended::NotFound),
        _ => (!is_own).then_some(Appended::Forbidden),
    }
}
