//! The log in a file: `log.db`. An append is one statement with a trigger.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

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
use sqlx::SqliteConnection;
use sqlx::query;
use sqlx::sqlite::SqliteRow;
use tokio::time::Instant;

use super::file::File;
use super::file::Prepare;
use super::file::Query;
use super::file::Unready;
use super::file::is_busy;
use super::file::pause;
use super::file::several;
use crate::Append;
use crate::Appended;
use crate::History;
use crate::Membership;
use crate::Migrate;
use crate::Range;
use crate::RecentRoom;
use crate::Room;
use crate::Standing;
use crate::StoreError;
use crate::migrate;
use crate::row;
use crate::row::column;

/// The log's clock: milliseconds, once per statement.
macro_rules! now {
    () => {
        "cast(round(unixepoch('subsec') * 1000) as integer)"
    };
}

/// ?1 room, ?2 bound, ?3 limit.
macro_rules! entries {
    ($compare:literal, $order:literal) => {
        concat!(
            "select m.seq, m.at, m.sender, m.sender_name, m.producer, m.n, m.kind, m.body
             from room r join message m on m.room_id = r.id
             where r.name = ?1 and m.seq ",
            $compare,
            " ?2 order by m.seq ",
            $order,
            " limit ?3"
        )
    };
}

/// ?1 room, ?2 sender, ?3 its name, ?4 producer, ?5 n, ?6 kind, ?7 body, ?8 digest.
const APPEND: &str = concat!(
    "insert into message
       (room_id, seq, at, sender, sender_name, producer, n, kind, body, digest)
     select r.id, r.head + 1, max(r.last_at, ",
    now!(),
    "), ?2, ?3, ?4, ?5, ?6, ?7, ?8
       from room r left join membership m on m.room_id = r.id and m.user_id = ?2
      where r.name = ?1
        and (r.kind = 'public' or m.role is not null)
        and coalesce(m.muted_until, 0) <= ",
    now!(),
    "
        and not exists (select 1 from ban b where b.room_id = r.id and b.user_id = ?2
              and (b.ends_at is null or b.ends_at > ",
    now!(),
    "))
        and case when ?5 = 0
              then not exists (select 1 from message d
                where d.room_id = r.id and d.sender = ?2 and d.producer = ?4 and d.n = 0)
              else ?5 = 1 + coalesce((select p.last_n from producer p
                where p.room_id = r.id and p.sender = ?2 and p.client = ?4), 0) end
     returning (select epoch from room where id = room_id), seq, at,
       (select shards from room where id = room_id)"
);

/// Why nothing was appended: the same conditions one by one. ?1 room, ?2 sender, ?3 producer, ?4 n.
const REFUSAL: &str = concat!(
    "select r.epoch, r.shards, r.kind = 'public' or m.role is not null, m.muted_until,
       exists (select 1 from ban b where b.room_id = r.id and b.user_id = ?2
         and (b.ends_at is null or b.ends_at > ",
    now!(),
    ")),
       coalesce((select p.last_n from producer p
         where p.room_id = r.id and p.sender = ?2 and p.client = ?3 and ?4 > 0), 0),
       d.seq, d.at, d.digest, ",
    now!(),
    "
     from room r
     left join membership m on m.room_id = r.id and m.user_id = ?2
     left join message d
       on d.room_id = r.id and d.sender = ?2 and d.producer = ?3 and d.n = ?4
     where r.name = ?1"
);

const ROOMS: &str = concat!(
    "select r.name, r.kind, r.epoch, r.head, r.floor, r.shards, m.role,
       b.room_id is not null and (b.ends_at is null or b.ends_at > ",
    now!(),
    "), m.read_seq
     from room r
     left join membership m on m.room_id = r.id and m.user_id = ?2
     left join ban b on b.room_id = r.id and b.user_id = ?2
     where r.name in (select value from json_each(?1))"
);

/// ?1 name, ?2 kind, ?3 shards, ?4 first member, ?5 second member, ?6 their role.
const CREATE: &str = concat!(
    "begin immediate;
     create temp table if not exists made (room_id integer);
     delete from made;
     insert into made select null where not exists (select 1 from room where name = ?1);
     insert into room (name, kind, epoch, shards, last_at)
       select ?1, ?2, ",
    now!(),
    ", ?3, ",
    now!(),
    " from made;
     insert into membership (room_id, user_id, role, joined_at)
       select r.id, u.column1, ?6, ",
    now!(),
    "
         from room r, (values (?4), (?5)) u
        where r.name = ?1 and u.column1 is not null
          and (?2 = 'direct' or exists (select 1 from made))
          and not exists (select 1 from ban b where b.room_id = r.id and b.user_id = u.column1
                and (b.ends_at is null or b.ends_at > ",
    now!(),
    "))
       on conflict do update set role = coalesce(role, excluded.role);
     select count(*) from made;
     commit"
);

/// ?1 actor, ?2 room, ?3 user, ?4 op, ?5 role, ?6 its end. Only one of the changes applies.
const STANDING: &str = concat!(
    "begin immediate;
     insert into membership (room_id, user_id, role, joined_at)
       select id, ?3, ?5, ",
    now!(),
    " from room where name = ?2 and ?4 = 'member'
       on conflict do update set
         joined_at = iif(role is null, excluded.joined_at, joined_at), role = excluded.role;
     update membership set role = null
       where ?4 in ('not_member', 'banned') and user_id = ?3
         and room_id = (select id from room where name = ?2);
     insert into ban (room_id, user_id, ends_at)
       select id, ?3, ?6 from room where name = ?2 and ?4 = 'banned'
       on conflict do update set ends_at = excluded.ends_at;
     delete from ban
       where ?4 = 'unbanned' and user_id = ?3 and room_id = (select id from room where name = ?2);
     insert into membership (room_id, user_id, muted_until)
       select id, ?3, ?6 from room where name = ?2 and ?4 = 'muted'
       on conflict do update set muted_until = excluded.muted_until;
     update membership set muted_until = null
       where ?4 = 'unmuted' and user_id = ?3 and room_id = (select id from room where name = ?2);
     insert into audit (at, room_id, actor, user_id, op, role, ends_at)
       select ",
    now!(),
    ", id, ?1, ?3, ?4, ?5, ?6 from room where name = ?2 and ?1 is not null;
     select count(*) from room where name = ?2;
     commit"
);

const MEMBERSHIPS: &str = "select r.name, r.kind, m.role, r.head, m.read_seq,
       (select o.user_id from membership o
         where r.kind = 'direct' and o.room_id = r.id and o.user_id <> ?1 and o.role is not null)
     from membership m join room r on r.id = m.room_id
     where m.user_id = ?1 and m.role is not null and r.name > ?2
     order by r.name limit ?3";

const READ: &str = "insert into membership (room_id, user_id, read_seq)
     select id, ?2, min(?3, head) from room where name = ?1
     on conflict do update set read_seq = max(read_seq, excluded.read_seq)";

/// ?1 before, ?2 limit.
const PURGE: &str = "begin immediate;
     create temp table if not exists old (room_id integer, seq integer);
     delete from old;
     insert into old
       select m.room_id, m.seq from message m
        where m.room_id = (select r.id from room r
            join message f on f.room_id = r.id and f.seq = r.floor + 1 where f.at < ?1 limit 1)
          and m.at < ?1
        order by m.seq limit ?2;
     delete from message where (room_id, seq) in (select room_id, seq from old);
     update room set floor = (select max(seq) from old) where id = (select min(room_id) from old);
     delete from producer where updated_at < ?1;
     delete from session where started_at < ?1 and ended_at < ?1;
     select count(*) from old;
     commit";

/// How long a starter waits for another one's migration.
const MIGRATION_LIMIT: Duration = Duration::from_secs(30);

/// The history in a file.
#[derive(Debug)]
pub(crate) struct SqliteHistory {
    file: File,
    schema: Schema,
}

/// What a new connection sees to.
#[derive(Debug)]
struct Schema {
    migrate: Migrate,
    /// Locked while migrating. A file of its own: SQLite's locks on the log itself would be lost
    /// when another handle of this process closes it.
    lock: PathBuf,
}

impl SqliteHistory {
    pub(crate) fn new(path: PathBuf, migrate: Migrate) -> Self {
        let mut lock = path.clone().into_os_string();
        lock.push("-migrate");
        Self {
            file: File::new(path, migrate == Migrate::Auto, true),
            schema: Schema {
                migrate,
                lock: lock.into(),
            },
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

impl Prepare for Schema {
    const REPLACEABLE: bool = false;

    async fn prepare(&self, connection: &mut SqliteConnection) -> Result<(), Unready> {
        if self.migrate == Migrate::Off || version(connection).await? >= migrate::SQLITE_VERSION {
            return Ok(());
        }
        let what = "migrating";
        let file = fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.lock)
            .map_err(|error| StoreError::unusable("sqlite", what, error))?;
        let deadline = Instant::now() + MIGRATION_LIMIT;
        while let Err(error) = file.try_lock() {
            if Instant::now() > deadline {
                return Err(StoreError::unavailable("sqlite", what, error).into());
            }
            pause().await;
        }
        // Given back when `file` is closed, also by the end of the process.
        while let Err(error) = migrate::sqlite().run_direct(None, connection, false).await {
            let busy = match &error {
                sqlx::migrate::MigrateError::Execute(error)
                | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => is_busy(error),
                _ => false,
            };
            if !busy || Instant::now() > deadline {
                return Err(StoreError::unusable("sqlite", what, error).into());
            }
            pause().await;
        }
        Ok(())
    }
}

async fn version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    match query(migrate::VERSION).fetch_one(connection).await {
        Ok(row) => row.try_get(0),
        Err(error) if is_busy(&error) => Err(error),
        // There is no such table yet.
        Err(_) => Ok(0),
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
        let bytes = |text: &str| text.as_bytes().to_vec();
        let insert = || {
            query(APPEND)
                .bind(append.room.as_str().to_owned())
                .bind(bytes(append.from.id.as_str()))
                .bind(append.from.name.clone())
                .bind(bytes(producer))
                .bind(n)
                .bind(kind)
                .bind(body.clone())
                .bind(append.digest.to_vec())
        };
        let refusal = || {
            query(REFUSAL)
                .bind(append.room.as_str().to_owned())
                .bind(bytes(append.from.id.as_str()))
                .bind(bytes(producer))
                .bind(n)
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
            if let Some(appended) = why_not(&found, n, &append.digest) {
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
        let select = || query(ROOMS).bind(names.clone()).bind(user.to_vec());
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
                query(CREATE)
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
                query(CREATE)
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
            Range::After(seq) => (entries!(">", "asc"), column(seq)),
            Range::Before(seq) => (entries!("<", "desc"), column(seq)),
            Range::Newest => (entries!("<", "desc"), i64::MAX),
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
            query(MEMBERSHIPS)
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
        self.standing(None, room, user, standing).await
    }

    async fn moderate(
        &self,
        by: &UserId,
        room: &RoomName,
        user: &UserId,
        standing: &Standing,
    ) -> Result<bool, StoreError> {
        self.standing(Some(by), room, user, standing).await
    }

    async fn mark_read(&self, room: &RoomName, user: &UserId, seq: Seq) -> Result<(), StoreError> {
        let insert = || {
            query(READ)
                .bind(room.as_str().to_owned())
                .bind(user.as_str().as_bytes().to_vec())
                .bind(column(seq))
        };
        self.rows("recording what was read", insert).await.map(drop)
    }

    async fn open_session(
        &self,
        connection: &ConnectionId,
        user: &UserId,
        at: Millis,
    ) -> Result<(), StoreError> {
        let insert = || {
            query(
                "insert into session (connection, user_id, started_at) values (?1, ?2, ?3)
                 on conflict do nothing",
            )
            .bind(connection.as_str().to_owned())
            .bind(user.as_str().as_bytes().to_vec())
            .bind(at)
        };
        self.rows("recording a session", insert).await.map(drop)
    }

    async fn close_session(&self, connection: &ConnectionId, at: Millis) -> Result<(), StoreError> {
        let update = || {
            query("update session set ended_at = ?2 where connection = ?1 and ended_at is null")
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
            query(concat!(
                "select name, head, shards from room
                 where active >= (",
                now!(),
                " - ?1) / 60000 and last_at >= ",
                now!(),
                " - ?1
                   and head > 0
                 order by last_at desc limit ?2"
            ))
            .bind(column(within_ms))
            .bind(i64::from(limit))
        };
        self.read("reading recent rooms", select, row::recent_room)
            .await
    }

    async fn purge(&self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        let purge = || several(query(PURGE).bind(before).bind(i64::from(limit)));
        Ok(row::seq_of(self.number("purging", purge).await?))
    }
}

impl SqliteHistory {
    async fn standing(
        &self,
        by: Option<&UserId>,
        room: &RoomName,
        user: &UserId,
        standing: &Standing,
    ) -> Result<bool, StoreError> {
        let (op, role, ends_at) = row::standing_columns(standing);
        let change = || {
            several(
                query(STANDING)
                    .bind(by.map(|by| by.as_str().as_bytes().to_vec()))
                    .bind(room.as_str().to_owned())
                    .bind(user.as_str().as_bytes().to_vec())
                    .bind(op)
                    .bind(role)
                    .bind(ends_at),
            )
        };
        Ok(self.number("changing a standing", change).await? == 1)
    }
}

/// epoch, shards, may write, muted until, banned, the last n, and of an earlier entry under the same
/// key seq, at, digest; now.
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
);

/// `None` where by now nothing stands in the way.
fn why_not(found: &Refusal, n: i64, digest: &[u8; 32]) -> Option<Appended> {
    let (epoch, shards, may_write, muted_until, banned, last_n, seq, at, stored, now) = found;
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
    (n > last_n + 1).then(|| Appended::Early {
        expected: row::seq_of(last_n + 1),
    })
}
