//! Where the chat is kept.

use super::Reading;
use super::Secret;
use super::SecretSource;

/// The history: `sqlite:<path>` or `mysql://user:password@host:port/name`. Required.
pub const DATABASE_URL: &str = "DATABASE_URL";
/// The secret that holds [`DATABASE_URL`], or the user and password that belong in it.
pub const DATABASE_URL_SECRET_ARN: &str = "DATABASE_URL_SECRET_ARN";
/// The registry: `redis://`, `rediss://`, `redis+cluster://` or `rediss+cluster://`. Absent with an
/// `sqlite:` history: `registry.db` beside it.
pub const REDIS_URL: &str = "REDIS_URL";
/// The secret that holds [`REDIS_URL`], or the user and password that belong in it.
pub const REDIS_URL_SECRET_ARN: &str = "REDIS_URL_SECRET_ARN";
/// `auto` (default): a function brings the schema up to date before it first uses the history.
/// `off`: somebody else does.
pub const MIGRATE: &str = "MIGRATE";

/// Where the chat is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoresConfig {
    /// See [`DATABASE_URL`].
    pub database: SecretSource,
    /// See [`REDIS_URL`]; `None`: beside the history.
    pub registry: Option<SecretSource>,
    /// See [`MIGRATE`].
    pub migrate: bool,
}

impl StoresConfig {
    /// Reads where the chat is kept.
    pub fn read(reading: &mut Reading<'_>) -> Option<Self> {
        let database = SecretSource::read_url(reading, DATABASE_URL, DATABASE_URL_SECRET_ARN);
        let registry = SecretSource::read_url(reading, REDIS_URL, REDIS_URL_SECRET_ARN);
        let migrate = reading.parse(MIGRATE, true, "auto or off", |text| match text {
            "auto" => Some(true),
            "off" => Some(false),
            _ => None,
        });
        match database.as_ref().map(SecretSource::written) {
            None => reading.problem(DATABASE_URL, format!("is missing: expected {HISTORY}")),
            Some(url) => check(
                reading,
                DATABASE_URL,
                url,
                &["sqlite:", "mysql://", "mariadb://"],
                HISTORY,
            ),
        }
        match registry.as_ref().map(SecretSource::written) {
            Some(url) => check(reading, REDIS_URL, url, &REGISTRY_SCHEMES, REGISTRY),
            None if database
                .as_ref()
                .is_some_and(|database| !is_sqlite(database)) =>
            {
                reading.problem(
                    REDIS_URL,
                    format!("is missing: MySQL needs one beside it, {REGISTRY}"),
                );
            }
            None => {}
        }
        Some(Self {
            database: database?,
            registry,
            migrate: migrate?,
        })
    }
}

const HISTORY: &str = "sqlite:<path> or mysql://user:password@host:port/name";
const REGISTRY: &str = "redis://host:port, rediss://…, redis+cluster://… or rediss+cluster://…";
const REGISTRY_SCHEMES: [&str; 4] = [
    "redis://",
    "rediss://",
    "redis+cluster://",
    "rediss+cluster://",
];

/// Checks the scheme of what is written in the environment; it never shows a URL, for its password.
fn check(
    reading: &mut Reading<'_>,
    name: &'static str,
    written: Option<&Secret>,
    schemes: &[&str],
    expected: &str,
) {
    if let Some(url) = written
        && !schemes
            .iter()
            .any(|scheme| url.expose().starts_with(scheme))
    {
        reading.problem(name, format!("has another scheme: expected {expected}"));
    }
}

fn is_sqlite(database: &SecretSource) -> bool {
    database
        .written()
        .is_some_and(|url| url.expose().starts_with("sqlite:"))
}
