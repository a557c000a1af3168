//! Requests and answers of the Runtime API. Lambda guide, "Using the Lambda runtime API for custom
//! runtimes"; statuses and bodies as the server of aws/aws-lambda-runtime-interface-emulator.

use super::facts::PATIENCE;
use super::http::Connection;
use super::stage::Stage;
use super::stage::outcome;

#[tokio::test]
async fn an_event_arrives_with_the_headers_of_lambda() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let invocation = stage.invoke(r#"{"a":1}"#);
    let event = puppet.next().await;
    assert_eq!((event.status, event.body.as_str()), (200, r#"{"a":1}"#));
    assert_eq!(event.header("content-type"), "application/json");
    assert_eq!(
        event.header("lambda-runtime-invoked-function-arn"),
        "arn:aws:lambda:us-east-1:000000000000:function:f"
    );
    let id: uuid::Uuid = event
        .header("lambda-runtime-aws-request-id")
        .parse()
        .unwrap();
    assert_eq!(id.get_version_num(), 4);
    let trace = event.header("lambda-runtime-trace-id");
    assert!(
        trace.starts_with("Root=1-") && trace.contains(";Sampled=0;Lineage=1:"),
        "{trace}"
    );
    let deadline: u64 = event.header("lambda-runtime-deadline-ms").parse().unwrap();
    assert!(
        deadline > 1_700_000_000_000,
        "an epoch time in ms: {deadline}"
    );
    let names: Vec<_> = event
        .headers
        .iter()
        .filter_map(|line| line.split(':').next())
        .collect();
    assert!(
        names.contains(&"Lambda-Runtime-Aws-Request-Id"),
        "{names:?}"
    );
    assert!(
        !names.contains(&"Lambda-Runtime-Client-Context"),
        "empty ones are left out"
    );

    let accepted = puppet.respond(&event, b"{\"b\":2}").await;
    assert_eq!(
        (accepted.status, accepted.body.as_str()),
        (202, "{\"status\":\"OK\"}\n")
    );
    assert_eq!(outcome(invocation).await.unwrap(), r#"{"b":2}"#);
}

#[tokio::test]
async fn an_error_of_the_handler_reaches_the_caller_as_it_is() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    let json = br#"{"errorMessage":"no","errorType":"Refused","stackTrace":[]}"#;
    let id = event.header("lambda-runtime-aws-request-id");
    assert_eq!(puppet.post(id, "error", json).await.status, 202);
    assert_eq!(outcome(invocation).await.unwrap_err().as_bytes(), json);
}

#[tokio::test]
async fn what_is_out_of_order_is_refused_and_changes_nothing() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let invalid_id = r#"400 {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}"#;
    let unknown = "5a1b0d53-1f1f-4f1f-8f1f-000000000000";
    // Before there is an event.
    assert_eq!(
        puppet.post(unknown, "response", b"{}").await.line(),
        invalid_id
    );

    let invocation = stage.invoke("1");
    let event = puppet.next().await;
    assert_eq!(
        puppet.post(unknown, "response", b"{}").await.line(),
        invalid_id
    );
    assert_eq!(
        puppet.post("gibberish", "error", b"{}").await.line(),
        invalid_id
    );
    // /init/error, when it is too late for that.
    let late = puppet
        .runtime
        .call("POST /2018-06-01/runtime/init/error", "", b"{}")
        .await;
    assert_eq!(
        late.line(),
        "403 {\"errorMessage\":\"State transition from Running to InitError failed for runtime. \
         Error: State transition is not allowed\",\"errorType\":\"InvalidStateTransition\"}"
    );

    assert_eq!(puppet.respond(&event, b"\"first\"").await.status, 202);
    assert_eq!(
        puppet.respond(&event, b"\"second\"").await.line(),
        "403 {\"errorMessage\":\"State transition from ResponseSent to InvocationResponse failed \
         for runtime. Error: State transition is not allowed\",\"errorType\":\
         \"InvalidStateTransition\"}"
    );
    assert_eq!(outcome(invocation).await.unwrap(), "\"first\"");

    // The ID of an invocation that is over.
    let invocation = stage.invoke("2");
    let second = puppet.next().await;
    assert_eq!(puppet.respond(&event, b"{}").await.line(), invalid_id);
    assert_eq!(puppet.respond(&second, b"2").await.status, 202);
    assert_eq!(outcome(invocation).await.unwrap(), "2");
}

#[tokio::test]
async fn a_runtime_that_asks_again_before_it_answers_gets_the_same_event() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    puppet.runtime = Connection::open(puppet.api).await;
    let again = puppet.next().await;
    let id = "lambda-runtime-aws-request-id";
    assert_eq!(event.header(id), again.header(id));
    assert_eq!(event.body, again.body);
    puppet.respond(&again, b"{}").await;
    outcome(invocation).await.unwrap();
}

#[tokio::test]
async fn a_response_is_as_large_as_lambda_allows_and_no_larger() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let limit = 6 * 1024 * 1024 + 100;

    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    let largest = vec![b'1'; limit];
    assert_eq!(puppet.respond(&event, &largest).await.status, 202);
    assert_eq!(outcome(invocation).await.unwrap().len(), limit);

    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    let refused = puppet.respond(&event, &vec![b'1'; 7_340_060]).await;
    assert_eq!(
        refused.line(),
        "413 {\"errorMessage\":\"Exceeded maximum allowed payload size (6291556 bytes).\",\
         \"errorType\":\"RequestEntityTooLarge\"}"
    );
    assert_eq!(
        outcome(invocation).await.unwrap_err(),
        "{\"errorType\":\"Function.ResponseSizeTooLarge\",\"errorMessage\":\"Response payload \
         size (7340060 bytes) exceeded maximum allowed payload size (6291556 bytes).\"}"
    );

    // It was an answer like any other: the environment goes on.
    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    puppet.respond(&event, b"3").await;
    assert_eq!(outcome(invocation).await.unwrap(), "3");
}

#[tokio::test]
async fn what_lambda_does_not_serve_is_not_found() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    for (request, status) in [
        ("GET /2018-06-01/ping", 200),
        ("GET /", 404),
        ("GET /2018-06-01/runtime/invocation/", 404),
        ("POST /2018-06-01/runtime/invocation/next", 404),
        ("GET /2018-06-01/runtime/restore/next", 404),
        ("PUT /2022-07-01/telemetry", 202),
    ] {
        assert_eq!(
            puppet.runtime.call(request, "", b"").await.status,
            status,
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_stop_its_invocation() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    invocation.abort();
    assert!(invocation.await.unwrap_err().is_cancelled());
    assert_eq!(puppet.respond(&event, b"{}").await.status, 202);
    let next = stage.invoke("2");
    let event = tokio::time::timeout(PATIENCE, puppet.next()).await.unwrap();
    assert_eq!(event.body, "2");
    puppet.respond(&event, b"{}").await;
    outcome(next).await.unwrap();
}
