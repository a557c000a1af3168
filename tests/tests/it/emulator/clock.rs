//! The clock that runs faster.

use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::Received;
use gatepost_tests::socket::Socket;

#[tokio::test]
async fn idle_connections_are_closed_after_ten_scaled_minutes() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml")
        .arguments(&["--time-scale", "600"])
        .start()
        .await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    assert_eq!(
        socket.next().await?,
        Received::Close(1001, "Going away".to_owned())
    );
    let fact = emulator.event("disconnected", |_| true).await?;
    assert_eq!(
        (&fact["code"], &fact["by"]),
        (&1001.into(), &"gateway".into())
    );
    Ok(())
}

#[tokio::test]
async fn schedules_invoke_their_functions() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml")
        .arguments(&["--time-scale", "600"])
        .start()
        .await?;
    emulator
        .event("scheduled", |fact| fact["function"] == "Forks")
        .await?;
    let queued = emulator
        .event("queued", |fact| fact["function"] == "Forks")
        .await?;
    let invoked = emulator
        .event("invoked", |fact| fact["request"] == queued["request"])
        .await?;
    assert_eq!(invoked["outcome"], "response");
    Ok(())
}
