//! Functions that call themselves. Lambda guide, "Use Lambda recursive loop detection to prevent
//! infinite loops".

use bytes::Bytes;
use gatepost_runtime_api::Condition;
use gatepost_runtime_api::FactEvent;
use http::Request;
use http_body_util::BodyExt;
use http_body_util::Full;

use super::puppet::Puppet;
use super::stage::Stage;

/// As an SDK in the function calls it: with the tracing header of the invocation it runs in.
fn request(kind: &str, trace: &str) -> Request<Full<Bytes>> {
    Request::post("/2015-03-31/functions/f/invocations")
        .header("x-amz-invocation-type", kind)
        .header("x-amzn-trace-id", trace)
        .body(Full::new("{}".into()))
        .unwrap()
}

/// Lets the function call itself with asynchronous invocations, 16 times in all; the tracing
/// header of the last one.
async fn sixteen_times(stage: &Stage, puppet: &mut Puppet) -> String {
    let mut trace = String::new();
    for _ in 0..16 {
        let answer = stage.lambda.serve(request("Event", &trace)).await;
        assert_eq!(answer.status(), 202);
        let event = puppet.next().await;
        let next = event.header("lambda-runtime-trace-id").to_owned();
        if !trace.is_empty() {
            // One chain: it keeps its root.
            assert_eq!(next.split(';').next(), trace.split(';').next());
        }
        trace = next;
        puppet.respond(&event, b"{}").await;
    }
    puppet.ask().await;
    trace
}

#[tokio::test]
async fn a_function_that_calls_itself_is_stopped_after_sixteen_invocations() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let trace = sixteen_times(&stage, &mut puppet).await;
    let refused = stage.lambda.serve(request("RequestResponse", &trace)).await;
    assert_eq!(refused.status(), 400);
    assert_eq!(
        refused.headers()["x-amzn-errortype"],
        "RecursiveInvocationException"
    );
    let body = refused.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(b"{\"Type\":\"User\",\"message\":"));
    // Nobody would hear of an asynchronous one: it is accepted, and ends as a failure.
    let accepted = stage.lambda.serve(request("Event", &trace)).await;
    assert_eq!(accepted.status(), 202);
    stage
        .facts
        .wait_for(2, |fact| matches!(fact, FactEvent::RecursionStopped))
        .await;
    stage
        .facts
        .wait(|fact| {
            matches!(
                fact,
                FactEvent::AsyncEnded {
                    condition: Condition::RetriesExhausted,
                    destination: None,
                    ..
                }
            )
        })
        .await;
    let started = |fact: &FactEvent| matches!(fact, FactEvent::Started { .. });
    assert_eq!(stage.facts.count(started), 16);
}

#[tokio::test]
async fn a_function_that_may_recurse_is_not_stopped() {
    let stage = Stage::with(|_| {}, |function| function.may_recurse = true).await;
    let mut puppet = stage.puppet().await;
    let trace = sixteen_times(&stage, &mut puppet).await;
    let accepted = stage.lambda.serve(request("Event", &trace)).await;
    assert_eq!(accepted.status(), 202);
    puppet.runtime.receive().await;
}
