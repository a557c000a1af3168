//! What changes on disk takes over while clients stay connected: the template, the variables, and
//! the functions' code. What cannot be read or built changes nothing.
//!
//! There is one way: everything is read and built again, which costs little if nothing changed, and
//! what differs is replaced.

mod tree;
mod watch;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use gatepost_runtime_api::FunctionSpec;
use tokio::time::Instant;

use crate::facts::Fact;
use crate::facts::Journal;
use crate::facts::Kind;
use crate::functions::Functions;
use crate::loaded::Described;
use crate::loaded::Loaded;
use crate::loaded::Setting;
use crate::schedule::Schedules;
use crate::serve::Running;
use crate::serve::Shown;
use crate::wire;
use crate::wire::Parts;

pub(crate) use tree::Stamp;
pub(crate) use tree::Tree;
pub(crate) use tree::stamp;
pub(crate) use watch::Watch;
pub(crate) use watch::Watched;

/// Replaces what has changed.
#[derive(Debug)]
pub(crate) struct Reload<'a> {
    /// What stays.
    pub(crate) setting: Setting<'a>,
    /// What parts are made from.
    pub(crate) parts: Parts<'a>,
    /// The parts that run.
    pub(crate) running: &'a Running,
    /// The functions as the gateway calls them.
    pub(crate) functions: &'a Functions,
    /// Where facts go.
    pub(crate) journal: &'a Arc<Journal>,
    /// What runs.
    pub(crate) loaded: Loaded,
    /// The schedules that run.
    pub(crate) schedules: Schedules,
}

/// What a reload changed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Changed {
    /// Functions that are new or replaced.
    functions: Vec<String>,
    /// Functions that are gone.
    removed: Vec<String>,
    /// The template or the file of variables.
    template: bool,
}

impl Reload<'_> {
    /// Reloads at every change, for ever.
    pub(crate) async fn run(mut self, mut watch: Watch) {
        let mut has_failed = false;
        loop {
            watch.changed().await;
            let began = Instant::now();
            let loaded = match Described::read(self.setting.arguments, self.setting.process) {
                Ok(described) => described.load(self.setting).await,
                Err(error) => Err(error),
            };
            let kind = match loaded {
                Ok(loaded) => {
                    warn(watch.set(loaded.watched.clone()));
                    loaded.warn(&self.loaded.warnings);
                    let Changed {
                        functions,
                        removed,
                        template,
                    } = self.replace(loaded);
                    let nothing = functions.is_empty() && removed.is_empty() && !template;
                    // Somebody saved a file as it was.
                    if nothing && !has_failed {
                        continue;
                    }
                    has_failed = false;
                    Kind::Reloaded {
                        functions,
                        removed,
                        template,
                        took_ms: began.elapsed().as_secs_f64() * 1000.0,
                    }
                }
                Err(error) => {
                    has_failed = true;
                    Kind::ReloadFailed {
                        reason: format!("{error:#}"),
                    }
                }
            };
            self.running.set_not_reloaded(match &kind {
                Kind::ReloadFailed { reason } => Some(reason.clone()),
                _ => None,
            });
            let at = self.running.clock.now_ms();
            self.journal.record(Fact { at, kind });
        }
    }

    /// Puts what was loaded in the place of what runs. Functions come before the routes that call
    /// them, and go after those.
    fn replace(&mut self, loaded: Loaded) -> Changed {
        let running = self.running;
        let before = wire::specs(&self.loaded);
        let after = wire::specs(&loaded);
        let of_before: BTreeMap<&str, &FunctionSpec> =
            before.iter().map(|spec| (spec.id.as_str(), spec)).collect();
        let of_after: BTreeSet<&str> = after.iter().map(|spec| spec.id.as_str()).collect();
        let is_new = |spec: &&FunctionSpec| {
            of_before.get(spec.id.as_str()) != Some(spec)
                || self.loaded.code.get(&spec.id) != loaded.code.get(&spec.id)
        };
        let new: Vec<&FunctionSpec> = after.iter().filter(is_new).collect();
        let removed = of_before.keys().filter(|id| !of_after.contains(*id));
        let changed = Changed {
            functions: new.iter().map(|spec| spec.id.clone()).collect(),
            removed: removed.map(|id| (*id).to_owned()).collect(),
            template: self.loaded.files != loaded.files,
        };
        running
            .board
            .replace(wire::states(&loaded), &changed.functions);
        for spec in new {
            running.lambda.replace(spec.clone());
        }
        self.functions.set_unsupported(wire::unsupported(&loaded));
        running.gateway.deploy(&wire::apis(&loaded));
        for id in &changed.removed {
            running.lambda.remove(id);
        }
        running.show(Shown {
            overview: loaded.overview.clone(),
            page: loaded.project.page.clone(),
        });
        if !self.schedules.are_of(&loaded.project.functions) {
            self.schedules = self.parts.schedules(&loaded, &running.lambda);
        }
        self.loaded = loaded;
        changed
    }
}

/// Says what is not watched.
pub(crate) fn warn(refused: Vec<(std::path::PathBuf, notify::Error)>) {
    let more = refused.len().saturating_sub(1);
    if let Some((folder, error)) = refused.into_iter().next() {
        let help = match error.kind {
            notify::ErrorKind::MaxFilesWatch => {
                ": raise the sysctl fs.inotify.max_user_watches, or use --no-watch"
            }
            _ => "",
        };
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more folders"),
        };
        tracing::warn!(
            "changes in {}{more} are not seen: {error}{help}",
            folder.display()
        );
    }
}
