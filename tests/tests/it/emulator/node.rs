//! Node.js functions, with nothing but the emulator's own client of the Runtime API.

use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::Socket;

#[tokio::test]
async fn a_node_function_posts_to_its_connection_with_the_sdk() -> anyhow::Result<()> {
    let emulator = Launch::fixture("node.yaml").start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    socket.send("hello from a browser").await?;
    assert_eq!(socket.text().await?, "posted: hello from a browser");
    let posted = emulator.event("posted", |_| true).await?;
    assert_eq!(posted["bytes"], "posted: hello from a browser".len());
    emulator
        .event("log", |fact| {
            let line = fact["line"].as_str().unwrap_or_default();
            let request = fact["request"].as_str().unwrap_or("no request");
            line.contains(request) && line.ends_with("\tINFO\tnode got a MESSAGE")
        })
        .await?;
    emulator
        .event("log", |fact| {
            fact["line"]
                .as_str()
                .is_some_and(|l| l.contains("connected at 20"))
        })
        .await?;
    Ok(())
}

#[tokio::test]
async fn node_and_python_functions_run_from_a_plain_template() -> anyhow::Result<()> {
    let emulator = Launch::fixture("plain.yaml").start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    for language in ["node", "python"] {
        let message = format!(r#"{{"action":"{language}"}}"#);
        socket.send(&message).await?;
        assert_eq!(socket.text().await?, format!("{language}: {message}"));
    }
    Ok(())
}
