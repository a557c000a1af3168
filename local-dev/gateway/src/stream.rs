//! HTTP/1.1 on an accepted socket.
//!
//! Events show header names as the client wrote them, but hyper knows them in lower case only. So
//! the head of a socket's first request is copied as it is read, and if it is a handshake its names
//! are taken from there. (A handshake is the first request of its socket in every known client;
//! otherwise names become title case.)

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::Once;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use futures_util::TryFutureExt;
use http::Request;
use http::Response;
use hyper::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::HttpService;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use crate::fault;

/// A keep-alive connection without a request, or a request without an end of its head, is closed.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// Heads beyond it are not copied; hyper refuses them anyway.
const LARGEST_HEAD: usize = 64 * 1024;

/// What a TLS client begins with: the content type of a handshake (RFC 8446 §5.1). No HTTP request
/// does.
const TLS_HANDSHAKE: u8 = 22;

/// Somebody whose code uses `https` on an address of AWS's form would otherwise see nothing here;
/// once is enough.
static WARNED_OF_TLS: Once = Once::new();

/// Serves an accepted socket until it ends or becomes a WebSocket. Whoever listens calls this for
/// each socket; `service` gets every request and passes on what [`crate::Gateway::owns`].
///
/// # Errors
/// The client broke HTTP or the connection, or `service` failed.
pub async fn serve_connection<S>(stream: TcpStream, service: S) -> hyper::Result<()>
where
    S: HttpService<Incoming>,
    S: Service<Request<Incoming>, Response = Response<S::ResBody>>,
    <S as Service<Request<Incoming>>>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    <S as HttpService<Incoming>>::ResBody: 'static,
    <<S as HttpService<Incoming>>::ResBody as Body>::Error:
        Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // A failure shows as slowness only, and at the first read if the socket is dead.
    let _ = stream.set_nodelay(true);
    let copy = Arc::new(Mutex::new(Vec::new()));
    let reset = Arc::new(AtomicBool::new(false));
    let tapped = Tapped {
        stream,
        copy: Some(Arc::clone(&copy)),
        reset: Arc::clone(&reset),
    };
    let head = Arc::clone(&copy);
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        let head = std::mem::take(&mut *copy.lock().unwrap_or_else(PoisonError::into_inner));
        if !head.is_empty() && fastwebsockets::upgrade::is_upgrade_request(&request) {
            request.extensions_mut().insert(HeaderNames::of(&head));
        }
        let reset = Arc::clone(&reset);
        service.call(request).inspect_ok(move |answer| {
            if fault::is_reset(answer.extensions()) {
                reset.store(true, Ordering::Relaxed);
            }
        })
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(tapped), service)
        .with_upgrades()
        .await;
    if let Err(error) = &served
        && error.is_parse()
    {
        let head = head.lock().unwrap_or_else(PoisonError::into_inner);
        if head.first() == Some(&TLS_HANDSHAKE) {
            WARNED_OF_TLS.call_once(|| {
                tracing::warn!(
                    "a client speaks TLS to this port: use http:// and ws://, or serve TLS, too \
                     (--tls), for code that sets https://{{domainName}}/{{stage}} itself"
                );
            });
        }
    }
    served
}

/// Header names of a request as the client wrote them, in its order.
#[derive(Debug, Clone)]
pub(crate) struct HeaderNames(pub(crate) Arc<[Box<str>]>);

impl HeaderNames {
    fn of(head: &[u8]) -> Self {
        let lines = head
            .split(|&b| b == b'\n')
            .skip(1)
            .take_while(|line| line.len() > 1);
        let name = |line: &[u8]| {
            let end = line.iter().position(|&b| b == b':')?;
            std::str::from_utf8(&line[..end]).ok().map(Box::from)
        };
        Self(lines.filter_map(name).collect())
    }
}

/// A socket whose first bytes, up to the end of a head, are copied.
#[derive(Debug)]
pub(crate) struct Tapped {
    pub(crate) stream: TcpStream,
    copy: Option<Arc<Mutex<Vec<u8>>>>,
    /// An answer is not to be sent: the connection is reset instead.
    reset: Arc<AtomicBool>,
}

impl Tapped {
    /// Closing a socket that does not linger resets it (socket(7), `SO_LINGER`).
    fn check_reset(&self) -> io::Result<()> {
        if !self.reset.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.stream.set_zero_linger()?;
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

impl AsyncRead for Tapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let (Some(copy), Poll::Ready(Ok(()))) = (&self.copy, &read) {
            let mut head = copy.lock().unwrap_or_else(PoisonError::into_inner);
            head.extend_from_slice(&buf.filled()[before..]);
            if head.windows(4).any(|end| end == b"\r\n\r\n") || head.len() > LARGEST_HEAD {
                drop(head);
                self.copy = None;
            }
        }
        read
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_reset()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_reset()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
