//! The emulator's own clients of the Runtime API, for functions whose project brings none: they are
//! part of this program, and are written where an interpreter can read them.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// A file of `local-dev/runtimes`, and its text.
macro_rules! source {
    ($path:literal) => {
        ($path, include_str!(concat!("../../../runtimes/", $path)))
    };
}

const SOURCES: [(&str, &str); 14] = [
    source!("node/connection.mjs"),
    source!("node/fault.mjs"),
    source!("node/handler.mjs"),
    source!("node/invocation.mjs"),
    source!("node/log.mjs"),
    source!("node/main.mjs"),
    source!("python/__main__.py"),
    source!("python/gatepost_runtime/__init__.py"),
    source!("python/gatepost_runtime/connection.py"),
    source!("python/gatepost_runtime/context.py"),
    source!("python/gatepost_runtime/fault.py"),
    source!("python/gatepost_runtime/handler.py"),
    source!("python/gatepost_runtime/logs.py"),
    source!("python/gatepost_runtime/marshal.py"),
];

/// Where they are.
#[derive(Debug, Clone)]
pub(super) struct Clients {
    /// `node FILE HANDLER`.
    pub(super) node: PathBuf,
    /// `python FOLDER HANDLER`.
    pub(super) python: PathBuf,
}

impl Clients {
    /// Where they are once they are [written](Self::write) below `folder`.
    pub(super) fn below(folder: &Path) -> Self {
        Self {
            node: folder.join("node/main.mjs"),
            python: folder.join("python"),
        }
    }

    /// Writes them below `folder`. What is there already stays.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub(super) fn write(folder: &Path) -> io::Result<()> {
        for (path, text) in SOURCES {
            write(&folder.join(path), text)?;
        }
        Ok(())
    }
}

/// A process that starts meanwhile reads the file before or after, never half of it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = path.with_extension(format!("{}.new", std::process::id()));
    fs::write(&new, text)?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_is_part_of_the_program() {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtimes");
        let mut folders = vec![sources.clone()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.ends_with("__pycache__") {
                    continue;
                }
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let path = path.strip_prefix(&sources).unwrap();
                    found.push(path.to_str().unwrap().to_owned());
                }
            }
        }
        found.sort();
        assert_eq!(found, SOURCES.map(|(path, _)| path));
    }

    #[test]
    fn they_are_written_once_and_again_when_they_differ() {
        let folder = tempfile::tempdir().unwrap();
        let clients = Clients::below(folder.path());
        Clients::write(folder.path()).unwrap();
        let written = || fs::metadata(&clients.node).unwrap().modified().unwrap();
        let first = written();
        Clients::write(folder.path()).unwrap();
        assert_eq!(written(), first);
        fs::write(&clients.node, "of another version").unwrap();
        Clients::write(folder.path()).unwrap();
        let text = fs::read_to_string(&clients.node).unwrap();
        assert!(text.contains("Runtime API"), "{text}");
        assert!(clients.python.join("__main__.py").is_file());
    }
}
