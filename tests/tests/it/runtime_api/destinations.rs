//! What becomes of asynchronous invocations that end. Lambda guide, "Capturing records of Lambda
//! asynchronous invocations".

use std::time::Duration;

use gatepost_clock::Clock;
use gatepost_runtime_api::Condition;
use gatepost_runtime_api::FactEvent;
use gatepost_runtime_api::FunctionSpec;
use serde_json::Value;
use serde_json::json;

use super::puppet::Puppet;
use super::stage::Stage;

/// `f`, `g`, which may be its destination, and both their processes.
async fn stage(specify: impl FnOnce(&mut FunctionSpec)) -> (Stage, Puppet, Puppet) {
    stage_at(Clock::system(1.0), specify).await
}

async fn stage_at(
    clock: Clock,
    specify: impl FnOnce(&mut FunctionSpec),
) -> (Stage, Puppet, Puppet) {
    let stage = Stage::with(|config| config.clock = clock, specify).await;
    let f = stage.puppet().await;
    stage.lambda.replace(stage.puppet_spec("g"));
    let g = stage.puppet().await;
    (stage, f, g)
}

async fn record(puppet: &mut Puppet) -> Value {
    let event = puppet.next().await;
    puppet.respond(&event, b"{}").await;
    let mut record: Value = serde_json::from_str(&event.body).unwrap();
    let at = record["timestamp"].take();
    let at = at.as_str().unwrap();
    assert!(
        at.starts_with("20") && at.ends_with('Z') && at.len() == 24,
        "{at}"
    );
    record
}

#[tokio::test]
async fn a_destination_is_told_of_the_last_failure() {
    let clock = Clock::system(1.0);
    let (stage, mut f, mut g) = stage_at(clock.clone(), |f| {
        f.on_failure = Some("g".to_owned());
        f.retry_attempts = 1;
    })
    .await;
    let id = stage
        .lambda
        .invoke_async("f", "{\"work\":1}".into())
        .unwrap();
    for _ in 0..2 {
        let event = f.next().await;
        let id = event.header("lambda-runtime-aws-request-id");
        f.post(id, "error", br#"{"errorMessage":"no","errorType":"No"}"#)
            .await;
        let failed = |fact: &FactEvent| matches!(fact, FactEvent::AsyncFailed { .. });
        stage.facts.wait(failed).await;
        clock.advance(Duration::from_secs(60));
    }
    f.ask().await;
    assert_eq!(
        record(&mut g).await,
        json!({
            "version": "1.0",
            "timestamp": null,
            "requestContext": {
                "requestId": id.to_string(),
                "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 2,
            },
            "requestPayload": {"work": 1},
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "responsePayload": {"errorMessage": "no", "errorType": "No"},
        })
    );
}

#[tokio::test]
async fn a_destination_is_told_of_a_success() {
    let (stage, mut f, mut g) = stage(|f| f.on_success = Some("g".to_owned())).await;
    stage.lambda.invoke_async("f", "1".into()).unwrap();
    let event = f.next().await;
    f.respond(&event, b"\"done\"").await;
    let record = record(&mut g).await;
    assert_eq!(record["requestContext"]["condition"], "Success");
    assert_eq!(record["responsePayload"], "done");
    assert_eq!(record["responseContext"].get("functionError"), None);
}

#[tokio::test]
async fn a_failed_event_is_not_tried_again_when_it_would_be_too_old() {
    let (stage, mut f, mut g) = stage(|f| {
        f.on_failure = Some("g".to_owned());
        f.maximum_event_age = Duration::from_secs(60);
    })
    .await;
    stage.lambda.invoke_async("f", "1".into()).unwrap();
    let event = f.next().await;
    let id = event.header("lambda-runtime-aws-request-id");
    f.post(id, "error", b"{}").await;
    let record = record(&mut g).await;
    assert_eq!(record["requestContext"]["condition"], "EventAgeExceeded");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 1);
}

#[tokio::test]
async fn an_event_that_waited_too_long_is_dropped_and_the_next_one_is_not() {
    let clock = Clock::system(1.0);
    let (stage, mut f, mut g) = stage_at(clock.clone(), |f| {
        f.on_failure = Some("g".to_owned());
        f.reserved_concurrency = Some(1);
        f.maximum_event_age = Duration::from_secs(60);
    })
    .await;
    stage.lambda.invoke_async("f", "1".into()).unwrap();
    let first = f.next().await;
    stage.lambda.invoke_async("f", "2".into()).unwrap();
    clock.advance(Duration::from_secs(61));
    stage.lambda.invoke_async("f", "3".into()).unwrap();
    f.respond(&first, b"{}").await;
    let event = f.next().await;
    assert_eq!(event.body, "3");
    let record = record(&mut g).await;
    assert_eq!(record["requestPayload"], 2);
    assert_eq!(record["requestContext"]["condition"], "EventAgeExceeded");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 0);
    assert_eq!(record.get("responseContext"), None);
}

#[tokio::test]
async fn with_a_reserved_concurrency_of_0_an_event_fails_at_once() {
    let (stage, _f, mut g) = stage(|f| {
        f.on_failure = Some("g".to_owned());
        f.reserved_concurrency = Some(0);
    })
    .await;
    stage.lambda.invoke_async("f", "1".into()).unwrap();
    assert_eq!(record(&mut g).await["requestPayload"], 1);
    let started = |fact: &FactEvent| matches!(fact, FactEvent::Started { .. });
    assert_eq!(stage.facts.count(started), 1, "only the record");
    stage
        .facts
        .wait(|fact| {
            matches!(fact, FactEvent::AsyncEnded { condition: Condition::RetriesExhausted, destination: Some(g), .. } if g == "g")
        })
        .await;
}
