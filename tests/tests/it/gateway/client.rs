//! A client that writes and reads bytes, right or wrong.

use std::net::SocketAddr;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::tcp::OwnedWriteHalf;

use super::served::PATIENCE;

/// The sample key of RFC 6455 §1.3 and what it is answered with.
pub(super) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(super) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub(super) const TEXT: u8 = 0x1;
pub(super) const CONTINUATION: u8 = 0x0;
pub(super) const BINARY: u8 = 0x2;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xa;
pub(super) const FIN: u8 = 0x80;

/// A frame of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) fin: bool,
    pub(super) opcode: u8,
    pub(super) payload: Vec<u8>,
}

/// An HTTP answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Everything up to the empty line, as it was sent.
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    /// A header as it was sent, its name compared exactly.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(&prefix))
    }
}

pub(super) struct Client {
    stream: TcpStream,
    /// What its requests name in `Host`.
    host: String,
    read: Vec<u8>,
}

/// A client's frame: masked, as RFC 6455 §5.3 wants.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = head(first, payload.len());
    bytes[1] |= 0x80;
    bytes.extend(mask);
    bytes.extend(payload.iter().enumerate().map(|(i, b)| b ^ mask[i % 4]));
    bytes
}

/// A frame's first bytes, without mask.
pub(super) fn head(first: u8, len: usize) -> Vec<u8> {
    match len {
        0..=125 => vec![first, u8::try_from(len).unwrap()],
        126..=65_535 => [
            &[first, 126][..],
            &u16::try_from(len).unwrap().to_be_bytes(),
        ]
        .concat(),
        _ => [&[first, 127][..], &(len as u64).to_be_bytes()].concat(),
    }
}

/// Payload of a close frame.
pub(super) fn closing(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

impl Client {
    pub(super) async fn dial(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            host: "127.0.0.1:3001".to_owned(),
            read: Vec::new(),
        }
    }

    /// The same, by another name.
    pub(super) fn at(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(super) async fn text(&mut self, text: &str) {
        self.send(&frame(FIN | TEXT, text.as_bytes())).await;
    }

    /// A handshake with more header lines; the answer, whatever it is.
    pub(super) async fn handshake(&mut self, path: &str, headers: &[&str]) -> Answer {
        let host = &self.host;
        let more: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\
             {more}\r\n"
        );
        self.send(request.as_bytes()).await;
        self.answer().await
    }

    /// A handshake that must be accepted.
    pub(super) async fn upgrade(&mut self, path: &str, headers: &[&str]) -> Answer {
        let answer = self.handshake(path, headers).await;
        assert_eq!(answer.status, 101, "{answer:?}");
        answer
    }

    pub(super) async fn request(&mut self, method: &str, path: &str, body: &[u8]) -> Answer {
        let (host, len) = (&self.host, body.len());
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len}\r\n\r\n");
        self.send(&[head.as_bytes(), body].concat()).await;
        self.answer().await
    }

    pub(super) async fn answer(&mut self) -> Answer {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            assert!(self.more().await, "an answer; so far {:?}", self.read);
        };
        let head = String::from_utf8(self.read.drain(..end + 4).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer {
            status,
            head,
            body: String::new(),
        };
        let lower = answer.head.to_ascii_lowercase();
        let len = lower
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let len: usize = len.map_or(0, |len| len.parse().unwrap());
        answer.body = String::from_utf8(self.take(len).await).unwrap();
        answer
    }

    /// The next frame.
    pub(super) async fn frame(&mut self) -> Frame {
        let start = self.take(2).await;
        assert_eq!(start[0] & 0x70, 0, "reserved bits");
        assert_eq!(start[1] & 0x80, 0, "a server does not mask (RFC 6455 §5.1)");
        let len = match start[1] {
            126 => {
                let long = self.take(2).await;
                usize::from(u16::from_be_bytes(long.try_into().unwrap()))
            }
            127 => {
                usize::try_from(u64::from_be_bytes(self.take(8).await.try_into().unwrap())).unwrap()
            }
            short => usize::from(short),
        };
        let payload = self.take(len).await;
        Frame {
            fin: start[0] & FIN != 0,
            opcode: start[0] & 0xf,
            payload,
        }
    }

    /// The next frame, which must be a whole text.
    pub(super) async fn next_text(&mut self) -> String {
        let frame = self.frame().await;
        assert_eq!((frame.fin, frame.opcode), (true, TEXT), "{frame:?}");
        String::from_utf8(frame.payload).unwrap()
    }

    /// The close frame, which must be next, and the end of the stream after it.
    pub(super) async fn closed(&mut self) -> (u16, String) {
        let frame = self.frame().await;
        assert_eq!((frame.fin, frame.opcode), (true, CLOSE), "{frame:?}");
        self.end().await;
        match frame.payload.as_slice() {
            [] => (1005, String::new()),
            [high, low, reason @ ..] => {
                let reason = String::from_utf8(reason.to_vec()).unwrap();
                (u16::from_be_bytes([*high, *low]), reason)
            }
            [_] => panic!("a close frame of one byte"),
        }
    }

    /// The end of the stream, which must be next.
    pub(super) async fn end(&mut self) {
        let more = self.more().await;
        assert!(
            !more && self.read.is_empty(),
            "the stream goes on: {:?}",
            self.read
        );
    }

    /// Sends no more, and reads to the end of the stream or until it breaks off.
    pub(super) async fn drain(mut self) {
        // It may have been ended from the other side.
        let _ = self.stream.shutdown().await;
        while let Ok(1..) = self.stream.read_buf(&mut self.read).await {
            self.read.clear();
        }
    }

    /// Sends no more, and goes on reading.
    pub(super) async fn half_close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Ends the connection without a close frame.
    pub(super) fn drop_tcp(self) {
        drop(self.stream);
    }

    /// The two directions.
    pub(super) fn split(self) -> (OwnedWriteHalf, OwnedReadHalf) {
        let (read, write) = self.stream.into_split();
        (write, read)
    }

    async fn take(&mut self, len: usize) -> Vec<u8> {
        while self.read.len() < len {
            assert!(self.more().await, "the stream ended; {len} bytes wanted");
        }
        self.read.drain(..len).collect()
    }

    async fn more(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.read);
        tokio::time::timeout(PATIENCE, read)
            .await
            .expect("bytes")
            .unwrap()
            > 0
    }
}
