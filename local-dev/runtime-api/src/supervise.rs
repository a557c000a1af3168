//! What runs in the processes that [`Config::supervisor`](crate::Config::supervisor) starts.
//!
//! Nothing that a function starts may outlive the emulator, however that ends:
//! - every environment is a process group of its own, which is killed when the environment ends;
//! - a *launched* process asks Linux for a death signal before it becomes the function's program:
//!   it is killed as soon as the emulator is gone, even by SIGKILL;
//! - the *guard*, one process beside the emulator, knows the process groups and kills those that
//!   are left when its standard input ends, which happens when the emulator is gone. It catches
//!   what the death signal does not: children of functions, and every process on systems without
//!   death signals.
//!
//! What can be left after a SIGKILL of the emulator is only a process that a function moved to a
//! group of its own (`setsid`, a daemon).

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::io::BufRead;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::str::FromStr;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process_group;

use crate::file_system;
use crate::file_system::View;

/// The first argument of a process that becomes a function: then the emulator's process ID, the
/// program and its arguments.
pub(crate) const LAUNCH: &str = "launch";
/// The same with files as on Lambda: before the program the size of `/tmp` in MB, how many paths
/// are kept, and these.
pub(crate) const LAUNCH_AS_ON_LAMBDA: &str = "launch-as-on-lambda";
/// The first argument of a process that tries whether it can have files as on Lambda: then the
/// folder of a function.
pub(crate) const PROBE: &str = "probe";
/// The only argument of the guard, a process that outlives the one that started it: it reads lines
/// `+GROUP` and `-GROUP` on its standard input, and when that ends kills the process groups that
/// are left.
pub const GUARD: &str = "guard";

/// Does what the pool started this program for; `arguments` are those that follow
/// [`Supervisor::arguments`](crate::Supervisor::arguments). `Ok` when there is nothing left to do.
///
/// # Errors
/// When the program cannot be run, or the arguments are not the pool's.
pub fn supervise(arguments: impl IntoIterator<Item = OsString>) -> io::Result<()> {
    let mut arguments = arguments.into_iter();
    let task = arguments.next().unwrap_or_default();
    if task == GUARD {
        guard(io::stdin().lock());
        return Ok(());
    }
    if task == PROBE
        && let Some(code) = arguments.next()
    {
        let view = View {
            code: code.into(),
            tmp_mb: 1,
            kept: Vec::new(),
        };
        return file_system::view(&view, Path::new("/"));
    }
    if task == LAUNCH || task == LAUNCH_AS_ON_LAMBDA {
        let parent = number(&mut arguments);
        let view = match task == LAUNCH {
            true => Some(None),
            false => view_of(&mut arguments).map(Some),
        };
        if let (Some(parent), Some(view), Some(program)) = (parent, view, arguments.next()) {
            return match launch(parent, view.as_ref(), &program, arguments) {
                Err(error) => Err(io::Error::new(
                    error.kind(),
                    format!("cannot run {}: {error}", program.display()),
                )),
            };
        }
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "only the emulator starts this by itself",
    ))
}

/// What follows [`LAUNCH_AS_ON_LAMBDA`] and the process ID, before the program.
fn view_of(arguments: &mut impl Iterator<Item = OsString>) -> Option<View> {
    let tmp_mb = number(arguments)?;
    let kept: usize = number(arguments)?;
    Some(View {
        code: std::env::current_dir().ok()?,
        tmp_mb,
        kept: arguments.take(kept).map(PathBuf::from).collect(),
    })
}

fn number<N: FromStr>(arguments: &mut impl Iterator<Item = OsString>) -> Option<N> {
    arguments.next()?.to_str()?.parse().ok()
}

/// Becomes `program`, which ends with the process `parent`.
fn launch(
    parent: i32,
    view: Option<&View>,
    program: &OsString,
    arguments: impl Iterator<Item = OsString>,
) -> Result<Infallible, io::Error> {
    if let Some(view) = view {
        file_system::view(view, Path::new(program))?;
    }
    // After the namespaces: whoever enters one loses the signal.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have gone before the signal was asked for; another process is the parent then.
    if rustix::process::getppid()
        .map(Pid::as_raw_nonzero)
        .is_none_or(|pid| pid.get() != parent)
    {
        return Err(io::Error::other("the emulator is gone"));
    }
    Err(Command::new(program).args(arguments).exec())
}

/// Reads `+group` and `-group` lines until they end, then kills the groups that are left.
fn guard(lines: impl BufRead) {
    let mut groups = Vec::new();
    for line in lines.lines().map_while(Result::ok) {
        let (sign, group) = line.split_at_checked(1).unwrap_or_default();
        let Some(group) = group.parse().ok().and_then(Pid::from_raw) else {
            continue;
        };
        match sign {
            "+" => groups.push(group),
            _ => groups.retain(|known| *known != group),
        }
    }
    for group in groups {
        // It may have ended meanwhile.
        let _ = kill_process_group(group, Signal::KILL);
    }
}
