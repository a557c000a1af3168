//! Kept-alive HTTP/1.1 connections to one endpoint.

use std::fmt;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use gatepost_protocol::Millis;
use http::Request;
use http::Response;
use http::StatusCode;
use http::Uri;
use http_body_util::BodyExt as _;
use http_body_util::Full;
use http_body_util::Limited;
use hyper::body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::client::conn::http1::SendRequest;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tower::Service as _;

use crate::Cause;
use crate::credentials::Clock;

/// Bounds of a client's connections and waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at a time, one request on each; further requests wait their turn.
    pub connections: usize,
    /// For a new connection, TLS included.
    pub connect: Duration,
    /// For a request from its turn to the end of its answer, connecting included.
    pub request: Duration,
    /// A connection unused for longer is not used again: what lies between may have dropped it.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 32,
            connect: Duration::from_secs(2),
            request: Duration::from_secs(5),
            idle: Duration::from_secs(20),
        }
    }
}

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("connecting failed")]
    Connect(#[source] Cause),
    #[error("connecting took longer than {0:?}")]
    ConnectTimeout(Duration),
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("the connection broke")]
    Broken(#[source] hyper::Error),
    #[error("the answer broke off or is too long")]
    Body(#[source] Cause),
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

pub(crate) struct Pool {
    origin: Uri,
    connector: HttpsConnector<HttpConnector>,
    limits: Limits,
    clock: Clock,
    turns: Semaphore,
    /// The last one used is the first one taken, so that what is not needed grows old and goes.
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: SendRequest<Full<Bytes>>,
    since: Millis,
}

/// No answer read here is longer.
const LONGEST_ANSWER: usize = 64 * 1024;

impl Pool {
    pub(crate) fn new(origin: Uri, tls: ClientConfig, limits: Limits, clock: Clock) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let turns = Semaphore::new(limits.connections.max(1));
        Self {
            origin,
            connector,
            limits,
            clock,
            turns,
            idle: Mutex::default(),
        }
    }

    /// Sends what `request` builds and reads the answer.
    ///
    /// When a kept connection turns out to be closed, `request` is called again for a new one, once:
    /// the first request may have arrived all the same.
    pub(crate) async fn send<E: From<NoAnswer>>(
        &self,
        request: impl Fn() -> Result<Request<Full<Bytes>>, E>,
    ) -> Result<Answer, E> {
        let _turn = self.turns.acquire().await.ok();
        match timeout(self.limits.request, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(NoAnswer::Timeout(self.limits.request).into()),
        }
    }

    async fn exchange<E: From<NoAnswer>>(
        &self,
        request: impl Fn() -> Result<Request<Full<Bytes>>, E>,
    ) -> Result<Answer, E> {
        while let Some(mut connection) = self.take() {
            if connection.ready().await.is_err() {
                continue;
            }
            match connection.send_request(request()?).await {
                Ok(response) => return Ok(self.read(connection, response).await?),
                Err(error) => {
                    tracing::debug!(%error, "a kept connection was closed");
                    break;
                }
            }
        }
        let mut connection = self.dial().await?;
        let response = connection
            .send_request(request()?)
            .await
            .map_err(NoAnswer::Broken)?;
        Ok(self.read(connection, response).await?)
    }

    async fn read(
        &self,
        connection: SendRequest<Full<Bytes>>,
        response: Response<Incoming>,
    ) -> Result<Answer, NoAnswer> {
        let (head, body) = response.into_parts();
        let body = if body.is_end_stream() {
            Bytes::new()
        } else {
            let body = Limited::new(body, LONGEST_ANSWER).collect().await;
            body.map_err(NoAnswer::Body)?.to_bytes()
        };
        self.keep(connection);
        Ok(Answer {
            status: head.status,
            body,
        })
    }

    /// A connection that was used lately; drops those that were not.
    fn take(&self) -> Option<SendRequest<Full<Bytes>>> {
        let now = (self.clock)();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(kept) = idle.pop() {
            if u128::from(now.abs_diff(kept.since)) > self.limits.idle.as_millis() {
                idle.clear();
            } else if !kept.connection.is_closed() {
                return Some(kept.connection);
            }
        }
        None
    }

    fn keep(&self, connection: SendRequest<Full<Bytes>>) {
        if connection.is_closed() {
            return;
        }
        let since = (self.clock)();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(Idle { connection, since });
    }

    async fn dial(&self) -> Result<SendRequest<Full<Bytes>>, NoAnswer> {
        let limit = self.limits.connect;
        let opened = timeout(limit, self.connector.clone().call(self.origin.clone())).await;
        let stream = opened
            .map_err(|_| NoAnswer::ConnectTimeout(limit))?
            .map_err(NoAnswer::Connect)?;
        let (connection, driver) = http1::handshake(stream).await.map_err(NoAnswer::Broken)?;
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "a connection ended");
            }
        });
        Ok(connection)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("origin", &self.origin)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
