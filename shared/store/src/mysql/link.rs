//! One connection to the server, opened when it is first needed and kept while the function is warm.
//! No pool: its ping at checkout and at return would cost as much as the append itself.

use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::MySql;
use sqlx::MySqlConnection;
use sqlx::Row;
use sqlx::migrate::MigrateError;
use sqlx::mysql::MySqlArguments;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::mysql::MySqlRow;
use sqlx::raw_sql;
use tokio::sync::Mutex;
use tokio::sync::MutexGuard;
use tokio::time::Instant;
use tokio::time::timeout_at;

use super::fault::Fault;
use super::fault::fault;
use crate::Migrate;
use crate::StoreError;
use crate::breaker::Breaker;
use crate::migrate;
use crate::open::invalid_database;

/// A stopped server accepts and then says nothing.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// A connection idle for longer is replaced: what stands between may have forgotten it without a
/// word (350 s, "NAT gateway" and "Network Load Balancer" of the AWS documentation).
const IDLE_LIMIT: Duration = Duration::from_secs(300);

/// How long a starter waits for another one's migration, and for its own.
const MIGRATION_LIMIT: Duration = Duration::from_secs(30);

/// The session: one SET instead of sqlx's own. A lock is not waited for longer than a call lasts.
const SESSION: &str = "set sql_mode = 'STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY,NO_ENGINE_SUBSTITUTION', \
    time_zone = '+00:00', innodb_lock_wait_timeout = 1, names utf8mb4";

/// A statement with its values.
pub(super) type Query = sqlx::query::Query<'static, MySql, MySqlArguments>;

/// The settings and the slot of one connection.
#[derive(Debug)]
pub(super) struct Link {
    options: MySqlConnectOptions,
    migrate: Migrate,
    slot: Mutex<Slot>,
    breaker: Breaker,
}

#[derive(Debug, Default)]
struct Slot {
    kept: Option<Kept>,
    migrated: bool,
}

#[derive(Debug)]
struct Kept {
    connection: MySqlConnection,
    used: Instant,
}

impl Link {
    pub(super) fn new(url: &str, migrate: Migrate) -> Result<Self, StoreError> {
        // What sqlx says about a URL may quote it.
        let options = MySqlConnectOptions::from_str(url)
            .map_err(|_| invalid_database(url))?
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None::<String>)
            .set_names(false)
            .disable_statement_logging();
        Ok(Self {
            options,
            migrate,
            slot: Mutex::default(),
            breaker: Breaker::default(),
        })
    }

    /// Connects, and migrates unless another did.
    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        self.connect("migrating", &mut *self.slot.lock().await)
            .await
            .map(drop)
    }

    /// Runs a query that may be repeated, and answers all its rows. Repeats it once where the
    /// connection broke or the server rolled it back, never after `limit`.
    pub(super) async fn rows(
        &self,
        what: &'static str,
        limit: Duration,
        query: impl Fn() -> Query + Send + Sync,
    ) -> Result<Vec<MySqlRow>, StoreError> {
        // Calls of one process take turns; each is bounded, so is the wait. Asked in turn: if the
        // call before found the server away, this one need not find out again.
        let mut slot = self.slot.lock().await;
        if self.breaker.is_open() {
            return Err(StoreError::Unavailable {
                store: "mysql",
                what,
                source: None,
            });
        }
        let began = Instant::now();
        let result = self.in_turn(what, limit, &mut slot, query).await;
        match &result {
            // A room that others hold locked is no server that is away.
            Err(error) if error.is_retryable() && slot.kept.is_none() => {
                self.breaker.failed(began.elapsed());
            }
            _ => self.breaker.reset(),
        }
        result
    }

    async fn in_turn(
        &self,
        what: &'static str,
        limit: Duration,
        slot: &mut MutexGuard<'_, Slot>,
        query: impl Fn() -> Query + Send + Sync,
    ) -> Result<Vec<MySqlRow>, StoreError> {
        let mut deadline = None;
        let mut repeated = false;
        loop {
            // Taken out while in use: a call that is cancelled leaves no connection that still
            // waits for its answer.
            let mut kept = match slot
                .kept
                .take()
                .filter(|kept| kept.used.elapsed() < IDLE_LIMIT)
            {
                Some(kept) => kept,
                None => self.connect(what, slot).await?,
            };
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + limit);
            let error = match timeout_at(deadline, query().fetch_all(&mut kept.connection)).await {
                Ok(Ok(rows)) => {
                    slot.kept = Some(Kept {
                        used: Instant::now(),
                        ..kept
                    });
                    return Ok(rows);
                }
                Ok(Err(error)) => error,
                // The server may still do it.
                Err(elapsed) => return Err(StoreError::unavailable("mysql", what, elapsed)),
            };
            let again = !repeated && Instant::now() < deadline;
            match fault(&error) {
                Fault::Broken if again => drop(kept),
                Fault::RolledBack if again => slot.kept = Some(kept),
                Fault::RolledBack => {
                    slot.kept = Some(kept);
                    return Err(StoreError::unavailable("mysql", what, error));
                }
                Fault::Broken | Fault::Refused => {
                    return Err(StoreError::unavailable("mysql", what, error));
                }
                Fault::Deployment(advice) => {
                    slot.kept = Some(kept);
                    return Err(StoreError::unusable("mysql", advice, error));
                }
                Fault::Mistake => {
                    slot.kept = Some(kept);
                    return Err(StoreError::unusable("mysql", what, error));
                }
            }
            repeated = true;
        }
    }

    async fn connect(&self, what: &'static str, slot: &mut Slot) -> Result<Kept, StoreError> {
        let limit = Instant::now() + CONNECT_LIMIT;
        let connecting = async {
            let mut connection = self.options.connect().await?;
            raw_sql(SESSION).execute(&mut connection).await?;
            Ok(connection)
        };
        let mut connection = match timeout_at(limit, connecting).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => {
                return Err(match fault(&error) {
                    Fault::Deployment(advice) => StoreError::unusable("mysql", advice, error),
                    Fault::Mistake => StoreError::unusable("mysql", "connecting", error),
                    Fault::Broken | Fault::RolledBack | Fault::Refused => {
                        StoreError::unavailable("mysql", what, error)
                    }
                });
            }
            Err(elapsed) => return Err(StoreError::unavailable("mysql", "connecting", elapsed)),
        };
        if self.migrate == Migrate::Auto && !slot.migrated {
            bring_up_to_date(&mut connection).await?;
            slot.migrated = true;
        }
        Ok(Kept {
            connection,
            used: Instant::now(),
        })
    }
}

async fn bring_up_to_date(connection: &mut MySqlConnection) -> Result<(), StoreError> {
    let what = "migrating";
    let version = async |connection: &mut MySqlConnection| match raw_sql(migrate::VERSION)
        .fetch_one(connection)
        .await
    {
        Ok(row) => row.try_get::<i64, _>(0).unwrap_or(0),
        // There is no such table yet, or no right to see it: then the migration will say so.
        Err(_) => 0,
    };
    let deadline = Instant::now() + MIGRATION_LIMIT;
    match timeout_at(deadline, version(connection)).await {
        Ok(found) if found >= migrate::MYSQL_VERSION => return Ok(()),
        Ok(_) => {}
        Err(elapsed) => return Err(StoreError::unavailable("mysql", what, elapsed)),
    }
    let migrating = async {
        let lock = "select coalesce(get_lock(left(concat('gatepost.', database()), 64), 25), 0)";
        let held: i64 = raw_sql(lock)
            .fetch_one(&mut *connection)
            .await?
            .try_get(0)?;
        if held != 1 {
            return Ok(false);
        }
        migrate::mysql()
            .run_direct(None, &mut *connection, false)
            .await?;
        raw_sql("do release_lock(left(concat('gatepost.', database()), 64))")
            .execute(&mut *connection)
            .await?;
        Ok::<_, MigrateError>(true)
    };
    match timeout_at(deadline, migrating).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(StoreError::Unavailable {
            store: "mysql",
            what,
            source: None,
        }),
        Ok(Err(error)) => Err(failed(error)),
        Err(elapsed) => Err(StoreError::unavailable("mysql", what, elapsed)),
    }
}

fn failed(error: MigrateError) -> StoreError {
    let cause = match &error {
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => fault(cause),
        MigrateError::Dirty(_) => Fault::Deployment(
            "a migration stopped half-way: look at what it left, then delete its row from \
             _sqlx_migrations and start again",
        ),
        _ => Fault::Mistake,
    };
    match cause {
        Fault::Deployment(advice) => StoreError::unusable("mysql", advice, error),
        Fault::Mistake => StoreError::unusable("mysql", "migrating", error),
        Fault::Broken | Fault::RolledBack | Fault::Refused => {
            StoreError::unavailable("mysql", "migrating", error)
        }
    }
}
