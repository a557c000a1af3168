//! A function that the emulator does not start, because somebody debugs it.

use std::path::Path;
use std::process::Stdio;

use gatepost_tests::emulator::Launch;
use gatepost_tests::emulator::fixture;
use gatepost_tests::socket::Socket;
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
