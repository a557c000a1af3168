//! A WebSocket client for the tests: reads in a task of its own, so that waiting can be abandoned.

use std::time::Duration;

use anyhow::Context;
use anyhow::bail;
use fastwebsockets::CloseCode;
use fastwebsockets::Frame;
use fastwebsockets::OpCode;
use fastwebsockets::Payload;
use fastwebsockets::WebSocketWrite;
use http::Request;
use http::Response;
use http::Uri;
use http_body_util::BodyExt;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::WriteHalf;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// How long a test waits for what must come before it fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What the server sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A text message.
    Text(String),
    /// A close frame; 1005 without a code.
    Close(u16, String),
    /// The TCP connection ended without a close frame.
    Dropped,
}

/// An open WebSocket. Dropping it drops the TCP connection without a close frame.
pub struct Socket {
    write: WebSocketWrite<WriteHalf<TokioIo<Upgraded>>>,
    inbox: mpsc::UnboundedReceiver<Received>,
    reader: tokio::task::JoinHandle<()>,
    /// The subprotocol that the server chose.
    pub subprotocol: Option<String>,
}

/// A handshake that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: String,
}

impl Socket {
    /// Opens `url` (`ws://…`).
    ///
    /// # Errors
    /// If the server refuses or cannot be reached.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        match Self::handshake(url, &[]).await? {
            Ok(socket) => Ok(socket),
            Err(refused) => bail!("the handshake was refused: {refused:?}"),
        }
    }

    /// Opens `url` with more request headers; the inner result is what the server said.
    ///
    /// # Errors
    /// If the server cannot be reached or does not speak HTTP.
    pub async fn handshake(
        url: &str,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Result<Self, Refused>> {
        let uri: Uri = url.parse().context("the URL of the WebSocket")?;
        let authority = uri.authority().context("a host in the URL")?.as_str();
        Self::handshake_at(authority, url, headers).await
    }

    /// The same at an address to which the URL's host need not lead.
    ///
    /// # Errors
    /// As [`Socket::handshake`].
    pub async fn handshake_at(
        address: &str,
        url: &str,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Result<Self, Refused>> {
        let uri: Uri = url.parse().context("the URL of the WebSocket")?;
        let authority = uri.authority().context("a host in the URL")?.as_str();
        let stream = TcpStream::connect(address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::builder()
            .uri(path)
            .header("host", authority)
            .header("upgrade", "websocket")
            .header("connection", "upgrade")
            .header(
                "sec-websocket-key",
                fastwebsockets::handshake::generate_key(),
            )
            .header("sec-websocket-version", "13");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection.with_upgrades());
        let mut response = sender
            .send_request(request.body(Empty::<Bytes>::new())?)
            .await?;
        if response.status() != 101 {
            return Ok(Err(refused(response).await?));
        }
        let subprotocol = response
            .headers()
            .get("sec-websocket-protocol")
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let upgraded = hyper::upgrade::on(&mut response).await?;
        let (inbox, reader, write) = split(upgraded);
        Ok(Ok(Self {
            write,
            inbox,
            reader,
            subprotocol,
        }))
    }

    /// Sends one text message in one frame.
    ///
    /// # Errors
    /// If the connection is gone.
    pub async fn send(&mut self, text: &str) -> anyhow::Result<()> {
        let frame = Frame::text(Payload::Borrowed(text.as_bytes()));
        Ok(self.write.write_frame(frame).await?)
    }

    /// Sends one frame as it is.
    ///
    /// # Errors
    /// If the connection is gone.
    pub async fn send_frame(&mut self, frame: Frame<'_>) -> anyhow::Result<()> {
        Ok(self.write.write_frame(frame).await?)
    }

    /// The next thing the server sent.
    ///
    /// # Errors
    /// If nothing comes within [`PATIENCE`].
    pub async fn next(&mut self) -> anyhow::Result<Received> {
        let next = tokio::time::timeout(PATIENCE, self.arrival()).await;
        next.context("nothing came from the server")
    }

    /// The next thing the server sent, however long that takes. May be abandoned at any time.
    pub async fn arrival(&mut self) -> Received {
        self.inbox.recv().await.unwrap_or(Received::Dropped)
    }

    /// The next text message.
    ///
    /// # Errors
    /// If something else, or nothing, comes.
    pub async fn text(&mut self) -> anyhow::Result<String> {
        match self.next().await? {
            Received::Text(text) => Ok(text),
            other => bail!("expected a text message, got {other:?}"),
        }
    }

    /// Texts that came so far, without waiting.
    pub fn received(&mut self) -> Vec<Received> {
        std::iter::from_fn(|| self.inbox.try_recv().ok()).collect()
    }

    /// Closes with code 1000 and waits until the server has closed as well.
    ///
    /// # Errors
    /// If the server does not close.
    pub async fn close(mut self) -> anyhow::Result<()> {
        let code: u16 = CloseCode::Normal.into();
        self.write.write_frame(Frame::close(code, b"")).await?;
        loop {
            match self.next().await? {
                Received::Text(_) => {}
                Received::Close(..) | Received::Dropped => return Ok(()),
            }
        }
    }
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket")
            .field("subprotocol", &self.subprotocol)
            .finish_non_exhaustive()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn refused(response: Response<Incoming>) -> anyhow::Result<Refused> {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    Ok(Refused {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

type Halves = (
    mpsc::UnboundedReceiver<Received>,
    tokio::task::JoinHandle<()>,
    WebSocketWrite<WriteHalf<TokioIo<Upgraded>>>,
);

fn split(upgraded: Upgraded) -> Halves {
    let websocket = fastwebsockets::WebSocket::after_handshake(
        TokioIo::new(upgraded),
        fastwebsockets::Role::Client,
    );
    let (mut read, write) = websocket.split(tokio::io::split);
    read.set_auto_close(false);
    read.set_auto_pong(false);
    let (received, inbox) = mpsc::unbounded_channel();
    let reader = tokio::spawn(async move {
        let mut text = Vec::new();
        loop {
            let mut no_reply =
                |_: Frame<'_>| std::future::ready(Ok::<(), fastwebsockets::WebSocketError>(()));
            let Ok(frame) = read.read_frame(&mut no_reply).await else {
                let _ = received.send(Received::Dropped);
                return;
            };
            match frame.opcode {
                OpCode::Text | OpCode::Continuation | OpCode::Binary => {
                    text.extend_from_slice(&frame.payload);
                    if frame.fin {
                        let text = String::from_utf8_lossy(&std::mem::take(&mut text)).into_owned();
                        let _ = received.send(Received::Text(text));
                    }
                }
                OpCode::Close => {
                    let (code, reason) = match frame.payload.get(..2) {
                        Some(code) => {
                            let reason = String::from_utf8_lossy(&frame.payload[2..]).into_owned();
                            (u16::from_be_bytes([code[0], code[1]]), reason)
                        }
                        None => (1005, String::new()),
                    };
                    let _ = received.send(Received::Close(code, reason));
                    return;
                }
                OpCode::Ping | OpCode::Pong => {}
            }
        }
    });
    (inbox, reader, write)
}
