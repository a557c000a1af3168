//! Real servers for tests: each on a free port, in a folder of its own, gone when the test is, also
//! if the test is killed.

mod mariadb;
mod process;
mod redis;
mod redis_cluster;

pub use mariadb::MariaDb;
pub use redis::Redis;
pub use redis_cluster::RedisCluster;

/// A name no other test has, for a database or a key prefix.
///
/// # Panics
///
/// Where the system has no randomness.
#[must_use]
pub fn unique_name() -> String {
    format!(
        "t{:016x}",
        getrandom::u64().expect("the system draws random numbers")
    )
}
