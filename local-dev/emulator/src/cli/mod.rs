//! The command line: what may be said, and its errors before anything starts.

mod arguments;
mod attach;
mod process;
mod quota;

pub(crate) use arguments::CommandLine;
pub(crate) use arguments::DevArguments;
pub(crate) use arguments::RESERVED;
pub(crate) use arguments::Sigv4;
pub(crate) use arguments::Subcommand;
pub(crate) use arguments::Variable;
pub(crate) use arguments::WhoseCredentials;
pub(crate) use arguments::parameter;
pub(crate) use attach::Attach;
pub(crate) use process::Process;
pub(crate) use quota::Quotas;

/// Exit code of a mistake on the command line (`EX_USAGE` of sysexits.h).
pub(crate) const EXIT_USAGE: u8 = 64;

/// The hidden first argument with which the emulator starts itself to watch over what it starts.
pub(crate) const SUPERVISE: &str = "__supervise";
