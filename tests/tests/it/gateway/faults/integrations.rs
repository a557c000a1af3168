//! Faults around the calls of integrations that are no functions: `HTTP`, `HTTP_PROXY` and `MOCK`.

use gatepost_gateway::Fault;
use gatepost_gateway::Step;
use tokio::time::Instant;

use super::super::backends::behind;
use super::super::backends::http;
use super::super::backends::mock;
use super::super::backends::respond;
use super::super::endpoint::Endpoint;
use super::super::served::api;
use super::LATE;

/// What the client is told instead of an answer, and how often the endpoint was called for it.
async fn told(step: Step, fault: Fault) -> (String, usize) {
    let mut endpoint = Endpoint::start(|request| (200, request.body.clone())).await;
    let wanted = behind(api(), "$default", http("POST", &endpoint.url, true));
    let served = wanted.fault(step, fault).serve().await;
    let mut client = served.connect().await;
    client.text("hello").await;
    let told = client.next_text().await;
    let message = told.split('"').nth(3).unwrap_or(&told).to_owned();
    // The fault fired once: the next message is answered.
    client.text("again").await;
    assert_eq!(client.next_text().await, "again");
    let mut calls = 0;
    while endpoint.request().await.body != "again" {
        calls += 1;
    }
    (message, calls)
}

#[tokio::test]
async fn a_throttled_or_failing_endpoint_is_not_called_and_the_client_is_told() {
    for (fault, message) in [
        (Fault::Throttle, "Too Many Requests"),
        (Fault::Fail, "Internal server error"),
    ] {
        assert_eq!(told(Step::Invoke, fault).await, (message.to_owned(), 0));
    }
}

#[tokio::test]
async fn a_timed_out_endpoint_was_called() {
    let timed_out = ("Endpoint request timed out".to_owned(), 1);
    for step in [Step::Invoke, Step::Answer] {
        assert_eq!(told(step, Fault::TimeOut).await, timed_out);
    }
}

#[tokio::test]
async fn an_answer_of_an_endpoint_can_be_lost() {
    let lost = ("Internal server error".to_owned(), 1);
    assert_eq!(told(Step::Answer, Fault::Fail).await, lost);
}

#[tokio::test]
async fn a_duplicated_request_reaches_the_endpoint_twice_and_answers_once() {
    let twice = ("hello".to_owned(), 2);
    assert_eq!(told(Step::Invoke, Fault::Duplicate).await, twice);
}

#[tokio::test]
async fn a_mock_can_be_late_and_fail() {
    let answers = || {
        let mut integration = mock(r#"{"statusCode": 200}"#);
        integration.responses = vec![respond("200", &[("$default", "mocked")])];
        behind(api(), "$default", integration)
    };
    let served = answers().late(Step::Answer).serve().await;
    let mut client = served.connect().await;
    let began = Instant::now();
    client.text("hello").await;
    assert_eq!(client.next_text().await, "mocked");
    assert!(began.elapsed() >= LATE);

    let wanted = answers().fault_of(Step::Invoke, "$default", Fault::Throttle);
    let served = wanted.serve().await;
    let mut client = served.connect().await;
    client.text("hello").await;
    let told = client.next_text().await;
    assert!(
        told.starts_with(r#"{"message": "Too Many Requests", "#),
        "{told}"
    );
}
