//! `gatepost dev`: one start, end to end.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context;
use anyhow::anyhow;
use anyhow::bail;
use gatepost_clock::Clock;
use gatepost_gateway::Account;
use gatepost_gateway::SplitMix;
use gatepost_template::Api;
use gatepost_template::Code;
use gatepost_template::Finding;
use gatepost_template::Integration;
use gatepost_template::Mapping;
use gatepost_template::Project;
use gatepost_template::Stage;
use tokio::time::Instant;

use crate::address_file::AddressFile;
use crate::banner::banner;
use crate::build;
use crate::build::Order;
use crate::build::Prepared;
use crate::build::Profile;
use crate::cli::DevArguments;
use crate::cli::Process;
use crate::cli::Quotas;
use crate::console::Token;
use crate::credentials::Credentials;
use crate::env_file;
use crate::environment;
use crate::environment::Placeholders;
use crate::facts::Fact;
use crate::facts::Journal;
use crate::facts::JsonLines;
use crate::facts::Kind;
use crate::facts::LogFiles;
use crate::facts::Opening;
use crate::facts::Outlet;
use crate::facts::Ready;
use crate::facts::Sink;
use crate::facts::Terminal;
use crate::facts::is_shown;
use crate::faults::Faults;
use crate::overview;
use crate::overview::Endpoints;
use crate::overview::Overview;
use crate::port;
use crate::serve;
use crate::serve::Front;
use crate::serve::Running;
use crate::stop::Stop;
use crate::style::Style;
use crate::wire::Parts;

/// How long the ready line waits for functions to start. Lambda gives the Init phase 10 s (Lambda
/// developer guide, "Understanding the Lambda execution environment lifecycle"); a function that
/// takes longer is shown as starting.
const START_WITHIN: Duration = Duration::from_secs(15);

/// What failed when there are no random bytes.
const RANDOM: &str = "the system's random source";

/// Runs until somebody asks to stop.
///
/// # Errors
/// When it cannot start; the error says what to do.
pub(crate) async fn run(arguments: &DevArguments, process: &Process) -> anyhow::Result<()> {
    let began = Instant::now();
    // Whoever asks twice does not want to wait: the guard of the functions ends them.
    let stop = Stop::on_signals(|| std::process::exit(1)).context("cannot listen to signals")?;
    let project = load(arguments)?;
    let api = api(&project, arguments)?;
    let lines = env_file_lines(arguments)?;

    let listener = port::listen(SocketAddr::new(arguments.host, arguments.port)).await?;
    let listening = listener.local_addr().context("the port of the listener")?;
    let endpoints =
        Endpoints::new(listening, &arguments.stage, project.page.is_some()).at_domains(&api);
    let data_dir = process.folder.join(&arguments.data_dir);
    std::fs::create_dir_all(&data_dir)
        .with_context(|| format!("cannot make {}, see --data-dir", data_dir.display()))?;
    let placeholders = Placeholders::new(&endpoints.origin, listening.port(), &data_dir);
    let file = lines
        .as_ref()
        .map(|(path, lines)| (path.as_path(), lines.as_slice()));
    let overrides = environment::overrides(file, &arguments.variables, &placeholders)
        .map_err(|what| anyhow!(what))?;

    let journal = Arc::new(Journal::new(outlet(arguments, process)?));
    let token = Token::generate(getrandom::fill).context(RANDOM)?;
    let pid = std::process::id();
    let address_file = AddressFile::write(&data_dir, &endpoints, &token, pid)
        .with_context(|| format!("cannot write to {}, see --data-dir", data_dir.display()))?;
    let front = Arc::new(Front {
        token: token.clone(),
        journal: Arc::clone(&journal),
        running: OnceLock::new(),
    });
    let accepting = tokio::spawn(serve::accept(listener, Arc::clone(&front)));

    let order = Order {
        process,
        build: !arguments.no_build,
        profile: if arguments.release {
            Profile::Release
        } else {
            Profile::Dev
        },
        clients: &data_dir.join("runtimes"),
    };
    let Prepared { launches, warnings } = tokio::select! {
        prepared = build::prepare(&project.functions, order) => prepared?,
        // Dropping the build ends what it started.
        () = stop.asked() => return Ok(()),
    };
    for warning in &warnings {
        tracing::warn!("{warning}");
    }

    let credentials = Credentials::generate(getrandom::fill).context(RANDOM)?;
    let clock = Clock::system(arguments.time_scale);
    let random = SplitMix::from_system().context(RANDOM)?;
    let faults = Arc::new(Faults::new(Arc::clone(&journal), random, clock.clone()));
    let quotas = Quotas::with(&arguments.quotas);
    let account = Arc::new(Account::new(quotas.account));
    let parts = Parts {
        clock: &clock,
        quotas: &quotas,
        account: &account,
        arguments,
        process,
        endpoints: &endpoints,
        credentials: &credentials,
        launches: &launches,
        journal: &journal,
        faults: &faults,
    };
    let board = Arc::new(parts.board());
    let lambda = Arc::new(parts.lambda(&project, &overrides, &board)?);
    let gateway = parts.gateway(api.clone(), &lambda)?;
    let overview = Overview {
        endpoints: endpoints.clone(),
        template: arguments.template.display().to_string(),
        stage: arguments.stage.clone(),
        store: overview::store(&overrides, &data_dir),
        routes: overview::rows(&api, &project.functions),
        programs: launches
            .iter()
            .filter_map(|(id, launch)| {
                Some((id.clone(), overview::program(launch, &process.folder)?))
            })
            .collect(),
        findings: findings(&project, &api),
    };
    let running = Running {
        gateway: gateway.clone(),
        lambda: Arc::clone(&lambda),
        signatures: parts.signatures("lambda"),
        board: Arc::clone(&board),
        overview: overview.clone(),
        page: project.page.clone(),
        faults: Arc::clone(&faults),
        clock: clock.clone(),
    };
    front.running.set(running).expect("nobody else sets it");

    let started = tokio::select! {
        _ = tokio::time::timeout(START_WITHIN, board.settled()) => true,
        () = stop.asked() => false,
    };
    let mut schedules = Vec::new();
    if started {
        let style = Style::new(process.colours);
        let banner = banner(&overview, &board.states(), began.elapsed(), style);
        let ready = Ready {
            websocket: endpoints.websocket.clone(),
            management: endpoints.management.clone(),
            console: endpoints.console.clone(),
            page: endpoints.page.clone(),
            pid,
            token,
            credentials: credentials.clone(),
        };
        journal.open(Opening { ready, banner });
        schedules = parts.schedules(&project.functions, &lambda);
        stop.asked().await;
    }

    journal.record(Fact {
        at: clock.now_ms(),
        kind: Kind::Stopping,
    });
    schedules.iter().for_each(tokio::task::JoinHandle::abort);
    gateway.shutdown().await;
    lambda.shutdown().await;
    accepting.abort();
    drop(address_file);
    journal.flush();
    Ok(())
}

/// Reads the template.
fn load(arguments: &DevArguments) -> anyhow::Result<Project> {
    let parameters: BTreeMap<String, String> = arguments
        .parameters
        .iter()
        .map(|p| (p.name.clone(), p.value.clone()))
        .collect();
    // The refusal shows lines of the template: it begins on a line of its own.
    gatepost_template::load(&arguments.template, &parameters)
        .map_err(|refusal| anyhow!("the template cannot be used\n\n{refusal}"))
}

/// The API that is served: the template's first, with one stage of the name asked for, which has
/// the variables of the stage of that name or else of the first.
fn api(project: &Project, arguments: &DevArguments) -> anyhow::Result<Api> {
    let Some(api) = project.apis.first() else {
        bail!(
            "{} describes no WebSocket API: it needs an AWS::ApiGatewayV2::Api with \
             ProtocolType WEBSOCKET, or an AWS::Serverless::WebSocketApi",
            arguments.template.display()
        );
    };
    let stage = api
        .stages
        .iter()
        .find(|stage| stage.name == arguments.stage);
    let stage = stage.or_else(|| api.stages.first());
    let served = stage.map(|stage| stage.name.as_str());
    let mappings = api.mappings.iter();
    let mappings = mappings
        .filter(|mapping| Some(mapping.stage.as_str()) == served)
        .map(|mapping| Mapping {
            stage: arguments.stage.clone(),
            ..mapping.clone()
        });
    let stages = stage.map(|stage| Stage {
        name: arguments.stage.clone(),
        ..stage.clone()
    });
    let stages = stages.into_iter().collect();
    Ok(Api {
        stages,
        mappings: mappings.collect(),
        ..api.clone()
    })
}

/// What the reader found and no row of the table says, and the APIs that are not served.
fn findings(project: &Project, served: &Api) -> Vec<Finding> {
    let of_routes = served
        .routes
        .values()
        .filter_map(|route| match &route.integration {
            Some(Integration::Unsupported(finding)) => Some(finding),
            Some(Integration::Lambda { .. }) | None => None,
        });
    let of_functions = project
        .functions
        .values()
        .filter_map(|function| match &function.code {
            Code::Unsupported(finding) => Some(finding),
            Code::Cargo { .. } | Code::Folder(_) => None,
        });
    let in_table: Vec<&Finding> = of_routes.chain(of_functions).collect();
    let found = project
        .unsupported
        .iter()
        .filter(|finding| !in_table.contains(finding))
        .cloned();
    let others = project.apis.iter().skip(1).map(|api| Finding {
        at: api.at.clone(),
        what: format!(
            "{} is not served: one API at a time is, here {}",
            api.id, served.id
        ),
        help: None,
    });
    found.chain(others).collect()
}

/// The file of variables and its lines. `local.env` beside the template need not be there.
fn env_file_lines(
    arguments: &DevArguments,
) -> anyhow::Result<Option<(PathBuf, Vec<env_file::Line>)>> {
    let beside = arguments
        .template
        .parent()
        .unwrap_or(Path::new(""))
        .join("local.env");
    let path = arguments.env_file.clone().unwrap_or(beside);
    match env_file::read(&path) {
        Ok(lines) => Ok(Some((path, lines))),
        Err(env_file::EnvFileError::Unreadable { source, .. })
            if arguments.env_file.is_none() && source.kind() == io::ErrorKind::NotFound =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Where facts go. With `--json` standard error is for what cargo and the emulator itself say.
fn outlet(arguments: &DevArguments, process: &Process) -> anyhow::Result<Outlet> {
    let mut sinks: Vec<Box<dyn Sink>> = vec![if arguments.json {
        Box::new(JsonLines::new(io::BufWriter::new(io::stdout())))
    } else {
        Box::new(Terminal::new(
            io::BufWriter::new(io::stderr()),
            Style::new(process.colours),
        ))
    }];
    if let Some(folder) = &arguments.log_dir {
        let files = LogFiles::open(folder)
            .with_context(|| format!("cannot write to {}, see --log-dir", folder.display()))?;
        sinks.push(Box::new(files));
    }
    let everything = arguments.json || arguments.log_dir.is_some();
    let wanted = if everything {
        |_: &Kind| true
    } else {
        is_shown
    };
    Outlet::start(sinks, wanted).context("cannot start the thread that writes facts")
}
