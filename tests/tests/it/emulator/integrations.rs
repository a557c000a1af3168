//! Integrations beside `AWS_PROXY`, from a template to what the client gets. What each does in detail
//! is in `gateway/integrations.rs`.

use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::Socket;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

const FIXTURE: &str = include_str!("../../../fixtures/emulator/integrations.yaml");

/// Developer Guide, "Integrations for WebSocket APIs" and "Data transformations for WebSocket APIs".
#[tokio::test]
async fn mock_http_and_aws_integrations_work_from_a_template() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(upper(stream));
        }
    });
    let folder = tempfile::tempdir()?;
    let template = folder.path().join("template.yaml");
    std::fs::write(&template, FIXTURE.replace("endpoint.invalid", &endpoint))?;
    let emulator = Launch::template(&template).start().await?;

    // MOCK on `$connect` admits by its status, which a template makes of the query.
    let refused = Socket::handshake(&format!("{}?deny=1", emulator.websocket()), &[]).await?;
    assert_eq!(refused.err().map(|refused| refused.status), Some(403));
    let mut socket = Socket::open(emulator.websocket()).await?;
    for (message, answer) in [
        // MOCK: a request and a response template.
        (r#"{"action":"mock","name":"ann"}"#, "hello ann"),
        // HTTP_PROXY: the message as it is, the answer as it is.
        (
            r#"{"action":"proxy"}"#,
            r#"POST /upper ROOM=1: {"ACTION":"PROXY"}"#,
        ),
        // HTTP: templates make the request and the answer.
        (
            r#"{"action":"http","text":"quiet"}"#,
            r#"<POST /upper ROOM=: QUIET>"#,
        ),
        // AWS: a function gets what the template makes, and a response template shows its answer.
        (r#"{"action":"aws","n":20}"#, "doubled: 40"),
        // Its error is chosen by its message.
        (r#"{"action":"aws","n":"x"}"#, "no number"),
    ] {
        socket.send(message).await?;
        assert_eq!(socket.text().await?, answer, "{message}");
    }
    // `routes` and the facts name them.
    let called = emulator
        .event("integrated", |fact| fact["route"] == "proxy")
        .await?;
    assert_eq!(called["calls"], format!("POST http://{endpoint}/upper"));
    Ok(())
}

/// An endpoint that answers what it was asked, in capitals.
async fn upper(mut stream: TcpStream) -> std::io::Result<()> {
    let mut read = Vec::new();
    loop {
        let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else {
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
        let value = |name: &str| {
            let mut lines = head.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        let length: usize = value("content-length").map_or(0, |it| it.parse().unwrap_or(0));
        if read.len() < end + 4 + length {
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
            continue;
        }
        let body = String::from_utf8_lossy(&read[end + 4..end + 4 + length]).to_uppercase();
        let line = head.lines().next().unwrap_or_default();
        let (method, path) = line.split_once(' ').unwrap_or_default();
        let path = path.split(' ').next().unwrap_or_default();
        let (method, room) = (method.to_uppercase(), value("x-room").unwrap_or_default());
        let said = format!("{method} {path} ROOM={room}: {body}");
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{said}",
            said.len()
        );
        read.drain(..end + 4 + length);
        stream.write_all(answer.as_bytes()).await?;
    }
}
