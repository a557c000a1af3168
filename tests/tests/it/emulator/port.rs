//! The port that is taken, and the data folder.

use std::net::TcpListener;

use gatepost_tests::emulator::Launch;

#[tokio::test]
async fn a_port_in_use_is_refused_with_its_holder_and_the_flag() -> anyhow::Result<()> {
    let holder = TcpListener::bind("127.0.0.1:0")?;
    let port = holder.local_addr()?.port().to_string();
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let failed = Launch::fixture("plain.yaml")
        .data_dir(&data)
        .arguments(&["--port", &port])
        .fails()
        .await?;
    assert_eq!(failed.code, Some(1));
    for expected in [&port, "--port", &format!("(pid {})", std::process::id())] {
        assert!(
            failed.stderr.contains(expected),
            "{expected} is not in {}",
            failed.stderr
        );
    }
    assert_eq!(failed.stdout, "");
    assert!(!data.exists(), "a start that failed left its folder behind");
    Ok(())
}

#[tokio::test]
async fn a_second_emulator_needs_a_data_folder_of_its_own() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let launch = || Launch::fixture("python.yaml").data_dir(folder.path());
    let first = launch().start().await?;
    let failed = launch().fails().await?;
    assert_eq!(failed.code, Some(1));
    let process = format!("process {}", first.pid());
    let shown = folder.path().display();
    for expected in [
        &process,
        first.authority(),
        &format!("--data-dir {shown}-2"),
    ] {
        assert!(
            failed.stderr.contains(expected),
            "{expected} is not in {}",
            failed.stderr
        );
    }
    let ended = first.gatepost(&["connections", "ls"]).await?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    first.kill().await?;
    let second = launch().start().await?;
    let ended = second.gatepost(&["connections", "ls"]).await?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    Ok(())
}
