//! `bench faults NAME`: the long forms of the fault tests, with the figures of docs/guarantees.md.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::Context;
use clap::ValueEnum;
use serde_json::Value;

use super::release;
use crate::checker::Recorder;
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
    /// A primary of a Redis Cluster is killed, and its replica promoted, while clients send.
    Failover,
    /// Every slot of a Redis Cluster that holds a key moves while clients send.
    Reshard,
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
            Self::Failover | Self::Reshard => (5, 2_000, 8),
        };
        Amount {
            times,
            sends,
            clients,
        }
    }
}

/// Builds what runs and lets it happen; answers the figures, and in `kept` whether every promise
/// was. The history goes to `file`, also of a run that cannot go on.
///
/// # Errors
/// If something cannot be built or started, the run cannot go on, or the history cannot be written.
pub async fn run(name: Name, amount: Asked, file: Option<&Path>) -> anyhow::Result<Value> {
    // A debug binary runs debug functions, which must be built.
    if !cfg!(debug_assertions) {
        release::build()?;
    }
    // Made first: a run is long.
    let file = file.map(|file| (file, File::create(file)));
    let file = file
        .map(|(file, made)| made.with_context(|| format!("writing {}", file.display())))
        .transpose()?;
    let recorder = Recorder::new();
    let figures = recorded(name, amount.or(name.amount()), &recorder).await;
    if let Some(file) = file {
        recorder
            .write(BufWriter::new(file))
            .context("writing the history")?;
    }
    figures
}

/// How much was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// Times that the fault comes.
    pub times: Option<usize>,
    /// Sends over all clients.
    pub sends: Option<usize>,
    /// Clients.
    pub clients: Option<usize>,
}

impl Asked {
    fn or(self, usual: Amount) -> Amount {
        Amount {
            times: self.times.unwrap_or(usual.times),
            sends: self.sends.unwrap_or(usual.sends),
            clients: self.clients.unwrap_or(usual.clients).max(1),
        }
    }
}

async fn recorded(name: Name, amount: Amount, recorder: &Recorder) -> anyhow::Result<Value> {
    let (servers, storage) = (
        |blow| faults::servers(blow, amount, recorder),
        |trouble| faults::storage(trouble, amount, recorder),
    );
    match name {
        Name::RedisKill => servers(Blow::KillRedis).await,
        Name::RedisStop => servers(Blow::StopRedis).await,
        Name::MariadbKill => servers(Blow::KillMariaDb).await,
        Name::MariadbStop => servers(Blow::StopMariaDb).await,
        Name::Flush => faults::flush(amount, PING_SECONDS, recorder).await,
        Name::Reconnect => faults::reconnect(amount, recorder).await,
        Name::Herd => faults::herd(amount, recorder).await,
        Name::Stalled => faults::stalled(amount, recorder).await,
        Name::LockWaits => storage(Trouble::LockWaits).await,
        Name::Deadlocks => storage(Trouble::Deadlocks).await,
        Name::MaxConnections => storage(Trouble::MaxConnections).await,
        Name::Failover => faults::failover(amount, recorder).await,
        Name::Reshard => faults::reshard(amount, recorder).await,
    }
}
