//! What a template, its variables and the build of its functions come to: all that can change
//! while the emulator runs.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;
use anyhow::anyhow;
use gatepost_template::Code;
use gatepost_template::Finding;
use gatepost_template::Integration;
use gatepost_template::Project;

use crate::attach;
use crate::build;
use crate::build::Launch;
use crate::build::Order;
use crate::build::Prepared;
use crate::build::Profile;
use crate::cli::DevArguments;
use crate::cli::Process;
use crate::credentials::Credentials;
use crate::env_file;
use crate::environment;
use crate::environment::Placeholders;
use crate::file_system::Files;
use crate::inline;
use crate::overview;
use crate::overview::Endpoints;
use crate::overview::Overview;
use crate::reload::Stamp;
use crate::reload::Tree;
use crate::reload::Watched;
use crate::reload::stamp;
use crate::served::Served;
use crate::tls::Tls;

/// What the command line and the port decide: it stays as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting<'a> {
    /// The command line.
    pub(crate) arguments: &'a DevArguments,
    /// The emulator's own process.
    pub(crate) process: &'a Process,
    /// The address of the port.
    pub(crate) listening: SocketAddr,
    /// Absolute.
    pub(crate) data_dir: &'a Path,
    /// With `--tls`.
    pub(crate) tls: Option<&'a Tls>,
    /// Of functions.
    pub(crate) credentials: &'a Credentials,
    /// Of functions.
    pub(crate) file_system: &'a Files,
}

/// A template and the file of variables, read.
#[derive(Debug)]
pub(crate) struct Described {
    project: Project,
    served: Served,
    /// The file of variables, and its lines.
    lines: Option<(PathBuf, Vec<env_file::Line>)>,
    /// The files' stamps.
    files: BTreeMap<PathBuf, Option<Stamp>>,
}

/// All that can change while the emulator runs.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The template.
    pub(crate) project: Project,
    /// Its APIs, under the names that they have here.
    pub(crate) served: Served,
    /// Variables of every function, over those of the template.
    pub(crate) overrides: BTreeMap<String, String>,
    /// Variables of every function by which it trusts the emulator's certificate.
    pub(crate) trust: BTreeMap<String, String>,
    /// How functions run, by logical ID.
    pub(crate) launches: BTreeMap<String, Launch>,
    /// What somebody should know although everything goes on.
    pub(crate) warnings: Vec<String>,
    /// The program or the files of each function.
    pub(crate) code: BTreeMap<String, BTreeMap<PathBuf, Stamp>>,
    /// The template and the file of variables.
    pub(crate) files: BTreeMap<PathBuf, Option<Stamp>>,
    /// What all this was made from.
    pub(crate) watched: Watched,
    /// What a person sees of it.
    pub(crate) overview: Overview,
}

impl Loaded {
    /// Says what somebody should know and was not told `before`.
    pub(crate) fn warn(&self, before: &[String]) {
        let new = self
            .warnings
            .iter()
            .filter(|warning| !before.contains(warning));
        for warning in new {
            tracing::warn!("{warning}");
        }
    }
}

impl Described {
    /// Reads the template and the variables.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn read(arguments: &DevArguments, process: &Process) -> anyhow::Result<Self> {
        let path = arguments.env_file.clone().unwrap_or_else(|| {
            let folder = arguments.template.parent().unwrap_or(Path::new(""));
            folder.join("local.env")
        });
        let stamped = |path: &Path| {
            let path = process.folder.join(path);
            let stamp = stamp(&path);
            (path, stamp)
        };
        // Before they are read: a change while they are is seen the next time.
        let files = BTreeMap::from([stamped(&arguments.template), stamped(&path)]);
        let project = project(arguments)?;
        let served = Served::new(&project.apis, &arguments.stage).ok_or_else(|| {
            anyhow!(
                "{} describes no WebSocket API: it needs an AWS::ApiGatewayV2::Api with \
                 ProtocolType WEBSOCKET, or an AWS::Serverless::WebSocketApi",
                arguments.template.display()
            )
        })?;
        let lines = match env_file::read(&path) {
            Ok(lines) => Some((path, lines)),
            // `local.env` beside the template need not be there.
            Err(env_file::EnvFileError::Unreadable { source, .. })
                if arguments.env_file.is_none() && source.kind() == io::ErrorKind::NotFound =>
            {
                None
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            project,
            served,
            lines,
            files,
        })
    }

    /// Where it will be reached.
    pub(crate) fn endpoints(&self, listening: SocketAddr, arguments: &DevArguments) -> Endpoints {
        endpoints(&self.project, &self.served, listening, arguments)
    }

    /// The custom domains at which its APIs are reached, each once.
    pub(crate) fn domains(&self) -> BTreeSet<String> {
        let apis = self.served.apis.iter();
        let mappings = apis.flat_map(|served| &served.api.mappings);
        mappings.map(|mapping| mapping.domain.clone()).collect()
    }

    /// Builds the functions.
    ///
    /// # Errors
    /// When a variable cannot be filled in or a build fails.
    pub(crate) async fn load(self, setting: Setting<'_>) -> anyhow::Result<Loaded> {
        let Self {
            mut project,
            served,
            lines,
            files,
        } = self;
        let Setting {
            arguments,
            process,
            listening,
            data_dir,
            tls,
            credentials,
            file_system,
        } = setting;
        inline::unpack(&mut project.functions, &data_dir.join("inline"))
            .with_context(|| format!("cannot write to {}, see --data-dir", data_dir.display()))?;
        let endpoints = endpoints(&project, &served, listening, arguments);
        let placeholders = Placeholders::new(&endpoints.origin, listening.port(), data_dir);
        let file = lines
            .as_ref()
            .map(|(path, lines)| (path.as_path(), lines.as_slice()));
        let overrides = environment::overrides(file, &arguments.variables, &placeholders)
            .map_err(|what| anyhow!(what))?;
        let order = Order {
            process,
            build: !arguments.no_build,
            profile: if arguments.release {
                Profile::Release
            } else {
                Profile::Dev
            },
            clients: &data_dir.join("runtimes"),
            writes: true,
        };
        let attached = attach::attached(&arguments.attach, &project.functions)?;
        // Whoever starts a function builds it; what would start it is told.
        let mut started = project.functions.clone();
        started.retain(|id, function| {
            !attached.contains_key(id) || !matches!(function.code, Code::Cargo { .. })
        });
        let Prepared {
            mut launches,
            warnings,
            sources,
            made,
        } = build::prepare(&started, order).await?;
        attach::replace(&mut launches, attached);
        let mut left_out = made;
        // What is inline there changes with the template only.
        left_out.insert(data_dir.to_owned());
        left_out.extend(
            arguments
                .log_dir
                .as_ref()
                .map(|dir| process.folder.join(dir)),
        );
        let mut watched = Watched {
            files: files.keys().cloned().collect(),
            folders: BTreeSet::new(),
        };
        // Of what is not built only the result counts.
        for source in sources.iter().filter(|_| order.build) {
            watched
                .folders
                .extend(Tree::read(source, &left_out).folders);
        }
        let code = code(&project, &launches, &left_out, &mut watched);
        let overview = Overview {
            template: arguments.template.display().to_string(),
            stages: overview::stages(&served, &endpoints),
            store: overview::store(&overrides, data_dir),
            authority: tls.map(|tls| tls.files.authority.display().to_string()),
            credentials: credentials.is_inherited.then(|| {
                format!(
                    "yours, {} in {}",
                    credentials.access_key_id, credentials.region
                )
            }),
            file_system: file_system.told.clone(),
            routes: overview::rows(&served, &project.functions),
            programs: launches
                .iter()
                .filter_map(|(id, launch)| {
                    Some((id.clone(), overview::program(launch, &process.folder)?))
                })
                .collect(),
            functions: project
                .functions
                .iter()
                .map(|(id, function)| (id.clone(), function.name.clone()))
                .collect(),
            findings: findings(&project, &served, &launches),
            endpoints,
        };
        Ok(Loaded {
            project,
            served,
            overrides,
            trust: tls.map(Tls::variables).unwrap_or_default(),
            launches,
            warnings,
            code,
            files,
            watched,
            overview,
        })
    }
}

fn endpoints(
    project: &Project,
    served: &Served,
    listening: SocketAddr,
    arguments: &DevArguments,
) -> Endpoints {
    Endpoints::new(
        listening,
        &arguments.stage,
        project.page.is_some(),
        arguments.tls,
    )
    .at_domains(served)
}

/// The program that cargo built of each function, or the files in its folder; they are watched.
fn code(
    project: &Project,
    launches: &BTreeMap<String, Launch>,
    left_out: &BTreeSet<PathBuf>,
    watched: &mut Watched,
) -> BTreeMap<String, BTreeMap<PathBuf, Stamp>> {
    let mut code = BTreeMap::new();
    for function in project.functions.values() {
        let files = match (&function.code, &launches[&function.id]) {
            (Code::Cargo { .. }, Launch::Command(command)) => {
                let program = command.program.clone();
                watched.files.insert(program.clone());
                let stamp = stamp(&program);
                stamp.map(|stamp| (program, stamp)).into_iter().collect()
            }
            // A change of its code is seen at the next start.
            (_, Launch::Attached { .. }) => BTreeMap::new(),
            (Code::Folder(folder), _) => {
                let tree = Tree::read(folder, left_out);
                watched.folders.extend(tree.folders);
                tree.files
            }
            (Code::Cargo { .. }, Launch::Unsupported(_))
            | (Code::Inline(_) | Code::Unsupported(_), _) => BTreeMap::new(),
        };
        code.insert(function.id.clone(), files);
    }
    code
}

/// Reads the template.
fn project(arguments: &DevArguments) -> anyhow::Result<Project> {
    let parameters: BTreeMap<String, String> = arguments
        .parameters
        .iter()
        .map(|p| (p.name.clone(), p.value.clone()))
        .collect();
    // The refusal shows lines of the template: it begins on a line of its own.
    gatepost_template::load(&arguments.template, &parameters)
        .map_err(|refusal| anyhow!("the template cannot be used\n\n{refusal}"))
}

/// What the reader found and no row of the table says, and what is called otherwise here.
fn findings(
    project: &Project,
    served: &Served,
    launches: &BTreeMap<String, Launch>,
) -> Vec<Finding> {
    let of_routes = project
        .apis
        .iter()
        .flat_map(|api| api.routes.values())
        .filter_map(|route| match &route.integration {
            Some(Integration::Unsupported(finding)) => Some(finding),
            Some(Integration::Lambda { .. } | Integration::Backend(_)) | None => None,
        });
    let stopped = project
        .functions
        .values()
        .filter(|function| matches!(launches[&function.id], Launch::Unsupported(_)));
    let of_functions = stopped.filter_map(|function| match &function.code {
        Code::Unsupported(finding) => Some(finding),
        Code::Cargo { .. } | Code::Folder(_) | Code::Inline(_) => function.no_runtime.as_ref(),
    });
    let in_table: Vec<&Finding> = of_routes.chain(of_functions).collect();
    let found = project
        .findings
        .iter()
        .filter(|finding| !in_table.contains(finding))
        .cloned();
    found.chain(served.findings.iter().cloned()).collect()
}
