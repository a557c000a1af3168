//! The command line: what may be said, and its errors before anything starts.

mod arguments;
mod process;

pub use arguments::CommandLine;
pub use arguments::DevArguments;
pub use arguments::Subcommand;
pub use arguments::Variable;
pub use process::Process;

/// Exit code of a mistake on the command line (`EX_USAGE` of sysexits.h).
pub const EXIT_USAGE: u8 = 64;
