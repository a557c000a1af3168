//! Raw HTTP/1.1 to the Runtime API, so that tests can be as wrong as they like.

use std::net::SocketAddr;

use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufStream;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::facts::PATIENCE;

/// One connection.
#[derive(Debug)]
pub(super) struct Connection(BufStream<TcpStream>);

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Lines as they were sent.
    pub(super) headers: Vec<String>,
    pub(super) body: String,
}

impl Answer {
    /// The value of a header, its name in any case.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .filter_map(|line| line.split_once(": "))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .unwrap_or_else(|| panic!("no {name} in {self:?}"))
            .1
    }

    /// Status and body in one line.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.status, self.body.trim_end())
    }
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> Self {
        Self(BufStream::new(TcpStream::connect(address).await.unwrap()))
    }

    /// The same, if anybody listens there still.
    pub(super) async fn open_if_served(address: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(address).await.ok()?;
        Some(Self(BufStream::new(stream)))
    }

    /// Sends nothing more, and waits until the other side took that for the end.
    pub(super) async fn break_off(mut self) {
        self.0.get_mut().shutdown().await.unwrap();
        self.ended().await;
    }

    /// Waits until the other side ends it.
    pub(super) async fn ended(&mut self) {
        let mut rest = Vec::new();
        // Reset or closed: it is gone.
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut rest))
            .await
            .expect("it is still open");
    }

    /// Sends a request and does not wait for its answer.
    pub(super) async fn send(&mut self, request: &str, headers: &str, body: &[u8]) {
        let length = body.len();
        let head = format!(
            "{request} HTTP/1.1\r\nHost: runtime\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        self.0.write_all(head.as_bytes()).await.unwrap();
        self.0.write_all(body).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// Sends bytes as they are.
    pub(super) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
        self.0.flush().await.unwrap();
    }

    pub(super) async fn receive(&mut self) -> Answer {
        timeout(PATIENCE, self.read()).await.expect("no answer")
    }

    async fn read(&mut self) -> Answer {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        let status = line.split(' ').nth(1).and_then(|s| s.parse().ok());
        let status = status.unwrap_or_else(|| panic!("not a status line: {line:?}"));
        let mut headers = Vec::new();
        loop {
            line.clear();
            self.0.read_line(&mut line).await.unwrap();
            match line.trim_end() {
                "" => break,
                header => headers.push(header.to_owned()),
            }
        }
        let mut answer = Answer {
            status,
            headers,
            body: String::new(),
        };
        let mut body = vec![0; answer.header("content-length").parse().unwrap()];
        self.0.read_exact(&mut body).await.unwrap();
        answer.body = String::from_utf8(body).unwrap();
        answer
    }

    pub(super) async fn call(&mut self, request: &str, headers: &str, body: &[u8]) -> Answer {
        self.send(request, headers, body).await;
        self.receive().await
    }
}
