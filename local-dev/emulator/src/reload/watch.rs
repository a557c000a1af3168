//! Waits for changes of files.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use notify::EventKind;
use notify::RecommendedWatcher;
use notify::RecursiveMode;
use notify::Watcher;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio::time::timeout_at;

use super::tree::is_written;

/// Whoever saves several files, or one in several steps, is done when it is quiet for so long …
const QUIET: Duration = Duration::from_millis(100);
/// … or does not stop.
const LONGEST: Duration = Duration::from_secs(2);

/// What is watched. All paths are absolute.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Watched {
    /// Single files, which need not exist.
    pub(crate) files: BTreeSet<PathBuf>,
    /// Folders whose files are, but not those of folders below.
    pub(crate) folders: BTreeSet<PathBuf>,
}

impl Watched {
    /// Whether a change of this path is one.
    fn has(&self, path: &Path) -> bool {
        let is_in_folder = || {
            path.parent()
                .is_some_and(|parent| self.folders.contains(parent))
                && path.file_name().is_some_and(is_written)
        };
        self.files.contains(path) || is_in_folder()
    }

    /// The folders that the operating system must watch. Files are replaced by most editors, and
    /// by cargo: whoever watched the file itself would lose it.
    fn roots(&self) -> BTreeSet<PathBuf> {
        let parents = self.files.iter().filter_map(|file| file.parent());
        let parents = parents.map(Path::to_owned);
        parents.chain(self.folders.iter().cloned()).collect()
    }
}

/// Waits for changes of files.
#[derive(Debug)]
pub(crate) struct Watch {
    watcher: RecommendedWatcher,
    events: mpsc::UnboundedReceiver<notify::Result<notify::Event>>,
    watched: Watched,
    roots: BTreeSet<PathBuf>,
}

impl Watch {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(crate) fn new() -> notify::Result<Self> {
        let (sender, events) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event| {
            // Nobody waits any more when the emulator stops.
            let _ = sender.send(event);
        })?;
        Ok(Self {
            watcher,
            events,
            watched: Watched::default(),
            roots: BTreeSet::new(),
        })
    }

    /// Watches this and nothing else. The folders that cannot be watched, and why.
    pub(crate) fn set(&mut self, watched: Watched) -> Vec<(PathBuf, notify::Error)> {
        let roots = watched.roots();
        for gone in self.roots.difference(&roots) {
            // If the folder is deleted it is not watched either.
            let _ = self.watcher.unwatch(gone);
        }
        let mut refused = Vec::new();
        let mut held = BTreeSet::new();
        for root in roots {
            // A folder that was made anew must be watched anew: it costs a system call to do it
            // for those that are watched, too.
            match self.watcher.watch(&root, RecursiveMode::NonRecursive) {
                Ok(()) => drop(held.insert(root)),
                Err(error) if matches!(error.kind, notify::ErrorKind::PathNotFound) => {}
                Err(error) => refused.push((root, error)),
            }
        }
        self.roots = held;
        self.watched = watched;
        refused
    }

    /// Waits until something that is watched has changed and it is quiet then.
    pub(crate) async fn changed(&mut self) {
        while let Some(event) = self.events.recv().await {
            if self.is_change(event) {
                break;
            }
        }
        let latest = Instant::now() + LONGEST;
        let mut quiet = Instant::now() + QUIET;
        while let Ok(Some(event)) = timeout_at(quiet.min(latest), self.events.recv()).await {
            if self.is_change(event) {
                quiet = Instant::now() + QUIET;
            }
        }
    }

    fn is_change(&self, event: notify::Result<notify::Event>) -> bool {
        match event {
            // Who reads a file changes nothing.
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
            Ok(event) => {
                event.need_rescan() || event.paths.iter().any(|path| self.watched.has(path))
            }
            Err(error) => {
                tracing::debug!(%error, "a change was not told");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_is_told_of_files_in_folders_and_of_single_files_that_are_replaced() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let (folder, other) = (root.join("code"), root.join("other"));
        for path in [&folder, &other] {
            std::fs::create_dir(path).unwrap();
        }
        let template = other.join("template.yaml");
        let mut watch = Watch::new().unwrap();
        let refused = watch.set(Watched {
            files: BTreeSet::from([template.clone()]),
            folders: BTreeSet::from([folder.clone()]),
        });
        assert!(refused.is_empty(), "{refused:?}");
        let is_told = async |watch: &mut Watch| {
            let told = tokio::time::timeout(Duration::from_millis(700), watch.changed());
            told.await.is_ok()
        };
        std::fs::write(folder.join("app.py"), "1").unwrap();
        assert!(is_told(&mut watch).await);
        std::fs::write(other.join("new"), "1").unwrap();
        std::fs::rename(other.join("new"), &template).unwrap();
        assert!(is_told(&mut watch).await);
        std::fs::write(other.join("unrelated"), "1").unwrap();
        std::fs::write(folder.join("app.py~"), "1").unwrap();
        std::fs::read(folder.join("app.py")).unwrap();
        assert!(!is_told(&mut watch).await);
    }
}
