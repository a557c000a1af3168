//! What the emulator's own process was started with: the one place that reads it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;

/// What the emulator's own process was started with.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    /// The environment.
    pub(crate) environment: BTreeMap<OsString, OsString>,
    /// The working directory.
    pub(crate) folder: PathBuf,
    /// This program, to start it again: also after it was rebuilt or deleted while it runs.
    pub(crate) program: PathBuf,
    /// Whether a person reads standard error: it is a terminal.
    pub(crate) interactive: bool,
    /// Whether standard error may be coloured: a terminal, and no `NO_COLOR` (no-color.org).
    pub(crate) colours: bool,
}

impl Process {
    /// Reads it from the operating system.
    ///
    /// # Errors
    /// When the working directory no longer exists, or the program's path is unknown.
    pub(crate) fn read() -> std::io::Result<Self> {
        let environment: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        let no_color = environment
            .get("NO_COLOR".as_ref() as &std::ffi::OsStr)
            .is_some_and(|v| !v.is_empty());
        let program = if cfg!(target_os = "linux") {
            PathBuf::from("/proc/self/exe")
        } else {
            std::env::current_exe()?
        };
        let interactive = std::io::stderr().is_terminal();
        Ok(Self {
            program,
            interactive,
            folder: std::env::current_dir()?,
            colours: !no_color && interactive,
            environment,
        })
    }
}
