//! An HTTP server that answers as a test says, and counts.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use gatepost_gateway_client::Access;
use gatepost_gateway_client::Credentials;
use gatepost_gateway_client::Function;
use gatepost_gateway_client::Gateway;
use gatepost_gateway_client::Limits;
use gatepost_gateway_client::SecretsManager;
use http::Request;
use http::Response;
use http::StatusCode;
use http_body_util::BodyExt as _;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::sync::watch;

/// What the server does with a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Does {
    /// Answers with a status and a body.
    Answers(u16, &'static str),
    /// Answers, and closes the connection afterwards without having said so.
    AnswersAndCloses(u16),
    /// Closes the connection instead of answering.
    Resets,
    /// Never answers.
    Hangs,
}

/// A request as it arrived.
pub(crate) struct Seen {
    pub(crate) head: http::request::Parts,
    pub(crate) body: Bytes,
}

pub(crate) struct Server {
    pub(crate) address: std::net::SocketAddr,
    /// Connections accepted so far.
    pub(crate) accepted: Arc<AtomicUsize>,
    /// Connections that ended so far.
    pub(crate) ended: watch::Receiver<usize>,
    pub(crate) requests: mpsc::UnboundedReceiver<Seen>,
    pub(crate) time: Arc<AtomicI64>,
}

impl Server {
    /// Serves `script`, one element a request; the last one for ever.
    pub(crate) async fn start(script: &'static [Does]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let (ends, ended) = watch::channel(0);
        let (sees, requests) = mpsc::unbounded_channel();
        let count = Arc::clone(&accepted);
        let step = Arc::new(AtomicUsize::new(0));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (sees, step, ends) = (sees.clone(), Arc::clone(&step), ends.clone());
                tokio::spawn(async move {
                    let (close, closing) = watch::channel(false);
                    let service = service_fn(move |request| {
                        let does =
                            script[step.fetch_add(1, Ordering::SeqCst).min(script.len() - 1)];
                        answer(does, request, sees.clone(), close.clone())
                    });
                    let http = hyper::server::conn::http1::Builder::new();
                    let connection = http.serve_connection(TokioIo::new(stream), service);
                    tokio::select! {
                        _ = connection => {}
                        () = closed(closing) => {}
                    }
                    ends.send_modify(|ended| *ended += 1);
                });
            }
        });
        Self {
            address,
            accepted,
            ended,
            requests,
            time: Arc::new(AtomicI64::new(0)),
        }
    }

    fn access(&self) -> Access {
        let time = Arc::clone(&self.time);
        Access {
            region: "us-east-1".into(),
            credentials: Arc::new(|| Credentials {
                access_key_id: "AKIDEXAMPLE".into(),
                secret_access_key: "secretEXAMPLE".into(),
                session_token: None,
            }),
            clock: Arc::new(move || time.load(Ordering::SeqCst)),
        }
    }

    pub(crate) fn gateway(&self) -> Gateway {
        self.gateway_within(Limits::default())
    }

    pub(crate) fn gateway_within(&self, limits: Limits) -> Gateway {
        let endpoint = format!("http://{}/local", self.address).parse().unwrap();
        Gateway::new(&endpoint, self.access(), limits).unwrap()
    }

    pub(crate) fn function(&self, name: &str) -> Function {
        let endpoint = format!("http://{}", self.address).parse().unwrap();
        Function::new(&endpoint, name, self.access(), Limits::default()).unwrap()
    }

    pub(crate) fn secrets(&self) -> SecretsManager {
        let endpoint = format!("http://{}", self.address).parse().unwrap();
        SecretsManager::new(&endpoint, self.access(), Limits::default()).unwrap()
    }

    pub(crate) fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

/// Limits short enough for a test to wait for.
pub(crate) fn hurried() -> Limits {
    Limits {
        request: Duration::from_millis(200),
        ..Limits::default()
    }
}

async fn answer(
    does: Does,
    request: Request<Incoming>,
    sees: mpsc::UnboundedSender<Seen>,
    close: watch::Sender<bool>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    sees.send(Seen { head, body }).unwrap();
    let (status, body) = match does {
        Does::Answers(status, body) => (status, body),
        Does::AnswersAndCloses(status) => {
            // After the answer is on its way: this task runs again only when it is written.
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                close.send_replace(true);
            });
            (status, "")
        }
        Does::Resets => {
            close.send_replace(true);
            std::future::pending().await
        }
        Does::Hangs => std::future::pending().await,
    };
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    Ok(response)
}

async fn closed(mut closing: watch::Receiver<bool>) {
    if closing.wait_for(|close| *close).await.is_err() {
        std::future::pending().await
    }
}
