//! `--credentials inherit`: functions have the developer's own.

use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::Socket;
use serde_json::json;

#[tokio::test]
async fn functions_have_the_developers_credentials_and_the_emulators_endpoints()
-> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml")
        .arguments(&["--credentials", "inherit"])
        .process_env("AWS_ACCESS_KEY_ID", "AKIADEVELOPER")
        .process_env("AWS_SECRET_ACCESS_KEY", "a-developers-secret")
        .process_env("AWS_REGION", "eu-west-1")
        .start()
        .await?;
    let shown = json!({"access_key_id": "AKIADEVELOPER", "region": "eu-west-1"});
    assert_eq!(emulator.ready()["credentials"], shown);
    let origin = format!("http://{}", emulator.authority());
    let mut socket = Socket::open(emulator.websocket()).await?;
    for (name, expected) in [
        ("AWS_ACCESS_KEY_ID", "AKIADEVELOPER"),
        ("AWS_SECRET_ACCESS_KEY", "a-developers-secret"),
        ("AWS_SESSION_TOKEN", "absent"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL_LAMBDA", &origin),
    ] {
        socket.send(&format!("env {name}")).await?;
        assert_eq!(socket.text().await?, expected, "{name}");
    }
    for fact in emulator.facts() {
        assert!(!fact.to_string().contains("a-developers-secret"), "{fact}");
    }
    Ok(())
}

#[tokio::test]
async fn credentials_that_must_be_asked_for_are_refused_with_the_command_that_does()
-> anyhow::Result<()> {
    let home = tempfile::tempdir()?;
    std::fs::create_dir(home.path().join(".aws"))?;
    std::fs::write(
        home.path().join(".aws/config"),
        "[profile work]\nsso_session = company\n",
    )?;
    let failed = Launch::fixture("rust.yaml")
        .arguments(&["--credentials", "inherit"])
        .process_env(
            "AWS_CONFIG_FILE",
            &home.path().join(".aws/config").display().to_string(),
        )
        .process_env("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        .process_env("AWS_PROFILE", "work")
        .fails()
        .await?;
    assert_eq!(failed.code, Some(1));
    let command = "aws configure export-credentials --profile work --format env";
    assert!(failed.stderr.contains(command), "{}", failed.stderr);
    Ok(())
}
