//! A Runtime API that does what a test says, call by call.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;

use http_body_util::BodyExt as _;
use http_body_util::Full;
use hyper::Request;
use hyper::Response;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

use crate::function;

/// What the function did.
pub(crate) enum Call {
    Next(Next),
    Response(String),
    Error(String),
    InitError(String),
    Work(Work),
}

/// A call of `/next` that waits for an event.
pub(crate) struct Next(oneshot::Sender<(String, i64)>);

impl Next {
    pub(crate) fn send(self, event: &str, deadline: i64) {
        self.0.send((String::from(event), deadline)).unwrap();
    }
}

/// Work that waits until it may be done.
pub(crate) struct Work(oneshot::Sender<()>);

impl Work {
    pub(crate) fn finish(self) {
        self.0.send(()).unwrap();
    }

    /// Whether the function stopped waiting.
    pub(crate) async fn was_given_up(mut self) -> bool {
        self.0.closed().await;
        true
    }
}

pub(crate) struct RuntimeApi {
    address: SocketAddr,
    calls: mpsc::UnboundedReceiver<Call>,
    seen: VecDeque<Call>,
}

impl RuntimeApi {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (to_test, calls) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let to_test = to_test.clone();
                let service = service_fn(move |request| serve(request, to_test.clone()));
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self {
            address,
            calls,
            seen: VecDeque::new(),
        }
    }

    /// Starts the function.
    pub(crate) fn function(&self, variables: &[(&str, &str)]) -> Child {
        function::command()
            .env(function::IS_FUNCTION, "1")
            .env("AWS_LAMBDA_RUNTIME_API", self.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "under-test")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("RUST_BACKTRACE", "0")
            .envs(variables.iter().copied())
            .spawn()
            .unwrap()
    }

    pub(crate) async fn call(&mut self) -> Call {
        match self.seen.pop_front() {
            Some(call) => call,
            None => self.calls.recv().await.unwrap(),
        }
    }

    /// Whether the function has called for nothing since.
    pub(crate) fn is_quiet(&mut self) -> bool {
        while let Ok(call) = self.calls.try_recv() {
            self.seen.push_back(call);
        }
        self.seen.is_empty()
    }

    pub(crate) async fn next(&mut self) -> Next {
        match self.call().await {
            Call::Next(next) => next,
            other => panic!("/next was expected, not {other:?}"),
        }
    }

    pub(crate) async fn response(&mut self) -> String {
        match self.call().await {
            Call::Response(body) => body,
            other => panic!("a response was expected, not {other:?}"),
        }
    }

    pub(crate) async fn error(&mut self) -> String {
        match self.call().await {
            Call::Error(body) => body,
            other => panic!("an error was expected, not {other:?}"),
        }
    }

    pub(crate) async fn work(&mut self) -> Work {
        match self.call().await {
            Call::Work(work) => work,
            other => panic!("work was expected, not {other:?}"),
        }
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Next(_) => f.write_str("/next"),
            Self::Response(body) => write!(f, "/response {body}"),
            Self::Error(body) => write!(f, "/error {body}"),
            Self::InitError(body) => write!(f, "/init/error {body}"),
            Self::Work(_) => f.write_str("work"),
        }
    }
}

async fn serve(
    request: Request<Incoming>,
    to_test: mpsc::UnboundedSender<Call>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = String::from(request.uri().path());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    if path == "/2018-06-01/runtime/invocation/next" {
        let (send, event) = oneshot::channel();
        to_test.send(Call::Next(Next(send))).unwrap();
        let Ok((event, deadline)) = event.await else {
            return std::future::pending().await;
        };
        let response = Response::builder()
            .header(
                "Lambda-Runtime-Aws-Request-Id",
                "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            )
            .header("Lambda-Runtime-Deadline-Ms", deadline)
            .body(Full::from(event));
        return Ok(response.unwrap());
    }
    if path == "/work" {
        let (finish, finished) = oneshot::channel();
        to_test.send(Call::Work(Work(finish))).unwrap();
        finished.await.unwrap();
        return Ok(Response::new(Full::default()));
    }
    let call = match path.rsplit('/').next() {
        Some("response") => Call::Response(body),
        Some("error") if path.ends_with("/init/error") => Call::InitError(body),
        _ => Call::Error(body),
    };
    to_test.send(call).unwrap();
    Ok(Response::builder()
        .status(202)
        .body(Full::from("{\"status\":\"OK\"}\n"))
        .unwrap())
}
