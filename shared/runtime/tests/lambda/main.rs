//! A function as a process under a scripted Runtime API: what leaves when.
//!
//! The process is this test binary, called again for [`function::a_function_under_test`].

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod function;
mod runtime_api;

use std::process::Stdio;

use gatepost_runtime::clock;

use crate::runtime_api::Call;
use crate::runtime_api::RuntimeApi;

/// Long enough for any of these invocations.
const SOON: i64 = 60_000;

#[tokio::test]
async fn the_answer_leaves_before_the_work_and_the_next_event_waits_for_the_work() {
    let mut api = RuntimeApi::start().await;
    let _process = api.function(&[]);
    let next = api.next().await;
    next.send(r#""work""#, clock::now() + SOON);
    assert_eq!(api.response().await, r#"{"answer":"work"}"#);
    let work = api.work().await;
    // The environment is busy while the work is.
    assert!(api.is_quiet());
    work.finish();
    let next = api.next().await;
    next.send(r#""nothing""#, clock::now() + SOON);
    assert_eq!(api.response().await, r#"{"answer":"nothing"}"#);
    api.next().await;
}

#[tokio::test]
async fn where_the_work_comes_before_the_answer_the_answer_waits() {
    let mut api = RuntimeApi::start().await;
    let _process = api.function(&[("AFTER_ANSWER", "before")]);
    api.next().await.send(r#""work""#, clock::now() + SOON);
    let work = api.work().await;
    assert!(api.is_quiet());
    work.finish();
    assert_eq!(api.response().await, r#"{"answer":"work"}"#);
    api.next().await;
}

#[tokio::test]
async fn a_panic_after_the_answer_costs_neither_the_answer_nor_the_process() {
    let mut api = RuntimeApi::start().await;
    let _process = api.function(&[]);
    api.next()
        .await
        .send(r#""panic later""#, clock::now() + SOON);
    assert_eq!(api.response().await, r#"{"answer":"panic later"}"#);
    api.next().await.send(r#""nothing""#, clock::now() + SOON);
    assert_eq!(api.response().await, r#"{"answer":"nothing"}"#);
}

#[tokio::test]
async fn work_that_takes_too_long_is_stopped_before_lambda_ends_the_process() {
    let mut api = RuntimeApi::start().await;
    let _process = api.function(&[]);
    // 100 ms before the margin of 500.
    let deadline = clock::now() + 600;
    api.next().await.send(r#""work""#, deadline);
    api.response().await;
    let never_finished = api.work().await;
    let next = api.next().await;
    assert!(clock::now() < deadline);
    assert!(never_finished.was_given_up().await);
    next.send(r#""nothing""#, clock::now() + SOON);
    assert_eq!(api.response().await, r#"{"answer":"nothing"}"#);
}

#[tokio::test]
async fn a_failed_event_is_told_by_its_stable_type_and_the_next_one_is_served() {
    let mut api = RuntimeApi::start().await;
    let _process = api.function(&[]);
    for (event, expected) in [
        (
            r#""fail""#,
            r#"{"errorType":"Store.Unavailable","errorMessage":"no store"}"#,
        ),
        (
            r#""refuse""#,
            r#"{"errorType":"Unauthorized","errorMessage":"Unauthorized"}"#,
        ),
        (
            r#"{"not":"ours"}"#,
            r#"{"errorType":"Payload.Invalid","errorMessage":"the event is not one for this function (Data, column 0)"}"#,
        ),
    ] {
        api.next().await.send(event, clock::now() + SOON);
        assert_eq!(api.error().await, expected);
    }
    for event in [r#""panic""#, "not JSON"] {
        api.next().await.send(event, clock::now() + SOON);
        api.error().await;
    }
    api.next().await.send(r#""nothing""#, clock::now() + SOON);
    assert_eq!(api.response().await, r#"{"answer":"nothing"}"#);
}

#[tokio::test]
async fn a_wrong_environment_is_told_whole_and_ends_the_process_with_1() {
    let mut api = RuntimeApi::start().await;
    let variables = [("DATABASE_URL", "postgres://h"), ("AFTER_ANSWER", "never")];
    let mut process = api.function(&variables);
    let Call::InitError(told) = api.call().await else {
        panic!("no init error")
    };
    assert!(told.contains("DATABASE_URL has another scheme"), "{told}");
    assert!(told.contains("AFTER_ANSWER is"), "{told}");
    assert!(told.contains("Runtime.InitError"), "{told}");
    assert_eq!(process.wait().await.unwrap().code(), Some(1));
}

#[tokio::test]
async fn outside_lambda_it_says_where_it_belongs() {
    let mut process = function::command();
    // The child sees by this that it is to be the function.
    process
        .env(function::IS_FUNCTION, "1")
        .env_remove("AWS_LAMBDA_RUNTIME_API");
    let output = process.stdout(Stdio::piped()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("cargo run"));
}
