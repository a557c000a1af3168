//! The functions of one machine, for tests and benchmarks.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gatepost_clock::Clock;
use gatepost_runtime_api::Command;
use gatepost_runtime_api::Config;
use gatepost_runtime_api::Fact;
use gatepost_runtime_api::FileSystem;
use gatepost_runtime_api::FunctionSpec;
use gatepost_runtime_api::NoFaults;
use gatepost_runtime_api::Supervisor;
use uuid::Uuid;

/// A machine with four environments at once and the emulator's region and account; `supervisor` is
/// the `lambda_machine` binary.
pub fn config(supervisor: PathBuf, observer: impl Fn(Fact) + Send + Sync + 'static) -> Config {
    Config {
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        injected: BTreeMap::new(),
        inherited: BTreeMap::from([("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())]),
        file_system: FileSystem::Machine { temporary: None },
        concurrency: NonZeroUsize::new(4).expect("it is not 0"),
        processors: Config::available_processors(),
        supervisor: Supervisor {
            program: supervisor,
            arguments: vec!["supervise".into()],
        },
        clock: Clock::system(1.0),
        new_id: Arc::new(Uuid::new_v4),
        observer: Arc::new(observer),
        faults: Arc::new(NoFaults),
    }
}

/// A function that is one program, with the timeout and memory that Lambda gives by default.
pub fn function(id: &str, program: PathBuf) -> FunctionSpec {
    FunctionSpec {
        id: id.to_owned(),
        name: id.to_owned(),
        command: Command {
            program,
            arguments: Vec::new(),
            folder: "/".into(),
        },
        attach: None,
        environment: BTreeMap::new(),
        runtime: "provided.al2023".to_owned(),
        handler: "bootstrap".to_owned(),
        memory_mb: 128,
        tmp_mb: 512,
        timeout: Duration::from_secs(3),
        reserved_concurrency: None,
        retry_attempts: 2,
        maximum_event_age: Duration::from_secs(21_600),
        on_success: None,
        on_failure: None,
        aliases: BTreeSet::new(),
        may_recurse: false,
    }
}
