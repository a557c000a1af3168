//! A client's side of a WebSocket as bytes: what a benchmark's client spends itself is measured time
//! too, where both sides share a machine.

use std::net::Ipv4Addr;
use std::net::SocketAddr;

use anyhow::Context;
use anyhow::ensure;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;

/// Sockets from one address: it has about 28,000 ports to one destination, and those of sockets
/// that just closed are not free yet.
const FROM_ONE_ADDRESS: usize = 5_000;

/// Opens the `number`th socket to a loopback port.
///
/// # Errors
/// If the server does not accept it.
pub async fn dial(server: SocketAddr, number: usize) -> anyhow::Result<TcpStream> {
    let last = u8::try_from(2 + number / FROM_ONE_ADDRESS % 250).unwrap_or(2);
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)))?;
    let stream = socket.connect(server).await.context("connecting")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Upgrades a socket at a path.
///
/// # Errors
/// If the answer is not 101.
pub async fn upgrade(stream: &mut TcpStream, path: &str) -> anyhow::Result<()> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::with_capacity(1024);
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(stream.read_buf(&mut head).await? > 0, "the server hung up");
    }
    let status = head.get(9..12).unwrap_or_default();
    ensure!(status == b"101", "{}", String::from_utf8_lossy(&head));
    Ok(())
}

/// An upgraded socket.
///
/// # Errors
/// As [`dial`] and [`upgrade`].
pub async fn open(server: SocketAddr, path: &str, number: usize) -> anyhow::Result<TcpStream> {
    let mut stream = dial(server, number).await?;
    upgrade(&mut stream, path).await?;
    Ok(stream)
}

/// A client's text frame with this payload, of less than 64 KB, and how long the server's frame
/// with the same payload is.
#[must_use]
pub fn text_frame(payload: &[u8]) -> (Vec<u8>, usize) {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![0x81];
    let head = match u8::try_from(payload.len()) {
        Ok(len) if len < 126 => {
            frame.push(0x80 | len);
            2
        }
        _ => {
            let len = u16::try_from(payload.len()).unwrap_or(u16::MAX);
            frame.push(0x80 | 126);
            frame.extend_from_slice(&len.to_be_bytes());
            4
        }
    };
    frame.extend_from_slice(&mask);
    let masked = payload.iter().zip(mask.iter().cycle());
    frame.extend(masked.map(|(byte, mask)| byte ^ mask));
    (frame, head + payload.len())
}

/// The payload of the server's next frame, of less than 64 KB.
///
/// # Errors
/// If the server hangs up.
pub async fn read_text(socket: &mut TcpStream) -> anyhow::Result<Vec<u8>> {
    let mut head = [0; 2];
    socket.read_exact(&mut head).await?;
    let len = match head[1] {
        126 => socket.read_u16().await?,
        len => u16::from(len),
    };
    let mut payload = vec![0; usize::from(len)];
    socket.read_exact(&mut payload).await?;
    Ok(payload)
}
