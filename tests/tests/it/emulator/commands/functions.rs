//! `gatepost invoke`.

use gatepost_tests::emulator::Launch;
use serde_json::Value;

#[tokio::test]
async fn a_function_is_invoked_with_an_event_and_its_last_lines_are_shown() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let folder = tempfile::tempdir()?;
    let event = folder.path().join("event.json");
    std::fs::write(&event, r#"{"body":"from a file"}"#)?;
    let event = event.display().to_string();
    let ended = emulator
        .gatepost(&["invoke", "Echo", "--event", &event])
        .await?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(
        ended.stdout,
        "{\"statusCode\":200,\"body\":\"from a file\"}\n"
    );
    assert!(
        ended.stderr.contains("echo got 22 bytes"),
        "{}",
        ended.stderr
    );
    Ok(())
}

#[tokio::test]
async fn a_function_is_invoked_as_its_route_does() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let route = ["invoke", "--route", "$default", "--body", "hello", "--json"];
    let ended = emulator.gatepost(&route).await?;
    let came: Value = serde_json::from_str(&ended.stdout)?;
    assert_eq!(came["function"], "Echo");
    assert_eq!(came["payload"], r#"{"statusCode":200,"body":"hello"}"#);
    for route in ["$connect", "$disconnect"] {
        let ended = emulator.gatepost(&["invoke", "--route", route]).await?;
        assert_eq!(ended.code, Some(0), "{route}: {}", ended.stderr);
    }
    let ended = emulator.gatepost(&["invoke", "--route", "$defalt"]).await?;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("did you mean `$default`?"),
        "{}",
        ended.stderr
    );
    Ok(())
}

#[tokio::test]
async fn a_routes_event_has_the_context_that_an_authorizer_would_have_given() -> anyhow::Result<()>
{
    let emulator = Launch::chat().start().await?;
    let rooms = r#"{"action":"rooms","id":"1"}"#;
    let route = ["invoke", "--route", "$default", "--body", rooms];
    let ended = emulator.gatepost(&route).await?;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    let context = ["--authorizer", "user=ann", "--authorizer", "name=Ann"];
    let named = [&route[..], &context].concat();
    let ended = emulator.gatepost(&named).await?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let response: Value = serde_json::from_str(&ended.stdout)?;
    let reply = response["body"].as_str().unwrap_or_default();
    assert!(reply.starts_with(r#"{"reply":"1","ok":{"#), "{reply}");
    Ok(())
}

#[tokio::test]
async fn a_failing_function_an_unknown_one_and_a_wrong_event_are_told_apart() -> anyhow::Result<()>
{
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let ended = emulator.gatepost(&["invoke", "Panics"]).await?;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stdout.contains("Runtime.ExitError"),
        "{}",
        ended.stdout
    );
    let ended = emulator.gatepost(&["invoke", "Ehco"]).await?;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("did you mean `Echo`?"),
        "{}",
        ended.stderr
    );
    let event = [
        "invoke",
        "Echo",
        "--event",
        "tests/fixtures/emulator/rust.yaml",
    ];
    let ended = emulator.gatepost(&event).await?;
    assert!(ended.stderr.contains("rust.yaml:1:"), "{}", ended.stderr);
    assert_eq!(emulator.gatepost(&["invoke"]).await?.code, Some(64));
    Ok(())
}

#[tokio::test]
async fn an_asynchronous_invocation_is_queued() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let ended = emulator
        .gatepost(&["invoke", "Echo", "--async", "--json"])
        .await?;
    let came: Value = serde_json::from_str(&ended.stdout)?;
    assert_eq!(came["outcome"], "queued");
    let queued = emulator
        .event("queued", |fact| fact["request"] == came["request"])
        .await?;
    assert_eq!(queued["function"], "Echo");
    Ok(())
}
