//! `--tls`: https and wss on the port, beside http and ws, with a certificate of this machine's own.
//!
//! Code that builds `https://{domainName}/{stage}` itself then works as on AWS, if it trusts the
//! certificate; functions are told to. A connection that speaks TLS is decrypted in front of the
//! gateway and goes on over a loopback socket pair, so that plain connections pay nothing and the
//! gateway knows nothing of it.

mod certificate;

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use crate::cli::Process;

pub(crate) use certificate::Files;
pub(crate) use certificate::certificate_names;

/// What a TLS client begins with: the content type of a handshake (RFC 8446 §5.1). No HTTP request
/// does.
const HANDSHAKE: u8 = 22;

/// How long a client may take from connecting to the end of its TLS handshake.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(75);

/// Where systems keep the certificates that they trust.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Speaks TLS with clients.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    /// What clients trust.
    pub(crate) files: Files,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// An accepted connection, without TLS.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) stream: TcpStream,
    /// Whether the client speaks TLS.
    pub(crate) is_tls: bool,
}

impl Tls {
    /// With the certificate in `folder`, which is made if there is none for these names that is valid
    /// at `now_ms`.
    ///
    /// # Errors
    /// When it cannot be made, written or read.
    pub(crate) fn new(
        folder: &Path,
        names: &[String],
        now_ms: u64,
        process: &Process,
    ) -> anyhow::Result<Self> {
        let trusted = process
            .environment
            .get("SSL_CERT_FILE".as_ref() as &std::ffi::OsStr);
        let trusted = trusted.map(PathBuf::from).into_iter();
        let trusted = trusted.chain(SYSTEM_BUNDLES.map(PathBuf::from));
        let files = Files::in_folder(folder, names, now_ms, trusted)?;
        let chain = CertificateDer::pem_file_iter(&files.certificate)?.collect::<Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_file(&files.key)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        // WebSocket APIs speak HTTP/1.1 (RFC 6455 §4.1).
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            files,
        })
    }

    /// Takes TLS off a connection if its client speaks it; others go on as they are.
    ///
    /// # Errors
    /// When the client broke the handshake or does not finish it, or there is no socket left.
    pub(crate) async fn plain(&self, stream: TcpStream) -> io::Result<Plain> {
        timeout(HANDSHAKE_WITHIN, self.take_off(stream)).await?
    }

    async fn take_off(&self, stream: TcpStream) -> io::Result<Plain> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 || first[0] != HANDSHAKE {
            return Ok(Plain {
                stream,
                is_tls: false,
            });
        }
        let _ = stream.set_nodelay(true);
        let mut encrypted = self.acceptor.accept(stream).await?;
        let (mut ours, stream) = pair().await?;
        let _ = ours.set_nodelay(true);
        tokio::spawn(async move {
            // How a client breaks a connection is its own affair; both sides are closed then.
            let _ = tokio::io::copy_bidirectional(&mut encrypted, &mut ours).await;
        });
        Ok(Plain {
            stream,
            is_tls: true,
        })
    }

    /// The variables by which the SDKs in functions trust the certificate: of Node (its own
    /// certificates beside those that are built in), of the AWS SDKs ("AWS SDKs and Tools Reference
    /// Guide", `ca_bundle`), of OpenSSL and what follows it.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        let (authority, bundle) = (&self.files.authority, &self.files.bundle);
        let variables = [
            ("NODE_EXTRA_CA_CERTS", authority),
            ("AWS_CA_BUNDLE", bundle),
            ("REQUESTS_CA_BUNDLE", bundle),
            ("SSL_CERT_FILE", bundle),
        ];
        let variables = variables.into_iter();
        variables
            .map(|(name, path)| (name.to_owned(), path.display().to_string()))
            .collect()
    }
}

/// Two ends of a TCP connection within this process.
async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let ours = TcpStream::connect(listener.local_addr()?).await?;
    let own = ours.local_addr()?;
    loop {
        let (stream, peer) = listener.accept().await?;
        // Somebody else may have been quicker.
        if peer == own {
            return Ok((ours, stream));
        }
    }
}
