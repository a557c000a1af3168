//! `bench faults NAME`: the long forms of the fault tests, with the figures of docs/guarantees.md.

use clap::ValueEnum;
use serde_json::Value;

use super::release;
use crate::faults;
use crate::faults::Amount;
use crate::faults::Blow;
use crate::faults::Trouble;

/// `PING_SECONDS` of the run that empties Redis.
const PING_SECONDS: u32 = 10;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// SIGKILL of Redis while clients send.
    RedisKill,
    /// SIGSTOP of Redis for 1.5 s while clients send.
    RedisStop,
    /// SIGKILL of MariaDB while clients send.
    MariadbKill,
    /// SIGSTOP of MariaDB for 1.5 s while clients send.
    MariadbStop,
    /// FLUSHALL, with pings every 10 s.
    Flush,
    /// A client comes back while its `$disconnect` is under way.
    Reconnect,
    /// All connections end at once; 500 come back a second.
    Herd,
    /// One client does not read.
    Stalled,
    /// Another transaction holds the rooms for 1.5 s.
    LockWaits,
    /// Another transaction locks in the opposite order.
    Deadlocks,
    /// The functions lose their connections, and none is left.
    MaxConnections,
}

impl Name {
    fn amount(self) -> Amount {
        let (times, sends, clients) = match self {
            Self::RedisKill | Self::RedisStop | Self::MariadbKill | Self::MariadbStop => {
                (20, 10_000, 8)
            }
            Self::Flush => (20, 0, 20),
            Self::Reconnect => (10_000, 0, 8),
            Self::Herd => (1, 0, 2_000),
            Self::Stalled => (1, 600, 20),
            Self::LockWaits | Self::Deadlocks | Self::MaxConnections => (20, 2_000, 8),
        };
        Amount {
            times,
            sends,
            clients,
        }
    }
}

/// Builds what runs and lets it happen; answers the figures, and in `kept` whether every promise
/// was.
///
/// # Errors
/// If something cannot be built or started, or the run cannot go on.
pub async fn run(
    name: Name,
    times: Option<usize>,
    sends: Option<usize>,
    clients: Option<usize>,
) -> anyhow::Result<Value> {
    // A debug binary runs debug functions, which must be built.
    if !cfg!(debug_assertions) {
        release::build()?;
    }
    let usual = name.amount();
    let amount = Amount {
        times: times.unwrap_or(usual.times),
        sends: sends.unwrap_or(usual.sends),
        clients: clients.unwrap_or(usual.clients).max(1),
    };
    match name {
        Name::RedisKill => faults::servers(Blow::KillRedis, amount).await,
        Name::RedisStop => faults::servers(Blow::StopRedis, amount).await,
        Name::MariadbKill => faults::servers(Blow::KillMariaDb, amount).await,
        Name::MariadbStop => faults::servers(Blow::StopMariaDb, amount).await,
        Name::Flush => faults::flush(amount, PING_SECONDS).await,
        Name::Reconnect => faults::reconnect(amount).await,
        Name::Herd => faults::herd(amount).await,
        Name::Stalled => faults::stalled(amount).await,
        Name::LockWaits => faults::storage(Trouble::LockWaits, amount).await,
        Name::Deadlocks => faults::storage(Trouble::Deadlocks, amount).await,
        Name::MaxConnections => faults::storage(Trouble::MaxConnections, amount).await,
    }
}
