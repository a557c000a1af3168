//! One connection to a file that several processes write, and that may be deleted under it.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::Sqlite;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteArguments;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqliteJournalMode;
use sqlx::sqlite::SqliteRow;
use sqlx::sqlite::SqliteSynchronous;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::StoreError;

/// How long one call may wait for other processes' writes. Who waits draws lots, and whoever just
/// wrote draws first: beside six programs that take all of two CPUs, one of some thousand appends had
/// drawn blanks for 5 s. Less than `message` has (25 s, `infra/template.yaml`).
const LIMIT: Duration = Duration::from_secs(15);

/// A statement with its values, or several separated by `;` that share numbered values `?1`.
pub(super) type Query = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

/// Ends the values of a text of several statements. sqlx takes a number that one of them leaves out
/// for a parameter without a number, and binds nothing more once it has run out of values for
/// those: so it gets some to spare.
pub(super) fn several(query: Query) -> Query {
    (0..64).fold(query, |query, _| query.bind(None::<i64>))
}

/// What a call does about a failure.
enum Fault {
    /// Another process writes: wait a moment.
    Busy,
    /// The file, its schema or the connection is not what it should be.
    Broken,
    /// The disk is full or fails.
    Disk,
    /// A mistake in a statement or in a value.
    Mistake,
}

/// The settings and the slot of one connection. Every call is one trip to SQLite's thread and no
/// transaction is left open between two, so a process that is frozen between calls locks nobody out.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    options: SqliteConnectOptions,
    slot: Mutex<Option<Open>>,
}

/// A connection with the file it was opened on.
#[derive(Debug)]
struct Open {
    connection: SqliteConnection,
    identity: Option<Identity>,
}

/// Device and inode: what a path names changes when the file is deleted and made again.
type Identity = (u64, u64);

/// What happens once on a new connection, before it is first used.
pub(super) trait Prepare: Sync {
    /// Checks or makes the schema.
    fn prepare(
        &self,
        connection: &mut SqliteConnection,
    ) -> impl Future<Output = Result<(), Unready>> + Send;

    /// Whether a file that cannot be used is to be made anew.
    const REPLACEABLE: bool;
}

/// Why a new connection cannot be used.
pub(super) enum Unready {
    /// What SQLite said; waiting or making the file anew may help.
    Sqlite(sqlx::Error),
    /// To be said as it is.
    Store(StoreError),
    /// Another version made the file.
    Strange,
}

impl From<sqlx::Error> for Unready {
    fn from(error: sqlx::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Unready {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl File {
    /// `durable`: an answer survives the machine's failure.
    pub(super) fn new(path: PathBuf, create: bool, durable: bool) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(create)
            .foreign_keys(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(if durable {
                SqliteSynchronous::Full
            } else {
                SqliteSynchronous::Off
            })
            // SQLite's own waiting sleeps up to 100 ms at a time and starves; see `pause`.
            .busy_timeout(Duration::ZERO)
            .pragma("temp_store", "memory")
            .disable_statement_logging();
        Self {
            path,
            options,
            slot: Mutex::new(None),
        }
    }

    /// Runs a query to its end and answers all its rows. Waits its turn while other processes write,
    /// up to [`LIMIT`].
    pub(super) async fn rows<P: Prepare>(
        &self,
        prepare: &P,
        what: &'static str,
        query: impl Fn() -> Query + Send + Sync,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let deadline = Instant::now() + LIMIT;
        let mut slot = self.slot.lock().await;
        let mut broken = 0;
        loop {
            // Taken out while in use: if this call is cancelled the connection goes with it, and
            // whatever it had begun is rolled back.
            let mut open = match slot.take().filter(|open| open.identity == self.identity()) {
                Some(open) => open,
                None => self.open(prepare, what, deadline).await?,
            };
            let error = match query().fetch_all(&mut open.connection).await {
                Ok(rows) => {
                    *slot = Some(open);
                    return Ok(rows);
                }
                Err(error) => error,
            };
            match fault(&error) {
                Fault::Busy if Instant::now() < deadline => {
                    *slot = Some(open);
                    pause().await;
                }
                Fault::Busy | Fault::Disk => {
                    return Err(StoreError::unavailable("sqlite", what, error));
                }
                // A connection may break for reasons of its own, so the file is given a second
                // chance before it is made anew.
                Fault::Broken if broken < 2 => {
                    let identity = open.identity;
                    drop(open);
                    if broken > 0 {
                        if !P::REPLACEABLE {
                            return Err(schema(error));
                        }
                        self.delete(identity);
                    }
                    broken += 1;
                }
                Fault::Broken => return Err(schema(error)),
                Fault::Mistake => return Err(StoreError::unusable("sqlite", what, error)),
            }
        }
    }

    async fn open<P: Prepare>(
        &self,
        prepare: &P,
        what: &'static str,
        deadline: Instant,
    ) -> Result<Open, StoreError> {
        let mut replaced = false;
        loop {
            let before = self.identity();
            let error = match self.ready(prepare).await {
                Ok(connection) => {
                    let identity = self.identity();
                    if identity.is_some() && (before.is_none() || before == identity) {
                        return Ok(Open {
                            connection,
                            identity,
                        });
                    }
                    // Deleted while it was being opened: which of two files this is cannot be told.
                    if Instant::now() < deadline {
                        continue;
                    }
                    return Err(StoreError::Unavailable {
                        store: "sqlite",
                        what,
                        source: None,
                    });
                }
                Err(Unready::Sqlite(error)) => error,
                Err(Unready::Store(error)) => return Err(error),
                Err(Unready::Strange) => {
                    self.delete(before);
                    continue;
                }
            };
            match fault(&error) {
                Fault::Busy if Instant::now() < deadline => pause().await,
                Fault::Busy | Fault::Disk => {
                    return Err(StoreError::unavailable("sqlite", what, error));
                }
                Fault::Broken if P::REPLACEABLE && !replaced && before.is_some() => {
                    self.delete(before);
                    replaced = true;
                }
                Fault::Broken | Fault::Mistake => {
                    return Err(StoreError::unusable(
                        "sqlite",
                        "the file cannot be opened: its folder must exist and be writable, and \
                         the log must have been made by MIGRATE=auto or a migration",
                        error,
                    ));
                }
            }
        }
    }

    async fn ready(&self, prepare: &impl Prepare) -> Result<SqliteConnection, Unready> {
        let mut connection = self.options.connect().await?;
        prepare.prepare(&mut connection).await?;
        Ok(connection)
    }

    fn identity(&self) -> Option<Identity> {
        // One system call of about a microsecond.
        std::fs::metadata(&self.path)
            .ok()
            .map(|file| (file.dev(), file.ino()))
    }

    /// Deletes the file with what belongs to it, unless another process made it anew.
    fn delete(&self, identity: Option<Identity>) {
        if self.identity() != identity {
            return;
        }
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.path.clone().into_os_string();
            path.push(suffix);
            if let Err(error) = std::fs::remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(%error, "a broken registry.db could not be deleted");
            }
        }
    }
}

/// Waits 0.2 to 2.2 ms: measured, it lets eight processes write 13,000 rows a second with no wait
/// above 35 ms.
pub(super) async fn pause() {
    let jitter = getrandom::u32().unwrap_or(0) % 2_000;
    tokio::time::sleep(Duration::from_micros(200 + u64::from(jitter))).await;
}

/// Whether somebody else writes, so that the same may succeed in a moment.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(fault(error), Fault::Busy)
}

fn fault(error: &sqlx::Error) -> Fault {
    let sqlx::Error::Database(database) = error else {
        // The thread of the connection ended.
        return Fault::Broken;
    };
    let code = database
        .code()
        .and_then(|code| code.parse::<u32>().ok())
        .unwrap_or(1);
    // https://www.sqlite.org/rescode.html: the low byte is the primary code.
    match code & 0xff {
        5 | 6 => Fault::Busy,                            // BUSY, LOCKED
        7 | 13 => Fault::Disk,                           // NOMEM, FULL
        1 | 8 | 10 | 11 | 14 | 17 | 26 => Fault::Broken, // ERROR, READONLY, IOERR, CORRUPT, CANTOPEN, SCHEMA, NOTADB
        _ => Fault::Mistake,
    }
}

fn schema(error: sqlx::Error) -> StoreError {
    StoreError::unusable(
        "sqlite",
        "its schema is not the one this version needs: let a function run with MIGRATE=auto, or \
         migrate before deploying",
        error,
    )
}
