//! From the URLs of a configuration to stores. Nothing here connects: a store does that when it is
//! first used.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::History;
use crate::Registry;
use crate::StoreError;
use crate::mysql::MySqlHistory;
use crate::redis::RedisRegistry;
use crate::sqlite::SqliteHistory;
use crate::sqlite::SqliteRegistry;

/// Whether a history brings its schema up to date before it is first used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrate {
    /// Yes; concurrent starters wait for one of them. Costs one round trip when there is nothing
    /// to do.
    Auto,
    /// No; an old schema shows as [`StoreError::Unusable`]. See [`migrate`](crate::migrate()).
    Off,
}

const DATABASE_URL: &str = "the database's URL must be sqlite:/path/log.db or \
    mysql://user:password@host:3306/database";
const REDIS_URL: &str = "the registry's URL must be redis://host:6379, rediss://host:6379, \
    redis+cluster://host:6379,host:6379 or rediss+cluster://host:6379,host:6379";

/// The history at a database's URL.
///
/// `sqlite:/path/log.db`, or
/// `mysql://user:password@host:3306/database` with sqlx's parameters, such as
/// `?ssl-mode=VERIFY_IDENTITY&ssl-ca=/path/ca.pem`; MariaDB too. Connects when first used.
///
/// # Errors
///
/// [`StoreError::InvalidUrl`] where the URL has another form.
pub fn open_history(database_url: &str, migrate: Migrate) -> Result<Arc<dyn History>, StoreError> {
    Ok(match Database::parse(database_url)? {
        Database::Sqlite(path) => Arc::new(SqliteHistory::new(path, migrate)),
        Database::MySql(url) => Arc::new(MySqlHistory::new(&url, migrate)?),
    })
}

/// The registry at Redis's URL, or in a file beside the SQLite log.
///
/// `redis://` and `rediss://` for one server,
/// `redis+cluster://host:port,host:port` (or a `node=host:port` parameter for every further node)
/// and `rediss+cluster://` for a cluster; `prefix=` is put before every key, so that several
/// registries share a server. Without a URL it is `registry.db` beside the log at `database_url`.
/// Connects when first used.
///
/// # Errors
///
/// [`StoreError::InvalidUrl`] where a URL has another form, or there is none and the log is not
/// SQLite's.
pub fn open_registry(
    redis_url: Option<&str>,
    database_url: &str,
) -> Result<Arc<dyn Registry>, StoreError> {
    if let Some(url) = redis_url {
        return Ok(Arc::new(RedisRegistry::new(url)?));
    }
    match Database::parse(database_url)? {
        Database::Sqlite(log) => Ok(Arc::new(SqliteRegistry::new(beside(&log)))),
        Database::MySql(_) => Err(StoreError::InvalidUrl(format!(
            "{REDIS_URL}; only beside SQLite may it be left out"
        ))),
    }
}

fn beside(log: &Path) -> PathBuf {
    log.with_file_name("registry.db")
}

/// What a database URL names.
pub(crate) enum Database {
    /// A file.
    Sqlite(PathBuf),
    /// A server, with the URL for sqlx.
    MySql(String),
}

impl Database {
    pub(crate) fn parse(url: &str) -> Result<Self, StoreError> {
        if let Some(rest) = url.strip_prefix("sqlite:") {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            if path.is_empty() || path.contains(['?', '\0']) || path.starts_with(":memory:") {
                return Err(StoreError::InvalidUrl(format!(
                    "{DATABASE_URL}; after sqlite: comes a path and nothing else"
                )));
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if url.starts_with("mysql://") || url.starts_with("mariadb://") {
            return Ok(Self::MySql(url.into()));
        }
        Err(invalid(DATABASE_URL, url))
    }
}

/// Where Redis is and what its keys begin with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RedisUrl {
    /// URLs of the nodes, as the client takes them; one unless it is a cluster.
    pub(crate) nodes: Vec<String>,
    /// Whether it is a cluster.
    pub(crate) cluster: bool,
    /// What is put before every key.
    pub(crate) prefix: String,
}

impl RedisUrl {
    pub(crate) fn parse(url: &str) -> Result<Self, StoreError> {
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| invalid(REDIS_URL, url))?;
        let (scheme, cluster) = match scheme {
            "redis" | "rediss" => (scheme, false),
            "redis+cluster" => ("redis", true),
            "rediss+cluster" => ("rediss", true),
            _ => return Err(invalid(REDIS_URL, url)),
        };
        let (base, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = base
            .split_once('/')
            .map_or((base, String::new()), |(a, p)| (a, format!("/{p}")));
        // A password may hold a comma; hosts may not.
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (format!("{login}@"), hosts),
            None => (String::new(), authority),
        };
        let mut hosts: Vec<&str> = hosts.split(',').collect();
        let mut prefix = String::new();
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("node", host)) if cluster => hosts.push(host),
                Some(("prefix", value)) => prefix = String::from(value),
                _ => kept.push(pair),
            }
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        if !prefix.chars().all(plain) {
            return Err(StoreError::InvalidUrl(format!(
                "{REDIS_URL}; a prefix is made of letters, digits, `-`, `_`, `.` and `:`"
            )));
        }
        if hosts.iter().any(|host| host.is_empty()) || (hosts.len() > 1 && !cluster) {
            return Err(invalid(REDIS_URL, url));
        }
        let query = if kept.is_empty() {
            String::new()
        } else {
            format!("?{}", kept.join("&"))
        };
        let nodes = hosts
            .iter()
            .map(|host| format!("{scheme}://{login}{host}{path}{query}"))
            .collect();
        Ok(Self {
            nodes,
            cluster,
            prefix,
        })
    }
}

pub(crate) fn invalid(form: &str, url: &str) -> StoreError {
    // The scheme holds no secret, what follows it may.
    match url.split_once(':') {
        Some((scheme, _)) if scheme.len() <= 20 => {
            StoreError::InvalidUrl(format!("{form}; this one begins with {scheme}:"))
        }
        _ => StoreError::InvalidUrl(form.into()),
    }
}

pub(crate) fn invalid_redis(url: &str) -> StoreError {
    invalid(REDIS_URL, url)
}

pub(crate) fn invalid_database(url: &str) -> StoreError {
    invalid(DATABASE_URL, url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_urls_name_their_nodes() {
        let cases: [(&str, &[&str], bool, &str); 7] = [
            ("redis://h:1", &["redis://h:1"], false, ""),
            ("redis://h:1/2?prefix=t1:", &["redis://h:1/2"], false, "t1:"),
            ("rediss://:p,w@h:1", &["rediss://:p,w@h:1"], false, ""),
            (
                "redis://h:1?protocol=resp3",
                &["redis://h:1?protocol=resp3"],
                false,
                "",
            ),
            (
                "redis+cluster://a:1,b:2",
                &["redis://a:1", "redis://b:2"],
                true,
                "",
            ),
            (
                "redis+cluster://a:1?node=b:2&node=c:3&prefix=x",
                &["redis://a:1", "redis://b:2", "redis://c:3"],
                true,
                "x",
            ),
            (
                "rediss+cluster://u:p@a:1,b:2",
                &["rediss://u:p@a:1", "rediss://u:p@b:2"],
                true,
                "",
            ),
        ];
        for (url, nodes, cluster, prefix) in cases {
            let expected = RedisUrl {
                nodes: nodes.iter().map(|node| String::from(*node)).collect(),
                cluster,
                prefix: prefix.into(),
            };
            assert_eq!(RedisUrl::parse(url).unwrap(), expected, "{url}");
        }
    }

    #[test]
    fn a_wrong_url_is_named_by_its_form_and_never_shown() {
        for url in [
            "postgres://u:secret@h/d",
            "u:secret@h",
            "secret",
            "",
            "sqlite:",
            "sqlite::memory:",
        ] {
            let error = open_history(url, Migrate::Off).unwrap_err();
            assert!(matches!(error, StoreError::InvalidUrl(_)), "{url}");
            assert!(!error.to_string().contains("secret"), "{error}");
            assert!(error.to_string().contains("sqlite:/path/log.db"), "{error}");
        }
        for url in [
            "http://:secret@h",
            "redis://a,secret",
            "redis+cluster://a,,secret",
            "redis://h?prefix={secret",
        ] {
            let error = open_registry(Some(url), "sqlite:/l.db").unwrap_err();
            assert!(matches!(error, StoreError::InvalidUrl(_)), "{url}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert!(open_registry(None, "mysql://u:p@h/d").is_err());
    }
}
