//! Several APIs and stages in one template.

use std::collections::BTreeSet;

use anyhow::Context;
use gatepost_tests::emulator::Emulator;
use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::Socket;
use http::Request;
use serde_json::Value;
use serde_json::json;

/// What the function of a stage tells.
async fn told(emulator: &Emulator, stage: &str) -> anyhow::Result<Value> {
    let url = format!("ws://{}/{stage}", emulator.authority());
    let mut socket = Socket::open(&url).await?;
    socket.send("who?").await?;
    Ok(serde_json::from_str(&socket.text().await?)?)
}

#[tokio::test]
async fn every_stage_of_every_api_is_served_under_a_name_of_its_own() -> anyhow::Result<()> {
    let emulator = Launch::fixture("several.yaml").start().await?;
    let stages = emulator.ready()["stages"].as_array().context("stages")?;
    let names = stages
        .iter()
        .map(|row| (row["api"].as_str(), row["stage"].as_str()));
    let expected = [
        ("Chat", "local"),
        ("Chat", "beta"),
        ("Admin", "prod"),
        ("Audit", "Audit-prod"),
    ];
    assert_eq!(
        names.collect::<Vec<_>>(),
        expected.map(|(api, stage)| (Some(api), Some(stage)))
    );
    assert_eq!(emulator.ready()["websocket"], stages[0]["websocket"]);

    let mut ids = BTreeSet::new();
    for (api, stage) in expected {
        let told = told(&emulator, stage).await?;
        assert_eq!(told["stage"], stage);
        ids.insert(told["api"].as_str().context("an id")?.to_owned());
        let endpoint = match api {
            "Chat" => format!("http://{}/local", emulator.authority()),
            // Of the first API that calls the function.
            _ => format!("http://{}/prod", emulator.authority()),
        };
        assert_eq!(told["endpoint"], endpoint);
        let variables = match stage {
            "local" => json!({"colour": "blue"}),
            "beta" => json!({"colour": "green"}),
            _ => Value::Null,
        };
        assert_eq!(told["variables"], variables);
        if api == "Admin" {
            assert_eq!(told["chat"], format!("ws://{}/local", emulator.authority()));
            assert_eq!(
                told["audit"],
                format!("ws://{}/Audit-prod", emulator.authority())
            );
        }
    }
    assert_eq!(ids.len(), 3, "{ids:?}");
    Ok(())
}

#[tokio::test]
async fn a_host_of_awss_form_reaches_the_stages_of_its_api_only() -> anyhow::Result<()> {
    let emulator = Launch::fixture("several.yaml").start().await?;
    let admin = told(&emulator, "prod").await?;
    let admin = admin["api"].as_str().context("an id")?;
    let ask = |stage: &str| {
        Request::get(format!("/{stage}"))
            .header("host", format!("{admin}.execute-api.localhost:3001"))
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .body(String::new())
    };
    assert_eq!(emulator.http(ask("prod")?).await?.status(), 101);
    assert_eq!(emulator.http(ask("local")?).await?.status(), 403);
    Ok(())
}

#[tokio::test]
async fn a_connection_is_posted_to_through_its_own_stage_only() -> anyhow::Result<()> {
    let emulator = Launch::fixture("several.yaml").start().await?;
    let url = format!("ws://{}/prod", emulator.authority());
    let mut socket = Socket::open(&url).await?;
    let connected = emulator
        .event("connected", |fact| fact["stage"] == "prod")
        .await?;
    let id = connected["connection"].as_str().context("an id")?;
    let id = id.replace('=', "%3D");
    let post =
        |stage: &str| Request::post(format!("/{stage}/@connections/{id}")).body("hello".to_owned());
    for stage in ["local", "beta", "Audit-prod"] {
        assert_eq!(emulator.http(post(stage)?).await?.status(), 410, "{stage}");
    }
    assert_eq!(emulator.http(post("prod")?).await?.status(), 200);
    assert_eq!(socket.text().await?, "hello");
    Ok(())
}

#[tokio::test]
async fn apis_of_other_kinds_are_told_not_to_be_emulated() -> anyhow::Result<()> {
    let emulator = Launch::fixture("several.yaml").start().await?;
    let asked = Request::get("/_gatepost/api/state").body(String::new())?;
    let state = emulator.api(asked).await?;
    let state: Value = serde_json::from_slice(state.body())?;
    let findings = state["findings"].as_array().context("findings")?;
    let about = |id: &str| {
        let of = findings.iter().filter(|finding| {
            let what = finding["what"].as_str().unwrap_or_default();
            what.contains(&format!("`{id}`")) && what.contains("not emulated")
        });
        of.count()
    };
    for id in ["Rest", "Http", "PlainHttp", "PlainRest"] {
        assert_eq!(about(id), 1, "{id}: {findings:?}");
    }
    // It is a part of an API that was told already.
    assert_eq!(about("PlainRestResource"), 0, "{findings:?}");
    let at = findings[0]["at"].as_str().context("a place")?;
    assert!(at.contains("several.yaml:"), "{at}");
    Ok(())
}
