//! No process outlives the machine, however it ends.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use gatepost_runtime_api::FactEvent;
use gatepost_runtime_api::FunctionSpec;
use gatepost_runtime_api::InvokeError;
use gatepost_runtime_api::StopReason;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::facts::PATIENCE;
use super::puppet::Puppet;
use super::stage::PUPPET;
use super::stage::SUPERVISOR;
use super::stage::Stage;
use super::stage::outcome;

/// Waits until a process has ended.
pub(super) async fn ended(pid: u32) {
    let end = async {
        while runs(pid) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, end)
        .await
        .unwrap_or_else(|_| panic!("process {pid} outlived its machine"));
}

/// Whether it runs, and is not a zombie that nobody has buried yet.
fn runs(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}/exe")).read_link().is_ok()
}

#[tokio::test]
async fn an_orderly_end_leaves_nothing_and_refuses_what_waits() {
    let stage = Stage::with(
        |config| config.concurrency = std::num::NonZeroUsize::MIN,
        |_| {},
    )
    .await;
    let mut puppet = stage.puppet().await;
    let child: u32 = puppet.order("child").await.parse().unwrap();
    let busy = stage.invoke("1");
    let event = puppet.next().await;
    let waits = stage.invoke("2");
    while stage.lambda.status()[0].queued == 0 {
        tokio::task::yield_now().await;
    }
    let lambda = Arc::clone(&stage.lambda);
    let end = tokio::spawn(async move { lambda.shutdown().await });
    assert_eq!(
        outcome(waits).await.unwrap_err(),
        InvokeError::Stopping.to_string()
    );
    // What works may finish.
    puppet.respond(&event, b"1").await;
    assert_eq!(outcome(busy).await.unwrap(), "1");
    puppet.ask().await;
    drop(puppet.runtime);
    timeout(PATIENCE, end).await.unwrap().unwrap();
    assert_eq!(stage.facts.stopped(1).await, StopReason::Shutdown);
    assert!(!runs(puppet.pid) && !runs(child));
    assert_eq!(
        outcome(stage.invoke("3")).await.unwrap_err(),
        InvokeError::Stopping.to_string()
    );
}

#[tokio::test]
async fn a_frozen_process_with_children_ends_with_its_machine() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let child = puppet.order("child").await.parse().unwrap();
    puppet.ask().await;
    stage
        .facts
        .wait(|fact| matches!(fact, FactEvent::Frozen { .. }))
        .await;
    let pid = puppet.pid;
    // Without `shutdown`, as when the emulator fails.
    drop(stage);
    ended(pid).await;
    ended(child).await;
}

#[tokio::test]
async fn a_killed_machine_leaves_nothing() {
    let puppets = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut machine = tokio::process::Command::new(SUPERVISOR)
        .args(["host", PUPPET, &puppets.local_addr().unwrap().to_string()])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (stream, _) = timeout(PATIENCE, puppets.accept()).await.unwrap().unwrap();
    let mut puppet = Puppet::new(stream).await;
    let child = puppet.order("child").await.parse().unwrap();
    let guard = guard_of(machine.id().unwrap(), puppet.pid);
    machine.kill().await.unwrap();
    ended(puppet.pid).await;
    ended(child).await;
    ended(guard).await;
}

/// The process beside `function` that `machine` started.
fn guard_of(machine: u32, function: u32) -> u32 {
    let tasks = std::fs::read_dir(format!("/proc/{machine}/task")).unwrap();
    let children: String = tasks
        .map(|task| std::fs::read_to_string(task.unwrap().path().join("children")).unwrap())
        .collect();
    let guard = children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok());
    guard
        .into_iter()
        .find(|pid| *pid != function)
        .expect("there is a guard")
}

#[tokio::test]
async fn an_environment_with_an_extension_may_clean_up() {
    let script = r#"
import os, signal, threading, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"]
def call(path, headers, body=None):
    return urllib.request.urlopen(urllib.request.Request(api + path, body, headers))
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
registered = call("/2020-01-01/extension/register", {"Lambda-Extension-Name": "x"}, b"{}")
identifier = {"Lambda-Extension-Identifier": registered.headers["Lambda-Extension-Identifier"]}
for path, headers in [("/2020-01-01/extension/event/next", identifier),
                      ("/2018-06-01/runtime/invocation/next", {})]:
    threading.Thread(target=call, args=(path, headers), daemon=True).start()
signal.sigwait({signal.SIGTERM})
print("cleaned up", flush=True)
os._exit(0)
"#;
    let python = |function: &mut FunctionSpec| {
        function.command.program = "/usr/bin/env".into();
        function.command.arguments = ["python3", "-c", script].map(str::to_owned).into();
    };
    let stage = Stage::with(|_| {}, python).await;
    stage.lambda.ready().await;
    stage
        .facts
        .wait(|fact| matches!(fact, FactEvent::Frozen { .. }))
        .await;
    stage.lambda.shutdown().await;
    assert_eq!(stage.facts.stopped(1).await, StopReason::Shutdown);
    let said =
        |fact: &FactEvent| matches!(fact, FactEvent::Printed { line, .. } if line == "cleaned up");
    assert_eq!(stage.facts.count(said), 1);
}
