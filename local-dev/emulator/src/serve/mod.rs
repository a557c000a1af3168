//! The one port: who answers which request.

mod body;
mod host;
mod page;

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use arc_swap::ArcSwap;
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use gatepost_clock::Clock;
use gatepost_gateway::Gateway;
use gatepost_gateway::serve_connection;
use gatepost_runtime_api::Lambda;
use gatepost_runtime_api::is_invoke_path;
use gatepost_sigv4::Request as SignedRequest;
use gatepost_sigv4::Signatures;
use http::HeaderValue;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

use crate::board::Board;
use crate::console;
use crate::facts::Journal;
use crate::facts::Recorder;
use crate::faults::Faults;
use crate::overview::Overview;
use crate::tls::Tls;

pub(crate) use body::Body;
pub(crate) use body::answer;
pub(crate) use body::full;
pub(crate) use body::json;
pub(crate) use body::text;
pub(crate) use host::is_same_origin;
pub(crate) use host::is_this_machine;
pub(crate) use page::content_type;

/// After a failed accept the next one fails, too, until somebody closes a socket.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// What answers requests.
#[derive(Debug)]
pub(crate) struct Front {
    /// For the console's API.
    pub(crate) token: console::Token,
    /// Everything that happened so far.
    pub(crate) journal: Arc<Journal>,
    /// What happens with its bodies, for whoever records it.
    pub(crate) recorder: Arc<Recorder>,
    /// Set when functions are built and can be called; until then only health is answered.
    pub(crate) running: OnceLock<Running>,
    /// With `--tls`.
    pub(crate) tls: Option<Tls>,
}

/// What is there once functions are built.
#[derive(Debug)]
pub(crate) struct Running {
    /// Handshakes, frames, `@connections`.
    pub(crate) gateway: Gateway,
    /// The functions.
    pub(crate) lambda: Arc<Lambda>,
    /// The signatures of requests for them.
    pub(crate) signatures: Signatures,
    /// How they are doing.
    pub(crate) board: Arc<Board>,
    /// What goes wrong on purpose.
    pub(crate) faults: Arc<Faults>,
    /// The time of the emulated world.
    pub(crate) clock: Clock,
    shown: ArcSwap<Shown>,
    /// Why what changed on disk was not loaded.
    not_reloaded: ArcSwapOption<String>,
}

/// What stands still between two reloads.
#[derive(Debug)]
pub(crate) struct Shown {
    /// What a person sees.
    pub(crate) overview: Overview,
    /// The folder of the page.
    pub(crate) page: Option<PathBuf>,
}

impl Running {
    /// The parts that run, of a template with this overview and page.
    pub(crate) fn new(
        gateway: Gateway,
        lambda: Arc<Lambda>,
        signatures: Signatures,
        board: Arc<Board>,
        faults: Arc<Faults>,
        clock: Clock,
        shown: Shown,
    ) -> Self {
        Self {
            gateway,
            lambda,
            signatures,
            board,
            faults,
            clock,
            shown: ArcSwap::from_pointee(shown),
            not_reloaded: ArcSwapOption::empty(),
        }
    }

    /// What stands still until the next reload.
    pub(crate) fn shown(&self) -> Arc<Shown> {
        self.shown.load_full()
    }

    /// Shows what was reloaded.
    pub(crate) fn show(&self, shown: Shown) {
        self.shown.store(Arc::new(shown));
    }

    /// Why what changed on disk was not loaded.
    pub(crate) fn not_reloaded(&self) -> Option<String> {
        self.not_reloaded.load().as_deref().cloned()
    }

    /// Says why what changed on disk was not loaded, or that it was.
    pub(crate) fn set_not_reloaded(&self, reason: Option<String>) {
        self.not_reloaded.store(reason.map(Arc::new));
    }
}

/// Accepts connections for ever.
pub(crate) async fn accept(listener: TcpListener, front: Arc<Front>) -> Infallible {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // How a client breaks a connection is its own affair.
                tokio::spawn(serve(stream, peer, Arc::clone(&front)));
            }
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// Serves a connection to its end.
async fn serve(stream: TcpStream, peer: SocketAddr, front: Arc<Front>) {
    let local = stream.local_addr().unwrap_or(peer);
    let (stream, is_tls) = match &front.tls {
        None => (stream, false),
        Some(tls) => match tls.plain(stream).await {
            Ok(plain) => (plain.stream, plain.is_tls),
            Err(error) => {
                tracing::debug!(%error, "no TLS handshake");
                return;
            }
        },
    };
    let from = From {
        peer,
        local,
        is_tls,
    };
    let service = service_fn(move |request| {
        let front = Arc::clone(&front);
        async move { Ok::<_, Infallible>(respond(&front, request, from).await) }
    });
    drop(serve_connection(stream, service).await);
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
struct From {
    peer: SocketAddr,
    /// The address to which the client connected.
    local: SocketAddr,
    is_tls: bool,
}

/// Whether it ended before it was accepted.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

async fn respond(front: &Front, request: Request<Incoming>, from: From) -> Response<Body> {
    let From {
        peer,
        local,
        is_tls,
    } = from;
    let path = request.uri().path();
    if path == "/_gatepost" || path.starts_with("/_gatepost/") {
        return console::respond(front, request, peer, local).await;
    }
    let local = local.ip();
    let Some(running) = front.running.get() else {
        let mut wait = text(StatusCode::SERVICE_UNAVAILABLE, "gatepost is starting\n");
        wait.headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        return wait;
    };
    let upgrades = request.headers().contains_key(header::UPGRADE);
    let invokes = is_invoke_path(path);
    let posts = running.gateway.owns(request.headers(), path) && !upgrades;
    // No SDK sends an Origin; a page of another site that makes a browser call functions or post to
    // connections does. Handshakes come from pages anywhere, as on AWS.
    if (invokes || posts) && !host::is_from_no_other_site(request.headers(), local) {
        return text(
            StatusCode::FORBIDDEN,
            "functions and @connections are not called from other sites\n",
        );
    }
    if posts || upgrades {
        return running
            .gateway
            .serve(request, peer)
            .await
            .map(BodyExt::boxed_unsync);
    }
    if invokes {
        return invoke(running, request).await.map(BodyExt::boxed_unsync);
    }
    if path == "/gatepost.json" {
        return json(
            StatusCode::OK,
            &json!({ "endpoint": endpoint(running, &request, local, is_tls) }),
        );
    }
    match &running.shown().page {
        Some(folder) => page::serve(folder, request.method(), path, request.headers()).await,
        None if path == "/" => {
            let mut console = text(StatusCode::TEMPORARY_REDIRECT, "");
            let location = HeaderValue::from_static("/_gatepost/");
            console.headers_mut().insert(header::LOCATION, location);
            console
        }
        None => text(
            StatusCode::NOT_FOUND,
            "the template names no page; see /_gatepost/\n",
        ),
    }
}

/// Calls a function over HTTP, if the request is signed as `--sigv4` wants it.
async fn invoke(running: &Running, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let payload = match running.lambda.payload(body).await {
        Ok(payload) => payload,
        Err(refusal) => return refusal,
    };
    let signed = SignedRequest {
        method: &head.method,
        uri: &head.uri,
        headers: &head.headers,
        payload: &payload,
    };
    if let Err(error) = running.signatures.check(&signed) {
        return running.lambda.forbid(error.error_type(), error.body());
    }
    let target = head.uri.path_and_query().map_or("/", |it| it.as_str());
    running
        .lambda
        .respond(&head.method, target, &head.headers, payload)
        .await
}

/// Where the page connects to: the host under which the browser reached it, because the page's
/// origin and the endpoint must agree.
fn endpoint(running: &Running, request: &Request<Incoming>, local: IpAddr, is_tls: bool) -> String {
    let scheme = if is_tls { "wss" } else { "ws" };
    let shown = running.shown();
    match host::authority(request.headers()) {
        // Else clients connect at a custom domain only.
        Some(authority)
            if is_this_machine(request.headers(), local)
                && shown.overview.endpoints.is_default_enabled() =>
        {
            format!("{scheme}://{authority}/{}", shown.overview.stages[0].stage)
        }
        _ => shown.overview.endpoints.websocket.clone(),
    }
}
