//! A client that stops reading: its TCP window fills up and stays full.

use anyhow::Context;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;

/// A connection whose end reads nothing more.
#[derive(Debug)]
pub struct Stalled {
    _stream: TcpStream,
}

impl Stalled {
    /// Opens `url`, registers as the page would, and never reads again. Its receive buffer is as
    /// small as the system allows.
    ///
    /// # Errors
    /// If the handshake is refused.
    pub async fn launch(url: &str, userid: &str) -> anyhow::Result<Self> {
        let frame = json!({"username": userid, "userid": userid, "msg": "launched"});
        Self::open(url, &frame.to_string()).await
    }

    /// Opens `url`, sends one text message, waits for the first bytes of an answer, and never
    /// reads again.
    ///
    /// # Errors
    /// If the handshake is refused.
    pub async fn open(url: &str, message: &str) -> anyhow::Result<Self> {
        let (authority, path) = url
            .strip_prefix("ws://")
            .and_then(|rest| rest.split_once('/'))
            .context("a ws:// URL with a path")?;
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        let mut stream = socket.connect(authority.parse()?).await?;
        let request = format!(
            "GET /{path} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        anyhow::ensure!(
            head.starts_with(b"HTTP/1.1 101"),
            "{}",
            String::from_utf8_lossy(&head)
        );
        stream.write_all(&masked_text(message.as_bytes())).await?;
        stream
            .read_u8()
            .await
            .context("the answer to the first message")?;
        Ok(Self { _stream: stream })
    }
}

/// One masked text frame of at most 65,535 bytes (RFC 6455 §5.2), with a mask of zeros.
fn masked_text(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u16::try_from(payload.len()) {
        Ok(length @ 0..=125) => frame.push(0x80 | length.to_be_bytes()[1]),
        Ok(length) => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        Err(_) => panic!("a test's message has at most 65,535 bytes"),
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}
