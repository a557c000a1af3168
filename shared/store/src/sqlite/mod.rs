//! The embedded stores: `log.db` and, beside it, `registry.db`. Several processes share each file.

mod file;
mod history;
mod registry;
mod statement;

pub(crate) use history::SqliteHistory;
pub(crate) use registry::SqliteRegistry;
