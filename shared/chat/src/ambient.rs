//! The time and randomness, given to the chat so that tests can set them.

use std::fmt::Debug;

use gatepost_protocol::Millis;

/// The time.
pub trait Clock: Debug + Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> Millis;
}

/// Randomness.
pub trait Random: Debug + Send + Sync {
    /// 64 random bits. Two workers that got the same could both believe that they hold a fan-out.
    fn bits(&self) -> u64;
}
