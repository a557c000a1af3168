//! Lambda execution environments as processes: the Runtime API, the Extensions API, the Invoke API
//! and the pool that scales them. Knows nothing of WebSockets.
//!
//! [`Lambda`] is the way in. An event goes through these hands: `Lambda` → `schedule` (which
//! environment?) → `environment::invocation` → the runtime's pending `/next`; the answer comes back
//! through `environment::runtime` to the caller, and with the next `/next` the environment returns
//! to `schedule`. `environment::life` starts, watches, freezes and ends the process.

mod asynchronous;
mod chain;
mod config;
mod date;
mod environment;
mod event;
mod fact;
mod fault;
mod file_system;
mod function_error;
mod function_name;
mod invoke_api;
mod lambda;
mod launcher;
mod machine;
mod schedule;
mod spec;
mod status;
mod supervise;

pub use config::*;
pub use environment::LINE_BYTES;
pub use event::MAX_ASYNC_PAYLOAD;
pub use event::MAX_PAYLOAD;
pub use fact::*;
pub use fault::Fault;
pub use fault::Faults;
pub use fault::Injected;
pub use fault::NoFaults;
pub use fault::Step;
pub use file_system::FileSystem;
pub use file_system::is_lambda_possible;
pub use invoke_api::is_invoke_path;
pub use lambda::*;
pub use spec::*;
pub use status::*;
pub use supervise::GUARD;
pub use supervise::supervise;
