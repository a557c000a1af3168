//! Fault rules of a running emulator: how they are set and removed, and the faults of functions.

use anyhow::Context;
use gatepost_tests::emulator::Emulator;
use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::Received;
use gatepost_tests::socket::Socket;
use http::Request;
use serde_json::Value;
use serde_json::json;

#[tokio::test]
async fn a_guard_sets_a_rule_and_removes_it_in_the_end() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    {
        let fault = emulator
            .fault(json!({ "effect": "throttle", "match": { "route": "$default" } }))
            .await?;
        socket.send("one").await?;
        assert!(socket.text().await?.contains("Too Many Requests"));
        let fired = emulator.fired(&fault).await?;
        assert_eq!(fired["effect"], "throttle");
        assert_eq!(
            (&fired["step"], &fired["route"], &fired["function"]),
            (&"invoke".into(), &"$default".into(), &"Echo".into())
        );
    }
    socket.send("two").await?;
    assert_eq!(socket.text().await?, "two");
    assert_eq!(list(&emulator).await?["faults"], json!([]));
    Ok(())
}

#[tokio::test]
async fn rules_are_listed_with_how_often_they_fired_and_reset() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let rule = json!({
        "match": { "step": "handshake", "stage": "local" },
        "effect": "status:429", "times": 1, "seed": 7, "ttl_ms": 600_000,
    });
    let _fault = emulator.fault(rule).await?;
    let refused = Socket::handshake(emulator.websocket(), &[]).await?;
    assert_eq!(refused.err().context("a refusal")?.status, 429);
    Socket::open(emulator.websocket()).await?;
    let listed = list(&emulator).await?;
    assert_eq!(
        listed["faults"],
        json!([{
            "id": 1, "match": { "step": "handshake", "stage": "local" }, "effect": "status:429",
            "probability": 1.0, "times": 1, "ttl_ms": 600_000, "seed": 7, "fired": 1, "over": true,
        }])
    );
    let steps = listed["steps"].as_array().context("steps")?;
    assert!(steps.iter().any(|step| step["step"] == "posted"));
    let (status, answer) = call(&emulator, "DELETE", "", "").await?;
    assert_eq!((status, answer), (200, json!({ "removed": 1 })));
    assert_eq!(list(&emulator).await?["faults"], json!([]));
    Ok(())
}

#[tokio::test]
async fn a_wrong_rule_is_refused_with_what_would_be_right() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    for (rule, says) in [
        (r#"{"effect":"status:410"}"#, "needs a step"),
        (r#"{"effect":"stauts:410"}"#, "did you mean `status`?"),
        (
            r#"{"effect":"kill","match":{"conection":"x"}}"#,
            "unknown field `conection`",
        ),
        ("[]", "invalid"),
    ] {
        let (status, answer) = call(&emulator, "POST", "", rule).await?;
        let message = answer["message"].as_str().unwrap_or_default();
        assert_eq!(status, 400, "{rule}");
        assert!(message.contains(says), "{rule}: {message}");
    }
    assert_eq!(call(&emulator, "DELETE", "/99", "").await?.0, 404);
    Ok(())
}

#[tokio::test]
async fn a_rule_without_a_step_befalls_the_connections_that_are_there() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let mut one = Socket::open(emulator.websocket()).await?;
    let first = emulator.event("connected", |_| true).await?["connection"].clone();
    let mut other = Socket::open(emulator.websocket()).await?;
    emulator
        .fault(json!({ "effect": "kill", "match": { "connection": first } }))
        .await?;
    assert_eq!(one.next().await?, Received::Dropped);
    let closed = emulator.event("disconnected", |_| true).await?;
    assert_eq!(
        (&closed["connection"], &closed["code"]),
        (&first, &1006.into())
    );
    other.send("still here").await?;
    assert_eq!(other.text().await?, "still here");
    assert_eq!(list(&emulator).await?["faults"], json!([]));
    Ok(())
}

#[tokio::test]
async fn a_function_that_crashes_before_it_answers_is_an_error_and_the_next_call_a_cold_start()
-> anyhow::Result<()> {
    for step in ["event", "response"] {
        let emulator = Launch::fixture("rust.yaml").start().await?;
        let mut socket = Socket::open(emulator.websocket()).await?;
        let _fault = emulator.fault(crash(step)).await?;
        socket.send("one").await?;
        let told = socket.text().await?;
        assert!(told.contains("Internal server error"), "{step}: {told}");
        let stopped = emulator
            .event("environment_stopped", |fact| fact["function"] == "Echo")
            .await?;
        assert_eq!(stopped["why"], "signal: 9 (SIGKILL)", "{step}");
        socket.send("two").await?;
        assert_eq!(socket.text().await?, "two");
    }
    Ok(())
}

#[tokio::test]
async fn a_function_that_crashes_after_it_answered_has_answered() -> anyhow::Result<()> {
    for step in ["answered", "ended"] {
        let emulator = Launch::fixture("rust.yaml").start().await?;
        let mut socket = Socket::open(emulator.websocket()).await?;
        let fault = emulator.fault(crash(step)).await?;
        socket.send("one").await?;
        assert_eq!(socket.text().await?, "one");
        emulator.fired(&fault).await?;
        let first = emulator
            .event("environment_stopped", |fact| fact["function"] == "Echo")
            .await?;
        assert_eq!(first["why"], "signal: 9 (SIGKILL)", "{step}");
        socket.send("two").await?;
        assert_eq!(socket.text().await?, "two");
        let again = emulator
            .event("invoked", |fact| {
                fact["function"] == "Echo" && fact["environment"] != first["environment"]
            })
            .await?;
        assert_eq!(again["cold"], true, "{step}");
    }
    Ok(())
}

#[tokio::test]
async fn a_function_that_crashes_in_its_init_phase_is_started_again() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    let _end = emulator.fault(crash("ended")).await?;
    let init = emulator.fault(crash("init")).await?;
    socket.send("one").await?;
    assert_eq!(socket.text().await?, "one");
    emulator
        .event("environment_stopped", |fact| fact["function"] == "Echo")
        .await?;
    socket.send("two").await?;
    assert_eq!(socket.text().await?, "two");
    emulator.fired(&init).await?;
    let failed = emulator
        .event("function_failed", |fact| fact["function"] == "Echo")
        .await?;
    let message = failed["message"].as_str().context("a message")?;
    assert!(message.contains("SIGKILL"), "{message}");
    Ok(())
}

#[tokio::test]
async fn a_cold_start_takes_as_long_as_the_rule_says() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    let _end = emulator.fault(crash("ended")).await?;
    let rule = json!({ "effect": "delay:300ms", "match": { "step": "init", "function": "Echo" } });
    let _late = emulator.fault(rule).await?;
    socket.send("one").await?;
    socket.text().await?;
    emulator
        .event("environment_stopped", |fact| fact["function"] == "Echo")
        .await?;
    socket.send("two").await?;
    assert_eq!(socket.text().await?, "two");
    let started = emulator
        .event("environment_started", |fact| {
            fact["function"] == "Echo" && fact["init_ms"].as_f64() >= Some(300.0)
        })
        .await;
    started.map(drop)
}

/// `Echo` crashes once, at this step.
fn crash(step: &str) -> Value {
    json!({ "effect": "crash", "match": { "step": step, "function": "Echo" }, "times": 1 })
}

async fn list(emulator: &Emulator) -> anyhow::Result<Value> {
    Ok(call(emulator, "GET", "", "").await?.1)
}

async fn call(
    emulator: &Emulator,
    method: &str,
    rest: &str,
    body: &str,
) -> anyhow::Result<(u16, Value)> {
    let request = Request::builder()
        .method(method)
        .uri(format!("/_gatepost/api/faults{rest}"))
        .header("content-type", "application/json")
        .body(body.to_owned())?;
    let response = emulator.api(request).await?;
    let answer = serde_json::from_slice(response.body())?;
    Ok((response.status().as_u16(), answer))
}
