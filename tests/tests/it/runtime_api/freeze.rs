//! A ready environment stands still.

use std::fs;
use std::os::unix::fs::FileExt;

use gatepost_runtime_api::FactEvent;

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

/// The state of a process: proc(5), `/proc/pid/stat`, the field after the name.
fn state(pid: u32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(") ").next().unwrap().chars().next().unwrap()
}
