//! `--quota`.

use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::Received;
use gatepost_tests::socket::Socket;

#[tokio::test]
async fn a_quota_is_changed_on_the_command_line() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml")
        .arguments(&["--quota", "frame-bytes=10"])
        .start()
        .await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    socket.send("12345678901").await?;
    let too_big = Received::Close(1009, "Message too big".to_owned());
    assert_eq!(socket.next().await?, too_big);
    Ok(())
}

/// Seen on AWS: 429 at the handshake (`ServerlessNetworkingClients` issue 3).
#[tokio::test]
async fn connections_beyond_the_quota_are_refused_and_told() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml")
        .arguments(&["--quota", "connects-per-second=0"])
        .start()
        .await?;
    let refused = Socket::handshake(emulator.websocket(), &[]).await?;
    let Err(refused) = refused else {
        anyhow::bail!("it was accepted");
    };
    assert_eq!(refused.status, 429);
    assert_eq!(refused.body, r#"{"message":"Too Many Requests"}"#);
    let fact = emulator.event("refused", |_| true).await?;
    let why = fact["why"].as_str().unwrap_or_default();
    assert!(why.contains("connects-per-second"), "{why}");
    Ok(())
}

#[tokio::test]
async fn messages_beyond_the_quota_are_told_by_its_name() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml")
        .arguments(&["--quota", "requests-per-second=0.001"])
        .arguments(&["--quota", "requests-burst=2"])
        .start()
        .await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    socket.send("1").await?;
    assert_eq!(socket.text().await?, "1");
    socket.send("2").await?;
    let frame = socket.text().await?;
    assert!(
        frame.starts_with(r#"{"message": "Too Many Requests", "#),
        "{frame}"
    );
    let fact = emulator.event("request_throttled", |_| true).await?;
    assert_eq!(fact["quota"], "requests-per-second");
    Ok(())
}

#[tokio::test]
async fn a_quota_that_does_not_exist_is_named_beside_those_that_do() -> anyhow::Result<()> {
    let failed = Launch::fixture("rust.yaml")
        .arguments(&["--quota", "frames=1"])
        .fails()
        .await?;
    assert_eq!(failed.code, Some(64));
    assert!(failed.stderr.contains("frame-bytes"), "{}", failed.stderr);
    Ok(())
}
