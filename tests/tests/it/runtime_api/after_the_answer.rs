//! Between the answer and ready. Lambda guide, "Using the Lambda Extensions API": the invocation
//! ends when the runtime and all extensions asked for the next event.

use std::num::NonZeroUsize;
use std::time::Duration;

use gatepost_runtime_api::FactEvent;
use gatepost_runtime_api::StopReason;

use super::http::Connection;
use super::stage::Stage;
use super::stage::outcome;

async fn one_at_a_time() -> Stage {
    Stage::with(|config| config.concurrency = NonZeroUsize::MIN, |_| {}).await
}

#[tokio::test]
async fn the_caller_has_its_answer_while_the_function_still_works() {
    let stage = one_at_a_time().await;
    let mut puppet = stage.puppet().await;
    let first = stage.invoke("1");
    let event = puppet.next().await;
    puppet.respond(&event, b"\"one\"").await;
    assert_eq!(outcome(first).await.unwrap(), "\"one\"");

    let second = stage.lambda.invoke_async("f", "2".into()).unwrap();
    let status = &stage.lambda.status()[0];
    assert_eq!(
        (status.busy, status.queued),
        (1, 1),
        "the environment is not free yet"
    );
    assert_eq!(puppet.order("print after-work goes on").await, "ok");
    assert_eq!(
        stage
            .facts
            .count(|fact| matches!(fact, FactEvent::Frozen { .. })),
        0
    );

    let event = puppet.next().await;
    assert_eq!(
        event.header("lambda-runtime-aws-request-id"),
        second.to_string()
    );
    let ended = stage.facts.all();
    let ended = ended
        .iter()
        .position(|fact| matches!(fact, FactEvent::Ended { .. }))
        .unwrap();
    let started = |fact: &FactEvent| matches!(fact, FactEvent::Started { request_id, cold: false, .. } if *request_id == second);
    assert!(stage.facts.all().iter().position(started).unwrap() > ended);
}

#[tokio::test]
async fn an_environment_is_ready_when_every_extension_is() {
    let stage = one_at_a_time().await;
    let mut puppet = stage.puppet().await;
    let mut extension = Connection::open(puppet.api).await;
    let registered = extension
        .call(
            "POST /2020-01-01/extension/register",
            "Lambda-Extension-Name: after\r\n",
            br#"{"events":["INVOKE"]}"#,
        )
        .await;
    let identifier = format!(
        "Lambda-Extension-Identifier: {}\r\n",
        registered.header("Lambda-Extension-Identifier")
    );
    let next = "GET /2020-01-01/extension/event/next";

    // Init is over when both wait.
    puppet.ask().await;
    let first = stage.invoke("1");
    extension.send(next, &identifier, b"").await;
    let event = puppet.runtime.receive().await;
    let notice = extension.receive().await;
    let notice: serde_json::Value = serde_json::from_str(&notice.body).unwrap();
    assert_eq!(notice["eventType"], "INVOKE");
    assert_eq!(
        notice["requestId"],
        event.header("lambda-runtime-aws-request-id")
    );
    assert_eq!(
        notice["deadlineMs"].to_string(),
        event.header("lambda-runtime-deadline-ms")
    );
    assert_eq!(
        notice["tracing"]["value"],
        event.header("lambda-runtime-trace-id")
    );

    // So is the invocation.
    puppet.respond(&event, b"{}").await;
    puppet.ask().await;
    outcome(first).await.unwrap();
    let second = stage.invoke("2");
    stage
        .facts
        .wait(|fact| matches!(fact, FactEvent::Answered { .. }))
        .await;
    assert_eq!(
        stage
            .facts
            .count(|fact| matches!(fact, FactEvent::Ended { .. })),
        0
    );
    extension.send(next, &identifier, b"").await;
    let event = puppet.runtime.receive().await;
    assert_eq!(event.body, "2");
    assert_eq!(extension.receive().await.status, 200);
    puppet.respond(&event, b"{}").await;
    outcome(second).await.unwrap();
}

#[tokio::test]
async fn the_timeout_covers_what_follows_the_answer() {
    let limit = Duration::from_millis(300);
    let stage = Stage::with(|_| {}, |function| function.timeout = limit).await;
    let mut puppet = stage.puppet().await;
    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    puppet.respond(&event, b"{}").await;
    assert_eq!(
        outcome(invocation).await.unwrap(),
        "{}",
        "the caller keeps its answer"
    );
    drop(puppet.runtime);
    assert_eq!(stage.facts.stopped(1).await, StopReason::Timeout);
    // The next event gets a new environment.
    let invocation = stage.invoke("{}");
    let mut puppet = stage.puppet().await;
    let event = puppet.next().await;
    puppet.respond(&event, b"2").await;
    assert_eq!(outcome(invocation).await.unwrap(), "2");
}
