//! The data folder: one emulator has it at a time, and version control leaves it out.

use std::fs;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;

use crate::address_file;

/// The data folder of one start. Dropping it gives it back; so does the end of the process, however
/// it ends.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// Locked while this emulator has the folder; `None` where nothing can be locked.
    _lock: Option<File>,
}

/// Why the data folder could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataDirError {
    /// It cannot be made or read.
    #[error("cannot make {}, see --data-dir", .path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A running emulator has it: its databases, and the file by which subcommands find it.
    #[error(
        "{path} belongs to an emulator that runs{}: stop that, or give this one a data folder of \
         its own, `--data-dir {path}-2`",
        .by.as_ref().map(|by| format!(", process {} at {}", by.pid, by.console)).unwrap_or_default(),
        path = .path.display(),
    )]
    Taken {
        /// As the person named it.
        path: PathBuf,
        /// Who; `None` while it starts.
        by: Option<Owner>,
    },
}

/// What an emulator says of itself in its folder.
#[derive(Debug, Deserialize)]
pub(crate) struct Owner {
    pid: u32,
    console: String,
}

impl DataDir {
    /// Takes the folder that the person `named`, below `folder`. One that is made is left out of
    /// version control: it holds databases, keys and credentials.
    ///
    /// # Errors
    /// Another emulator has it, or the file system refuses.
    pub(crate) fn take(folder: &Path, named: &Path) -> Result<Self, DataDirError> {
        let path = folder.join(named);
        make(&path).map_err(|source| DataDirError::Unwritable {
            path: path.clone(),
            source,
        })?;
        let lock = match lock(&path) {
            Ok(lock) => Some(lock),
            Err(TryLockError::WouldBlock) => {
                let told = fs::read(path.join(address_file::NAME)).unwrap_or_default();
                return Err(DataDirError::Taken {
                    path: named.to_owned(),
                    by: serde_json::from_slice(&told).ok(),
                });
            }
            // Not every file system can: then nobody is told of another emulator.
            Err(TryLockError::Error(_)) => None,
        };
        if lock.is_some() {
            // Whoever wrote it has ended without a word.
            let _ = fs::remove_file(path.join(address_file::NAME));
        }
        Ok(Self { path, _lock: lock })
    }

    /// Absolute.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// A folder that was there already may be somebody's own: nothing is written into it here.
fn make(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    fs::write(path.join(".gitignore"), "*\n")
}

/// The lock is the operating system's, on the folder itself: no process that was killed holds it.
fn lock(path: &Path) -> Result<File, TryLockError> {
    let folder = File::open(path).map_err(TryLockError::Error)?;
    folder.try_lock()?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_emulator_has_it_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let take = || DataDir::take(folder.path(), Path::new("data"));
        let first = take().unwrap();
        let why = take().unwrap_err().to_string();
        assert!(why.starts_with("data belongs to an emulator"), "{why}");
        let file = first.path().join(address_file::NAME);
        let told = r#"{"console":"http://127.0.0.1:3001/_gatepost/","pid":7,"token":"secret"}"#;
        fs::write(&file, told).unwrap();
        let why = take().unwrap_err().to_string();
        for part in ["process 7 at http://127.0.0.1:3001/", "--data-dir data-2"] {
            assert!(why.contains(part), "{why}");
        }
        assert!(!why.contains("secret"), "{why}");
        // As one that is killed: its file stays.
        drop(first);
        let second = take().unwrap();
        assert!(!file.exists(), "what is there names this emulator");
        drop(second);
    }

    #[test]
    fn one_that_is_made_is_left_out_of_version_control() {
        let folder = tempfile::tempdir().unwrap();
        let take = |name: &str| DataDir::take(folder.path(), Path::new(name)).unwrap();
        let ignored = take("made/data").path().join(".gitignore");
        assert_eq!(fs::read_to_string(ignored).unwrap(), "*\n");
        fs::create_dir(folder.path().join("mine")).unwrap();
        assert!(!take("mine").path().join(".gitignore").exists());
    }
}
