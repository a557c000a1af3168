//! Responses that a runtime sends in pieces: Lambda guide, "Implementing response streaming in a
//! custom runtime". Nobody here gets a part of one; the whole is the answer.

use super::http::Answer;
use super::puppet::Puppet;
use super::stage::Stage;
use super::stage::outcome;

const STREAMING: &str = "Lambda-Runtime-Function-Response-Mode: streaming\r\n";

/// Posts chunks, and trailers behind them; what the runtime is answered.
async fn stream(
    puppet: &mut Puppet,
    event: &Answer,
    headers: &str,
    chunks: &[&str],
    trailers: &str,
) -> Answer {
    let id = event.header("lambda-runtime-aws-request-id");
    let mut request = format!(
        "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: runtime\r\n{headers}\
         Transfer-Encoding: chunked\r\nTrailer: Lambda-Runtime-Function-Error-Type, \
         Lambda-Runtime-Function-Error-Body\r\n\r\n"
    );
    for chunk in chunks {
        request.push_str(&format!("{:x}\r\n{chunk}\r\n", chunk.len()));
    }
    request.push_str(&format!("0\r\n{trailers}\r\n"));
    puppet.runtime.send_bytes(request.as_bytes()).await;
    puppet.runtime.receive().await
}

#[tokio::test]
async fn a_response_in_pieces_is_one_answer() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    for headers in ["", STREAMING] {
        let invocation = stage.invoke("{}");
        let event = puppet.next().await;
        let chunks = ["{\"a\":", "\"", "b\"}"];
        let answer = stream(&mut puppet, &event, headers, &chunks, "").await;
        assert_eq!(answer.line(), r#"202 {"status":"OK"}"#);
        assert_eq!(outcome(invocation).await.unwrap(), r#"{"a":"b"}"#);
    }
}

#[tokio::test]
async fn a_response_that_ends_with_an_error_is_an_error() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    // {"errorMessage":"no more"}
    let body = "eyJlcnJvck1lc3NhZ2UiOiJubyBtb3JlIn0=";
    let kind = "Lambda-Runtime-Function-Error-Type: Runtime.Broken\r\n";
    for (trailers, expected) in [
        (
            format!("{kind}Lambda-Runtime-Function-Error-Body: {body}\r\n"),
            r#"{"errorMessage":"no more"}"#,
        ),
        (
            kind.to_owned(),
            r#"{"errorType":"Runtime.Broken","errorMessage":""}"#,
        ),
        (
            format!("{kind}Lambda-Runtime-Function-Error-Body: no Base64\r\n"),
            r#"{"errorType":"Runtime.Broken","errorMessage":""}"#,
        ),
    ] {
        let invocation = stage.invoke("{}");
        let event = puppet.next().await;
        let answer = stream(&mut puppet, &event, STREAMING, &["\"begun"], &trailers).await;
        assert_eq!(answer.status, 202);
        assert_eq!(outcome(invocation).await.unwrap_err(), expected);
    }
}

/// invocationresponse.go of aws/aws-lambda-runtime-interface-emulator.
#[tokio::test]
async fn another_mode_than_streaming_is_refused_and_an_error() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    let mode = "Lambda-Runtime-Function-Response-Mode: buffered\r\n";
    let answer = stream(&mut puppet, &event, mode, &["{}"], "").await;
    assert_eq!(
        answer.line(),
        "400 {\"errorMessage\":\"Invalid function response mode\",\"errorType\":\
         \"InvalidFunctionResponseMode\"}"
    );
    let error = outcome(invocation).await.unwrap_err();
    assert!(
        error.contains("Runtime.InvalidResponseModeHeader"),
        "{error}"
    );
    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    puppet.respond(&event, b"2").await;
    assert_eq!(outcome(invocation).await.unwrap(), "2");
}
