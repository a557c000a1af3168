//! The log on a server. What takes a lock is a procedure, so that the lock is never held over the
//! network.

use std::time::Duration;

use async_trait::async_trait;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Entry;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomKind;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;
use sqlx::AssertSqlSafe;
use sqlx::FromRow;
use sqlx::Row;
use sqlx::mysql::MySqlRow;
use sqlx::query;

use super::link::Link;
use super::link::Query;
use super::statement;
use crate::Append;
use crate::Appended;
use crate::History;
use crate::Membership;
use crate::Migrate;
use crate::Moderated;
use crate::Moderation;
use crate::Range;
use crate::RecentRoom;
use crate::Resume;
use crate::Resumed;
use crate::Room;
use crate::Standing;
use crate::StoreError;
use crate::row;
use crate::row::column;

/// The longest a call waits for its answer, once connected.
const LIMIT: Duration = Duration::from_secs(1);

/// An append may queue at a hot room for a second and be repeated once.
const APPEND_LIMIT: Duration = Duration::from_millis(2_200);

/// More names than this are asked about in several round trips.
const ROOMS_AT_ONCE: usize = 128;

/// The history on a server.
#[derive(Debug)]
pub(crate) struct MySqlHistory {
    link: Link,
}

impl MySqlHistory {
    pub(crate) fn new(url: &str, migrate: Migrate) -> Result<Self, StoreError> {
        Ok(Self {
            link: Link::new(url, migrate)?,
        })
    }

    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        self.link.migrate().await
    }

    /// Runs a query and reads each of its rows.
    async fn read<C, T>(
        &self,
        what: &'static str,
        query: impl Fn() -> Query + Send + Sync,
        read: impl Fn(C) -> Result<T, row::BadRow>,
    ) -> Result<Vec<T>, StoreError>
    where
        C: for<'r> FromRow<'r, MySqlRow>,
    {
        let rows = self.link.rows(what, LIMIT, query).await?;
        rows.iter()
            .map(|columns| {
                let columns = C::from_row(columns)
                    .map_err(|error| StoreError::unusable("mysql", what, error))?;
                read(columns).map_err(|error| StoreError::unusable("mysql", what, error))
            })
            .collect()
    }

    /// Runs a procedure that answers one number.
    async fn number(
        &self,
        what: &'static str,
        query: impl Fn() -> Query + Send + Sync,
    ) -> Result<i64, StoreError> {
        let rows = self.link.rows(what, LIMIT, query).await?;
        rows.first()
            .map_or(Ok(0), |row| row.try_get(0))
            .map_err(|error| StoreError::unusable("mysql", what, error))
    }

    async fn create(
        &self,
        name: &RoomName,
        kind: RoomKind,
        shards: u16,
        members: [Option<&UserId>; 2],
    ) -> Result<bool, StoreError> {
        let [first, second] = members.map(|user| user.map(|user| bytes(user.as_str())));
        let call = || {
            query(statement::CREATE)
                .bind(name.as_str().to_owned())
                .bind(row::kind_column(kind))
                .bind(i64::from(shards.max(1)))
                .bind(first.clone())
                .bind(second.clone())
        };
        Ok(self.number("making a room", call).await? == 1)
    }
}

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// status, epoch, seq, at, shards, expected, until, floor.
type Outcome = (
    String,
    Option<i64>,
    Option<i64>,
    Option<Millis>,
    Option<i64>,
    Option<i64>,
    Option<Millis>,
    Option<i64>,
);

fn appended(outcome: Outcome) -> Option<Appended> {
    let (status, epoch, seq, at, shards, expected, until, floor) = outcome;
    let epoch = epoch.map(row::seq_of);
    let shards = shards.map(row::shards_of);
    Some(match status.as_str() {
        "stored" => Appended::Stored {
            epoch: epoch?,
            seq: row::seq_of(seq?),
            at: at?,
            shards: shards?,
        },
        "duplicate" => Appended::Duplicate {
            epoch: epoch?,
            seq: seq.map(row::seq_of),
            at,
            shards: shards?,
        },
        "conflict" => Appended::Conflict,
        "early" => Appended::Early {
            expected: row::seq_of(expected?),
        },
        "no_room" => Appended::NoRoom,
        "not_member" => Appended::NotMember,
        "banned" => Appended::Banned,
        "muted" => Appended::Muted { until: until? },
        "not_found" => Appended::NotFound,
        "below_floor" => Appended::BelowFloor {
            floor: row::seq_of(floor?),
        },
        "forbidden" => Appended::Forbidden,
        _ => return None,
    })
}

/// Rows of several kinds, each named by its last column. Entries follow their room.
fn resumed(rows: &[MySqlRow]) -> Result<Resumed, Box<dyn std::error::Error + Send + Sync>> {
    let mut resumed = Resumed::default();
    for columns in rows {
        let kind: String = columns.try_get(columns.len().saturating_sub(1))?;
        match kind.as_str() {
            "membership" => {
                let membership = row::membership(FromRow::from_row(columns)?)?;
                resumed.memberships.push(membership);
            }
            "room" => {
                let room = row::room(FromRow::from_row(columns)?)?;
                resumed.rooms.push((room, Vec::new()));
            }
            _ => {
                let (_, entries) = resumed.rooms.last_mut().ok_or("an entry of no room")?;
                entries.push(row::entry(FromRow::from_row(columns)?)?);
            }
        }
    }
    Ok(resumed)
}

#[async_trait]
impl History for MySqlHistory {
    async fn append(&self, append: &Append) -> Result<Appended, StoreError> {
        let what = "appending";
        let (producer, n) = row::key_columns(&append.key).ok_or_else(|| {
            StoreError::unusable(
                "mysql",
                what,
                "n counts from 1, a message id has 1 to 128 bytes",
            )
        })?;
        let (kind, body) = row::content_columns(&append.content);
        let call = || {
            query(statement::APPEND)
                .bind(append.room.as_str().to_owned())
                .bind(bytes(append.from.id.as_str()))
                .bind(append.from.name.clone())
                .bind(bytes(producer))
                .bind(n)
                .bind(kind)
                .bind(body.clone())
                .bind(append.digest.to_vec())
                .bind(row::target_column(&append.content))
                .bind(i64::from(append.moderates))
        };
        let rows = self.link.rows(what, APPEND_LIMIT, call).await?;
        let outcome = rows.first().map(Outcome::from_row).transpose();
        let outcome = outcome.map_err(|error| StoreError::unusable("mysql", what, error))?;
        outcome.and_then(appended).ok_or(StoreError::Unusable {
            store: "mysql",
            what,
            source: None,
        })
    }

    async fn rooms(&self, names: &[RoomName], user: &UserId) -> Result<Vec<Room>, StoreError> {
        let mut rooms = Vec::with_capacity(names.len());
        for names in names.chunks(ROOMS_AT_ONCE) {
            // Rounded up by repeating the last name: eight statements to prepare, not 128.
            let count = names.len().next_power_of_two();
            let sql = format!("{}{}?)", statement::ROOMS, "?, ".repeat(count - 1));
            let last = names.last().into_iter().cycle();
            let select = || {
                let user = bytes(user.as_str());
                let query = query(AssertSqlSafe(sql.clone()))
                    .bind(user.clone())
                    .bind(user);
                let names = names.iter().chain(last.clone()).take(count);
                names.fold(query, |query, name| query.bind(name.as_str().to_owned()))
            };
            rooms.extend(self.read("reading rooms", select, row::room).await?);
        }
        Ok(rooms)
    }

    async fn create_room(
        &self,
        name: &RoomName,
        kind: RoomKind,
        shards: u16,
        owner: Option<&UserId>,
    ) -> Result<bool, StoreError> {
        self.create(name, kind, shards, [owner, None]).await
    }

    async fn create_direct(
        &self,
        name: &RoomName,
        users: [&UserId; 2],
    ) -> Result<bool, StoreError> {
        self.create(name, RoomKind::Direct, 1, users.map(Some))
            .await
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
                .bind(bytes(user.as_str()))
                .bind(after.map_or("", RoomName::as_str).to_owned())
                .bind(i64::from(limit))
        };
        self.read("reading memberships", select, row::membership)
            .await
    }

    async fn resume(&self, resume: &Resume<'_>) -> Result<Resumed, StoreError> {
        let what = "resuming";
        let positions: Vec<_> = resume
            .positions
            .iter()
            .map(|(name, at)| (name.as_str(), column(at.epoch), column(at.seq)))
            .collect();
        let positions = serde_json::to_string(&positions).expect("texts and numbers");
        let call = || {
            query(statement::RESUME)
                .bind(bytes(resume.user.as_str()))
                .bind(positions.clone())
                .bind(i64::from(resume.entries))
                .bind(i64::from(resume.page))
                .bind(i64::from(resume.memberships))
                .bind(
                    resume
                        .session
                        .map(|(connection, _)| connection.as_str().to_owned()),
                )
                .bind(resume.session.map(|(_, at)| at))
        };
        let rows = self.link.rows(what, LIMIT, call).await?;
        resumed(&rows).map_err(|error| StoreError::unusable("mysql", what, error))
    }

    async fn set_standing(
        &self,
        room: &RoomName,
        user: &UserId,
        standing: &Standing,
    ) -> Result<bool, StoreError> {
        let (op, role, ends_at) = row::standing_columns(standing);
        let call = || {
            query(statement::STANDING)
                .bind(None::<Vec<u8>>)
                .bind(room.as_str().to_owned())
                .bind(bytes(user.as_str()))
                .bind(op)
                .bind(role)
                .bind(ends_at)
        };
        Ok(self.number("changing a standing", call).await? == 1)
    }

    async fn moderate(&self, moderation: &Moderation) -> Result<Moderated, StoreError> {
        let what = "moderating";
        let (op, role, ends_at) = row::standing_columns(&moderation.standing);
        let call = || {
            query(statement::MODERATE)
                .bind(bytes(moderation.by.as_str()))
                .bind(row::rank_column(moderation.role))
                .bind(moderation.room.as_str().to_owned())
                .bind(bytes(moderation.user.as_str()))
                .bind(op)
                .bind(role)
                .bind(ends_at)
        };
        let mut outcome = self.read(what, call, row::moderated).await?;
        outcome.pop().ok_or(StoreError::Unusable {
            store: "mysql",
            what,
            source: None,
        })
    }

    async fn mark_read(&self, room: &RoomName, user: &UserId, seq: Seq) -> Result<(), StoreError> {
        let insert = || {
            query(statement::READ)
                .bind(bytes(user.as_str()))
                .bind(column(seq))
                .bind(room.as_str().to_owned())
                .bind(column(seq))
        };
        self.link
            .rows("recording what was read", LIMIT, insert)
            .await
            .map(drop)
    }

    async fn renew_epoch(&self, room: &RoomName, lost: Seq) -> Result<(), StoreError> {
        let update = || {
            query(statement::RENEW_EPOCH)
                .bind(room.as_str().to_owned())
                .bind(column(lost))
        };
        self.link
            .rows("giving a log another epoch", LIMIT, update)
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
                .bind(bytes(user.as_str()))
                .bind(at)
        };
        self.link
            .rows("recording a session", LIMIT, insert)
            .await
            .map(drop)
    }

    async fn close_session(&self, connection: &ConnectionId, at: Millis) -> Result<(), StoreError> {
        let update = || {
            query(statement::CLOSE_SESSION)
                .bind(at)
                .bind(connection.as_str().to_owned())
        };
        self.link
            .rows("recording a session's end", LIMIT, update)
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
                .bind(column(within_ms))
                .bind(i64::from(limit))
        };
        self.read("reading recent rooms", select, row::recent_room)
            .await
    }

    async fn purge(&self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        let call = || query(statement::PURGE).bind(before).bind(i64::from(limit));
        Ok(row::seq_of(self.number("purging", call).await?))
    }
}
