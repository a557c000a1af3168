//! Runs in which servers die, functions crash and the gateway misbehaves, on the real emulator, the
//! real functions and real servers. Each ends with the judge of [`checker`](crate::checker).
//!
//! The short forms are tests (`tests/it/chat/faults`), the long ones `bench faults NAME`: the same
//! code with other amounts.

mod cluster;
mod flush;
mod gateway;
mod herd;
mod reconnect;
mod run;
mod servers;
mod stalled;
mod storage;

pub use cluster::failover;
pub use cluster::reshard;
pub use flush::flush;
pub use gateway::Rules;
pub use gateway::gateway;
pub use herd::herd;
pub use reconnect::reconnect;
pub use run::Finished;
pub use run::Run;
pub use servers::Blow;
pub use servers::servers;
pub use stalled::stalled;
pub use storage::Trouble;
pub use storage::storage;

/// How much of a run there is to be.
#[derive(Debug, Clone, Copy)]
pub struct Amount {
    /// Times that the fault comes.
    pub times: usize,
    /// Sends over all clients.
    pub sends: usize,
    /// Clients.
    pub clients: usize,
}
