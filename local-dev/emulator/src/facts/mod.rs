//! What happens, as typed facts: one stream for the terminal, `--json`, the console and tests.

mod fact;
mod journal;
mod json_lines;
mod log_files;
mod outlet;
mod recorder;
mod terminal;

pub(crate) use fact::ByWhom;
pub(crate) use fact::Fact;
pub(crate) use fact::Kind;
pub(crate) use fact::Ready;
pub(crate) use fact::Result;
pub(crate) use journal::Entry;
pub(crate) use journal::Journal;
pub(crate) use json_lines::JsonLines;
pub(crate) use log_files::LogFiles;
pub(crate) use outlet::Opening;
pub(crate) use outlet::Outlet;
pub(crate) use outlet::Sink;
pub(crate) use recorder::Recorder;
pub(crate) use terminal::Terminal;
pub(crate) use terminal::is_shown;
