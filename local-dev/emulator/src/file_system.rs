//! What functions find of the machine's files: as on Lambda where this system can do that.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use gatepost_runtime_api as runtime_api;
use gatepost_runtime_api::Supervisor;

use crate::cli::FileSystem;
use crate::cli::Process;
use crate::cli::SUPERVISE;

/// What functions find of the machine's files.
#[derive(Debug)]
pub(crate) struct Files {
    /// For the environments.
    pub(crate) system: runtime_api::FileSystem,
    /// What a person should know of it, when it is not as on Lambda.
    pub(crate) told: Option<String>,
}

/// What was asked for, or what this system can do.
///
/// # Errors
/// When the data folder cannot be written to.
pub(crate) fn files(asked: FileSystem, process: &Process, data_dir: &Path) -> io::Result<Files> {
    let told = match asked {
        FileSystem::Lambda => match is_lambda_possible(process) {
            Ok(()) => {
                return Ok(Files {
                    system: runtime_api::FileSystem::Lambda {
                        kept: vec![data_dir.to_owned()],
                    },
                    told: None,
                });
            }
            Err(why) => {
                format!("this machine's, because it does not let a process have its own ({why})")
            }
        },
        FileSystem::Machine => "this machine's".to_owned(),
    };
    let temporary = Some(temporary(data_dir, std::process::id())?);
    Ok(Files {
        system: runtime_api::FileSystem::Machine { temporary },
        told: Some(format!(
            "{told}: code can be written to, and /tmp is shared"
        )),
    })
}

/// Whether functions can find their files as on Lambda.
///
/// # Errors
/// Why not.
pub(crate) fn is_lambda_possible(process: &Process) -> io::Result<()> {
    runtime_api::is_lambda_possible(&supervisor(process), &process.folder)
}

/// This program, as what starts processes.
pub(crate) fn supervisor(process: &Process) -> Supervisor {
    Supervisor {
        program: process.program.clone(),
        arguments: vec![SUPERVISE.into()],
    }
}

/// A folder of this process below the data folder. Those of emulators that were killed are removed.
fn temporary(data_dir: &Path, pid: u32) -> io::Result<PathBuf> {
    let all = data_dir.join("tmp");
    fs::create_dir_all(&all)?;
    for entry in fs::read_dir(&all)?.flatten() {
        if !is_running(&entry.file_name().to_string_lossy()) {
            // It may be another user's.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let own = all.join(pid.to_string());
    fs::create_dir_all(&own)?;
    Ok(own)
}

/// Whether a process has this number.
fn is_running(pid: &str) -> bool {
    let pid = pid.parse().ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_emulator_left_is_removed() {
        let data = tempfile::tempdir().unwrap();
        let left = data.path().join("tmp").join(i32::MAX.to_string());
        fs::create_dir_all(&left).unwrap();
        let own = temporary(data.path(), std::process::id()).unwrap();
        assert!(own.is_dir());
        assert!(!left.exists());
        fs::write(own.join("file"), "text").unwrap();
        assert_eq!(temporary(data.path(), std::process::id()).unwrap(), own);
        assert!(own.join("file").exists());
    }
}
