//! How a function is doing.

/// How a function is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionStatus {
    /// Its logical ID.
    pub id: String,
    /// Whether it can be started.
    pub readiness: Readiness,
    /// Environments in the Init phase.
    pub starting: usize,
    /// Environments that wait for an event.
    pub idle: usize,
    /// Environments that work on one.
    pub busy: usize,
    /// Events that wait for an environment.
    pub queued: usize,
}

/// Whether a function can be started, as far as its last environment tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It is not known yet.
    Starting,
    /// It can.
    Ready,
    /// It cannot; for a person: why, and what it printed. Invocations try again.
    Failed(String),
}
