//! The Invoke API. Lambda API reference, "Invoke".

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use gatepost_runtime_api::FactEvent;
use gatepost_runtime_api::FunctionSpec;
use gatepost_runtime_api::is_invoke_path;
use http::Request;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::Full;

use super::stage::Stage;

fn request(path: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap()
}

async fn text(response: Response<Full<Bytes>>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

const F: &str = "/2015-03-31/functions/f/invocations";

#[tokio::test]
async fn a_function_answers_by_name_and_by_arn() {
    let alias = |f: &mut FunctionSpec| f.aliases = BTreeSet::from(["live".to_owned()]);
    let stage = Stage::with(|_| {}, alias).await;
    let mut puppet = stage.puppet().await;
    for name in [
        "f",
        "f:live",
        "f:3",
        "000000000000:function:f",
        "arn:aws:lambda:us-east-1:000000000000:function:f",
        "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af%3A%24LATEST",
    ] {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        let path = if name == "f" {
            format!("{path}?Qualifier=live")
        } else {
            path
        };
        assert!(is_invoke_path(path.split('?').next().unwrap()));
        let (response, ()) = tokio::join!(stage.lambda.serve(request(&path, &[], "1")), async {
            let event = puppet.next().await;
            puppet.respond(&event, b"\"ok\"").await;
        });
        assert_eq!(response.status(), 200, "{name}");
        assert_eq!(response.headers()["x-amz-executed-version"], "$LATEST");
        assert!(response.headers().contains_key("x-amzn-requestid"));
        assert!(!response.headers().contains_key("x-amz-function-error"));
        assert_eq!(text(response).await, "\"ok\"");
    }
}

#[tokio::test]
async fn a_function_error_is_a_200_with_a_header() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let json = r#"{"errorMessage":"m","errorType":"T"}"#;
    let (response, ()) = tokio::join!(stage.lambda.serve(request(F, &[], "1")), async {
        let event = puppet.next().await;
        let id = event.header("lambda-runtime-aws-request-id");
        puppet.post(id, "error", json.as_bytes()).await;
    });
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-amz-function-error"], "Unhandled");
    assert_eq!(text(response).await, json);
}

#[tokio::test]
async fn the_last_lines_come_with_the_answer_if_they_are_asked_for() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let context = STANDARD.encode(r#"{"custom":{}}"#);
    let headers = [
        ("x-amz-log-type", "Tail"),
        ("x-amz-client-context", context.as_str()),
    ];
    // An empty body is an empty event.
    let (response, ()) = tokio::join!(stage.lambda.serve(request(F, &headers, "")), async {
        let event = puppet.next().await;
        assert_eq!(event.body, "{}");
        assert_eq!(
            event.header("lambda-runtime-client-context"),
            r#"{"custom":{}}"#
        );
        puppet.order("print before the answer").await;
        puppet.respond(&event, b"{}").await;
    });
    let tail = STANDARD
        .decode(&response.headers()["x-amz-log-result"])
        .unwrap();
    assert_eq!(tail, b"before the answer\n");
}

#[tokio::test]
async fn an_event_is_queued_and_a_dry_run_does_nothing() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let event = [("x-amz-invocation-type", "Event")];
    let response = stage.lambda.serve(request(F, &event, "\"work\"")).await;
    assert_eq!(response.status(), 202);
    let id = response.headers()["x-amzn-requestid"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(text(response).await, "");
    let dry = [("x-amz-invocation-type", "DryRun")];
    assert_eq!(
        stage
            .lambda
            .serve(request(F, &dry, "\"dry\""))
            .await
            .status(),
        204
    );
    let event = puppet.next().await;
    assert_eq!(event.body, "\"work\"");
    assert_eq!(event.header("lambda-runtime-aws-request-id"), id);
    puppet.respond(&event, b"{}").await;
    puppet.ask().await;
    stage
        .facts
        .wait(|fact| matches!(fact, FactEvent::Ended { .. }))
        .await;
    assert_eq!(
        stage
            .facts
            .count(|fact| matches!(fact, FactEvent::Started { .. })),
        1
    );
}

#[tokio::test]
async fn what_is_refused_says_why() {
    let stage = Stage::with(|_| {}, |function| function.reserved_concurrency = Some(0)).await;
    let large = format!("\"{}\"", "x".repeat(1024 * 1024));
    let larger = format!("\"{}\"", "x".repeat(6 * 1024 * 1024));
    let unknown = "/2015-03-31/functions/g/invocations";
    for (path, invocation_type, body, status, error, message) in [
        (
            unknown,
            "",
            "{}",
            404,
            "ResourceNotFoundException",
            "{\"Type\":\"User\",\"message\":\"Function not found: \
             arn:aws:lambda:us-east-1:000000000000:function:g\"}",
        ),
        (
            F,
            "",
            "{}",
            429,
            "TooManyRequestsException",
            "{\"Reason\":\"ReservedFunctionConcurrentInvocationLimitExceeded\",\"Type\":\"User\",\
             \"message\":\"Rate Exceeded.\"}",
        ),
        (F, "", "no JSON", 400, "InvalidRequestContentException", ""),
        (F, "Later", "{}", 400, "ValidationException", ""),
        (
            F,
            "Event",
            &large,
            413,
            "RequestTooLargeException",
            "{\"Type\":\"User\",\"message\":\"1048578 byte payload is too large for the Event \
             invocation type (limit 1048576 bytes)\"}",
        ),
        (
            F,
            "",
            &larger,
            413,
            "RequestTooLargeException",
            "{\"Type\":\"User\",\"message\":\"Request must be smaller than 6291456 bytes for the \
             InvokeFunction operation\"}",
        ),
        (
            "/2015-03-31/functions/f",
            "",
            "{}",
            404,
            "UnknownOperationException",
            "",
        ),
    ] {
        let headers = [("x-amz-invocation-type", invocation_type)];
        let response = stage.lambda.serve(request(path, &headers, body)).await;
        assert_eq!(response.status(), status, "{path} {invocation_type}");
        assert_eq!(response.headers()["x-amzn-errortype"], error);
        let body = text(response).await;
        assert!(message.is_empty() || body == message, "{body}");
    }
}

#[tokio::test]
async fn a_qualifier_that_nothing_has_is_not_found() {
    let stage = Stage::new().await;
    let path = |target: &str| format!("/2015-03-31/functions/{target}");
    for target in [
        "f:live/invocations",
        "f/invocations?Qualifier=live",
        "f:/invocations",
        "arn:aws:lambda:us-east-1:000000000000:function:f:live/invocations",
    ] {
        let response = stage.lambda.serve(request(&path(target), &[], "1")).await;
        assert_eq!(response.status(), 404, "{target}");
        assert_eq!(
            response.headers()["x-amzn-errortype"],
            "ResourceNotFoundException"
        );
    }
    let both = path("f:1/invocations?Qualifier=2");
    let response = stage.lambda.serve(request(&both, &[], "1")).await;
    assert_eq!(response.status(), 400);
    assert_eq!(
        response.headers()["x-amzn-errortype"],
        "InvalidParameterValueException"
    );
}
