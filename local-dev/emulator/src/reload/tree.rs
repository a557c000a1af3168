//! The files of a folder that somebody writes: without what tools and editors leave there.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::path::PathBuf;
use std::time::SystemTime;

/// Folders that tools fill.
const MADE: [&str; 5] = [
    "target",
    "node_modules",
    "__pycache__",
    "venv",
    "site-packages",
];

/// A folder's folders, itself among them, and files.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) folders: BTreeSet<PathBuf>,
    /// With their [`Stamp`]s.
    pub(crate) files: BTreeMap<PathBuf, Stamp>,
}

/// When a file was written, and its length. Another one is another content.
pub(crate) type Stamp = (Option<SystemTime>, u64);

/// The stamp of a file; `None` if there is none.
pub(crate) fn stamp(file: &Path) -> Option<Stamp> {
    let known = std::fs::metadata(file).ok()?;
    Some((known.modified().ok(), known.len()))
}

/// Whether somebody writes a file or folder of this name: it is not hidden (`.git`, `.aws-sam`),
/// no folder that tools fill, and nothing that editors leave while they save.
pub(crate) fn is_written(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return true;
    };
    let is_left = name.ends_with('~')
        || name == "4913"
        || [".swp", ".swx", ".tmp", ".pyc"]
            .iter()
            .any(|end| name.ends_with(end));
    !name.starts_with('.') && !MADE.contains(&name) && !is_left
}

impl Tree {
    /// Reads a folder without those in `left_out`. What cannot be read is not there. Links to
    /// folders are not followed.
    pub(crate) fn read(folder: &Path, left_out: &BTreeSet<PathBuf>) -> Self {
        let mut tree = Self::default();
        let mut waiting = vec![folder.to_owned()];
        while let Some(folder) = waiting.pop() {
            let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            for entry in entries.filter(|entry| is_written(&entry.file_name())) {
                let path = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => {
                        if !left_out.contains(&path) {
                            waiting.push(path);
                        }
                    }
                    Ok(_) => {
                        if let Some(stamp) = stamp(&path) {
                            tree.files.insert(path, stamp);
                        }
                    }
                    Err(_) => {}
                }
            }
            tree.folders.insert(folder);
        }
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_and_editors_leave_is_passed_over() {
        for (name, written) in [
            ("app.py", true),
            ("Makefile", true),
            ("src", true),
            ("target", false),
            ("node_modules", false),
            (".git", false),
            (".app.py.swp", false),
            ("app.py~", false),
            ("4913", false),
            ("app.pyc", false),
        ] {
            assert_eq!(is_written(OsStr::new(name)), written, "{name}");
        }
    }

    #[test]
    fn a_tree_has_the_folders_and_files_below_a_folder() {
        let root = tempfile::tempdir().unwrap();
        for file in [
            "a.py",
            "lib/b.py",
            "node_modules/c.js",
            "data/d",
            "lib/.hidden/e",
        ] {
            let file = root.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "x").unwrap();
        }
        let tree = Tree::read(root.path(), &BTreeSet::from([root.path().join("data")]));
        let folders: Vec<_> = tree.folders.iter().cloned().collect();
        assert_eq!(folders, [root.path().to_owned(), root.path().join("lib")]);
        let files: Vec<_> = tree.files.keys().cloned().collect();
        assert_eq!(
            files,
            [root.path().join("a.py"), root.path().join("lib/b.py")]
        );
        assert_eq!(tree.files[&root.path().join("a.py")].1, 1);
    }
}
