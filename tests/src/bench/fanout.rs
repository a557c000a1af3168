//! `bench fanout`: one message to every member of a room.
//!
//! Through the emulator, the real functions and their stores, against a bare fan-out: as many POSTs
//! over kept-alive connections to a server that writes each to a socket, unsigned, with nothing
//! stored.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use http::Request;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::Empty;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

use super::cost::Bill;
use super::cpu;
use super::median;
use super::plain;
use super::plain::Plain;
use super::release;
use super::rounded;
use crate::member::Member;

/// Posts at once of the bare fan-out.
const BARE_CONNECTIONS: usize = 16;

/// Members of one shard of a room: some fewer than it has places, which a hash draws.
const SHARD_MEMBERS: usize = 1_500;

/// For each number of members: sends `messages` messages, one after the other, then bursts of `burst`
/// from as many members at once; each is waited for at every member.
///
/// # Errors
/// If something cannot be built, started or reached, or an entry does not arrive.
pub async fn run(members: &[usize], messages: usize, burst: usize) -> anyhow::Result<Value> {
    let release = release::build()?;
    cpu::pin_client(cpu::MEASURED)?;
    let mut rooms = Vec::new();
    for &members in members {
        rooms.push(of(&release, members, messages, burst.min(members)).await?);
    }
    Ok(json!({
        "bench": "fanout",
        "stores": "sqlite",
        "messages": messages,
        "rooms": rooms,
    }))
}

async fn of(
    release: &Path,
    members: usize,
    messages: usize,
    burst: usize,
) -> anyhow::Result<Value> {
    let bare_us = bare(release, members, messages).await?;
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/template.yaml");
    let shards = members.div_ceil(SHARD_MEMBERS);
    let declared = format!("DECLARED_ROOMS=bench:{shards}");
    let off = ["RATE_PER_USER=0", "RATE_PER_ROOM=0", &declared];
    let arguments: Vec<&str> = off.into_iter().flat_map(|env| ["--env", env]).collect();
    let emulator = plain::start(release, &template, &arguments).await?;
    let mut room = Vec::new();
    for member in 0..members {
        let mut member = Member::hello(&emulator.websocket, &format!("m{member}")).await?;
        member.join("bench").await?;
        room.push(member);
    }
    // Two to warm up: the functions that drain have started and hold the list.
    for _ in 0..2 {
        room = deliver(room, 1).await?.0;
    }
    let single;
    (room, single) = deliveries(room, &emulator, messages, 1).await?;
    (room, _) = deliver(room, burst).await?;
    let bursts;
    (room, bursts) = deliveries(room, &emulator, messages.div_ceil(burst), burst).await?;
    drop(room);
    Ok(json!({
        "members": members,
        "shards": shards,
        "single": single.to_json(),
        "burst_of": burst,
        "burst": bursts.to_json(),
        "bare_cpu_us_per_delivery": rounded(bare_us),
        "cpu_ratio_to_bare": rounded(single.all_us / bare_us),
    }))
}

/// What a number of messages came to.
struct Figures {
    all_us: f64,
    emulator_us: f64,
    client_us: f64,
    milliseconds: f64,
    posts_per_delivery: f64,
    bill: Bill,
}

impl Figures {
    fn to_json(&self) -> Value {
        json!({
            "cpu_us_per_delivery": rounded(self.all_us),
            "emulator_cpu_us_per_delivery": rounded(self.emulator_us),
            "functions_cpu_us_per_delivery": rounded(self.all_us - self.emulator_us),
            "client_cpu_us_per_delivery": rounded(self.client_us),
            "all_delivered_ms": rounded(self.milliseconds),
            "posts_per_delivered_entry": rounded(self.posts_per_delivery),
            "cost": self.bill.to_json(),
        })
    }
}

/// Times `times` deliveries of `burst` messages each.
async fn deliveries(
    mut room: Vec<Member>,
    emulator: &Plain,
    times: usize,
    burst: usize,
) -> anyhow::Result<(Vec<Member>, Figures)> {
    let mut milliseconds = Vec::new();
    let pushes = |room: &[Member]| room.iter().map(|member| member.pushes).sum::<u64>();
    let before = (
        cpu::of_tree(emulator.pid)?,
        cpu::of(std::process::id()),
        pushes(&room),
    );
    let invoked = emulator.invocations().await?;
    for _ in 0..times {
        let (members, elapsed) = deliver(room, burst).await?;
        room = members;
        milliseconds.push(elapsed);
    }
    let after = (
        cpu::of_tree(emulator.pid)?,
        cpu::of(std::process::id()),
        pushes(&room),
    );
    let invocations = emulator.invocations().await? - invoked;
    let (sent, posts) = ((times * burst) as u64, after.2 - before.2);
    let count = sent * room.len() as u64;
    let each = |nanoseconds: u64| nanoseconds as f64 / 1000.0 / count as f64;
    let all = cpu::since(&before.0, &after.0);
    let gateway = after.0[&emulator.pid] - before.0[&emulator.pid];
    let figures = Figures {
        all_us: each(all),
        emulator_us: each(gateway),
        client_us: each(after.1 - before.1),
        milliseconds: median(milliseconds),
        posts_per_delivery: posts as f64 / count as f64,
        bill: Bill {
            messages_in: sent,
            replies: sent,
            posts,
            // Nobody left: a post comes to nothing only where the gateway takes none.
            gone: 0,
            failed: 0,
            invocations,
            cpu_ns: all - gateway,
            deliveries: count,
        },
    };
    Ok((room, figures))
}

/// The first `burst` members say something, at once; answers when all have heard all of it, and after
/// how many ms.
async fn deliver(mut room: Vec<Member>, burst: usize) -> anyhow::Result<(Vec<Member>, f64)> {
    let started = Instant::now();
    let text = "x".repeat(200);
    let said = room[..burst]
        .iter_mut()
        .map(|member| member.say("bench", &text));
    let seqs = futures_util::future::try_join_all(said).await?;
    let last = seqs.into_iter().max().context("a message at the least")?;
    let tasks: Vec<_> = room
        .into_iter()
        .map(|mut member| {
            tokio::spawn(async move {
                member.entries_to("bench", last).await?;
                anyhow::Ok(member)
            })
        })
        .collect();
    let mut members = Vec::new();
    for task in tasks {
        members.push(task.await.context("a member")??);
    }
    Ok((members, started.elapsed().as_secs_f64() * 1000.0))
}

/// CPU microseconds a delivery of the bare fan-out, both of its processes.
async fn bare(release: &Path, members: usize, messages: usize) -> anyhow::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let mut child = cpu::pinned(&release.join("bench"))
        .args([
            "bare-fanout",
            &members.to_string(),
            &messages.to_string(),
            &address,
        ])
        .kill_on_drop(true)
        .spawn()
        .context("starting the bare fan-out")?;
    let mut sockets = Vec::new();
    for _ in 0..members {
        sockets.push(listener.accept().await?.0);
    }
    let reads: Vec<_> = sockets
        .into_iter()
        .map(|mut socket| {
            tokio::spawn(async move {
                let mut frame = vec![0; FRAME_BYTES * messages];
                socket.read_exact(&mut frame).await?;
                anyhow::Ok(socket)
            })
        })
        .collect();
    let mut sockets = Vec::new();
    for read in reads {
        sockets.push(read.await??);
    }
    let used = cpu::of(child.id().context("its pid")?);
    child.kill().await?;
    Ok(used as f64 / 1000.0 / (members * messages) as f64)
}

/// What the bare fan-out writes to every socket: about an `entries` frame of one entry.
const FRAME_BYTES: usize = 400;

/// The bare fan-out itself, client and server in one process: opens a socket to `address` for each
/// member, then posts each message to each.
///
/// # Errors
/// If a connection fails.
pub async fn bare_fanout(members: usize, messages: usize, address: &str) -> anyhow::Result<()> {
    let mut sockets = Vec::new();
    for _ in 0..members {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        sockets.push(tokio::sync::Mutex::new(socket));
    }
    let sockets = Arc::new(sockets);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let server = listener.local_addr()?;
    let accepted = Arc::clone(&sockets);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sockets = Arc::clone(&accepted);
            let _ = stream.set_nodelay(true);
            tokio::spawn(async move {
                let serve = hyper::service::service_fn(move |request: Request<Incoming>| {
                    let sockets = Arc::clone(&sockets);
                    async move { Ok::<_, Infallible>(write_to_socket(request, &sockets).await) }
                });
                let http = hyper::server::conn::http1::Builder::new();
                let _ = http.serve_connection(TokioIo::new(stream), serve).await;
            });
        }
    });
    let mut clients = Vec::new();
    for _ in 0..BARE_CONNECTIONS.min(members) {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let (client, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        clients.push(client);
    }
    let payload = Bytes::from(vec![b'x'; FRAME_BYTES]);
    for _ in 0..messages {
        let share = members.div_ceil(clients.len());
        let posts = clients.into_iter().enumerate().map(|(index, mut client)| {
            let payload = payload.clone();
            tokio::spawn(async move {
                for member in (index * share)..((index + 1) * share).min(members) {
                    client.ready().await?;
                    let request = Request::post(format!("/{member}"))
                        .header("host", "127.0.0.1")
                        .body(Full::new(payload.clone()))?;
                    let response = client.send_request(request).await?;
                    response.into_body().collect().await?;
                }
                anyhow::Ok(client)
            })
        });
        let mut returned = Vec::new();
        for post in posts.collect::<Vec<_>>() {
            returned.push(post.await??);
        }
        clients = returned;
    }
    // Alive until its CPU time has been read.
    std::future::pending().await
}

async fn write_to_socket(
    request: Request<Incoming>,
    sockets: &[tokio::sync::Mutex<TcpStream>],
) -> Response<Empty<Bytes>> {
    let member = request
        .uri()
        .path()
        .trim_start_matches('/')
        .parse::<usize>();
    let body = request
        .into_body()
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    if let (Ok(member), Ok(body)) = (member, body)
        && let Some(socket) = sockets.get(member)
    {
        let _ = socket.lock().await.write_all(&body).await;
    }
    Response::new(Empty::new())
}
