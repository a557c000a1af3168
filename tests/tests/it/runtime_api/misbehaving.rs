//! Functions that misbehave towards the Runtime API: their caller gets one answer, what they do wrong
//! is refused, and the next invocation is as any other. Statuses and texts as the server of
//! aws/aws-lambda-runtime-interface-emulator, where nothing else is said.

use std::time::Duration;

use gatepost_clock::Clock;
use gatepost_runtime_api::FactEvent;
use gatepost_runtime_api::StopReason;

use super::http::Connection;
use super::puppet::Puppet;
use super::stage::Stage;
use super::stage::outcome;

const REQUEST_ID: &str = "lambda-runtime-aws-request-id";
const INVOCATION_ID: &str = "lambda-runtime-invocation-id";

/// The next invocation is answered: nothing of what was before is left.
async fn goes_on(stage: &Stage, puppet: &mut Puppet) {
    let invocation = stage.invoke("\"next\"");
    let event = puppet.next().await;
    assert_eq!(event.body, "\"next\"");
    assert_eq!(puppet.respond(&event, b"\"fine\"").await.status, 202);
    assert_eq!(outcome(invocation).await.unwrap(), "\"fine\"");
}

/// aws/aws-lambda-rust-runtime issue 1155: an answer with the ID of another attempt is refused, one
/// without an ID is taken; aws/aws-lambda-dotnet pull request 2508: with 410.
#[tokio::test]
async fn an_answer_to_another_attempt_of_the_same_request_is_refused() {
    let clock = Clock::system(1.0);
    let stage = Stage::with(|config| config.clock = clock.clone(), |_| {}).await;
    let mut puppet = stage.puppet().await;
    stage.lambda.invoke_async("f", "1".into()).unwrap();
    let first = puppet.next().await;
    let id = first.header(REQUEST_ID).to_owned();
    assert_eq!(puppet.post(&id, "error", b"{}").await.status, 202);
    let failed = |fact: &FactEvent| matches!(fact, FactEvent::AsyncFailed { .. });
    stage.facts.wait(failed).await;
    clock.advance(Duration::from_secs(60));

    let second = puppet.next().await;
    assert_eq!(second.header(REQUEST_ID), id);
    assert_ne!(second.header(INVOCATION_ID), first.header(INVOCATION_ID));
    let given_back = |of: &super::http::Answer| {
        format!(
            "Lambda-Runtime-Invocation-Id: {}\r\n",
            of.header(INVOCATION_ID)
        )
    };
    for what in ["response", "error"] {
        let request = format!("POST /2018-06-01/runtime/invocation/{id}/{what}");
        let late = puppet
            .runtime
            .call(&request, &given_back(&first), b"\"late\"")
            .await;
        assert_eq!(
            late.line(),
            r#"410 {"errorMessage":"Invoke timeout","errorType":"InvokeTimeout"}"#
        );
    }
    let request = format!("POST /2018-06-01/runtime/invocation/{id}/response");
    let taken = puppet
        .runtime
        .call(&request, &given_back(&second), b"{}")
        .await;
    assert_eq!(taken.status, 202);
    goes_on(&stage, &mut puppet).await;
}

#[tokio::test]
async fn a_response_that_breaks_off_is_none() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    let id = event.header(REQUEST_ID);
    let mut broken = Connection::open(puppet.api).await;
    let head = format!(
        "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: runtime\r\n\
         Content-Length: 100\r\n\r\n\"half"
    );
    broken.send_bytes(head.as_bytes()).await;
    broken.break_off().await;
    // Nobody was answered, and the function may do better.
    assert_eq!(puppet.respond(&event, b"\"whole\"").await.status, 202);
    assert_eq!(outcome(invocation).await.unwrap(), "\"whole\"");
    goes_on(&stage, &mut puppet).await;
}

#[tokio::test]
async fn what_is_answered_after_the_timeout_reaches_nobody() {
    let limit = Duration::from_millis(200);
    let stage = Stage::with(|_| {}, |function| function.timeout = limit).await;
    let mut puppet = stage.puppet().await;
    let invocation = stage.invoke("1");
    let event = puppet.next().await;
    let error = outcome(invocation).await.unwrap_err();
    assert!(
        error.contains("Task timed out after 0.20 seconds"),
        "{error}"
    );
    // The environment of the second invocation is another one: what the first posts now, as a
    // process would that outlived its end for a moment, is nothing to it.
    let invocation = stage.invoke("2");
    let late = Connection::open_if_served(puppet.api).await;
    if let Some(mut late) = late {
        let id = event.header(REQUEST_ID);
        let request = format!("POST /2018-06-01/runtime/invocation/{id}/response");
        late.send(&request, "", b"\"late\"").await;
    }
    drop(puppet.runtime);
    let mut second = stage.puppet().await;
    let event = second.next().await;
    assert_eq!(event.body, "2");
    second.respond(&event, b"\"in time\"").await;
    assert_eq!(outcome(invocation).await.unwrap(), "\"in time\"");
    assert_eq!(stage.facts.stopped(1).await, StopReason::Timeout);
}

#[tokio::test]
async fn an_error_that_is_no_json_reaches_the_caller_as_it_is() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    for body in ["", "boom", "{\"errorType\":", "{\"errorType\":7}", "[]"] {
        let invocation = stage.invoke("{}");
        let event = puppet.next().await;
        let id = event.header(REQUEST_ID);
        let answer = puppet.post(id, "error", body.as_bytes()).await;
        assert_eq!(answer.status, 202, "{body}");
        assert_eq!(outcome(invocation).await.unwrap_err(), body);
    }
    // What it is called nobody knows, and it is told as that.
    let unhandled = |fact: &FactEvent| matches!(fact, FactEvent::Answered { error: Some(error), .. } if error == "Unhandled");
    assert_eq!(stage.facts.count(unhandled), 5);
    goes_on(&stage, &mut puppet).await;
}

#[tokio::test]
async fn of_two_that_wait_for_an_event_the_newest_gets_it() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    puppet.ask().await;
    stage.lambda.ready().await;
    let mut newest = Connection::open(puppet.api).await;
    // A frozen process asks no more; its emulator's end is not frozen.
    newest
        .send("GET /2018-06-01/runtime/invocation/next", "", b"")
        .await;
    assert_eq!(
        puppet.runtime.receive().await.line(),
        "403 {\"errorMessage\":\"State transition from Ready to Ready failed for runtime. Error: \
         State transition is not allowed\",\"errorType\":\"InvalidStateTransition\"}"
    );
    let invocation = stage.invoke("1");
    let event = newest.receive().await;
    assert_eq!(event.body, "1");
    assert_eq!(puppet.respond(&event, b"1").await.status, 202);
    assert_eq!(outcome(invocation).await.unwrap(), "1");
    goes_on(&stage, &mut puppet).await;
}

#[tokio::test]
async fn a_process_that_ends_well_without_an_answer_is_an_exit_error() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    puppet.exit(0).await;
    let id = event.header(REQUEST_ID);
    assert_eq!(
        outcome(invocation).await.unwrap_err(),
        format!(
            "{{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"RequestId: {id} Error: \
             Runtime exited without providing a reason\"}}"
        )
    );
    let invocation = stage.invoke("2");
    let mut puppet = stage.puppet().await;
    let event = puppet.next().await;
    puppet.respond(&event, b"2").await;
    assert_eq!(outcome(invocation).await.unwrap(), "2");
}

#[tokio::test]
async fn an_error_that_is_too_long_is_an_error_all_the_same() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    let id = event.header(REQUEST_ID);
    let answer = puppet.post(id, "error", &vec![b'x'; 7_000_000]).await;
    assert_eq!(answer.status, 202);
    assert_eq!(outcome(invocation).await.unwrap_err(), "{}");
    goes_on(&stage, &mut puppet).await;
}

#[tokio::test]
async fn what_is_no_http_ends_its_connection_and_nothing_else() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"GET /2018-06-01/runtime/invocation/next\r\n\r\n",
        b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ] {
        let mut connection = Connection::open(puppet.api).await;
        connection.send_bytes(bytes).await;
        connection.ended().await;
    }
    goes_on(&stage, &mut puppet).await;
}
