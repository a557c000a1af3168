use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

fn ring() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn trusting(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(ring())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn request() -> Result<Request<Full<Bytes>>, NoAnswer> {
    Ok(Request::new(Full::default()))
}

#[tokio::test]
async fn https_verifies_the_server_and_keeps_its_connection() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(ring())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            count.fetch_add(1, Ordering::SeqCst);
            let service = service_fn(|_| async {
                Ok::<_, NoAnswer>(Response::new(Full::<Bytes>::default()))
            });
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
        }
    });

    let origin: Uri = format!("https://localhost:{port}/").parse().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let pool = |roots| {
        Pool::new(
            origin.clone(),
            trusting(roots),
            Limits::default(),
            Arc::new(|| 0),
        )
    };
    let trusted = pool(roots);
    for _ in 0..3 {
        assert_eq!(trusted.send(request).await.unwrap().status, StatusCode::OK);
    }
    assert_eq!(accepted.load(Ordering::SeqCst), 1);
    let another = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let mut others = RootCertStore::empty();
    others.add(another.cert.der().clone()).unwrap();
    let refused = pool(others).send(request).await.unwrap_err();
    assert!(matches!(refused, NoAnswer::Connect(_)), "{refused:?}");
}
