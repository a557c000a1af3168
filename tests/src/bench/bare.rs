//! The raw limit of an invocation: a Runtime API host that does nothing but hand out the same event
//! and take the response.

use std::convert::Infallible;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::Context;
use http::Request;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncBufReadExt;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::cpu;

/// A message event of the size that the gateway sends.
pub(super) const EVENT: &str = r#"{"requestContext":{"routeKey":"$default","messageId":"PJqCFfHyKRcCHlw=","eventType":"MESSAGE","extendedRequestId":"PJqCFEqHqRcFd0w=","requestTime":"29/Nov/2023:08:04:03 +0000","messageDirection":"IN","stage":"local","connectedAt":1701245041796,"requestTimeEpoch":1701245043417,"identity":{"sourceIp":"127.0.0.1"},"requestId":"PJqCFEqHqRcFd0w=","domainName":"127.0.0.1:3001","connectionId":"PJqB0fHsqRcCHlw=","apiId":"aabbccdd00"},"body":"hello","isBase64Encoded":false}"#;

/// What one run of the bare host came to.
#[derive(Debug, Clone, Copy)]
pub struct Bare {
    /// Invocations a second.
    pub rate: f64,
    /// Microseconds of CPU an invocation, host and function.
    pub cpu_us: f64,
}

/// Runs the bare host as a process of its own beside the echo function, both pinned.
///
/// # Errors
/// If a process cannot be started or ends early.
pub async fn run(release: &std::path::Path, invocations: u64) -> anyhow::Result<Bare> {
    let mut host = cpu::pinned(&release.join("bench"))
        .args(["bare-host", &invocations.to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("starting the bare host")?;
    let stdout = host.stdout.take().context("its standard output")?;
    let mut lines = tokio::io::BufReader::new(stdout).lines();
    let address = lines
        .next_line()
        .await?
        .context("the bare host's address")?;
    let mut function = cpu::pinned(&release.join("echo"))
        .env("AWS_LAMBDA_RUNTIME_API", &address)
        .env("AWS_LAMBDA_FUNCTION_NAME", "echo")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .kill_on_drop(true)
        .spawn()
        .context("starting the echo function")?;
    let seconds: f64 = lines
        .next_line()
        .await?
        .context("the bare host's time")?
        .parse()?;
    let pids = [
        host.id().context("its pid")?,
        function.id().context("its pid")?,
    ];
    let used: u64 = pids.iter().map(|pid| cpu::of(*pid)).sum();
    function.kill().await?;
    host.kill().await?;
    let count = invocations as f64;
    Ok(Bare {
        rate: count / seconds,
        cpu_us: used as f64 / 1000.0 / count,
    })
}

/// The host itself: prints its address, then the seconds that `invocations` took, then waits to be
/// killed, so that its CPU time can be read.
///
/// # Errors
/// If it cannot listen.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
pub async fn host(invocations: u64) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    let answered = Arc::new(AtomicU64::new(0));
    let done = Arc::new(Notify::new());
    let started = Instant::now();
    let serve = {
        let done = Arc::clone(&done);
        hyper::service::service_fn(move |request: Request<Incoming>| {
            let answered = Arc::clone(&answered);
            let done = Arc::clone(&done);
            async move { Ok::<_, Infallible>(answer(request, &answered, invocations, &done).await) }
        })
    };
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), serve);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        served = &mut connection => return served.context("serving the function"),
        () = done.notified() => println!("{}", started.elapsed().as_secs_f64()),
    }
    // The function waits for one more event, and both live until their CPU time has been read.
    let _ = connection.await;
    std::future::pending().await
}

async fn answer(
    request: Request<Incoming>,
    answered: &AtomicU64,
    invocations: u64,
    done: &Notify,
) -> Response<Full<Bytes>> {
    if request.method() == http::Method::GET {
        let count = answered.load(Ordering::Relaxed);
        if count == invocations {
            std::future::pending::<()>().await;
        }
        return Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", format!("{count:032x}"))
            .header("lambda-runtime-deadline-ms", "4102444800000")
            .header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:us-east-1:0:function:echo",
            )
            .body(Full::new(Bytes::from_static(EVENT.as_bytes())))
            .unwrap_or_default();
    }
    // The response is read whole: a host that did not would measure less work.
    let _ = request.into_body().collect().await;
    if answered.fetch_add(1, Ordering::Relaxed) + 1 == invocations {
        done.notify_one();
    }
    Response::builder()
        .status(202)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from_static(b"{\"status\":\"OK\"}\n")))
        .unwrap_or_default()
}
