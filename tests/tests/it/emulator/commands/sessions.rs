//! `gatepost record` and `replay`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;
use gatepost_tests::emulator::Emulator;
use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::PATIENCE;
use gatepost_tests::socket::Socket;
use serde_json::Value;
use tokio::time::timeout;

/// Records a client that connects, sends two messages and leaves.
async fn recorded(emulator: &Emulator, file: &str) -> anyhow::Result<Vec<Value>> {
    let recording = emulator.begin(&["record", file])?;
    // Its first line says that it listens.
    wait_for(Path::new(file), r#""record":"session""#).await?;
    let mut socket = Socket::open(&format!("{}?who=ann%20b", emulator.websocket())).await?;
    for text in ["one", "two ü"] {
        socket.send(text).await?;
        socket.text().await?;
    }
    socket.close().await?;
    wait_for(Path::new(file), r#""record":"closed""#).await?;
    // The function is told after the client has gone.
    wait_for(Path::new(file), r#""route":"$disconnect""#).await?;
    recording.interrupt()?;
    let ended = recording.ended().await?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let text = std::fs::read_to_string(file)?;
    text.lines()
        .map(|line| Ok(serde_json::from_str(line)?))
        .collect()
}

/// Waits until a record with this in it is in the file.
async fn wait_for(file: &Path, wanted: &str) -> anyhow::Result<()> {
    let there = async {
        while !std::fs::read_to_string(file)
            .unwrap_or_default()
            .contains(wanted)
        {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, there)
        .await
        .with_context(|| format!("no {wanted}"))
}

#[tokio::test]
async fn a_session_is_recorded_with_its_bodies_for_its_owner_only() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("session.ndjson");
    let path = file.to_str().context("UTF-8")?;
    let records = recorded(&emulator, path).await?;
    let of = |kind: &str| -> Vec<&Value> {
        records
            .iter()
            .filter(|record| record["record"] == kind)
            .collect()
    };
    assert_eq!(records[0]["record"], "session");
    let bodies = |kind| {
        of(kind)
            .iter()
            .map(|record| record["body"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(bodies("message"), ["one", "two ü"]);
    // An answer is told of when it has left: the next message may be faster.
    let mut sent = bodies("sent");
    sent.sort_by_key(Value::to_string);
    assert_eq!(sent, ["one", "two ü"]);
    let invoked = of("invoked");
    let connect = invoked.iter().find(|record| record["route"] == "$connect");
    let connect = connect.context("$connect")?;
    assert_eq!(connect["event"]["queryStringParameters"]["who"], "ann b");
    assert_eq!(
        std::fs::metadata(&file)?.permissions().mode() & 0o777,
        0o600
    );
    let again = emulator.gatepost(&["record", path]).await?;
    assert_eq!(again.code, Some(1), "it does not overwrite");
    Ok(())
}

#[tokio::test]
async fn a_recorded_session_is_replayed_as_its_clients_did() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("session.ndjson");
    let path = file.to_str().context("UTF-8")?;
    recorded(&emulator, path).await?;
    let other = Launch::fixture("rust.yaml").start().await?;
    for pace in [&["--fast"][..], &[]] {
        let ended = other.gatepost(&[&["replay", path], pace].concat()).await?;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let came: Vec<Value> = ended
            .stdout
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        let mut texts: Vec<_> = came
            .iter()
            .filter_map(|line| line["received"].as_str())
            .collect();
        // Frames of one connection are invoked concurrently: their answers may overtake each other.
        texts.sort_unstable();
        assert_eq!(texts, ["one", "two ü"]);
    }
    let to = format!("{}?who=another", other.websocket());
    let ended = other
        .gatepost(&["replay", path, "--fast", "--to", &to])
        .await?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let ended = other.gatepost(&["replay", path, "--events"]).await?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("4 of 4 events came to the same"),
        "{}",
        ended.stderr
    );
    Ok(())
}

/// An answer is told of when it has left, and its client may have gone by then.
#[tokio::test]
async fn a_replay_waits_for_answers_that_were_told_of_after_their_client_had_left()
-> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("session.ndjson");
    let path = file.to_str().context("UTF-8")?;
    let mut records = recorded(&emulator, path).await?;
    records.sort_by_key(|record| record["record"] == "sent");
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    std::fs::write(&file, lines.join("\n"))?;
    let ended = emulator.gatepost(&["replay", path, "--fast"]).await?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    Ok(())
}

#[tokio::test]
async fn a_replay_that_brings_less_back_fails() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("session.ndjson");
    let path = file.to_str().context("UTF-8")?;
    recorded(&emulator, path).await?;
    let rule = serde_json::json!({ "effect": "drop", "match": { "step": "frame" } });
    let _fault = emulator.fault(rule).await?;
    let ended = emulator.gatepost(&["replay", path, "--fast"]).await?;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("0 came back, 2 were recorded"),
        "{}",
        ended.stderr
    );
    let ended = emulator
        .gatepost(&["replay", "tests/fixtures/emulator/rust.yaml"])
        .await?;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("rust.yaml:1: this is no record"),
        "{}",
        ended.stderr
    );
    Ok(())
}
