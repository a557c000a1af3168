//! What `/next` answers, to the letter: `tests/fixtures/runtime-api`, each file with its source.

use http::HeaderMap;
use http::Method;

use super::http::Answer;
use super::stage::Stage;
use super::stage::outcome;

/// An answer as a file has it: headers in the order of their names, what differs each time in `<>`.
fn written(answer: &Answer) -> String {
    let varies = [
        ("Date", "date"),
        ("Lambda-Runtime-Aws-Request-Id", "request ID"),
        ("Lambda-Runtime-Deadline-Ms", "deadline"),
        ("Lambda-Runtime-Invocation-Id", "invocation ID"),
        ("Lambda-Runtime-Trace-Id", "trace"),
    ];
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            assert!(!value.is_empty(), "empty ones are left out: {line}");
            let varies = varies.iter().find(|(varies, _)| *varies == name);
            varies.map_or_else(|| line.clone(), |(name, what)| format!("{name}: <{what}>"))
        })
        .collect();
    headers.sort_unstable();
    let (headers, body) = (headers.join("\n"), &answer.body);
    format!("HTTP/1.1 {} OK\n{headers}\n\n{body}\n", answer.status)
}

/// A file without the lines that say where it is from.
fn golden(file: &str) -> String {
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| format!("{line}\n")).collect()
}

#[tokio::test]
async fn an_event_is_sent_to_the_letter() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let invocation = stage.invoke(r#"{"a":1}"#);
    let event = puppet.next().await;
    let expected = golden(include_str!("../../../fixtures/runtime-api/next.txt"));
    assert_eq!(written(&event), expected);

    let ids = ["aws-request-id", "invocation-id"].map(|name| {
        let id = event.header(&format!("lambda-runtime-{name}"));
        assert_eq!(id, id.to_lowercase());
        id.parse::<uuid::Uuid>().unwrap()
    });
    assert_ne!(ids[0], ids[1]);
    // A date of HTTP, a time in milliseconds, and a trace as X-Ray writes it.
    assert!(event.header("date").ends_with(" GMT"));
    assert_eq!(event.header("lambda-runtime-deadline-ms").len(), 13);
    let trace = event.header("lambda-runtime-trace-id");
    let names: Vec<_> = trace
        .split(';')
        .map(|part| part.split_once('=').unwrap().0)
        .collect();
    assert_eq!(names, ["Root", "Parent", "Sampled", "Lineage"], "{trace}");

    puppet.respond(&event, b"{}").await;
    outcome(invocation).await.unwrap();
}

#[tokio::test]
async fn an_event_with_a_client_context_is_sent_to_the_letter() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let lambda = stage.lambda.clone();
    let call = tokio::spawn(async move {
        // {"client":{"app_title":"x"},"custom":{},"env":{}}
        let context = "eyJjbGllbnQiOnsiYXBwX3RpdGxlIjoieCJ9LCJjdXN0b20iOnt9LCJlbnYiOnt9fQ==";
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-client-context", context.parse().unwrap());
        let path = "/2015-03-31/functions/f/invocations";
        let payload = bytes::Bytes::from_static(br#"{"a":1}"#);
        lambda.respond(&Method::POST, path, &headers, payload).await
    });
    let event = puppet.next().await;
    let expected = golden(include_str!(
        "../../../fixtures/runtime-api/next-client-context.txt"
    ));
    assert_eq!(written(&event), expected);
    puppet.respond(&event, b"{}").await;
    assert_eq!(call.await.unwrap().status(), 200);
}
