//! The command line: what may be said, and its errors before anything starts.

mod arguments;
mod attach;
mod process;
mod quota;

use std::fmt;

pub(crate) use arguments::CommandLine;
pub(crate) use arguments::DevArguments;
pub(crate) use arguments::FileSystem;
pub(crate) use arguments::RESERVED;
pub(crate) use arguments::Sigv4;
pub(crate) use arguments::Subcommand;
pub(crate) use arguments::Variable;
pub(crate) use arguments::WhoseCredentials;
pub(crate) use arguments::parameter;
pub(crate) use arguments::usual_template;
pub(crate) use attach::Attach;
pub(crate) use process::Process;
pub(crate) use quota::Quotas;

/// Exit code of a mistake on the command line (`EX_USAGE` of sysexits.h).
pub(crate) const EXIT_USAGE: u8 = 64;

/// A mistake on the command line that shows only when its parts are looked at together: exit code
/// [`EXIT_USAGE`].
#[derive(Debug)]
pub(crate) struct WrongUsage(pub(crate) String);

impl fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUsage {}

/// The hidden first argument with which the emulator starts itself to watch over what it starts.
pub(crate) const SUPERVISE: &str = "__supervise";
