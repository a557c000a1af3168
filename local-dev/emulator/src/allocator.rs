//! The allocator gives memory back when it is freed.
//!
//! The system's keeps it: after ten thousand connections that end at once, the emulator would stay
//! as large as it was with them. mimalloc keeps it, too, unless its environment says otherwise, and
//! reads that before `main`. `bench memory` has the figures.

use std::ffi::OsString;
use std::process::Command;

use crate::cli::Process;

/// Milliseconds for which mimalloc keeps what was freed (mimalloc, "Environment Options").
const PURGE_DELAY: &str = "MIMALLOC_PURGE_DELAY";

/// Starts this program again, in the same process, unless its allocator was told how long to keep
/// memory. Where that cannot be done the program goes on: it is larger than need be, no more.
pub(crate) fn restart_to_give_back(process: &Process, arguments: &[OsString]) {
    if process
        .environment
        .contains_key(PURGE_DELAY.as_ref() as &std::ffi::OsStr)
    {
        return;
    }
    // By its path: a process is called after what it was started by.
    let (Ok(program), Some((name, rest))) = (std::env::current_exe(), arguments.split_first())
    else {
        return;
    };
    restart(Command::new(program).args(rest).env(PURGE_DELAY, "0"), name);
}

#[cfg(unix)]
fn restart(command: &mut Command, name: &OsString) {
    use std::os::unix::process::CommandExt;
    // It returns only if it failed.
    let _ = command.arg0(name).exec();
}

#[cfg(not(unix))]
fn restart(_: &mut Command, _: &OsString) {}
