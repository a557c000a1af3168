//! The schema of the history, and how a database gets it.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::SqlStr;
use sqlx::migrate::Migration;
use sqlx::migrate::MigrationType;
use sqlx::migrate::Migrator;

use crate::Migrate;
use crate::StoreError;
use crate::mysql::MySqlHistory;
use crate::open::Database;
use crate::sqlite::SqliteHistory;

/// Number, description and text of a migration.
type Step = (i64, &'static str, &'static str);

macro_rules! step {
    ($number:literal, $folder:literal, $file:literal) => {
        (
            $number,
            $file,
            include_str!(concat!("../../../migrations/", $folder, "/", $file, ".sql")),
        )
    };
}

/// The same numbers mean the same; where SQLite needs no procedure it has no file.
const SQLITE: &[Step] = &[
    step!(1, "sqlite", "0001_log"),
    step!(2, "sqlite", "0002_append"),
    step!(6, "sqlite", "0006_edited"),
];

const MYSQL: &[Step] = &[
    step!(1, "mysql", "0001_log"),
    step!(2, "mysql", "0002_append"),
    step!(3, "mysql", "0003_create_room"),
    step!(4, "mysql", "0004_set_standing"),
    step!(5, "mysql", "0005_purge"),
    step!(6, "mysql", "0006_edited"),
    step!(7, "mysql", "0007_append_v2"),
    step!(8, "mysql", "0008_moderate"),
    step!(10, "mysql", "0010_purge_v2"),
    step!(11, "mysql", "0011_resume"),
];

/// The number of the last migration of a list above.
const fn last(steps: &[Step]) -> i64 {
    steps[steps.len() - 1].0
}

pub(crate) const SQLITE_VERSION: i64 = last(SQLITE);
pub(crate) const MYSQL_VERSION: i64 = last(MYSQL);

/// What version a database has; fails where it has none. The same in both.
pub(crate) const VERSION: &str =
    "select coalesce(max(version), 0) from _sqlx_migrations where success";

pub(crate) fn sqlite() -> Migrator {
    migrator(SQLITE)
}

pub(crate) fn mysql() -> Migrator {
    migrator(MYSQL)
}

fn migrator(steps: &'static [Step]) -> Migrator {
    let migrations = steps
        .iter()
        .map(|&(number, name, sql)| {
            let sql: SqlStr = sql.into_sql_str();
            Migration::new(
                number,
                Cow::Borrowed(name),
                MigrationType::Simple,
                sql,
                false,
            )
        })
        .collect();
    let mut migrator = Migrator::with_migrations(migrations);
    // sqlx's lock waits for ever on MySQL, not at all on MariaDB (its timeout is negative) and does
    // not exist for SQLite: the callers lock.
    migrator.set_locking(false);
    // A newer version's migrations may be there already: an older function runs on beside it.
    migrator.set_ignore_missing(true);
    migrator
}

/// Brings the schema of the history at `database_url` up to date, whatever `MIGRATE` says. Run
/// again it does nothing; several at once wait for one of them.
///
/// # Errors
///
/// [`StoreError::Unusable`] where a migration fails, [`StoreError::Unavailable`] where the
/// database does not answer, [`StoreError::InvalidUrl`] where the URL is not one.
pub async fn migrate(database_url: &str) -> Result<(), StoreError> {
    match Database::parse(database_url)? {
        Database::Sqlite(path) => SqliteHistory::new(path, Migrate::Auto).migrate().await,
        Database::MySql(url) => MySqlHistory::new(&url, Migrate::Auto)?.migrate().await,
    }
}
