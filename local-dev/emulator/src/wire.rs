//! The parts of a running emulator, made from a template and the command line.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use gatepost_clock::Clock;
use gatepost_gateway as gateway;
use gatepost_gateway::Gateway;
use gatepost_gateway::Random;
use gatepost_runtime_api as runtime_api;
use gatepost_runtime_api::FunctionSpec;
use gatepost_runtime_api::Lambda;
use gatepost_sigv4::Signatures;
use gatepost_template::Function;
use uuid::Uuid;

use crate::board::Board;
use crate::board::State;
use crate::build::Launch;
use crate::cli::DevArguments;
use crate::cli::Process;
use crate::cli::Quotas;
use crate::credentials::Credentials;
use crate::credentials::REGION;
use crate::environment;
use crate::facts::Fact;
use crate::facts::Journal;
use crate::facts::Kind;
use crate::facts::Recorder;
use crate::faults::Faults;
use crate::file_system::Files;
use crate::file_system::supervisor;
use crate::functions::Functions;
use crate::functions::GatewayObserver;
use crate::functions::lambda_observer;
use crate::loaded::Loaded;
use crate::schedule;
use crate::schedule::Schedules;
use crate::signatures::signatures;

/// Of everything that is emulated: the account in ARNs.
const ACCOUNT: &str = "000000000000";

/// What functions inherit of the emulator's environment. Anything else would hide what is missing
/// from their own.
const INHERITED: [&str; 3] = ["PATH", "HOME", "LANG"];

/// What the parts are made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'a> {
    /// The time of the emulated world.
    pub(crate) clock: &'a Clock,
    /// What API Gateway allows.
    pub(crate) quotas: &'a Quotas,
    /// The throttles that all APIs share.
    pub(crate) account: &'a Arc<gateway::Account>,
    /// The command line.
    pub(crate) arguments: &'a DevArguments,
    /// The emulator's own process.
    pub(crate) process: &'a Process,
    /// Of this start.
    pub(crate) credentials: &'a Credentials,
    /// What functions find of this machine's files.
    pub(crate) file_system: &'a Files,
    /// Where facts go.
    pub(crate) journal: &'a Arc<Journal>,
    /// Where they go with bodies, if anybody wants that.
    pub(crate) recorder: &'a Arc<Recorder>,
    /// What goes wrong on purpose.
    pub(crate) faults: &'a Arc<Faults>,
}

impl Parts<'_> {
    /// The functions that can run; one environment of each begins to start.
    pub(crate) fn lambda(self, loaded: &Loaded, board: &Arc<Board>) -> anyhow::Result<Lambda> {
        let arguments = self.arguments;
        let config = runtime_api::Config {
            // What SDKs in functions sign for.
            region: self.credentials.region.clone(),
            account: ACCOUNT.to_owned(),
            injected: environment::identity(self.credentials),
            inherited: inherited(self.process),
            file_system: self.file_system.system.clone(),
            concurrency: arguments
                .concurrency
                .unwrap_or_else(runtime_api::Config::default_concurrency),
            processors: runtime_api::Config::available_processors(),
            supervisor: supervisor(self.process),
            clock: self.clock.clone(),
            new_id: Arc::new(new_ids()?),
            faults: Arc::<Faults>::clone(self.faults),
            observer: lambda_observer(
                Arc::clone(board),
                Arc::clone(self.journal),
                self.clock.clone(),
            ),
        };
        Lambda::new(config, specs(loaded))
            .context("cannot start the process that watches over functions")
    }

    /// The gateway before these functions.
    pub(crate) fn gateway(
        self,
        loaded: &Loaded,
        functions: &Arc<Functions>,
    ) -> anyhow::Result<Gateway> {
        let random = gateway::SplitMix::from_system().context("the system's random source")?;
        let config = gateway::Config {
            apis: apis(loaded),
            region: REGION.to_owned(),
            account: ACCOUNT.to_owned(),
            authority: loaded.overview.endpoints.authority.clone(),
            limits: self.quotas.limits.clone(),
            throttles: Arc::clone(self.account),
            guesses: self.arguments.guesses(),
            clock: self.clock.clone(),
            random: Arc::new(random),
            signatures: self.signatures("execute-api"),
            caller: self.credentials.caller(ACCOUNT),
            observer: Arc::new(GatewayObserver {
                journal: Arc::clone(self.journal),
                recorder: Arc::clone(self.recorder),
            }),
            faults: Arc::<Faults>::clone(self.faults),
        };
        let functions: Arc<Functions> = Arc::clone(functions);
        Ok(Gateway::new(config, functions))
    }

    /// The signatures of requests for `service`.
    pub(crate) fn signatures(self, service: &'static str) -> Signatures {
        let (sigv4, credentials) = (self.arguments.sigv4, self.credentials);
        signatures(sigv4, credentials, service, self.journal, self.clock)
    }

    /// Starts the schedules of the functions that run.
    pub(crate) fn schedules(self, loaded: &Loaded, lambda: &Arc<Lambda>) -> Schedules {
        Schedules::new(&loaded.project.functions, |function, schedule| {
            if matches!(loaded.launches[&function.id], Launch::Unsupported(_)) {
                return None;
            }
            let (id, input) = (function.id.clone(), schedule.input.clone());
            let (lambda, journal) = (Arc::clone(lambda), Arc::clone(self.journal));
            let (every, clock) = (schedule.every, self.clock.clone());
            let timed = self.clock.clone();
            let invoke = move || {
                let at = timed.now_ms();
                let payload = schedule::payload(input.as_deref(), Uuid::new_v4(), at, ACCOUNT, &id);
                let function = id.clone();
                journal.record(Fact {
                    at,
                    kind: Kind::Scheduled { function },
                });
                if let Err(error) = lambda.invoke_async(&id, payload) {
                    tracing::warn!(function = id, %error, "a scheduled event was lost");
                }
            };
            Some(tokio::spawn(async move {
                schedule::run(every, &clock, invoke).await;
            }))
        })
    }
}

/// Every function, and how it begins.
pub(crate) fn states(loaded: &Loaded) -> BTreeMap<String, State> {
    let state = |launch: &Launch| match launch {
        Launch::Command(_) => State::Starting,
        Launch::Attached { .. } => State::Detached,
        Launch::Unsupported(reason) => State::Unsupported {
            reason: reason.clone(),
        },
    };
    let launches = loaded.launches.iter();
    launches
        .map(|(id, launch)| (id.clone(), state(launch)))
        .collect()
}

/// The functions that can run.
pub(crate) fn specs(loaded: &Loaded) -> Vec<FunctionSpec> {
    let (served, endpoints) = (&loaded.served, &loaded.overview.endpoints);
    // A template makes its API's addresses with `Fn::Sub`: here they are on this machine.
    let local = |value: &str| served.with_local_addresses(value, &endpoints.authority);
    let functions = loaded.project.functions.values();
    functions
        .filter_map(|function| match &loaded.launches[&function.id] {
            Launch::Command(command) => Some((function, command.clone(), None)),
            Launch::Attached {
                address, folder, ..
            } => {
                let command = runtime_api::Command {
                    program: PathBuf::new(),
                    arguments: Vec::new(),
                    folder: folder.clone(),
                };
                Some((function, command, Some(*address)))
            }
            Launch::Unsupported(_) => None,
        })
        .map(|(function, command, attach)| {
            let stage = served.stage_of(&function.id);
            // Plain HTTP is served beside TLS: nothing need be trusted for it.
            let plain = format!("http://{}", endpoints.authority);
            let mut variables = environment::endpoints(&plain, stage);
            variables.extend(loaded.trust.clone());
            variables.extend(loaded.overrides.clone());
            FunctionSpec {
                attach,
                ..spec(function, command, local, variables)
            }
        })
        .collect()
}

/// Why the other functions cannot run, by logical ID.
pub(crate) fn unsupported(loaded: &Loaded) -> BTreeMap<String, String> {
    let launches = loaded.launches.iter();
    launches
        .filter_map(|(id, launch)| match launch {
            Launch::Unsupported(reason) => Some((id.clone(), reason.clone())),
            Launch::Command(_) | Launch::Attached { .. } => None,
        })
        .collect()
}

/// The APIs as the gateway serves them.
pub(crate) fn apis(loaded: &Loaded) -> Vec<gateway::ServedApi> {
    let apis = loaded.served.apis.iter();
    apis.map(|served| gateway::ServedApi {
        id: served.api.api_id(),
        api: served.api.clone(),
    })
    .collect()
}

/// A function as the pool runs it: the template's variables, with addresses that are `local`, under
/// `overrides`.
fn spec(
    function: &Function,
    command: runtime_api::Command,
    local: impl Fn(&str) -> String,
    overrides: BTreeMap<String, String>,
) -> FunctionSpec {
    let variables = function.environment.iter();
    let mut environment: BTreeMap<String, String> = variables
        .map(|(name, value)| (name.clone(), local(value)))
        .collect();
    environment.extend(overrides);
    if function.runtime.starts_with("python") {
        // What a function printed before it crashed would stay in Python's buffer.
        environment
            .entry("PYTHONUNBUFFERED".to_owned())
            .or_insert_with(|| "1".to_owned());
        // On Lambda nothing can be written beside the code, either. Here it would hide a change within
        // the second, which is all that Python compares.
        environment
            .entry("PYTHONDONTWRITEBYTECODE".to_owned())
            .or_insert_with(|| "1".to_owned());
    }
    FunctionSpec {
        id: function.id.clone(),
        name: function.name.clone(),
        command,
        attach: None,
        environment,
        runtime: function.runtime.clone(),
        handler: function.handler.clone(),
        memory_mb: function.memory_mb,
        tmp_mb: function.tmp_mb,
        timeout: function.timeout,
        reserved_concurrency: function.reserved_concurrency,
        retry_attempts: function.retry_attempts,
        maximum_event_age: function.maximum_event_age,
        on_success: function.on_success.clone(),
        on_failure: function.on_failure.clone(),
        aliases: function.aliases.clone(),
        may_recurse: function.may_recurse,
    }
}

/// Version 4 UUIDs, one an invocation. They need to be distinct, not secret: no system call each.
fn new_ids() -> anyhow::Result<impl Fn() -> Uuid + Send + Sync> {
    let random = gateway::SplitMix::from_system().context("the system's random source")?;
    Ok(move || {
        let halves = u128::from(random.next()) << 64 | u128::from(random.next());
        uuid::Builder::from_random_bytes(halves.to_be_bytes()).into_uuid()
    })
}

fn inherited(process: &Process) -> BTreeMap<OsString, OsString> {
    INHERITED
        .iter()
        .filter_map(|name| process.environment.get_key_value(OsStr::new(name)))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
