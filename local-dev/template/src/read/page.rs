//! `Metadata: Gatepost`: what a template tells the emulator alone.

use std::path::PathBuf;

use crate::finding::Finding;
use crate::node::Node;
use crate::read::Reader;
use crate::suggest::did_you_mean;

impl Reader<'_> {
    /// `Page`: the folder served at `/`, relative to the template.
    pub(super) fn page(&mut self, document: &Node) -> Option<PathBuf> {
        let settings = document.get("Metadata")?.get("Gatepost")?;
        for entry in settings.entries() {
            if entry.key != "Page" {
                let what = format!("`{}` is no setting of Gatepost", entry.key);
                let help = did_you_mean(&entry.key, ["Page"]);
                self.findings
                    .note(Finding::new(&entry.at, what).maybe_help(help));
            }
        }
        let node = settings.get("Page")?;
        let path = self.text(settings, "Page")?;
        let folder = self.folder.join(&path);
        match folder.canonicalize() {
            Ok(folder) if folder.is_dir() => Some(folder),
            _ => {
                let what = format!("there is no folder {}", folder.display());
                self.findings.note(Finding::new(&node.at, what));
                None
            }
        }
    }
}
