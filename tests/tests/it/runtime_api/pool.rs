//! How many environments there are, and which one gets an event.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use futures_util::future::join_all;
use gatepost_clock::Clock;
use gatepost_runtime_api::FactEvent;
use gatepost_runtime_api::InvokeError;
use gatepost_runtime_api::Lambda;
use gatepost_runtime_api::Outcome;
use gatepost_runtime_api::StopReason;
use gatepost_tests::machine::function;

use super::facts::Facts;
use super::stage::Stage;
use super::stage::config;
use super::stage::outcome;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_invocations_at_once_scale_to_the_cap_and_queue() {
    let facts = Facts::new();
    let echo = function("f", env!("CARGO_BIN_EXE_echo").into());
    let lambda = Arc::new(Lambda::new(config(&facts), vec![echo]).unwrap());
    let outcomes = join_all((0..100).map(|number| {
        let lambda = lambda.clone();
        tokio::spawn(async move {
            let payload = format!(r#"{{"body":{number}}}"#);
            let expected = format!(r#"{{"body":{number},"statusCode":200}}"#);
            assert_eq!(
                lambda.invoke("f", payload.into()).await,
                Ok(Outcome::Response(expected.into()))
            );
        })
    }))
    .await;
    assert!(outcomes.iter().all(Result::is_ok));
    facts
        .wait_for(100, |fact| matches!(fact, FactEvent::Ended { .. }))
        .await;

    let (mut busy, mut most, mut environments) = (0, 0, BTreeSet::new());
    for fact in facts.all() {
        match fact {
            FactEvent::Started { environment, .. } => {
                environments.insert(environment);
                busy += 1;
                most = most.max(busy);
            }
            FactEvent::Ended { .. } => busy -= 1,
            _ => {}
        }
    }
    assert!(most <= 4, "{most} at once");
    assert!((2..=4).contains(&environments.len()), "{environments:?}");
    lambda.shutdown().await;
}

#[tokio::test]
async fn the_environment_that_was_used_last_is_used_first() {
    let stage = Stage::new().await;
    let mut first = stage.puppet().await;
    let one = stage.invoke("1");
    let event_one = first.next().await;
    let two = stage.invoke("2");
    let mut second = stage.puppet().await;
    let event_two = second.next().await;
    second.respond(&event_two, b"{}").await;
    first.respond(&event_one, b"{}").await;
    outcome(one).await.unwrap();
    outcome(two).await.unwrap();
    first.ask().await;
    stage
        .facts
        .wait_for(1, |fact| matches!(fact, FactEvent::Ended { .. }))
        .await;
    second.ask().await;
    stage
        .facts
        .wait_for(2, |fact| matches!(fact, FactEvent::Ended { .. }))
        .await;
    for _ in 0..3 {
        let invocation = stage.invoke("3");
        let event = second.runtime.receive().await;
        second.respond(&event, b"{}").await;
        outcome(invocation).await.unwrap();
        let ended = stage
            .facts
            .count(|fact| matches!(fact, FactEvent::Ended { .. }));
        second.ask().await;
        stage
            .facts
            .wait_for(ended + 1, |fact| matches!(fact, FactEvent::Ended { .. }))
            .await;
    }
}

#[tokio::test]
async fn reserved_concurrency_throttles_callers() {
    let stage = Stage::with(|_| {}, |function| function.reserved_concurrency = Some(1)).await;
    let mut puppet = stage.puppet().await;
    let one = stage.invoke("1");
    let event = puppet.next().await;
    let throttled = InvokeError::Throttled("f".to_owned()).to_string();
    assert_eq!(outcome(stage.invoke("2")).await.unwrap_err(), throttled);
    // Asynchronous ones wait for their turn.
    let queued = stage.lambda.invoke_async("f", "3".into()).unwrap();
    puppet.respond(&event, b"{}").await;
    outcome(one).await.unwrap();
    let event = puppet.next().await;
    assert_eq!(
        event.header("lambda-runtime-aws-request-id"),
        queued.to_string()
    );
    let spawned = |fact: &FactEvent| matches!(fact, FactEvent::Spawned { .. });
    assert_eq!(stage.facts.count(spawned), 1);
}

#[tokio::test]
async fn a_function_with_a_reserved_concurrency_of_0_is_never_invoked() {
    let stage = Stage::with(|_| {}, |function| function.reserved_concurrency = Some(0)).await;
    let throttled = InvokeError::Throttled("f".to_owned()).to_string();
    assert_eq!(outcome(stage.invoke("{}")).await.unwrap_err(), throttled);
}

#[tokio::test]
async fn a_function_that_is_called_by_another_one_gets_an_environment_beyond_the_cap() {
    let stage = Stage::with(|config| config.concurrency = NonZeroUsize::MIN, |_| {}).await;
    let mut outer = stage.puppet().await;
    let invocation = stage.invoke("outer");
    let event = outer.next().await;
    stage.lambda.replace(stage.puppet_spec("inner"));
    let mut inner = stage.puppet().await;
    inner.ask().await;
    let nested = stage.lambda.invoke("inner", "nested".into());
    let nested = async {
        let (result, ()) = tokio::join!(nested, async {
            let event = inner.runtime.receive().await;
            inner.respond(&event, b"\"in\"").await;
        });
        result
    };
    assert_eq!(nested.await, Ok(Outcome::Response("\"in\"".into())));
    outer.respond(&event, b"\"out\"").await;
    assert_eq!(outcome(invocation).await.unwrap(), "\"out\"");
}

#[tokio::test]
async fn a_new_version_gets_new_events_while_the_old_one_finishes() {
    let stage = Stage::new().await;
    let mut old = stage.puppet().await;
    let invocation = stage.invoke("1");
    let event = old.next().await;
    stage.lambda.replace(stage.puppet_spec("f"));
    let mut new = stage.puppet().await;
    let second = stage.invoke("2");
    let second_event = new.next().await;
    assert_eq!(second_event.body, "2");
    old.respond(&event, b"\"old\"").await;
    assert_eq!(outcome(invocation).await.unwrap(), "\"old\"");
    old.ask().await;
    stage
        .facts
        .wait(|fact| matches!(fact, FactEvent::Ended { environment: 1, .. }))
        .await;
    drop(old.runtime);
    assert_eq!(stage.facts.stopped(1).await, StopReason::Replaced);
    new.respond(&second_event, b"\"new\"").await;
    assert_eq!(outcome(second).await.unwrap(), "\"new\"");
}

#[tokio::test]
async fn an_environment_that_has_nothing_to_do_ends() {
    let stage = Stage::with(|config| config.clock = Clock::system(10_000.0), |_| {}).await;
    let mut puppet = stage.puppet().await;
    puppet.ask().await;
    assert_eq!(stage.facts.stopped(1).await, StopReason::Idle);
    assert_eq!(stage.lambda.status()[0].idle, 0);
}

#[tokio::test]
async fn an_unknown_function_is_not_found() {
    let stage = Stage::new().await;
    let error = stage.lambda.invoke("g", "{}".into()).await.unwrap_err();
    assert_eq!(error, InvokeError::NotFound("g".to_owned()));
}
