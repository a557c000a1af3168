//! Requests signed by AWS's own signer.

use std::fmt::Write;
use std::time::Duration;
use std::time::UNIX_EPOCH;

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::http_request::SignableBody;
use aws_sigv4::http_request::SignableRequest;
use aws_sigv4::http_request::SignatureLocation;
use aws_sigv4::http_request::SigningSettings;
use aws_sigv4::http_request::sign;
use aws_sigv4::sign::v4::SigningParams;
use gatepost_sigv4::Credentials;
use gatepost_sigv4::Mode;
use gatepost_sigv4::Signatures;
use gatepost_sigv4::Verifier;
use tokio::sync::mpsc;

pub(super) const REGION: &str = "eu-west-1";
/// When everything is signed and verified.
pub(super) const NOW: i64 = 1_795_335_037;

/// Of every client that may.
pub(super) fn credentials() -> Credentials {
    Credentials {
        access_key_id: "ASIAEXAMPLE".to_owned(),
        secret_access_key: "secretEXAMPLE".to_owned(),
        session_token: Some("tokEXAMPLE".to_owned()),
    }
}

/// The causes of what is wrong with signatures, and whether the request was refused for it.
pub(super) type Errors = mpsc::UnboundedReceiver<(&'static str, bool)>;

/// What the gateway does with signatures, and the causes of errors as it tells them.
pub(super) fn signatures(mode: Mode) -> (Signatures, Errors) {
    signatures_at(NOW, mode)
}

/// The same at another time.
pub(super) fn signatures_at(now: i64, mode: Mode) -> (Signatures, Errors) {
    let (sender, errors) = mpsc::unbounded_channel();
    let verifier = Verifier::new(credentials(), REGION, "execute-api");
    let told = move |error: &gatepost_sigv4::SignatureError, refused| {
        let _ = sender.send((error.cause().word(), refused));
    };
    (
        Signatures::checked(mode, verifier, move || now, told),
        errors,
    )
}

/// A request to sign, as a client on the address of a [`super::served::Served`] would send it.
pub(super) struct Unsigned<'a> {
    pub(super) method: &'a str,
    pub(super) target: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) payload: &'a [u8],
}

impl Unsigned<'_> {
    /// With an `Authorization` header: the bytes of an HTTP/1.1 request.
    pub(super) fn signed(&self) -> Vec<u8> {
        let (_, headers) = self.sign(None);
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {HOST}\r\n",
            self.method, self.target
        );
        let more = self
            .headers
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()));
        for (name, value) in more.chain(headers) {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        // A client that signs `Content-Length` lists it.
        if !self
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        {
            let _ = write!(head, "Content-Length: {}\r\n", self.payload.len());
        }
        [head.as_bytes(), b"\r\n", self.payload].concat()
    }

    /// The header lines that sign a handshake.
    pub(super) fn lines(&self) -> Vec<String> {
        let (_, headers) = self.sign(None);
        let lines = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"));
        lines.collect()
    }

    /// As a presigned URL: path and query.
    pub(super) fn presigned(&self, seconds: u64) -> String {
        let (parameters, _) = self.sign(Some(seconds));
        let separator = if self.target.contains('?') { '&' } else { '?' };
        let pairs: Vec<String> = parameters
            .iter()
            .map(|(name, value)| {
                let all = percent_encoding::NON_ALPHANUMERIC;
                format!(
                    "{name}={}",
                    percent_encoding::utf8_percent_encode(value, all)
                )
            })
            .collect();
        format!("{}{separator}{}", self.target, pairs.join("&"))
    }

    fn sign(&self, presigned_for: Option<u64>) -> (Pairs, Pairs) {
        let Credentials {
            access_key_id,
            secret_access_key,
            session_token,
        } = credentials();
        let identity = AwsCredentials::new(
            access_key_id,
            secret_access_key,
            session_token,
            None,
            "test",
        )
        .into();
        let mut settings = SigningSettings::default();
        if let Some(seconds) = presigned_for {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(Duration::from_secs(seconds));
        }
        let params = SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name("execute-api")
            .time(UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs()))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let url = format!("http://{HOST}{}", self.target);
        let headers = self.headers.iter().copied();
        let body = SignableBody::Bytes(self.payload);
        let request = SignableRequest::new(self.method, url, headers, body).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let parameters = instructions.params().iter();
        (
            parameters
                .map(|(name, value)| owned((name, value)))
                .collect(),
            instructions.headers().map(owned).collect(),
        )
    }
}

type Pairs = Vec<(String, String)>;

const HOST: &str = "127.0.0.1:3001";
