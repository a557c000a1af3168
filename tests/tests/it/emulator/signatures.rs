//! `--sigv4`: what the emulator does with signatures of callers and of its own functions.

use anyhow::Context;
use gatepost_tests::emulator::Emulator;
use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::Socket;
use serde_json::Value;

async fn unsigned(emulator: &Emulator, path: &str) -> anyhow::Result<http::Response<bytes::Bytes>> {
    emulator
        .http(http::Request::post(path).body("{}".to_owned())?)
        .await
}

const INVOKE: &str = "/2015-03-31/functions/Echo/invocations";

async fn connection(emulator: &Emulator) -> anyhow::Result<(Socket, String)> {
    let socket = Socket::open(emulator.websocket()).await?;
    let connected = emulator.event("connected", |_| true).await?;
    let id = connected["connection"].as_str().context("an id")?;
    Ok((socket, format!("/local/@connections/{id}")))
}

#[tokio::test]
async fn unsigned_requests_are_warned_of_unless_the_command_line_says_otherwise()
-> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let (_socket, path) = connection(&emulator).await?;
    for count in [1, 2] {
        for (path, service) in [(path.as_str(), "execute-api"), (INVOKE, "lambda")] {
            assert_eq!(unsigned(&emulator, path).await?.status(), 200);
            let error = emulator
                .event("bad_signature", |f| {
                    f["service"] == service && f["count"] == count
                })
                .await?;
            assert_eq!(
                (&error["cause"], &error["refused"]),
                (&"missing".into(), &false.into())
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn unsigned_requests_are_refused_when_the_command_line_says_strict() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml")
        .arguments(&["--sigv4", "strict"])
        .start()
        .await?;
    let (_socket, path) = connection(&emulator).await?;
    for path in [&path, INVOKE] {
        let answer = unsigned(&emulator, path).await?;
        assert_eq!(answer.status(), 403, "{path}");
        assert_eq!(
            answer.headers()["x-amzn-errortype"],
            "MissingAuthenticationTokenException"
        );
        assert!(answer.headers().contains_key("x-amzn-requestid"));
        assert_eq!(
            answer.body(),
            r#"{"message":"Missing Authentication Token"}"#
        );
    }
    emulator
        .event("bad_signature", |f| f["refused"] == true)
        .await?;
    Ok(())
}

#[tokio::test]
async fn nobody_looks_at_signatures_when_the_command_line_says_off() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml")
        .arguments(&["--sigv4", "off"])
        .start()
        .await?;
    let (mut socket, path) = connection(&emulator).await?;
    assert_eq!(unsigned(&emulator, &path).await?.status(), 200);
    assert_eq!(socket.text().await?, "{}");
    assert_eq!(unsigned(&emulator, INVOKE).await?.status(), 200);
    emulator.event("posted", |_| true).await?;
    let errors = |fact: &Value| fact["event"] == "bad_signature";
    assert!(!emulator.facts().iter().any(errors));
    Ok(())
}

/// boto3 with the credentials that the emulator gives to functions.
#[tokio::test]
async fn a_functions_own_sdk_signs_what_strict_accepts() -> anyhow::Result<()> {
    let emulator = Launch::fixture("python.yaml")
        .arguments(&["--sigv4", "strict"])
        .start()
        .await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    socket.send("hello").await?;
    assert_eq!(socket.text().await?, "posted: hello");
    Ok(())
}
