//! Where the chat keeps things: the [`Registry`] of live connections (Redis or SQLite) and the
//! [`History`] of rooms (MySQL or SQLite). The history decides; the registry can be lost and heals.

mod error;
mod history;
mod registry;

pub use error::StoreError;
pub use history::*;
pub use registry::*;
