//! The port that is taken.

use std::net::TcpListener;

use gatepost_tests::emulator::Launch;

#[tokio::test]
async fn a_port_in_use_is_refused_with_its_holder_and_the_flag() -> anyhow::Result<()> {
    let holder = TcpListener::bind("127.0.0.1:0")?;
    let port = holder.local_addr()?.port().to_string();
    let failed = Launch::fixture("rust.yaml")
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
    Ok(())
}
