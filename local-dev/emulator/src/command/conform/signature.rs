//! Signature Version 4 of calls to `@connections` (IAM user guide, "Create a signed AWS API
//! request").

use std::ffi::OsStr;

use gatepost_clock::Clock;
use http::Uri;
use percent_encoding::AsciiSet;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use ring::digest;
use ring::hmac;

use crate::cli::Process;
use crate::time::rfc3339;

/// "URI-encode every byte except the unreserved characters", and `/` in a path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// Somebody's credentials.
pub(super) struct Signer {
    id: String,
    secret: String,
    session: Option<String>,
    region: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("id", &self.id)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// From the environment, as every SDK reads it; the region of an endpoint on AWS is in its name.
    pub(super) fn of(process: &Process, management: &Uri) -> Option<Self> {
        let variable = |name: &str| {
            let value = process.environment.get(OsStr::new(name))?.to_str()?;
            (!value.is_empty()).then(|| value.to_owned())
        };
        let host = management.host().unwrap_or_default();
        let named = host
            .strip_suffix(".amazonaws.com")
            .and_then(|host| host.rsplit_once('.'))
            .map(|(_, region)| region.to_owned());
        Some(Self {
            id: variable("AWS_ACCESS_KEY_ID")?,
            secret: variable("AWS_SECRET_ACCESS_KEY")?,
            session: variable("AWS_SESSION_TOKEN"),
            region: named
                .or_else(|| variable("AWS_REGION"))
                .or_else(|| variable("AWS_DEFAULT_REGION"))
                .unwrap_or_else(|| "us-east-1".to_owned()),
        })
    }

    /// The header lines that sign a request; `path` as it is sent, without a query.
    pub(super) fn headers(&self, method: &str, host: &str, path: &str, body: &[u8]) -> String {
        self.headers_at(Clock::system(1.0).now_ms(), method, host, path, body)
    }

    fn headers_at(&self, at: u64, method: &str, host: &str, path: &str, body: &[u8]) -> String {
        // `20130524T000000Z`.
        let time: String = rfc3339(at)
            .chars()
            .filter(|c| !matches!(c, '-' | ':'))
            .take("20130524T000000".len())
            .chain(['Z'])
            .collect();
        let day = &time[..8];
        let mut lines = format!("host:{host}\nx-amz-date:{time}\n");
        let mut names = "host;x-amz-date".to_owned();
        let mut headers = format!("x-amz-date: {time}\r\n");
        if let Some(session) = &self.session {
            lines.push_str(&format!("x-amz-security-token:{session}\n"));
            names.push_str(";x-amz-security-token");
            headers.push_str(&format!("x-amz-security-token: {session}\r\n"));
        }
        // Of every service but S3 the path is encoded once more.
        let path = utf8_percent_encode(path, PATH);
        let digest = hex(digest::digest(&digest::SHA256, body).as_ref());
        let canonical = format!("{method}\n{path}\n\n{lines}\n{names}\n{digest}");
        let scope = format!("{day}/{}/execute-api/aws4_request", self.region);
        let hashed = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashed}");
        let start = format!("AWS4{}", self.secret).into_bytes();
        let parts = [day, &self.region, "execute-api", "aws4_request", &text];
        let signature = parts.iter().fold(start, |key, part| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
            hmac::sign(&key, part.as_bytes()).as_ref().to_vec()
        });
        headers.push_str(&format!(
            "authorization: AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, \
             Signature={}\r\n",
            self.id,
            hex(&signature)
        ));
        headers
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_signed_as_botocore_signs_it() {
        let signer = Signer {
            id: "AKIAEXAMPLE".to_owned(),
            secret: "secret".to_owned(),
            session: Some("session".to_owned()),
            region: "eu-west-1".to_owned(),
        };
        let host = "abcdef1234.execute-api.eu-west-1.amazonaws.com";
        let path = "/conform/%40connections/TXzPWdnOjoECGjA%3D";
        let headers = signer.headers_at(1_708_327_306_706, "POST", host, path, b"hello");
        let signature = "3539f56c389b075acc80a0d7e540e693be9f01302586a39de09e8fb589bfc2bf";
        assert!(
            headers.contains(&format!("Signature={signature}\r\n")),
            "{headers}"
        );
        assert!(!format!("{signer:?}").contains("secret"));
    }
}
