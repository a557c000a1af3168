//! The embedded stores: `log.db` and, beside it, `registry.db`. Several processes share each file.

mod file;
mod history;
mod log_statement;
mod registry;
mod registry_row;
mod registry_statement;
mod schema;

pub(crate) use history::SqliteHistory;
pub(crate) use registry::SqliteRegistry;
