//! What an environment uses of the machine. Lambda guide, "Configure Lambda function memory".

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
