//! Response header names in the case in which API Gateway writes them.
//!
//! hyper writes names in lower case, or as a map in the response's extensions says. That map can
//! only be made by hyper itself, when it parses a request: so one is parsed that has our names.

use http::Extensions;
use http::Request;
use http::Response;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::sync::OnceCell;

/// `Date` and `Connection` as the front proxy writes them; the names of a 101 that are not here are
/// lower case on AWS (the one recorded answer: python-websockets issue 1065).
const NAMES: &[u8] = b"GET / HTTP/1.1\r\nDate: \r\nConnection: close\r\nContent-Type: \r\n\
    x-amzn-RequestId: \r\nx-amz-apigw-id: \r\nx-amzn-ErrorType: \r\nSec-WebSocket-Version: \r\n\r\n";

/// The names, parsed when they are first needed.
#[derive(Debug, Default)]
pub(crate) struct Casing(OnceCell<Extensions>);

impl Casing {
    /// Makes hyper write the names of `response` as API Gateway does.
    pub(crate) async fn apply<B>(&self, response: &mut Response<B>) {
        let names = self.0.get_or_init(parse).await;
        response.extensions_mut().extend(names.clone());
    }
}

async fn parse() -> Extensions {
    let (mut client, server) = tokio::io::duplex(1024);
    let (names, mut parsed) = tokio::sync::mpsc::channel(1);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        // The channel has room for the one request that there is.
        let _ = names.try_send(request.extensions().clone());
        async { Ok::<_, std::convert::Infallible>(Response::new(Empty::<Bytes>::new())) }
    });
    let served = http1::Builder::new()
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(server), service);
    // If any of it fails, names are lower case, which means the same.
    let (_, _) = tokio::join!(client.write_all(NAMES), served);
    parsed.recv().await.unwrap_or_default()
}
