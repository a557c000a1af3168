//! The folder in which each environment has its own for temporary files.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// A folder of this process below the data folder. Those of emulators that were killed are removed.
///
/// # Errors
/// When the data folder cannot be written to.
pub(crate) fn folder(data_dir: &Path, pid: u32) -> io::Result<PathBuf> {
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
        let own = folder(data.path(), std::process::id()).unwrap();
        assert!(own.is_dir());
        assert!(!left.exists());
        fs::write(own.join("file"), "text").unwrap();
        assert_eq!(folder(data.path(), std::process::id()).unwrap(), own);
        assert!(own.join("file").exists());
    }
}
