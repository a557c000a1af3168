//! The log's schema, brought up to date on a connection before it is first used.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use sqlx::Row;
use sqlx::SqliteConnection;
use sqlx::migrate::MigrateError;
use sqlx::query;
use tokio::time::Instant;

use super::file::Prepare;
use super::file::Unready;
use super::file::is_busy;
use super::file::pause;
use crate::Migrate;
use crate::StoreError;
use crate::migrate;

/// How long a starter waits for another one's migration.
const MIGRATION_LIMIT: Duration = Duration::from_secs(30);

/// What a new connection sees to.
#[derive(Debug)]
pub(super) struct Schema {
    migrate: Migrate,
    /// Locked while migrating. A file of its own: SQLite's locks on the log itself would be lost
    /// when another handle of this process closes it.
    lock: PathBuf,
}

impl Schema {
    pub(super) fn new(log: &Path, migrate: Migrate) -> Self {
        let mut lock = log.to_path_buf().into_os_string();
        lock.push("-migrate");
        Self {
            migrate,
            lock: lock.into(),
        }
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
                MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                    is_busy(error)
                }
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
