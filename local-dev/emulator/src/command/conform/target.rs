//! The endpoint that is looked at, and the ways to it.

use std::time::Duration;

use anyhow::Context;
use anyhow::bail;
use http::Uri;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;

use super::signature::Signer;
use crate::websocket;
use crate::websocket::Answer;
use crate::websocket::CLOSE;
use crate::websocket::CONTINUATION;
use crate::websocket::Frame;
use crate::websocket::TEXT;
use crate::websocket::WebSocket;

/// How long a plain request may take.
const ANSWER: Duration = Duration::from_secs(5);
/// Between two looks whether the endpoint is back.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The endpoint.
#[derive(Debug)]
pub(super) struct Target {
    url: Uri,
    management: Uri,
    signer: Option<Signer>,
}

impl Target {
    pub(super) fn new(url: Uri, management: Uri, signer: Option<Signer>) -> Self {
        Self {
            url,
            management,
            signer,
        }
    }

    /// Whether the API of the checks answers.
    pub(super) async fn deployed(&self) -> anyhow::Result<()> {
        let mut client = self.open("").await?;
        let event = client.event().await?;
        if event["requestContext"]["connectionId"].is_string() {
            return Ok(());
        }
        bail!("the route `event` answered {event}")
    }

    /// Whether anybody answers there in HTTP, whatever it is.
    pub(super) async fn answers(&self) -> bool {
        let (Some(host), Some(path)) = (self.url.authority(), self.url.path_and_query()) else {
            return false;
        };
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = websocket::ask(&self.url, request.as_bytes());
        matches!(tokio::time::timeout(ANSWER, answer).await, Ok(Ok(_)))
    }

    /// Waits until somebody answers again; whether anybody does within this time.
    pub(super) async fn comes_back(&self, within: Duration) -> bool {
        let answers = async {
            while !self.answers().await {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(within, answers).await.is_ok()
    }

    /// The endpoint with a query string.
    pub(super) fn url(&self, query: &str) -> anyhow::Result<Uri> {
        let base = self.url.to_string();
        let base = base.trim_end_matches('/');
        let url = match query {
            "" => base.to_owned(),
            query => format!("{base}?{query}"),
        };
        url.parse().context("the endpoint with a query string")
    }

    /// The endpoint with something behind its stage.
    pub(super) fn below(&self, path: &str) -> anyhow::Result<Uri> {
        let base = self.url.to_string();
        format!("{}{path}", base.trim_end_matches('/'))
            .parse()
            .context("a path below the endpoint")
    }

    /// The endpoint's host with another path.
    pub(super) fn elsewhere(&self, path: &str) -> anyhow::Result<Uri> {
        let (scheme, authority) = (self.url.scheme_str(), self.url.authority());
        let (scheme, authority) = scheme.zip(authority).context("a whole URL")?;
        format!("{scheme}://{authority}{path}")
            .parse()
            .context("another path of the host")
    }

    /// A handshake that the authorizer admits, with more of a query and more header lines.
    pub(super) async fn handshake(
        &self,
        query: &str,
        headers: &[&str],
    ) -> anyhow::Result<Result<Client, Answer>> {
        let query = match query {
            "" => "token=t".to_owned(),
            query => format!("token=t&{query}"),
        };
        let headers: Vec<String> = headers.iter().map(|&header| header.to_owned()).collect();
        let opened = websocket::open(&self.url(&query)?, &headers).await?;
        Ok(opened.map(|socket| Client { socket }))
    }

    /// An open connection.
    pub(super) async fn open(&self, query: &str) -> anyhow::Result<Client> {
        match self.handshake(query, &[]).await? {
            Ok(client) => Ok(client),
            Err(answer) => bail!(
                "the handshake is answered {} {}",
                answer.status,
                answer.body
            ),
        }
    }

    /// A request to `@connections`.
    pub(super) async fn call(&self, method: &str, id: &str, body: &[u8]) -> anyhow::Result<Answer> {
        // Encoded as every SDK sends it: what is signed is encoded once more.
        let base = self.management.to_string().replace('@', "%40");
        let id = utf8_percent_encode(id, NON_ALPHANUMERIC);
        let url: Uri = format!("{}/{id}", base.trim_end_matches('/')).parse()?;
        let host = url.authority().context("a host")?.as_str();
        let mut head = format!(
            "{method} {} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n\
             content-type: application/octet-stream\r\nconnection: close\r\n",
            url.path(),
            body.len()
        );
        if let Some(signer) = &self.signer {
            head.push_str(&signer.headers(method, host, url.path(), body));
        }
        let request = [head.as_bytes(), b"\r\n", body].concat();
        Ok(websocket::ask(&url, &request).await?.0)
    }
}

/// A connection to the endpoint.
pub(super) struct Client {
    pub(super) socket: WebSocket,
}

impl Client {
    pub(super) async fn send(&mut self, text: &str) -> anyhow::Result<()> {
        self.socket.writer.text(text).await
    }

    pub(super) async fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.socket.writer.bytes(bytes).await
    }

    pub(super) async fn frame(&mut self) -> anyhow::Result<Option<Frame>> {
        self.socket.reader.frame().await
    }

    /// The next message as text.
    pub(super) async fn text(&mut self) -> anyhow::Result<String> {
        let mut text = Vec::new();
        loop {
            match self.frame().await? {
                Some(frame) if matches!(frame.opcode, TEXT | CONTINUATION) => {
                    text.extend_from_slice(&frame.payload);
                    if frame.fin {
                        return Ok(String::from_utf8_lossy(&text).into_owned());
                    }
                }
                Some(frame) if frame.opcode == CLOSE => bail!("closed {}", frame.close_code()),
                Some(_) => {}
                None => bail!("the connection ended"),
            }
        }
    }

    /// The lengths of the frames of the next message.
    pub(super) async fn sizes(&mut self) -> anyhow::Result<String> {
        let mut sizes = Vec::new();
        while let Some(frame) = self.frame().await? {
            sizes.push(frame.payload.len().to_string());
            if frame.fin {
                break;
            }
        }
        Ok(sizes.join(" "))
    }

    /// Sends a message; what is answered.
    pub(super) async fn ask(&mut self, text: &str) -> anyhow::Result<String> {
        self.send(text).await?;
        self.text().await
    }

    /// The event of a message, as the function gets it.
    pub(super) async fn event(&mut self) -> anyhow::Result<Value> {
        let event = self.ask(r#"{"action":"event"}"#).await?;
        serde_json::from_str(&event).with_context(|| format!("the route `event` answered {event}"))
    }

    /// The connection's id.
    pub(super) async fn id(&mut self) -> anyhow::Result<String> {
        let event = self.event().await?;
        let id = event["requestContext"]["connectionId"].as_str();
        id.map(str::to_owned)
            .context("an event without connectionId")
    }

    /// How the server ends the connection: `closed 1009`, `ended`.
    pub(super) async fn end(&mut self) -> anyhow::Result<String> {
        loop {
            match self.frame().await? {
                Some(frame) if frame.opcode == CLOSE => {
                    return Ok(format!("closed {}", frame.close_code()));
                }
                Some(_) => {}
                None => return Ok("ended without a close frame".to_owned()),
            }
        }
    }

    /// What the echo still answers: whether the connection lives, and nothing came before.
    pub(super) async fn still(&mut self) -> anyhow::Result<String> {
        let wanted = r#"{"action":"echo","still":"there"}"#;
        let told = self.ask(wanted).await?;
        Ok(if told == wanted {
            "nothing".to_owned()
        } else {
            without_ids(told)
        })
    }
}

/// A text without the ids that differ each time.
pub(super) fn without_ids(text: String) -> String {
    let Ok(told) = serde_json::from_str::<Value>(&text) else {
        return text;
    };
    let mut text = text;
    for name in ["connectionId", "requestId"] {
        if let Some(id) = told[name].as_str().filter(|id| is_id(id)) {
            text = text.replace(id, &format!("<{name}>"));
        }
    }
    text
}

/// Whether it has the form of AWS's connection and request ids: 16 characters, the last `=`.
pub(super) fn is_id(id: &str) -> bool {
    let base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    id.len() == 16 && id.ends_with('=') && id.bytes().take(15).all(base64url)
}
