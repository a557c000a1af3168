//! `emulator.json` in the data folder: where the emulator that runs there is reached, for programs
//! that it did not start. It holds the token, so only its owner reads it.

use std::fs;
use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::console::Token;
use crate::overview::Endpoints;

/// Its name in the data folder.
pub(crate) const NAME: &str = "emulator.json";

/// The file of one start; dropping it removes it.
#[derive(Debug)]
pub(crate) struct AddressFile {
    path: PathBuf,
    pid: u32,
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(flatten)]
    endpoints: &'a Endpoints,
    token: &'a Token,
    pid: u32,
}

impl AddressFile {
    /// Writes it.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn write(
        data_dir: &Path,
        endpoints: &Endpoints,
        token: &Token,
        pid: u32,
    ) -> io::Result<Self> {
        let path = data_dir.join(NAME);
        // Nobody reads half of it, and one that others may read does not stay.
        let new = data_dir.join(format!("{NAME}.{pid}"));
        let _ = fs::remove_file(&new);
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        let content = Content {
            endpoints,
            token,
            pid,
        };
        serde_json::to_writer(&mut file, &content)?;
        file.write_all(b"\n")?;
        fs::rename(&new, &path)?;
        Ok(Self { path, pid })
    }
}

impl Drop for AddressFile {
    fn drop(&mut self) {
        #[derive(Deserialize)]
        struct Owner {
            pid: u32,
        }
        let text = fs::read(&self.path).unwrap_or_default();
        let is_ours = |owner: Owner| owner.pid == self.pid;
        if serde_json::from_slice(&text).is_ok_and(is_ours) {
            // One that stays names a process that is gone.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_its_owner_reads_it_and_it_goes_with_its_emulator() {
        let folder = tempfile::tempdir().unwrap();
        let endpoints = Endpoints::new(([127, 0, 0, 1], 3001).into(), "local", false, false);
        let token = Token::generate(|_| Ok::<_, std::convert::Infallible>(())).unwrap();
        let write = |pid| AddressFile::write(folder.path(), &endpoints, &token, pid).unwrap();
        let path = folder.path().join(NAME);
        let pid = || {
            let text = fs::read(&path).unwrap();
            serde_json::from_slice::<serde_json::Value>(&text).unwrap()["pid"].as_u64()
        };
        let first = write(1);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!((pid(), mode & 0o777), (Some(1), 0o600));
        let second = write(2);
        drop(first);
        assert_eq!(pid(), Some(2), "the other emulator's is not taken away");
        drop(second);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
