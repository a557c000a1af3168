//! The console's API of a running emulator, from outside.

use anyhow::Context;
use bytes::Bytes;
use http::Method;
use http::Request;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::console::TOKEN_HEADER;

/// A way to a running emulator.
#[derive(Debug, Clone)]
pub(super) struct EmulatorApi {
    authority: String,
    token: Option<String>,
}

/// The emulator answered, and not what was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Refused {
    /// What it answered, for a person.
    message: String,
}

impl EmulatorApi {
    /// To the emulator at `host:port`, whose token may be known.
    pub(super) fn new(authority: String, token: Option<String>) -> Self {
        Self { authority, token }
    }

    /// `host:port`.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// What `GET /_gatepost/api/{path}` answers.
    ///
    /// # Errors
    /// It does not answer, or with a refusal.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    /// What `POST /_gatepost/api/{path}` answers.
    ///
    /// # Errors
    /// As [`EmulatorApi::get`].
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// What `DELETE /_gatepost/api/{path}` answers.
    ///
    /// # Errors
    /// As [`EmulatorApi::get`].
    pub(super) async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::DELETE, path, None).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let response = self.send(method, path, "application/json", body).await?;
        let body = response.into_body().collect().await;
        let body = body
            .context("the emulator broke its answer off")?
            .to_bytes();
        serde_json::from_slice(&body).context("the emulator did not answer JSON")
    }

    /// The lines of `GET /_gatepost/api/{path}`, a stream, as they come.
    ///
    /// # Errors
    /// As [`EmulatorApi::get`].
    pub(super) async fn lines(&self, path: &str, accept: &str) -> anyhow::Result<Lines> {
        let response = self.send(Method::GET, path, accept, String::new()).await?;
        Ok(Lines {
            body: response.into_body(),
            read: Vec::new(),
        })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: String,
    ) -> anyhow::Result<Response<Incoming>> {
        let authority = &self.authority;
        let nobody = || {
            format!(
                "no emulator answers at {authority}: start one with `gatepost dev`, or name another with --port"
            )
        };
        let stream = TcpStream::connect(authority).await.with_context(nobody)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .with_context(nobody)?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/_gatepost/api/{path}"))
            .header("host", authority)
            .header("accept", accept)
            .header("content-type", "application/json");
        if let Some(token) = &self.token {
            request = request.header(TOKEN_HEADER, token);
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .with_context(|| format!("`{path}` is no path"))?;
        let response = sender.send_request(request).await.with_context(nobody)?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refused(response).await.into())
    }

    async fn refused(&self, response: Response<Incoming>) -> Refused {
        let status = response.status();
        let body = response.into_body().collect().await;
        let body = body
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        let told: Value = serde_json::from_slice(&body).unwrap_or_default();
        let mut message = match told["message"].as_str() {
            Some(message) => message.to_owned(),
            None => format!(
                "{} does not answer as an emulator does: {status}",
                self.authority
            ),
        };
        if self.token.is_none() && matches!(status.as_u16(), 401 | 403) {
            message.push_str(
                "; its token is in emulator.json of its data folder: name that with --data-dir",
            );
        }
        Refused { message }
    }
}

/// Lines of a body that goes on.
#[derive(Debug)]
pub(super) struct Lines {
    body: Incoming,
    read: Vec<u8>,
}

impl Lines {
    /// The next line, without its end; `None` when the emulator has ended.
    pub(super) async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(part) = frame.into_data() {
                self.read.extend_from_slice(&part);
            }
        }
    }
}
