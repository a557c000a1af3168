//! `bench post`: what signing and posting one frame costs the worker.
//!
//! Our signature against that of the aws-sigv4 crate over the same request, for both with the path and
//! the payload's hash at hand and the headers of a request as the outcome; our post against
//! `PostToConnection` of the AWS SDK (feature `sdk`), both to a bare server that answers 200, and
//! against the raw limits: the hashes of a signature alone; the same bytes written to sockets and the
//! answers read, no HTTP spoken. All in turn, on one CPU, in CPU time of the client alone.

use std::convert::Infallible;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use anyhow::Context;
use anyhow::ensure;
use aws_sigv4::http_request::SignableBody;
use aws_sigv4::http_request::SignableRequest;
use aws_sigv4::http_request::SigningSettings;
use aws_sigv4::http_request::UriPathNormalizationMode;
use aws_sigv4::sign::v4::SigningParams;
use futures_util::StreamExt;
use futures_util::stream;
use gatepost_gateway_client::Access;
use gatepost_gateway_client::Connections;
use gatepost_gateway_client::Credentials;
use gatepost_gateway_client::Gateway;
use gatepost_gateway_client::Limits;
use gatepost_gateway_client::Payload;
use gatepost_gateway_client::Scope;
use gatepost_gateway_client::Signer;
use gatepost_protocol::ConnectionId;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http_body_util::BodyExt;
use http_body_util::Empty;
use hyper::Request;
use hyper::Response;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use ring::digest;
use ring::hmac;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::process::Child;

use super::cpu;
use super::median;
use super::rounded;

/// Bytes of a posted frame: about an `entries` frame of one short entry.
const FRAME_BYTES: usize = 200;

/// Signatures for each post: the kernel counts CPU time by the tick, which is thousands of them.
const SIGNATURES: usize = 10;

/// Connections that are posted to, in turn.
const MEMBERS: usize = 1_000;

const REGION: &str = "eu-west-1";
const HOST: &str = "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com";

/// Makes `posts` posts a round, `at_once` at a time, and ten times as many signatures.
///
/// # Errors
/// If the server does not start, a post fails, or the two signatures differ.
pub async fn run(posts: usize, at_once: usize, rounds: usize) -> anyhow::Result<Value> {
    cpu::pin_client(cpu::MEASURED)?;
    let server = BareGateway::start(&std::env::current_exe()?).await?;
    let ids: Vec<ConnectionId> = (0..MEMBERS)
        .map(|member| format!("L0SM9cOFvHcCI{member:03}=").parse())
        .collect::<Result<_, _>>()?;
    let (mut ours, mut theirs, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut posting, mut sdk, mut raw) = (Vec::new(), Vec::new(), Vec::new());
    let gateway = Gateway::new(&server.url.parse()?, access(), Limits::default())?;
    let payload = Payload::new(vec![b'x'; FRAME_BYTES]);
    let other = sdk_client(&server.url);
    for _ in 0..rounds {
        ours.push(sign_ours(posts * SIGNATURES)?);
        theirs.push(sign_theirs(posts * SIGNATURES)?);
        hashes.push(hash_alone(posts * SIGNATURES));
        let post = |index: usize| {
            let (gateway, payload, to) = (&gateway, &payload, &ids[index % MEMBERS]);
            async move { gateway.post(to, payload).await.context("a post") }
        };
        posting.push(measured(posts, at_once, post).await?);
        raw.push(raw_posts(&server.url, posts, at_once).await?);
        if let Some(other) = &other {
            let post = |index: usize| sdk_post(other, ids[index % MEMBERS].as_str());
            sdk.push(measured(posts, at_once, post).await?);
        }
    }
    let (ours, theirs, hashes) = (median(ours), median(theirs), median(hashes));
    let (posting, raw) = (median(posting), median(raw));
    let sdk = (!sdk.is_empty()).then(|| median(sdk));
    Ok(json!({
        "bench": "post",
        "posts": posts,
        "at_once": at_once,
        "bytes": FRAME_BYTES,
        "sign_us": rounded(ours),
        "aws_sigv4_sign_us": rounded(theirs),
        "raw_hashes_us": rounded(hashes),
        "sign_ratio_to_raw_hashes": rounded(ours / hashes),
        "sign_ratio": rounded(theirs / ours),
        "post_cpu_us": rounded(posting),
        "raw_exchange_cpu_us": rounded(raw),
        "aws_sdk_post_cpu_us": sdk.map(rounded),
        "ratio_to_raw_exchange": rounded(posting / raw),
        "post_ratio": sdk.map(|sdk| rounded(sdk / posting)),
    }))
}

/// CPU microseconds of this process a post.
async fn measured<F>(posts: usize, at_once: usize, post: impl Fn(usize) -> F) -> anyhow::Result<f64>
where
    F: Future<Output = anyhow::Result<()>>,
{
    // Connected before it is measured.
    let rounds = [at_once, posts];
    let mut used = 0;
    for posts in rounds {
        let before = cpu::of(std::process::id());
        let mut under_way = stream::iter((0..posts).map(&post)).buffer_unordered(at_once);
        while let Some(posted) = under_way.next().await {
            posted?;
        }
        used = cpu::of(std::process::id()) - before;
    }
    Ok(used as f64 / 1000.0 / posts as f64)
}

/// CPU microseconds of an exchange of the bytes of a signed post and its answer.
async fn raw_posts(url: &str, posts: usize, at_once: usize) -> anyhow::Result<f64> {
    let authority = url.trim_start_matches("http://").trim_end_matches("/prod");
    let payload = Payload::new(vec![b'x'; FRAME_BYTES]);
    let mut headers = HeaderMap::new();
    let signer = signer(crate::stack::now);
    signer.sign("POST", &path(0), payload.sha256(), &mut headers)?;
    let mut request = b"POST /prod/%40connections/L0SM9cOFvHcCI000%3D HTTP/1.1\r\n".to_vec();
    for (name, value) in &headers {
        request.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    request.extend(format!("content-length: {FRAME_BYTES}\r\n\r\n").as_bytes());
    request.extend_from_slice(payload.bytes());
    let mut streams = Vec::new();
    for _ in 0..at_once {
        let stream = TcpStream::connect(authority).await?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let before = cpu::of(std::process::id());
    let request = request.as_slice();
    let exchanges = streams.into_iter().map(|mut stream| async move {
        let mut answer = [0; 1_024];
        for _ in 0..posts / at_once {
            stream.write_all(request).await?;
            let read = stream.read(&mut answer).await?;
            ensure!(answer[..read].starts_with(b"HTTP/1.1 200"), "no answer");
            ensure!(answer[..read].ends_with(b"\r\n\r\n"), "half an answer");
        }
        anyhow::Ok(())
    });
    futures_util::future::try_join_all(exchanges).await?;
    let used = cpu::of(std::process::id()) - before;
    Ok(used as f64 / 1000.0 / (posts / at_once * at_once) as f64)
}

fn credentials() -> Credentials {
    Credentials {
        access_key_id: String::from("ASIAEXAMPLE"),
        secret_access_key: String::from("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        session_token: Some("t".repeat(400)),
    }
}

fn access() -> Access {
    Access {
        region: String::from(REGION),
        credentials: Arc::new(credentials),
        clock: Arc::new(crate::stack::now),
    }
}

/// CPU microseconds of one of our signatures.
fn sign_ours(count: usize) -> anyhow::Result<f64> {
    let (signer, payload) = (
        signer(crate::stack::now),
        Payload::new(vec![b'x'; FRAME_BYTES]),
    );
    let paths: Vec<_> = (0..MEMBERS).map(path).collect();
    let before = cpu::of(std::process::id());
    for index in 0..count {
        let mut headers = HeaderMap::new();
        let path = &paths[index % MEMBERS];
        signer.sign("POST", path, payload.sha256(), &mut headers)?;
        std::hint::black_box(&headers);
    }
    let used = cpu::of(std::process::id()) - before;
    Ok(used as f64 / 1000.0 / count as f64)
}

fn signer(clock: fn() -> i64) -> Signer {
    let scope = Scope {
        region: String::from(REGION),
        service: "execute-api",
        host: HeaderValue::from_static(HOST),
        headers: Vec::new(),
    };
    Signer::new(scope, Arc::new(credentials), Arc::new(clock))
}

/// CPU microseconds of the hashes alone that every signature takes: of as many bytes as the canonical
/// request and the string to sign have.
fn hash_alone(count: usize) -> f64 {
    let request = [
        "POST\n",
        &path(0),
        "\n\nhost:",
        HOST,
        "\nx-amz-date:20261122T081045Z\nx-amz-security-token:",
        &credentials().session_token.unwrap_or_default(),
        "\n\nhost;x-amz-date;x-amz-security-token\n",
        &"0".repeat(64),
    ]
    .concat();
    let to_sign = [
        "AWS4-HMAC-SHA256\n20261122T081045Z\n20261122/",
        REGION,
        "/execute-api/aws4_request\n",
        &"0".repeat(64),
    ]
    .concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[0; 32]);
    let before = cpu::of(std::process::id());
    for _ in 0..count {
        let request = std::hint::black_box(request.as_bytes());
        std::hint::black_box(digest::digest(&digest::SHA256, request));
        let to_sign = std::hint::black_box(to_sign.as_bytes());
        std::hint::black_box(hmac::sign(&key, to_sign));
    }
    let used = cpu::of(std::process::id()) - before;
    used as f64 / 1000.0 / count as f64
}

/// The canonical path, which a signature is over.
fn path(index: usize) -> String {
    format!("/prod/%2540connections/L0SM9cOFvHcCI{index:03}%253D")
}

/// CPU microseconds of a signature of the aws-sigv4 crate, of which the first must be ours.
fn sign_theirs(count: usize) -> anyhow::Result<f64> {
    const SECOND: i64 = 1_795_335_037;
    let Credentials {
        access_key_id,
        secret_access_key,
        session_token,
    } = credentials();
    let identity = aws_credential_types::Credentials::new(
        access_key_id,
        secret_access_key,
        session_token,
        None,
        "bench",
    )
    .into();
    let mut settings = SigningSettings::default();
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let params = SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("execute-api")
        .time(SystemTime::UNIX_EPOCH + Duration::from_secs(SECOND.try_into()?))
        .settings(settings)
        .build()?
        .into();
    let payload = vec![b'x'; FRAME_BYTES];
    let sha256 = hex(digest::digest(&digest::SHA256, &payload).as_ref());
    let urls: Vec<_> = (0..MEMBERS)
        .map(|index| format!("https://{HOST}/prod/%40connections/L0SM9cOFvHcCI{index:03}%3D"))
        .collect();
    let mut first = None;
    let before = cpu::of(std::process::id());
    for index in 0..count {
        let url = urls[index % MEMBERS].as_str();
        let body = SignableBody::Precomputed(sha256.clone());
        let request = SignableRequest::new("POST", url, std::iter::empty(), body)?;
        let (instructions, _) = aws_sigv4::http_request::sign(request, &params)?.into_parts();
        let mut headers = HeaderMap::new();
        for (name, value) in instructions.headers() {
            let name = HeaderName::from_bytes(name.as_bytes())?;
            headers.insert(name, HeaderValue::from_str(value)?);
        }
        std::hint::black_box(&headers);
        first.get_or_insert(headers);
    }
    let used = cpu::of(std::process::id()) - before;
    let mut headers = HeaderMap::new();
    let own = Payload::new(payload);
    signer(|| SECOND * 1_000).sign("POST", &path(0), own.sha256(), &mut headers)?;
    let first = first.context("one signature at the least")?;
    ensure!(
        headers.get("authorization") == first.get("authorization"),
        "the two sign differently"
    );
    Ok(used as f64 / 1000.0 / count as f64)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(feature = "sdk")]
type Sdk = aws_sdk_apigatewaymanagement::Client;

#[cfg(feature = "sdk")]
fn sdk_client(url: &str) -> Option<Sdk> {
    use aws_sdk_apigatewaymanagement::config::BehaviorVersion;
    use aws_sdk_apigatewaymanagement::config::Region;
    let Credentials {
        access_key_id,
        secret_access_key,
        session_token,
    } = credentials();
    let provider = aws_credential_types::Credentials::new(
        access_key_id,
        secret_access_key,
        session_token,
        None,
        "bench",
    );
    let config = aws_sdk_apigatewaymanagement::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(url)
        .credentials_provider(provider)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Some(Sdk::from_conf(config))
}

#[cfg(feature = "sdk")]
async fn sdk_post(sdk: &Sdk, id: &str) -> anyhow::Result<()> {
    let post = sdk.post_to_connection().connection_id(id);
    post.data(vec![b'x'; FRAME_BYTES].into())
        .send()
        .await
        .context("a post of the SDK")?;
    Ok(())
}

/// The SDK's client, which this program is built without.
#[cfg(not(feature = "sdk"))]
type Sdk = Infallible;

#[cfg(not(feature = "sdk"))]
fn sdk_client(_: &str) -> Option<Sdk> {
    None
}

#[cfg(not(feature = "sdk"))]
async fn sdk_post(sdk: &Sdk, _: &str) -> anyhow::Result<()> {
    match *sdk {}
}

/// A server that answers 200 to whatever is posted, in a process of its own.
#[derive(Debug)]
pub struct BareGateway {
    /// `http://host:port/prod`.
    pub url: String,
    /// Its process ID.
    pub pid: u32,
    _child: Child,
}

impl BareGateway {
    /// Starts one on the calling thread's CPU; killed when dropped.
    ///
    /// # Errors
    /// If it does not say where it is.
    pub async fn start(bench: &Path) -> anyhow::Result<Self> {
        let mut child = tokio::process::Command::new(bench)
            .arg("bare-gateway")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting the bare gateway")?;
        let stdout = child.stdout.take().context("its output")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        let url = line.context("the address of the bare gateway")?;
        let pid = child.id().context("its pid")?;
        Ok(Self {
            url,
            pid,
            _child: child,
        })
    }
}

/// The bare gateway itself: says its address, and answers.
///
/// # Errors
/// If it cannot listen.
#[expect(clippy::print_stdout, reason = "it tells its parent where it is")]
pub async fn bare_gateway() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/prod", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let serve = hyper::service::service_fn(|request: Request<Incoming>| async {
            // Read to its end, as a gateway does.
            let _ = request.into_body().collect().await;
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        });
        tokio::spawn(async move {
            let http = hyper::server::conn::http1::Builder::new();
            let _ = http.serve_connection(TokioIo::new(stream), serve).await;
        });
    }
}
