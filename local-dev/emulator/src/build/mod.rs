//! From the functions of a template to commands that run: built with cargo, or found as they are.

mod bootstrap;
mod cargo;
mod clients;
mod interpreter;
mod node;
mod python;
mod step;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;

use futures_util::future::join_all;
use gatepost_runtime_api::Command;
use gatepost_template::At;
use gatepost_template::Code;
use gatepost_template::Function;

use crate::cli::Process;
use crate::overview;

use clients::Clients;
use interpreter::Interpreter;

pub(crate) use cargo::Profile;

/// How a function's processes start, or why they cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Launch {
    /// This command.
    Command(Command),
    /// Somebody else starts one, which finds its Runtime API there; its code is in the folder.
    Attached {
        /// Of the Runtime API.
        address: SocketAddr,
        /// `LAMBDA_TASK_ROOT`.
        folder: PathBuf,
        /// What starts one as the emulator would; `None` when it is not known.
        starts: Option<Command>,
    },
    /// They cannot: why, and what to do.
    Unsupported(String),
}

/// What is asked of the build.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    /// The emulator's own process: its environment is that of the tools it starts.
    pub(crate) process: &'a Process,
    /// Whether cargo builds, or what is there is taken.
    pub(crate) build: bool,
    /// Cargo's profile.
    pub(crate) profile: Profile,
    /// Where the emulator's own clients of the Runtime API are.
    pub(crate) clients: &'a Path,
    /// Whether they are written there, or somebody only asks what would run.
    pub(crate) writes: bool,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// How each function runs, by logical ID.
    pub(crate) launches: BTreeMap<String, Launch>,
    /// What somebody should know although everything goes on.
    pub(crate) warnings: Vec<String>,
    /// Folders whose files cargo builds functions from, as a whole: those of workspaces.
    pub(crate) sources: BTreeSet<PathBuf>,
    /// Folders that cargo writes.
    pub(crate) made: BTreeSet<PathBuf>,
}

/// Why nothing can start. What stops a single function is [`Launch::Unsupported`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    /// A tool does not start at all.
    #[error("{program} does not start in {}: {help}", .folder.display())]
    Tool {
        /// Its name.
        program: String,
        /// Where it was started.
        folder: PathBuf,
        /// What to do.
        help: String,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// `cargo metadata` failed.
    #[error("{} is no cargo package or workspace:\n{text}", .folder.display())]
    NoWorkspace {
        /// The folder.
        folder: PathBuf,
        /// What cargo said.
        text: String,
    },
    /// What is wrong with the folder or the binary that a function names.
    #[error("{at}: {error}")]
    Of {
        /// Where the function stands in the template.
        at: At,
        /// What.
        error: Box<Self>,
    },
    /// No package of the workspace has this binary, or several have.
    #[error("{0}")]
    Binary(String),
    /// The compiler refused; its messages were shown as they came.
    #[error("cargo build failed in {} ({status}); the reason stands above", .folder.display())]
    Failed {
        /// The folder.
        folder: PathBuf,
        /// How cargo ended.
        status: std::process::ExitStatus,
    },
    /// The emulator's own clients of the Runtime API cannot be written.
    #[error("cannot write to {}, see --data-dir", .folder.display())]
    Clients {
        /// Where they would be.
        folder: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// `--no-build`, and something was never built.
    #[error("{} is not built: run `{command}` in {}, or leave out --no-build", .binary.display(), .folder.display())]
    NotBuilt {
        /// Where it would be.
        binary: PathBuf,
        /// What builds it.
        command: String,
        /// Where to run that.
        folder: PathBuf,
    },
}

impl BuildError {
    /// With the place of the function that names this folder and binary, if they are what is wrong.
    fn of(self, functions: &BTreeMap<String, Function>, folder: &Path) -> Self {
        let is_told = |binary: &str| match &self {
            Self::Binary(text) => text.contains(&format!("`{binary}`")),
            _ => matches!(self, Self::NoWorkspace { .. }),
        };
        let function = functions.values().find(|function| match &function.code {
            Code::Cargo {
                folder: own,
                binary,
            } => own == folder && is_told(binary),
            Code::Folder(_) | Code::Inline(_) | Code::Unsupported(_) => false,
        });
        match function {
            Some(function) => Self::Of {
                at: function.at.clone(),
                error: Box::new(self),
            },
            None => self,
        }
    }
}

/// Builds what cargo builds, one `cargo build` a folder, and finds what runs the rest.
///
/// # Errors
/// When a build fails or cannot begin.
pub(crate) async fn prepare(
    functions: &BTreeMap<String, Function>,
    order: Order<'_>,
) -> Result<Prepared, BuildError> {
    let mut folders: BTreeMap<&Path, BTreeSet<&str>> = BTreeMap::new();
    for function in functions.values() {
        if let Code::Cargo { folder, binary } = &function.code {
            folders.entry(folder).or_default().insert(binary);
        }
    }
    let (mut sources, mut made) = (BTreeSet::new(), BTreeSet::new());
    let mut executables = BTreeMap::new();
    for (folder, binaries) in folders {
        let built = cargo::executables(folder, &binaries, order).await;
        let built = built.map_err(|error| error.of(functions, folder))?;
        sources.insert(built.workspace);
        made.insert(built.target);
        executables.insert(folder, built.executables);
    }
    let interpreters = interpreters(functions, order).await?;

    let mut warnings = BTreeSet::new();
    let mut launch = |function: &Function| match &function.code {
        Code::Cargo { folder, binary } => Launch::Command(Command {
            program: executables[folder.as_path()][binary.as_str()].clone(),
            arguments: Vec::new(),
            folder: folder.clone(),
        }),
        Code::Folder(_) | Code::Inline(_) if let Some(finding) = &function.no_runtime => {
            Launch::Unsupported(overview::sentence(finding))
        }
        Code::Folder(folder) => {
            match interpreters.get(&(function.runtime.as_str(), folder.as_path())) {
                Some(found) => {
                    warnings.extend(found.warnings.iter().cloned());
                    found.launch(&function.handler, folder)
                }
                None => bootstrap::launch(folder),
            }
        }
        Code::Inline(_) => Launch::Unsupported("its inline code was not written".into()),
        Code::Unsupported(finding) => Launch::Unsupported(overview::sentence(finding)),
    };
    let launches = functions
        .iter()
        .map(|(id, function)| (id.clone(), launch(function)))
        .collect();
    Ok(Prepared {
        launches,
        warnings: warnings.into_iter().collect(),
        sources,
        made,
    })
}

/// The interpreters of interpreted functions, by runtime and folder.
async fn interpreters<'a>(
    functions: &'a BTreeMap<String, Function>,
    order: Order<'_>,
) -> Result<BTreeMap<(&'a str, &'a Path), Interpreter>, BuildError> {
    let asked: BTreeSet<(&str, &Path)> = functions
        .values()
        .filter_map(|function| match &function.code {
            Code::Folder(folder) => Some((function.runtime.as_str(), folder.as_path())),
            Code::Cargo { .. } | Code::Inline(_) | Code::Unsupported(_) => None,
        })
        .filter(|(runtime, _)| python::is_runtime(runtime) || node::version(runtime).is_some())
        .collect();
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let folder = order.clients;
    let clients = Clients::below(folder);
    if order.writes {
        Clients::write(folder).map_err(|source| BuildError::Clients {
            folder: folder.to_owned(),
            source,
        })?;
    }
    // Starting an interpreter to ask it something takes long enough to do it for all at once.
    let found = asked.iter().map(|(runtime, folder)| async {
        match node::version(runtime) {
            Some(_) => node::find(runtime, folder, order.process, &clients).await,
            None => python::find(runtime, folder, order.process, &clients).await,
        }
    });
    let found = join_all(found).await;
    Ok(asked.into_iter().zip(found).collect())
}
