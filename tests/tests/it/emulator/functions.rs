//! Functions behind the routes: answers, errors, environments, and how they see the emulator.

use anyhow::Context;
use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::Socket;
use http::Request;
use serde_json::Value;

#[tokio::test]
async fn a_rust_function_echoes_through_its_route() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    socket.send("hello \"there\" \\ ü").await?;
    assert_eq!(socket.text().await?, "hello \"there\" \\ ü");

    let connected = emulator.event("connected", |_| true).await?;
    let connection = connected["connection"].clone();
    assert_eq!(connection.as_str().map(str::len), Some(16));
    let routed = |route: &'static str| move |fact: &Value| fact["route"] == route;
    for route in ["$connect", "$default"] {
        let fact = emulator.event("routed", routed(route)).await?;
        assert_eq!(
            (&fact["connection"], &fact["outcome"]),
            (&connection, &"response".into())
        );
    }
    let received = emulator.event("received", |_| true).await?;
    assert_eq!(received["bytes"], "hello \"there\" \\ ü".len());
    let first = emulator
        .event("invoked", |fact| fact["function"] == "Echo")
        .await?;
    assert_eq!(
        (&first["cold"], &first["outcome"]),
        (&true.into(), &"response".into())
    );
    emulator
        .event("answered", |fact| fact["connection"] == connection)
        .await?;
    socket.close().await?;
    let gone = emulator
        .event("disconnected", |fact| fact["connection"] == connection)
        .await?;
    assert_eq!(
        (&gone["code"], &gone["by"]),
        (&1000.into(), &"client".into())
    );
    emulator.event("routed", routed("$disconnect")).await?;
    Ok(())
}

#[tokio::test]
async fn facts_hold_no_message_and_no_address() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    socket.send("a-secret-message").await?;
    socket.text().await?;
    emulator.event("answered", |_| true).await?;
    for fact in emulator.facts().iter().skip(1) {
        let fact = fact.to_string();
        assert!(
            !fact.contains("a-secret-message") && !fact.contains("127.0.0.1"),
            "{fact}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn variables_come_from_the_template_then_the_file_then_the_command_line() -> anyhow::Result<()>
{
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("my.env");
    let lines = "# for this test\nOVERRIDDEN=file\nFROM_FILE='a b'\nUNUSED=1\n\
         ORIGIN=${GATEPOST_ORIGIN}\nDATA=${GATEPOST_DATA_DIR}/x\nFLAG=file\n";
    std::fs::write(&file, lines)?;
    let emulator = Launch::fixture("rust.yaml")
        .arguments(&["--env-file", &file.display().to_string()])
        .env("FLAG", "flag")
        .start()
        .await?;
    let origin = format!("http://{}", emulator.authority());
    let data = format!("{}/x", emulator.data_dir().display());
    let credentials = &emulator.ready()["credentials"];
    let mut socket = Socket::open(emulator.websocket()).await?;
    for (name, expected) in [
        ("FROM_TEMPLATE", "template"),
        ("OVERRIDDEN", "file"),
        ("FROM_FILE", "a b"),
        ("FLAG", "flag"),
        ("ORIGIN", &origin),
        ("DATA", &data),
        (
            "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",
            &format!("{origin}/local"),
        ),
        ("AWS_ENDPOINT_URL_LAMBDA", &origin),
        ("AWS_REGION", "us-east-1"),
        (
            "AWS_ACCESS_KEY_ID",
            credentials["access_key_id"].as_str().context("a key")?,
        ),
        (
            "AWS_SESSION_TOKEN",
            credentials["session_token"].as_str().context("a token")?,
        ),
        ("AWS_LAMBDA_FUNCTION_NAME", "Echo"),
        // Of the emulator's own environment, which names cargo's folders, nothing is passed on.
        ("CARGO_TARGET_DIR", "absent"),
    ] {
        socket.send(&format!("env {name}")).await?;
        assert_eq!(socket.text().await?, expected, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn a_function_that_panics_is_an_error_of_its_caller_only() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    for _ in 0..2 {
        socket.send(r#"{"action":"panics"}"#).await?;
        let error: Value = serde_json::from_str(&socket.text().await?)?;
        assert_eq!(error["message"], "Internal server error");
    }
    let failed = emulator
        .event("function_failed", |fact| fact["function"] == "Panics")
        .await?;
    let message = failed["message"].as_str().context("a message")?;
    assert!(message.contains("exit status: 101"), "{message}");
    emulator
        .event("log", |fact| {
            fact["line"]
                .as_str()
                .is_some_and(|l| l.contains("panicked"))
        })
        .await?;
    socket.send("still there").await?;
    assert_eq!(socket.text().await?, "still there");
    // It can be called again: that is what ready means.
    assert_eq!(emulator.get("/_gatepost/health").await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn a_function_that_never_answers_times_out_for_both_sides() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    socket.send(r#"{"action":"silent"}"#).await?;
    // The integration gives up after its 500 ms, the function after its second.
    let error: Value = serde_json::from_str(&socket.text().await?)?;
    assert_eq!(error["message"], "Endpoint request timed out");
    emulator
        .event("routed", |fact| fact["outcome"] == "timed_out")
        .await?;
    let stopped = emulator
        .event("environment_stopped", |fact| fact["function"] == "Silent")
        .await?;
    assert_eq!(stopped["why"], "timeout");
    Ok(())
}

#[tokio::test]
async fn a_bootstrap_in_the_functions_folder_is_run() -> anyhow::Result<()> {
    // The echo function, built once by another emulator, put where a deployment has it.
    let built = Launch::fixture("rust.yaml").start().await?;
    let asked = Request::get("/_gatepost/api/state").body(String::new())?;
    let state: Value = serde_json::from_slice(built.api(asked).await?.body())?;
    let echo = state["functions"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|f| f["id"] == "Echo");
    let program = echo
        .and_then(|echo| echo["program"].as_str())
        .context("a program")?;
    let folder = tempfile::tempdir()?;
    std::fs::create_dir(folder.path().join("rust"))?;
    let repository = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::copy(
        repository.join(program),
        folder.path().join("rust/bootstrap"),
    )?;
    let template = std::fs::read_to_string(gatepost_tests::emulator::fixture("rust.yaml"))?;
    let template = template.replace("BuildMethod: rust-cargolambda", "Built: already");
    std::fs::write(
        folder.path().join("template.yaml"),
        template.replace("Page: page", ""),
    )?;

    let emulator = Launch::template(&folder.path().join("template.yaml"))
        .start()
        .await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    socket.send("from a bootstrap").await?;
    assert_eq!(socket.text().await?, "from a bootstrap");
    Ok(())
}

#[tokio::test]
async fn functions_are_invoked_over_http_but_not_from_other_sites() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let invoke = |origin: Option<&str>| {
        let mut request = http::Request::post("/2015-03-31/functions/Echo/invocations");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        request.body(r#"{"body":"hi"}"#.to_owned())
    };
    let answer = emulator.http(invoke(None)?).await?;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.body(), r#"{"statusCode":200,"body":"hi"}"#);
    let answer = emulator
        .http(invoke(Some("http://attacker.example"))?)
        .await?;
    assert_eq!(answer.status(), 403);
    Ok(())
}
