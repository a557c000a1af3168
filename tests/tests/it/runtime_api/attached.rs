//! Functions whose process somebody else starts: real Node.js processes, which a person would start
//! in a debugger.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use gatepost_runtime_api::FactEvent;
use gatepost_runtime_api::FunctionSpec;
use gatepost_runtime_api::Lambda;
use gatepost_runtime_api::Outcome;
use gatepost_tests::machine::function;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::Child;
use tokio::process::Command;
use tokio::task::JoinHandle;

use super::facts::Facts;
use super::stage::config;

/// A function with a timeout of one second that answers with its event, or exits, or takes longer.
const CODE: &str = "exports.handler = async (event, context) => {
    if (event === 'exit') process.exit(3)
    if (event === 'slow') await new Promise((done) => setTimeout(done, 1500))
    return { event, left: context.getRemainingTimeInMillis(), own: process.env.OWN }
}";

struct Attached {
    lambda: Arc<Lambda>,
    facts: Facts,
    folder: tempfile::TempDir,
}

impl Attached {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("index.js"), CODE).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let spec = spec(free.local_addr().unwrap(), folder.path(), "mine");
        drop(free);
        let facts = Facts::new();
        let lambda = Arc::new(Lambda::new(config(&facts), vec![spec]).unwrap());
        let attached = Self {
            lambda,
            facts,
            folder,
        };
        attached.listening(1).await;
        attached
    }

    /// Starts the function as somebody would: with the variables that are said.
    fn start(&self) -> Child {
        let client =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../local-dev/runtimes/node/main.mjs");
        Command::new("/usr/bin/env")
            .arg("node")
            .arg(client)
            .arg("index.handler")
            .current_dir(self.folder.path())
            .envs(self.lambda.variables("f").unwrap())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    fn invoke(&self, event: &str) -> JoinHandle<Result<Value, Value>> {
        let (lambda, event) = (Arc::clone(&self.lambda), event.to_owned());
        tokio::spawn(async move {
            let json = |bytes: bytes::Bytes| serde_json::from_slice(&bytes).unwrap();
            match lambda.invoke("f", event.into()).await.unwrap() {
                Outcome::Response(body) => Ok(json(body)),
                Outcome::FunctionError(error) => Err(json(error)),
            }
        })
    }

    async fn listening(&self, times: usize) {
        let listening = |fact: &FactEvent| matches!(fact, FactEvent::Listening { .. });
        self.facts.wait_for(times, listening).await;
    }

    async fn detached(&self, times: usize) {
        let detached = |fact: &FactEvent| matches!(fact, FactEvent::Detached { .. });
        self.facts.wait_for(times, detached).await;
    }
}

fn spec(address: SocketAddr, folder: &Path, own: &str) -> FunctionSpec {
    let mut spec = function("f", PathBuf::new());
    spec.attach = Some(address);
    spec.command.folder = folder.to_owned();
    spec.handler = "index.handler".to_owned();
    spec.runtime = "nodejs22.x".to_owned();
    spec.timeout = Duration::from_secs(1);
    spec.environment.insert("OWN".to_owned(), own.to_owned());
    spec
}

#[tokio::test]
async fn events_wait_for_the_process_that_somebody_starts() {
    let attached = Attached::new().await;
    let (first, second) = (attached.invoke("1"), attached.invoke("2"));
    let _process = attached.start();
    let mut events = Vec::new();
    for invocation in [first, second] {
        let answer = invocation.await.unwrap().unwrap();
        assert_eq!(answer["own"], "mine");
        events.push(answer["event"].as_u64().unwrap());
    }
    events.sort_unstable();
    assert_eq!(events, [1, 2]);
    // Whoever looks at it does not want it frozen.
    let frozen = |fact: &FactEvent| matches!(fact, FactEvent::Frozen { .. });
    assert_eq!(attached.facts.count(frozen), 0);
    attached.lambda.shutdown().await;
}

#[tokio::test]
async fn a_breakpoint_may_last_longer_than_the_timeout() {
    let attached = Attached::new().await;
    let mut process = attached.start();
    let answer = attached.invoke(r#""slow""#).await.unwrap().unwrap();
    // It is told of the longest timeout of Lambda, so that it does not give up either.
    assert!(answer["left"].as_i64().unwrap() > 800_000, "{answer}");
    assert!(process.try_wait().unwrap().is_none(), "it still runs");
    attached.lambda.shutdown().await;
}

#[tokio::test]
async fn one_process_may_follow_another() {
    let attached = Attached::new().await;
    for round in 1..=3 {
        let mut process = attached.start();
        let answer = attached.invoke(&round.to_string()).await.unwrap().unwrap();
        assert_eq!(answer["event"], round);
        process.kill().await.unwrap();
        attached.detached(round).await;
    }
    // Nobody is there: the event waits for the next one.
    let waiting = attached.invoke("4");
    let _process = attached.start();
    assert_eq!(waiting.await.unwrap().unwrap()["event"], 4);
    attached.lambda.shutdown().await;
}

#[tokio::test]
async fn what_a_process_left_behind_is_an_error_when_the_next_one_comes() {
    let attached = Attached::new().await;
    let mut process = attached.start();
    let lost = attached.invoke(r#""exit""#);
    process.wait().await.unwrap();
    let _process = attached.start();
    let error = lost.await.unwrap().unwrap_err();
    assert_eq!(error["errorType"], "Runtime.ExitError");
    let next = attached.invoke("5").await.unwrap().unwrap();
    assert_eq!(next["event"], 5);
    attached.lambda.shutdown().await;
}

#[tokio::test]
async fn a_process_that_cannot_load_its_handler_may_be_corrected() {
    let attached = Attached::new().await;
    let file = attached.folder.path().join("index.js");
    std::fs::write(&file, "throw new Error('not yet')").unwrap();
    let waiting = attached.invoke("6");
    attached.start().wait().await.unwrap();
    let failed = |fact: &FactEvent| matches!(fact, FactEvent::InitFailed { reason, .. } if reason.contains("not yet"));
    attached.facts.wait(failed).await;
    std::fs::write(&file, CODE).unwrap();
    let _process = attached.start();
    assert_eq!(waiting.await.unwrap().unwrap()["event"], 6);
    attached.lambda.shutdown().await;
}

#[tokio::test]
async fn a_new_version_of_the_function_listens_at_the_same_place() {
    let attached = Attached::new().await;
    let variables = attached.lambda.variables("f").unwrap();
    let address = &variables[OsStr::new("AWS_LAMBDA_RUNTIME_API")];
    let address = address.to_str().unwrap().parse().unwrap();
    let new = spec(address, attached.folder.path(), "new");
    attached.lambda.replace(new);
    attached.listening(2).await;
    let _process = attached.start();
    let answer = attached.invoke("7").await.unwrap().unwrap();
    assert_eq!(answer["own"], "new");
    attached.lambda.shutdown().await;
}
