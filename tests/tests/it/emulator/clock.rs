//! The clock that runs faster, and the one that is put forward.

use std::time::Duration;

use gatepost_tests::emulator::Emulator;
use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::Received;
use gatepost_tests::socket::Socket;
use http::Request;
use serde_json::Value;

const MINUTE: Duration = Duration::from_secs(60);

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

/// Developer Guide, "Quotas for configuring and running a WebSocket API": 10 minutes, and 2 hours
/// however much passes.
#[tokio::test]
async fn a_step_of_the_clock_ends_idle_connections_and_old_ones() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let mut active = Socket::open(emulator.websocket()).await?;
    let active_id = emulator.event("connected", |_| true).await?["connection"].clone();
    let mut idle = Socket::open(emulator.websocket()).await?;
    let going_away = Received::Close(1001, "Going away".to_owned());
    for minutes in 1..=13 {
        emulator.advance(9 * MINUTE).await?;
        active.send(&minutes.to_string()).await?;
        assert_eq!(active.text().await?, minutes.to_string());
        if minutes == 2 {
            assert_eq!(idle.next().await?, going_away);
        }
    }
    emulator.advance(3 * MINUTE).await?;
    assert_eq!(active.next().await?, going_away);
    let ended = |fact: &Value| fact["connection"] == active_id;
    let fact = emulator.event("disconnected", ended).await?;
    assert_eq!(
        (&fact["code"], &fact["reason"], &fact["by"]),
        (&1001.into(), &"Going away".into(), &"gateway".into())
    );
    // What is said of the emulated world is said in its time.
    let connected = emulator.event("connected", ended).await?;
    let lived = fact["at"].as_u64().unwrap_or(0) - connected["at"].as_u64().unwrap_or(0);
    assert!(lived >= 2 * 60 * 60 * 1000, "{lived} ms");
    Ok(())
}

#[tokio::test]
async fn a_step_of_the_clock_runs_what_is_scheduled() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let before = clock(&emulator).await?;
    let after = emulator.advance(MINUTE).await?;
    emulator
        .event("scheduled", |fact| fact["function"] == "Forks")
        .await?;
    emulator
        .event("invoked", |fact| fact["function"] == "Forks")
        .await?;
    let passed = after["now"].as_u64().unwrap_or(0) - before["now"].as_u64().unwrap_or(0);
    assert!((60_000..90_000).contains(&passed), "{passed} ms");
    assert_eq!(
        (&after["advanced_ms"], &after["scale"]),
        (&60_000.into(), &1.0.into())
    );
    let told = emulator.event("clock_advanced", |_| true).await?;
    assert_eq!(told["by_ms"], 60_000);
    Ok(())
}

/// Lambda guide, "How Lambda handles errors and retries with asynchronous invocation": one minute,
/// then two.
#[tokio::test]
async fn a_step_of_the_clock_brings_retries() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let invoke = Request::post("/2015-03-31/functions/Panics/invocations")
        .header("x-amz-invocation-type", "Event")
        .body("{}".to_owned())?;
    assert_eq!(emulator.http(invoke).await?.status(), 202);
    for (attempt, wait) in [(1, Some(60_000.0)), (2, Some(120_000.0)), (3, None)] {
        let failed = emulator
            .event("attempt_failed", |fact| fact["attempt"] == attempt)
            .await?;
        assert_eq!(failed["retry_in_ms"].as_f64(), wait);
        emulator
            .advance(Duration::from_millis(wait.map_or(0, |ms| ms as u64)))
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_clock_is_not_put_forward_by_what_is_no_step() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    for (content_type, body, status) in [
        ("application/json", r#"{"advance_ms":-1}"#, 400),
        ("application/json", "60000", 400),
        ("text/plain", r#"{"advance_ms":60000}"#, 415),
    ] {
        let request = Request::post(CLOCK)
            .header("content-type", content_type)
            .body(body.to_owned())?;
        assert_eq!(emulator.api(request).await?.status(), status, "{body}");
    }
    let clock = clock(&emulator).await?;
    assert_eq!(clock["advanced_ms"], 0);
    Ok(())
}

async fn clock(emulator: &Emulator) -> anyhow::Result<Value> {
    let request = Request::get(CLOCK).body(String::new())?;
    Ok(serde_json::from_slice(emulator.api(request).await?.body())?)
}

const CLOCK: &str = "/_gatepost/api/clock";
