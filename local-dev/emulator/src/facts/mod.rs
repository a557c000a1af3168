//! What happens, as typed facts: one stream for the terminal, `--json`, the console and tests.

mod fact;
mod journal;
mod json_lines;
mod log_files;
mod outlet;
mod terminal;

pub use fact::ByWhom;
pub use fact::Fact;
pub use fact::Kind;
pub use fact::Ready;
pub use fact::Result;
pub use journal::Entry;
pub use journal::Journal;
pub use outlet::Outlet;
pub use json_lines::JsonLines;
pub use log_files::LogFiles;
pub use outlet::Sink;
pub use terminal::Terminal;
