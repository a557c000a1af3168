//! A Python function with AWS's own client of the Runtime API and an unmodified boto3.

use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::Socket;
use serde_json::Value;

#[tokio::test]
async fn a_python_function_posts_to_its_connection_with_boto3() -> anyhow::Result<()> {
    let emulator = Launch::fixture("python.yaml").start().await?;
    let health = emulator.get("/_gatepost/health").await?;
    let health: Value = serde_json::from_slice(health.body())?;
    assert_eq!(
        health["ready"], true,
        "{health}: run ./tests/run once, or set GATEPOST_TEST_PYTHON to an interpreter that has \
         the packages of tests/requirements.txt"
    );
    let mut socket = Socket::open(emulator.websocket()).await?;
    socket.send("hello from a browser").await?;
    assert_eq!(socket.text().await?, "posted: hello from a browser");
    let posted = emulator.event("posted", |_| true).await?;
    assert_eq!(posted["bytes"], "posted: hello from a browser".len());
    emulator
        .event("log", |fact| {
            fact["line"] == "python got a MESSAGE" && fact["request"].is_string()
        })
        .await?;
    emulator
        .event("log", |fact| {
            fact["line"]
                .as_str()
                .is_some_and(|l| l.starts_with("connected at"))
        })
        .await?;
    // The template makes the address of AWS: it is that of this machine.
    let callback = format!("callback http://{}/local", emulator.authority());
    emulator
        .event("log", |fact| fact["line"] == callback)
        .await?;
    Ok(())
}
