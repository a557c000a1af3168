//! A ready environment stands still.

use std::fs;
use std::os::unix::fs::FileExt;

use gatepost_runtime_api::FactEvent;

use super::facts::PATIENCE;
use super::interpreted::Interpreted;
use super::interpreted::Language;
use super::stage::Stage;
use super::stage::outcome;

#[tokio::test]
async fn work_that_nobody_waits_for_stops_until_the_next_event() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("count");
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    puppet.order(&format!("count {}", path.display())).await;
    puppet.respond(&event, b"{}").await;
    puppet.ask().await;
    outcome(invocation).await.unwrap();

    let frozen = |fact: &FactEvent| matches!(fact, FactEvent::Frozen { .. });
    let thawed = |fact: &FactEvent| matches!(fact, FactEvent::Thawed { .. });
    stage.facts.wait(frozen).await;
    let count = || {
        let mut count = [0; 8];
        fs::File::open(&path)
            .unwrap()
            .read_exact_at(&mut count, 0)
            .unwrap();
        u64::from_ne_bytes(count)
    };
    // A stop signal takes effect when the process is next looked at; then the state says so.
    while state(puppet.pid) != 'T' {
        tokio::task::yield_now().await;
    }
    let before = count();
    // Time goes by, as much as another environment needs to start.
    stage.lambda.replace(stage.puppet_spec("other"));
    stage.puppet().await.ask().await;
    stage.lambda.ready().await;
    assert_eq!(count(), before, "nothing runs");

    let invocation = stage.invoke("{}");
    let event = puppet.runtime.receive().await;
    while count() == before {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.facts.count(thawed), 1);
    puppet.respond(&event, b"{}").await;
    outcome(invocation).await.unwrap();
}

/// The same of a Node.js function: its timer is due while it stands still, and fires when the next
/// event comes. On AWS this is how work that nobody awaited seems lost, and turns up later.
#[tokio::test]
async fn a_node_functions_promise_that_nobody_awaits_goes_on_with_the_next_event() {
    let text = "
        let pid = process.pid, done = [];
        exports.handler = async (event) => {
          if (event === 'ask') {
            // Behind the timers that are due.
            await new Promise((resolve) => setTimeout(resolve, 0));
            return { pid, done };
          }
          for (const ms of [0, 1, 50]) setTimeout(() => done.push(ms), ms);
          // Not awaited.
          new Promise((resolve) => setTimeout(resolve, 50)).then(() => console.log('worked'));
          return { pid };
        };";
    let function = Interpreted::new(Language::Node, "index.handler", &[("index.js", text)]);
    let started = function.invoke("\"start\"").await.unwrap();
    let pid = started["pid"].as_u64().unwrap().try_into().unwrap();
    let worked = |fact: &FactEvent| matches!(fact, FactEvent::Printed { line, .. } if line.ends_with("worked"));
    let stands_still = async {
        while state(pid) != 'T' {
            tokio::task::yield_now().await;
        }
    };
    let stands_still = tokio::time::timeout(PATIENCE, stands_still).await;
    stands_still.expect("it runs on");
    // Time goes by, more than the timers have: as much as another such process needs to start and to
    // wait for a timer of that length.
    let waits = "exports.handler = () => new Promise((done) => setTimeout(done, 100, 'waited'))";
    let other = Interpreted::new(Language::Node, "index.handler", &[("index.js", waits)]);
    assert_eq!(other.invoke("{}").await.unwrap(), "waited");
    assert_eq!(function.facts.count(worked), 0, "nothing runs");

    let asked = function.invoke("\"ask\"").await.unwrap();
    assert_eq!(asked["pid"], started["pid"], "the same process");
    // What was due ran as soon as anything did.
    assert_eq!(asked["done"], serde_json::json!([0, 1, 50]));
    function.facts.wait(worked).await;
    function.lambda.shutdown().await;
    other.lambda.shutdown().await;
}

/// The state of a process: proc(5), `/proc/pid/stat`, the field after the name.
fn state(pid: u32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(") ").next().unwrap().chars().next().unwrap()
}
