//! Extensions in the function's process that misbehave. Lambda guide, "Using the Lambda Extensions API
//! to create extensions"; statuses and texts as the server of
//! aws/aws-lambda-runtime-interface-emulator.

use std::time::Duration;

use gatepost_runtime_api::FactEvent;
use gatepost_runtime_api::StopReason;

use super::http::Connection;
use super::puppet::Puppet;
use super::stage::Stage;
use super::stage::outcome;

const REGISTER: &str = "POST /2020-01-01/extension/register";
const NEXT: &str = "GET /2020-01-01/extension/event/next";

/// Registers one, and answers its connection and the header line with its identifier.
async fn register(puppet: &Puppet, name: &str) -> (Connection, String) {
    let mut extension = Connection::open(puppet.api).await;
    let name = format!("Lambda-Extension-Name: {name}\r\n");
    let registered = extension
        .call(REGISTER, &name, br#"{"events":["INVOKE"]}"#)
        .await;
    let identifier = registered.header("lambda-extension-identifier");
    let identifier = format!("Lambda-Extension-Identifier: {identifier}\r\n");
    (extension, identifier)
}

#[tokio::test]
async fn an_event_that_there_is_not_is_refused_and_nothing_is_registered() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let mut extension = Connection::open(puppet.api).await;
    let name = "Lambda-Extension-Name: one\r\n";
    for body in [
        r#"{"events":["THAW"]}"#,
        r#"{"events":["INVOKE","invoke"]}"#,
    ] {
        let refused = extension.call(REGISTER, name, body.as_bytes()).await;
        assert_eq!(refused.status, 403);
        assert!(
            refused.body.contains("Extension.InvalidEventType"),
            "{}",
            refused.body
        );
    }
    // Nobody is waited for.
    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    puppet.respond(&event, b"{}").await;
    outcome(invocation).await.unwrap();
}

/// "The Init phase ends when the runtime and all extensions signal that they are ready by sending a
/// Next API request."
#[tokio::test]
async fn one_that_never_asks_for_an_event_keeps_the_environment_from_getting_ready() {
    let limit = Duration::from_millis(300);
    let stage = Stage::with(|_| {}, |function| function.timeout = limit).await;
    stage.puppet().await.exit(1).await;
    stage.facts.stopped(1).await;
    // The second Init phase has the function's timeout.
    let invocation = stage.invoke("{}");
    let mut puppet = stage.puppet().await;
    let _extension = register(&puppet, "mute").await;
    puppet.ask().await;
    let error = outcome(invocation).await.unwrap_err();
    assert!(
        error.contains("Task timed out after 0.30 seconds"),
        "{error}"
    );
    let started = |fact: &FactEvent| matches!(fact, FactEvent::Started { .. });
    assert_eq!(stage.facts.count(started), 0, "no event was sent");
}

/// "The Invoke phase ends after the runtime and all extensions signal that they are done by sending a
/// Next API request", and the function's timeout limits all of it.
#[tokio::test]
async fn one_that_does_not_come_back_ends_the_environment_with_the_functions_timeout() {
    let limit = Duration::from_millis(300);
    let stage = Stage::with(|_| {}, |function| function.timeout = limit).await;
    let mut puppet = stage.puppet().await;
    let (mut extension, identifier) = register(&puppet, "slow").await;
    extension.send(NEXT, &identifier, b"").await;
    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    assert_eq!(extension.receive().await.status, 200);
    puppet.respond(&event, b"\"answered\"").await;
    puppet.ask().await;
    assert_eq!(outcome(invocation).await.unwrap(), "\"answered\"");
    drop((puppet.runtime, extension));
    assert_eq!(stage.facts.stopped(1).await, StopReason::Timeout);
    // Until then it went on: that the runtime asked again was not its end.
    let ended = |fact: &FactEvent| matches!(fact, FactEvent::Ended { .. });
    match stage.facts.wait(ended).await {
        FactEvent::Ended { took, .. } => assert!(took >= limit, "{took:?}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_that_gives_up_during_an_invocation_fails_it_and_ends_the_environment() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let (mut extension, identifier) = register(&puppet, "fragile").await;
    extension.send(NEXT, &identifier, b"").await;
    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    extension.receive().await;
    let headers = format!("{identifier}Lambda-Extension-Function-Error-Type: Extension.Lost\r\n");
    let exit = "POST /2020-01-01/extension/exit/error";
    assert_eq!(extension.call(exit, &headers, b"").await.status, 202);
    let id = event.header("lambda-runtime-aws-request-id").to_owned();
    drop((puppet, extension));
    assert_eq!(
        outcome(invocation).await.unwrap_err(),
        format!(
            "{{\"errorType\":\"Extension.ExitError\",\"errorMessage\":\"RequestId: {id} Error: \
             Extension.Lost\"}}"
        )
    );
    assert_eq!(stage.facts.stopped(1).await, StopReason::Broken);
    let invocation = stage.invoke("2");
    let mut puppet = stage.puppet().await;
    let event = puppet.next().await;
    puppet.respond(&event, b"2").await;
    assert_eq!(outcome(invocation).await.unwrap(), "2");
}

#[tokio::test]
async fn one_that_asks_twice_is_told_once() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let (mut extension, identifier) = register(&puppet, "twice").await;
    let mut again = Connection::open(puppet.api).await;
    extension.send(NEXT, &identifier, b"").await;
    puppet.ask().await;
    // Both wait.
    stage.lambda.ready().await;
    again.send(NEXT, &identifier, b"").await;
    let refused = extension.receive().await;
    assert_eq!(refused.status, 403);
    assert!(
        refused.body.contains("Extension.InvalidExtensionState"),
        "{}",
        refused.body
    );
    let invocation = stage.invoke("{}");
    let event = puppet.runtime.receive().await;
    assert_eq!(again.receive().await.status, 200);
    puppet.respond(&event, b"{}").await;
    outcome(invocation).await.unwrap();
}
