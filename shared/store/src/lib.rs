//! Where the chat keeps things: the [`Registry`] of live connections (Redis or SQLite) and the
//! [`History`] of rooms (MySQL or SQLite). The history decides; the registry can be lost and heals.

mod breaker;
mod error;
mod history;
#[cfg(feature = "memory")]
pub mod memory;
mod migrate;
mod mysql;
mod open;
mod redis;
mod registry;
mod row;
mod sqlite;

pub use error::StoreError;
pub use history::*;
pub use migrate::migrate;
pub use open::Migrate;
pub use open::open_history;
pub use open::open_registry;
pub use registry::*;
