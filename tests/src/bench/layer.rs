//! Servers to measure: the gateway alone, before functions that answer at once; its WebSocket layer
//! alone, which has no route and so makes no event; and the least that hyper and fastwebsockets can
//! do.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use clap::ValueEnum;
use fastwebsockets::OpCode;
use fastwebsockets::WebSocket;
use gatepost_clock::Clock;
use gatepost_gateway::Account;
use gatepost_gateway::AccountQuotas;
use gatepost_gateway::Caller;
use gatepost_gateway::Config;
use gatepost_gateway::Gateway;
use gatepost_gateway::Guesses;
use gatepost_gateway::Invoke;
use gatepost_gateway::InvokeError;
use gatepost_gateway::Invoked;
use gatepost_gateway::Limits;
use gatepost_gateway::NoFaults;
use gatepost_gateway::ServedApi;
use gatepost_gateway::SplitMix;
use gatepost_gateway::Unobserved;
use gatepost_gateway::serve_connection;
use gatepost_sigv4::Signatures;
use http::Request;
use http::Response;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncBufReadExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::process::Child;

use super::cpu;

/// What is sent, and what the servers answer to it, but for [`Layer::Frames`].
pub const TEXT: [u8; 200] = [b'x'; 200];

/// The path of the handshake.
pub const PATH: &str = "/local";

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Layer {
    /// [`Gateway`] with one two-way route, observed by nobody.
    Gateway,
    /// [`Gateway`] without a route: frame → selection → error frame.
    Frames,
    /// hyper's upgrade and fastwebsockets, which echoes.
    Bare,
}

impl Layer {
    /// As the command line and the figures have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Frames => "frames",
            Self::Bare => "bare",
        }
    }
}

/// A server in a process of its own, on the measured side's CPU; killed when dropped.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process ID.
    pub pid: u32,
    _child: Child,
}

/// Starts a server.
///
/// # Errors
/// If it does not start.
pub async fn start(release: &Path, layer: Layer) -> anyhow::Result<Server> {
    let mut child = cpu::pinned(&release.join("bench"))
        .args(["layer", layer.name()])
        // As `gatepost dev` starts itself.
        .env("MIMALLOC_PURGE_DELAY", "0")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("starting the server")?;
    let stdout = child.stdout.take().context("its standard output")?;
    let line = tokio::io::BufReader::new(stdout)
        .lines()
        .next_line()
        .await?;
    Ok(Server {
        address: line.context("the server's address")?.parse()?,
        pid: child.id().context("its pid")?,
        _child: child,
    })
}

/// The server itself: prints its address and serves until it is killed.
///
/// # Errors
/// If it cannot listen.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
pub async fn serve(layer: Layer) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    match layer {
        Layer::Gateway | Layer::Frames => {
            let gateway = gateway(layer)?;
            loop {
                let (stream, peer) = listener.accept().await?;
                let gateway = gateway.clone();
                let service = service_fn(move |request| {
                    let gateway = gateway.clone();
                    async move { Ok::<_, Infallible>(gateway.serve(request, peer).await) }
                });
                tokio::spawn(serve_connection(stream, service));
            }
        }
        Layer::Bare => loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(bare(stream));
        },
    }
}

fn gateway(layer: Layer) -> anyhow::Result<Gateway> {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/echo/template.yaml");
    let project = gatepost_template::load(&template, &std::collections::BTreeMap::new())?;
    let mut api = project.apis.into_iter().next().context("an API")?;
    if layer == Layer::Frames {
        api.routes.clear();
    }
    let config = Config {
        apis: vec![ServedApi {
            id: api.api_id(),
            api,
        }],
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        authority: "127.0.0.1:3001".to_owned(),
        limits: Limits::default(),
        guesses: Guesses::default(),
        throttles: Arc::new(Account::new(AccountQuotas {
            connects_per_second: None,
            requests_per_second: None,
            ..AccountQuotas::default()
        })),
        clock: Clock::system(1.0),
        random: Arc::new(SplitMix::from_system()?),
        signatures: Signatures::unchecked(),
        caller: Caller {
            access_key_id: String::new(),
            principal_id: String::new(),
            arn: String::new(),
        },
        observer: Arc::new(Unobserved),
        faults: Arc::new(NoFaults),
    };
    let response = serde_json::json!({
        "statusCode": 200,
        "body": String::from_utf8(TEXT.to_vec())?,
    });
    Ok(Gateway::new(
        config,
        Arc::new(AtOnce(response.to_string().into())),
    ))
}

/// Functions that answer at once, all the same.
#[derive(Debug)]
struct AtOnce(Bytes);

#[async_trait]
impl Invoke for AtOnce {
    async fn invoke(&self, _function: &str, _payload: Bytes) -> Result<Invoked, InvokeError> {
        Ok(Invoked::Response(self.0.clone()))
    }

    async fn invoke_async(&self, _function: &str, _payload: Bytes) -> Result<(), InvokeError> {
        Ok(())
    }
}

async fn bare(stream: TcpStream) -> hyper::Result<()> {
    let upgrade = service_fn(|mut request: Request<Incoming>| async move {
        let (response, upgrade) = fastwebsockets::upgrade::upgrade(&mut request)?;
        tokio::spawn(async move {
            if let Ok(socket) = upgrade.await {
                // How it ends does not matter.
                let _ = echo(socket).await;
            }
        });
        Ok::<Response<Empty<Bytes>>, fastwebsockets::WebSocketError>(response)
    });
    hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), upgrade)
        .with_upgrades()
        .await
}

#[expect(
    clippy::disallowed_methods,
    reason = "what stock fastwebsockets does is what is measured"
)]
async fn echo<S>(mut socket: WebSocket<S>) -> Result<(), fastwebsockets::WebSocketError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    socket.set_writev(true);
    let mut socket = fastwebsockets::FragmentCollector::new(socket);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text => socket.write_frame(frame).await?,
            OpCode::Binary | OpCode::Continuation | OpCode::Ping | OpCode::Pong => {}
        }
    }
}
