//! Rooms, members and the fan-out.
//!
//! A [`Chat`] is made once per process from its [`Parts`] and shared. A function uses it so:
//!
//! | function | calls |
//! |---|---|
//! | connect | [`Chat::connected`]; posts nothing, touches no history |
//! | message | [`Chat::act`] or [`Chat::seed`] → reply; then [`Chat::after`] with what [`Acted::after`] holds |
//! | disconnect | [`Chat::disconnected`] |
//! | message, invoked by an operator | [`Chat::operate`]; then [`Chat::after`] |
//! | fanout | [`Chat::work`] with the [`Task`] that the event holds, or [`Task::Sweep`] for the schedule |
//!
//! Receiving never waits for sending: `act` returns when the action is durable, `after` runs when
//! the client has its reply. Whatever `after` does not get done (a deadline, a crash, a store that
//! is away) is made up for by another worker, by the sweep, or by the client's `ping`.
//!
//! Deadlines are [`tokio::time::Instant`]s by which the future must have ended; the chat keeps a
//! margin of its own. What is asked of a store that is away is logged here where it is degraded,
//! and handed up in [`Refusal::fault`] where it is refused.

mod act;
mod after;
mod allowance;
mod ambient;
mod announce;
mod append;
mod caller;
mod connect;
mod delivery;
mod direct;
mod drain;
mod hello;
mod join;
mod lane;
mod lease;
mod mark;
mod moderate;
mod occupancy;
mod operator;
mod outcome;
mod ping;
mod read;
mod restore;
mod resume;
mod rooms;
mod roster;
mod seed;
mod send;
mod settings;
mod stall;
mod task;
mod typing;
mod who;
mod window;
mod work;

use std::sync::Arc;

use gatepost_gateway_client::Connections;
use gatepost_gateway_client::InvokeAsync;
use gatepost_protocol::Millis;
use gatepost_store::History;
use gatepost_store::Registry;
use gatepost_store::StoreError;

pub use ambient::Clock;
pub use ambient::Random;
pub use caller::Caller;
pub use operator::Device;
pub use operator::Operated;
pub use operator::Operation;
pub use outcome::Acted;
pub use outcome::After;
pub use outcome::Direct;
pub use outcome::Place;
pub use outcome::Push;
pub use outcome::Refusal;
pub use settings::RoomPolicy;
pub use settings::Sessions;
pub use settings::Settings;
pub use task::Departure;
pub use task::Task;
pub use work::WorkError;

use roster::Rosters;
use stall::Stalls;

/// What a [`Chat`] is made of.
#[derive(Debug)]
pub struct Parts {
    /// Live connections.
    pub registry: Arc<dyn Registry>,
    /// The rooms' logs.
    pub history: Arc<dyn History>,
    /// Where entries are posted to.
    pub connections: Arc<dyn Connections>,
    /// The fan-out function.
    pub fanout: Arc<dyn InvokeAsync>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// The deployment's rules.
    pub settings: Settings,
}

/// The chat. Keeps nothing that correctness needs: only copies of member lists, by version, and
/// which connections did not read a moment ago.
#[derive(Debug)]
pub struct Chat {
    parts: Parts,
    rosters: Rosters,
    stalls: Stalls,
}

impl Chat {
    /// A chat of these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            parts,
            rosters: Rosters::default(),
            stalls: Stalls::default(),
        }
    }

    fn now(&self) -> Millis {
        self.parts.clock.now()
    }
}

/// What the registry answered, or `None` if it is away: then the chat goes on without, degraded.
fn unless_away<T>(
    answer: Result<T, StoreError>,
    degraded: &mut bool,
) -> Result<Option<T>, StoreError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_retryable() => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "degraded: no registry"
            );
            *degraded = true;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
