//! `gatepost connections`, `events` and `fault`, of a running emulator.

use anyhow::Context;
use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::Received;
use gatepost_tests::socket::Socket;
use serde_json::Value;
use tokio::io::AsyncBufReadExt;
use tokio::io::BufReader;

#[tokio::test]
async fn connections_are_listed_sent_to_and_closed() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let ended = emulator.gatepost(&["connections", "ls"]).await?;
    assert!(
        ended.stdout.starts_with("nobody is connected to ws://"),
        "{}",
        ended.stdout
    );
    let mut socket = Socket::open(emulator.websocket()).await?;
    let connected = emulator.event("connected", |_| true).await?;
    let id = connected["connection"].as_str().context("an id")?;
    let ended = emulator.gatepost(&["connections", "ls", "--json"]).await?;
    let listed: Value = serde_json::from_str(&ended.stdout)?;
    assert_eq!(listed[0]["id"], id);
    assert!(
        emulator
            .gatepost(&["connections", "ls"])
            .await?
            .stdout
            .contains(id)
    );
    let sent = emulator
        .gatepost(&["connections", "send", id, "typed ü"])
        .await?;
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    assert_eq!(socket.text().await?, "typed ü");
    emulator.gatepost(&["connections", "close", id]).await?;
    assert!(matches!(socket.next().await?, Received::Close(1000, _)));
    emulator.event("disconnected", |_| true).await?;
    let late = emulator
        .gatepost(&["connections", "send", id, "late"])
        .await?;
    assert_eq!(late.code, Some(1));
    assert!(
        late.stderr.contains("the connection is gone"),
        "{}",
        late.stderr
    );
    Ok(())
}

#[tokio::test]
async fn events_are_shown_so_far_and_as_they_happen() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let tail = ["events", "tail", "--json", "--event", "connected"];
    let mut following = emulator.begin(&tail)?;
    let mut lines = BufReader::new(following.stdout()?).lines();
    let _one = Socket::open(emulator.websocket()).await?;
    let line = lines.next_line().await?.context("a line")?;
    let first = emulator.event("connected", |_| true).await?;
    assert_eq!(serde_json::from_str::<Value>(&line)?, first);
    let _other = Socket::open(emulator.websocket()).await?;
    let second = lines.next_line().await?.context("a line")?;
    assert_ne!(second, line);
    let id = first["connection"].as_str().context("an id")?;
    let so_far = ["events", "tail", "--no-follow", "--connection", id];
    let ended = emulator.gatepost(&so_far).await?;
    let shown: Vec<&str> = ended.stdout.lines().collect();
    assert!(
        shown.iter().any(|line| line.contains("  connected ")),
        "{shown:?}"
    );
    assert!(
        shown
            .iter()
            .all(|line| line.contains(&format!("connection={id}"))),
        "{shown:?}"
    );
    Ok(())
}

#[tokio::test]
async fn faults_are_set_listed_and_removed() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let add = [
        "fault", "add", "fail", "--at", "invoke", "--route", "$default", "--times", "1",
    ];
    let added = emulator.gatepost(&add).await?;
    assert_eq!(
        added.stdout, "rule 1: fail at invoke, route $default, times 1\n",
        "{}",
        added.stderr
    );
    let mut socket = Socket::open(emulator.websocket()).await?;
    socket.send("one").await?;
    assert!(socket.text().await?.contains("Internal server error"));
    let listed = emulator.gatepost(&["fault", "ls"]).await?;
    assert!(listed.stdout.contains("1 (over)"), "{}", listed.stdout);
    assert_eq!(
        emulator.gatepost(&["fault", "rm", "1"]).await?.code,
        Some(0)
    );
    assert_eq!(
        emulator.gatepost(&["fault", "rm", "1"]).await?.code,
        Some(1)
    );
    let killed = emulator.gatepost(&["fault", "add", "kill"]).await?;
    assert_eq!(killed.stdout, "kill at 1 connection\n");
    assert_eq!(socket.next().await?, Received::Dropped);
    let reset = emulator.gatepost(&["fault", "reset"]).await?;
    assert_eq!(reset.stdout, "0 rules removed\n");
    let steps = emulator.gatepost(&["fault", "ls", "--steps"]).await?;
    assert!(steps.stdout.contains("disconnect  "), "{}", steps.stdout);
    Ok(())
}

#[tokio::test]
async fn a_fault_that_cannot_happen_is_refused_with_what_can() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    for (add, code, says) in [
        (&["dorp", "--at", "post"][..], 64, "did you mean `drop`?"),
        (&["drop", "--at", "pst"], 64, "did you mean `post`?"),
        (
            &["drop"],
            64,
            "needs a step: message, queue, frame, post, delete, disconnect",
        ),
        (&["crash", "--at", "post"], 64, "it can at init"),
    ] {
        let ended = emulator
            .gatepost(&[&["fault", "add"], add].concat())
            .await?;
        assert_eq!(ended.code, Some(code), "{add:?}");
        assert!(ended.stderr.contains(says), "{add:?}: {}", ended.stderr);
    }
    Ok(())
}
