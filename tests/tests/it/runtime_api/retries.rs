//! Asynchronous invocations. Lambda guide, "How Lambda handles errors and retries with asynchronous
//! invocation".

use std::time::Duration;

use gatepost_clock::Clock;
use gatepost_runtime_api::FactEvent;

use super::stage::Stage;

#[tokio::test]
async fn a_function_error_is_tried_twice_more_with_the_same_event() {
    let clock = Clock::system(1.0);
    let stage = Stage::with(|config| config.clock = clock.clone(), |_| {}).await;
    let mut puppet = stage.puppet().await;
    puppet.ask().await;
    let id = stage.lambda.invoke_async("f", "\"work\"".into()).unwrap();
    for attempt in 1..=3 {
        let event = puppet.runtime.receive().await;
        assert_eq!(event.body, "\"work\"");
        assert_eq!(
            event.header("lambda-runtime-aws-request-id"),
            id.to_string()
        );
        assert_eq!(
            puppet.post(&id.to_string(), "error", b"{}").await.status,
            202
        );
        puppet.ask().await;
        let failed = |fact: &FactEvent| matches!(fact, FactEvent::AsyncFailed { .. });
        let failed = stage.facts.wait_for(attempt, failed).await;
        if let FactEvent::AsyncFailed {
            retry_in: Some(wait),
            ..
        } = failed
        {
            clock.advance(wait);
        }
    }
    let failed: Vec<_> = stage
        .facts
        .all()
        .into_iter()
        .filter_map(|fact| match fact {
            FactEvent::AsyncFailed {
                attempt, retry_in, ..
            } => Some((attempt, retry_in)),
            _ => None,
        })
        .collect();
    let minutes = |n: u64| Some(Duration::from_secs(60 * n));
    assert_eq!(failed, [(1, minutes(1)), (2, minutes(2)), (3, None)]);
}

#[tokio::test]
async fn a_burst_waits_and_none_of_it_is_lost() {
    let stage = Stage::with(|_| {}, |function| function.reserved_concurrency = Some(1)).await;
    let mut puppet = stage.puppet().await;
    let mut queued: Vec<_> = (0..50)
        .map(|number| {
            stage
                .lambda
                .invoke_async("f", number.to_string().into())
                .unwrap()
        })
        .collect();
    for number in 0..50 {
        let event = puppet.next().await;
        assert_eq!(event.body, number.to_string());
        puppet.respond(&event, b"{}").await;
    }
    puppet.ask().await;
    stage
        .facts
        .wait_for(50, |fact| matches!(fact, FactEvent::Ended { .. }))
        .await;
    for fact in stage.facts.all() {
        if let FactEvent::Ended { request_id, .. } = fact {
            queued.retain(|id| *id != request_id);
        }
    }
    assert!(queued.is_empty());
}
