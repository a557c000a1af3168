//! `gatepost dev`: one start, end to end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context;
use gatepost_clock::Clock;
use gatepost_gateway::Account;
use gatepost_gateway::SplitMix;
use tokio::time::Instant;

use crate::address_file::AddressFile;
use crate::attach;
use crate::banner::banner;
use crate::board::Board;
use crate::cli::DevArguments;
use crate::cli::Process;
use crate::cli::Quotas;
use crate::cli::WhoseCredentials;
use crate::console::Token;
use crate::credentials;
use crate::credentials::Credentials;
use crate::data_dir::DataDir;
use crate::facts::Fact;
use crate::facts::Journal;
use crate::facts::JsonLines;
use crate::facts::Kind;
use crate::facts::LogFiles;
use crate::facts::Opening;
use crate::facts::Outlet;
use crate::facts::Ready;
use crate::facts::Recorder;
use crate::facts::Sink;
use crate::facts::Terminal;
use crate::facts::is_shown;
use crate::faults::Faults;
use crate::file_system::files;
use crate::functions::Functions;
use crate::loaded::Described;
use crate::loaded::Setting;
use crate::port;
use crate::reload;
use crate::reload::Reload;
use crate::reload::Watch;
use crate::serve;
use crate::serve::Front;
use crate::serve::Running;
use crate::serve::Shown;
use crate::stop::Stop;
use crate::style::Style;
use crate::tls::Tls;
use crate::tls::certificate_names;
use crate::wire;
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
    let described = Described::read(arguments, process)?;
    let credentials = match arguments.credentials {
        WhoseCredentials::Local => Credentials::generate(getrandom::fill).context(RANDOM)?,
        WhoseCredentials::Inherit => credentials::inherit(process)?,
    };

    let listener = port::listen(SocketAddr::new(arguments.host, arguments.port)).await?;
    let listening = listener.local_addr().context("the port of the listener")?;
    let taken = DataDir::take(&process.folder, &arguments.data_dir)?;
    let data_dir = taken.path();
    let tls = match arguments.tls {
        true => {
            let (folder, now) = (data_dir.join("tls"), Clock::system(1.0).now_ms());
            let names = certificate_names(arguments.host, &described.domains());
            let tls = Tls::new(&folder, &names, now, process);
            Some(tls.context("cannot make a certificate for --tls")?)
        }
        false => None,
    };
    let journal = Arc::new(Journal::new(outlet(arguments, process)?));
    let token = Token::generate(getrandom::fill).context(RANDOM)?;
    let pid = std::process::id();
    let endpoints = described.endpoints(listening, arguments);
    let address_file = AddressFile::write(data_dir, &endpoints, &token, pid)
        .with_context(|| format!("cannot write to {}, see --data-dir", data_dir.display()))?;
    let recorder = Arc::new(Recorder::new());
    let front = Arc::new(Front {
        token: token.clone(),
        journal: Arc::clone(&journal),
        recorder: Arc::clone(&recorder),
        running: OnceLock::new(),
        tls: tls.clone(),
    });
    let accepting = tokio::spawn(serve::accept(listener, Arc::clone(&front)));

    let file_system = files(arguments.file_system, process, data_dir)
        .with_context(|| format!("cannot write to {}, see --data-dir", data_dir.display()))?;
    let setting = Setting {
        arguments,
        process,
        listening,
        data_dir,
        tls: tls.as_ref(),
        credentials: &credentials,
        file_system: &file_system,
    };
    let loaded = tokio::select! {
        loaded = described.load(setting) => loaded?,
        // Dropping the build ends what it started.
        () = stop.asked() => return Ok(()),
    };
    loaded.warn(&[]);
    let watch = match arguments.watches(process.interactive) {
        true => {
            let mut watch = Watch::new().context("cannot watch files: use --no-watch")?;
            reload::warn(watch.set(loaded.watched.clone()));
            Some(watch)
        }
        false => None,
    };

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
        credentials: &credentials,
        file_system: &file_system,
        journal: &journal,
        recorder: &recorder,
        faults: &faults,
    };
    let board = Arc::new(Board::new(wire::states(&loaded)));
    let lambda = Arc::new(parts.lambda(&loaded, &board)?);
    let functions = Functions::new(Arc::clone(&lambda), wire::unsupported(&loaded));
    let functions = Arc::new(functions);
    let gateway = parts.gateway(&loaded, &functions)?;
    let shown = Shown {
        overview: loaded.overview.clone(),
        page: loaded.project.page.clone(),
    };
    let running = front.running.get_or_init(|| {
        Running::new(
            gateway.clone(),
            Arc::clone(&lambda),
            parts.signatures("lambda"),
            Arc::clone(&board),
            Arc::clone(&faults),
            clock.clone(),
            shown,
        )
    });

    let started = tokio::select! {
        _ = tokio::time::timeout(START_WITHIN, board.settled()) => true,
        () = stop.asked() => false,
    };
    if started {
        let style = Style::new(process.colours);
        let overview = &loaded.overview;
        let at = clock.now_ms();
        let mut banner = banner(overview, &board.states(), began.elapsed(), style);
        let told = attach::write(&lambda, &loaded.launches, data_dir)
            .with_context(|| format!("cannot write to {}, see --data-dir", data_dir.display()))?;
        banner.push_str(&told);
        let ready = Ready {
            websocket: endpoints.websocket.clone(),
            management: endpoints.management.clone(),
            console: endpoints.console.clone(),
            page: endpoints.page.clone(),
            stages: overview.stages.clone(),
            pid,
            token,
            credentials: credentials.clone(),
        };
        journal.open(Opening { at, ready, banner });
        let reload = Reload {
            setting,
            parts,
            running,
            functions: &functions,
            journal: &journal,
            schedules: parts.schedules(&loaded, &lambda),
            loaded,
        };
        match watch {
            Some(watch) => tokio::select! {
                () = reload.run(watch) => {}
                () = stop.asked() => {}
            },
            None => {
                // The schedules run as long as it is there.
                stop.asked().await;
                drop(reload);
            }
        }
    }

    journal.record(Fact {
        at: clock.now_ms(),
        kind: Kind::Stopping,
    });
    gateway.shutdown().await;
    lambda.shutdown().await;
    accepting.abort();
    drop(address_file);
    journal.flush();
    Ok(())
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
