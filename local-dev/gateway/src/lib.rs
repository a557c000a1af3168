//! API Gateway's WebSocket front, as `reference` pages of AWS describe it: handshake, authorizer,
//! routing, events, limits and `@connections`. Knows nothing of processes: functions are called
//! through [`Invoke`].

mod invoke;

pub use invoke::*;
