//! What every subject is given to do.

use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use futures_util::StreamExt;
use http::Request;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::super::echo::echo_on_all;
use super::subject::Subject;
use crate::socket::Socket;

/// Handshakes under way at once.
const CONNECTS_AT_ONCE: usize = 10;

/// Kept-alive connections that post.
const POSTERS: usize = 16;

/// How long the processes of closed connections may take to come to rest.
const REST: Duration = Duration::from_secs(30);

/// What some work came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    pub(super) per_s: f64,
    /// Of the subject alone, an operation.
    pub(super) cpu_us: f64,
}

struct Begun<'a> {
    subject: &'a Subject,
    cpu_ns: u64,
    at: Instant,
}

impl<'a> Begun<'a> {
    fn now(subject: &'a Subject) -> anyhow::Result<Self> {
        Ok(Self {
            subject,
            cpu_ns: subject.cpu_ns()?,
            at: Instant::now(),
        })
    }

    fn done(self, operations: usize) -> anyhow::Result<Work> {
        let seconds = self.at.elapsed().as_secs_f64();
        // A process that ended takes its time with it.
        let cpu_ns = self.subject.cpu_ns()?.saturating_sub(self.cpu_ns);
        Ok(Work {
            per_s: operations as f64 / seconds,
            cpu_us: cpu_ns as f64 / 1000.0 / operations as f64,
        })
    }
}

/// `connections` connections, each with one message under way.
pub(super) async fn echo(
    subject: &Subject,
    connections: usize,
    echoes: u64,
) -> anyhow::Result<Work> {
    let sockets = open(subject, connections).await?;
    let each = echoes / connections as u64 + 1;
    let sockets = echo_on_all(sockets, each / 5 + 1).await?;
    let begun = Begun::now(subject)?;
    echo_on_all(sockets, each).await?;
    begun.done(usize::try_from(each)? * connections)
}

/// Handshakes, each with its `$connect`; each connection is closed again.
pub(super) async fn connect(subject: &Subject, connects: usize) -> anyhow::Result<Work> {
    let handshakes = |count| {
        futures_util::stream::iter(0..count)
            .map(|_| async { Socket::open(&subject.websocket).await?.close().await })
            .buffer_unordered(CONNECTS_AT_ONCE)
            .collect::<Vec<_>>()
    };
    handshakes(connects / 5 + 1).await;
    let begun = Begun::now(subject)?;
    for handshake in handshakes(connects).await {
        handshake.context("a handshake")?;
    }
    begun.done(connects)
}

/// Posts, and what the connections that they went to weigh.
pub(super) struct Posts {
    pub(super) work: Work,
    pub(super) open_mib: f64,
    /// After all were closed at once.
    pub(super) closed_mib: f64,
}

/// A post to each of `connections` connections, and its arrival.
pub(super) async fn post(subject: &Subject, connections: usize) -> anyhow::Result<Posts> {
    let mut sockets = open(subject, connections).await?;
    let mut ids = Vec::new();
    for socket in &mut sockets {
        socket.send("id").await?;
        ids.push(socket.text().await?);
    }
    let open_mib = subject.memory_mib()?;
    let begun = Begun::now(subject)?;
    let posters: Vec<_> = ids
        .chunks(ids.len().div_ceil(POSTERS))
        .map(|ids| tokio::spawn(post_to(subject.management.clone(), ids.to_vec())))
        .collect();
    for poster in posters {
        poster.await.context("a poster")??;
    }
    for socket in &mut sockets {
        socket.text().await?;
    }
    let work = begun.done(connections)?;
    drop(sockets);
    let closed_mib = at_rest(subject).await?;
    Ok(Posts {
        work,
        open_mib,
        closed_mib,
    })
}

async fn open(subject: &Subject, connections: usize) -> anyhow::Result<Vec<Socket>> {
    futures_util::stream::iter(0..connections)
        .map(|_| Socket::open(&subject.websocket))
        .buffered(CONNECTS_AT_ONCE)
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .collect()
}

async fn post_to(management: (String, &'static str), ids: Vec<String>) -> anyhow::Result<()> {
    let (authority, path) = management;
    let stream = TcpStream::connect(&authority).await?;
    stream.set_nodelay(true)?;
    let (mut client, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let payload = Bytes::from("x".repeat(200));
    for id in ids {
        client.ready().await?;
        let request = Request::post(format!("{path}/@connections/{}", id.replace('=', "%3D")))
            .header("host", &authority)
            .body(Full::new(payload.clone()))?;
        let response = client.send_request(request).await?;
        anyhow::ensure!(
            response.status().is_success(),
            "a post was answered {}",
            response.status()
        );
        response.into_body().collect().await?;
    }
    Ok(())
}

/// Waits until the subject's CPU time stands still, and weighs it.
async fn at_rest(subject: &Subject) -> anyhow::Result<f64> {
    let began = Instant::now();
    let mut look = tokio::time::interval(Duration::from_millis(500));
    look.tick().await;
    let mut used = subject.cpu_ns()?;
    while began.elapsed() < REST {
        look.tick().await;
        let now = subject.cpu_ns()?;
        // Under 2 % of a CPU.
        if now.saturating_sub(used) < 10_000_000 {
            break;
        }
        used = now;
    }
    subject.memory_mib()
}
