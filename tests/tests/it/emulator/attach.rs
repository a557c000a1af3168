//! A function that the emulator does not start, because somebody debugs it.

use std::path::Path;
use std::process::Stdio;

use anyhow::Context;
use gatepost_tests::emulator::Launch;
use gatepost_tests::emulator::begin;
use gatepost_tests::emulator::fixture;
use gatepost_tests::socket::PATIENCE;
use gatepost_tests::socket::Socket;
use tokio::io::AsyncBufReadExt;
use tokio::io::BufReader;
use tokio::process::Command;

#[tokio::test]
async fn a_function_is_started_from_the_file_that_the_emulator_wrote() -> anyhow::Result<()> {
    let emulator = Launch::fixture("plain.yaml")
        .arguments(&["--attach", "Node"])
        .start()
        .await?;
    emulator
        .event("listening", |fact| fact["function"] == "Node")
        .await?;
    // What a shell makes of the file, as a person would paste it.
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("../local-dev/runtimes/node/main.mjs");
    let file = emulator.data_dir().join("attach/Node.env");
    let script = format!(
        "set -a; . {}; set +a; exec node {} index.handler",
        file.display(),
        client.display()
    );
    let _process = Command::new("/bin/sh")
        .args(["-c", &script])
        .current_dir(fixture("plain"))
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    socket.send(r#"{"action":"node"}"#).await?;
    assert_eq!(socket.text().await?, r#"node: {"action":"node"}"#);
    // The others are as ever.
    socket.send(r#"{"action":"python"}"#).await?;
    assert_eq!(socket.text().await?, r#"python: {"action":"python"}"#);
    Ok(())
}

#[tokio::test]
async fn the_line_that_is_told_starts_the_function() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let path = data.path().to_str().context("UTF-8")?;
    let template = "tests/fixtures/emulator/plain.yaml";
    let dev = ["dev", "--template", template, "--port", "0"];
    let attach = ["--data-dir", path, "--attach", "Python"];
    let mut emulator = begin(&[&dev[..], &attach].concat(), &[])?;
    let mut lines = BufReader::new(emulator.stderr()?).lines();
    let mut said = async |wanted: &str| {
        loop {
            let line = tokio::time::timeout(PATIENCE, lines.next_line()).await??;
            let line = line.with_context(|| format!("{wanted} was not said"))?;
            if line.contains(wanted) {
                return anyhow::Ok(line);
            }
        }
    };
    let websocket = said("WebSocket").await?;
    let websocket = websocket.split_whitespace().last().context("its URL")?;
    said("Python waits at").await?;
    let _process = Command::new("/bin/sh")
        .args(["-c", &said("set -a").await?])
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut socket = Socket::open(websocket).await?;
    socket.send(r#"{"action":"python"}"#).await?;
    assert_eq!(socket.text().await?, r#"python: {"action":"python"}"#);
    Ok(())
}

#[tokio::test]
async fn a_function_that_is_not_there_cannot_be_attached() -> anyhow::Result<()> {
    let failed = Launch::fixture("plain.yaml")
        .arguments(&["--attach", "Nod"])
        .fails()
        .await?;
    assert_eq!(failed.code, Some(1));
    assert!(failed.stderr.contains("--attach Nod"), "{}", failed.stderr);
    assert!(failed.stderr.contains("Node, Python"), "{}", failed.stderr);
    Ok(())
}
