//! What an environment uses of the machine. Lambda guide, "Configure Lambda function memory" and
//! "Understanding the Lambda execution environment lifecycle".

use std::path::Path;

use gatepost_runtime_api::FactEvent;
use gatepost_runtime_api::StopReason;

use super::stage::Stage;
use super::stage::outcome;

#[tokio::test]
async fn more_memory_than_the_function_has_is_told_at_once_and_the_most_at_the_end() {
    let stage = Stage::with(|_| {}, |function| function.memory_mb = 1).await;
    let mut puppet = stage.puppet().await;
    puppet.ask().await;
    let memory = |fact: &FactEvent| matches!(fact, FactEvent::Memory { .. });
    let fact = stage.facts.wait(memory).await;
    let FactEvent::Memory {
        max_mb, limit_mb, ..
    } = fact
    else {
        panic!("{fact:?}");
    };
    assert_eq!(limit_mb, 1);
    assert!(max_mb > 1, "no process has so little");
    // It goes on, unlike on Lambda.
    let invocation = stage.invoke("1");
    let event = puppet.runtime.receive().await;
    puppet.respond(&event, b"2").await;
    assert_eq!(outcome(invocation).await.unwrap(), "2");
    puppet.ask().await;
    stage.lambda.shutdown().await;
    assert_eq!(stage.facts.count(memory), 2);
    assert_eq!(stage.facts.stopped(1).await, StopReason::Shutdown);
}

#[tokio::test]
async fn every_environment_has_a_folder_of_its_own_for_temporary_files() {
    let folder = tempfile::tempdir().unwrap();
    let temporary = Some(folder.path().to_owned());
    let stage = Stage::with(|config| config.temporary = temporary, |_| {}).await;
    let mut first = stage.puppet().await;
    let _one = stage.invoke("1");
    first.next().await;
    let _two = stage.invoke("2");
    let mut second = stage.puppet().await;
    let mut folders = Vec::new();
    for puppet in [&mut first, &mut second] {
        let variables: Vec<(String, String)> =
            serde_json::from_str(&puppet.order("variables").await).unwrap();
        let own = variables.into_iter().find(|(name, _)| name == "TMPDIR");
        let (_, own) = own.unwrap();
        std::fs::write(Path::new(&own).join("file"), "text").unwrap();
        folders.push(own);
    }
    assert_ne!(folders[0], folders[1]);
    stage.lambda.shutdown().await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
