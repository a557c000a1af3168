//! AWS Signature Version 4, made for many requests that differ in little.
//!
//! What is shared is prepared once: the derived key for a day, everything with the time in it for a
//! second, the hash of a message for all its posts. A signature then costs one SHA-256 over the
//! canonical request and one HMAC.
//!
//! AWS: "Create a signed AWS API request" (IAM User Guide).

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header;
use ring::digest;
use ring::hmac;

use crate::connections::hex;
use crate::credentials::Clock;
use crate::credentials::CredentialSource;
use crate::credentials::Credentials;
use crate::timestamp;

const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// What all requests of a client have in common.
#[derive(Debug)]
pub struct Scope {
    /// `eu-west-1`.
    pub region: String,
    /// `execute-api`.
    pub service: &'static str,
    /// The value of `Host`.
    pub host: HeaderValue,
    /// Further headers, signed too.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// The credentials cannot stand in a header.
#[derive(Debug, thiserror::Error)]
#[error("the access key or the session token has characters that no HTTP header carries")]
pub struct InvalidCredentials;

/// Signs requests of one scope.
pub struct Signer {
    scope: Scope,
    credentials: CredentialSource,
    clock: Clock,
    prepared: Mutex<Option<Arc<Prepared>>>,
}

/// All of a signature that only a second and the credentials decide.
struct Prepared {
    second: i64,
    day: [u8; 8],
    credentials: Credentials,
    key: hmac::Key,
    date: HeaderValue,
    token: Option<HeaderValue>,
    /// The canonical request from the empty query string to before the payload's hash.
    canonical_tail: Vec<u8>,
    /// The string to sign up to before the hash of the canonical request.
    to_sign: Vec<u8>,
    /// `Authorization` up to before the signature.
    authorization: Vec<u8>,
}

impl Signer {
    /// One for requests of this scope. Asks for credentials and the time as it signs.
    #[must_use]
    pub fn new(scope: Scope, credentials: CredentialSource, clock: Clock) -> Self {
        Self {
            scope,
            credentials,
            clock,
            prepared: Mutex::new(None),
        }
    }

    /// Adds `Host`, the scope's headers and the signature. `path` is the canonical path,
    /// `payload_sha256` hexadecimal.
    ///
    /// # Errors
    /// If the credentials cannot stand in a header.
    pub fn sign(
        &self,
        method: &str,
        path: &str,
        payload_sha256: &[u8; 64],
        headers: &mut HeaderMap,
    ) -> Result<(), InvalidCredentials> {
        let prepared = self.prepared()?;
        headers.reserve(5);
        headers.insert(header::HOST, self.scope.host.clone());
        for (name, value) in &self.scope.headers {
            headers.insert(name, value.clone());
        }
        headers.insert(X_AMZ_DATE, prepared.date.clone());
        if let Some(token) = &prepared.token {
            headers.insert(X_AMZ_SECURITY_TOKEN, token.clone());
        }
        headers.insert(
            header::AUTHORIZATION,
            prepared.authorization(method, path, payload_sha256)?,
        );
        Ok(())
    }

    fn prepared(&self) -> Result<Arc<Prepared>, InvalidCredentials> {
        let second = (self.clock)().div_euclid(1000);
        let mut slot = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = slot.as_ref()
            && prepared.second == second
        {
            return Ok(Arc::clone(prepared));
        }
        let prepared = Arc::new(Prepared::new(
            &self.scope,
            (self.credentials)(),
            second,
            slot.as_deref(),
        )?);
        *slot = Some(Arc::clone(&prepared));
        Ok(prepared)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl Prepared {
    fn new(
        scope: &Scope,
        credentials: Credentials,
        second: i64,
        earlier: Option<&Self>,
    ) -> Result<Self, InvalidCredentials> {
        let text = timestamp::basic(second * 1000);
        let date = HeaderValue::from_bytes(&text).map_err(|_| InvalidCredentials)?;
        let day: [u8; 8] = std::array::from_fn(|at| text[at]);
        let key = match earlier {
            Some(earlier) if earlier.day == day && earlier.credentials == credentials => {
                earlier.key.clone()
            }
            _ => derive(
                &credentials.secret_access_key,
                &day,
                &scope.region,
                scope.service,
            ),
        };
        let token = credentials.session_token.as_deref().map(|token| {
            let mut value = HeaderValue::from_str(token).map_err(|_| InvalidCredentials)?;
            value.set_sensitive(true);
            Ok(value)
        });
        let token = token.transpose()?;

        let mut headers: Vec<(&[u8], &[u8])> =
            vec![(b"host", scope.host.as_bytes()), (b"x-amz-date", &text)];
        for (name, value) in &scope.headers {
            headers.push((name.as_str().as_bytes(), value.as_bytes()));
        }
        if let Some(token) = &token {
            headers.push((b"x-amz-security-token", token.as_bytes()));
        }
        headers.sort_unstable_by_key(|(name, _)| *name);
        let names: Vec<&[u8]> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(&b';');
        let mut canonical_tail = b"\n\n".to_vec();
        for (name, value) in &headers {
            canonical_tail.extend([name, b":".as_slice(), value, b"\n"].concat());
        }
        canonical_tail.extend([b"\n", names.as_slice(), b"\n"].concat());

        let credential_scope = [
            day.as_slice(),
            scope.region.as_bytes(),
            scope.service.as_bytes(),
            b"aws4_request",
        ]
        .join(&b'/');
        let to_sign = [
            b"AWS4-HMAC-SHA256\n",
            text.as_slice(),
            b"\n",
            &credential_scope,
            b"\n",
        ]
        .concat();
        let authorization = [
            b"AWS4-HMAC-SHA256 Credential=",
            credentials.access_key_id.as_bytes(),
            b"/",
            &credential_scope,
            b", SignedHeaders=",
            &names,
            b", Signature=",
        ]
        .concat();
        Ok(Self {
            second,
            day,
            credentials,
            key,
            date,
            token,
            canonical_tail,
            to_sign,
            authorization,
        })
    }

    fn authorization(
        &self,
        method: &str,
        path: &str,
        payload_sha256: &[u8; 64],
    ) -> Result<HeaderValue, InvalidCredentials> {
        let mut canonical = digest::Context::new(&digest::SHA256);
        canonical.update(method.as_bytes());
        canonical.update(b"\n");
        canonical.update(path.as_bytes());
        canonical.update(&self.canonical_tail);
        canonical.update(payload_sha256);
        let mut to_sign = hmac::Context::with_key(&self.key);
        to_sign.update(&self.to_sign);
        to_sign.update(&hex(canonical.finish().as_ref()));
        let signature = hex(to_sign.sign().as_ref());
        let mut value = Vec::with_capacity(self.authorization.len() + signature.len());
        value.extend_from_slice(&self.authorization);
        value.extend_from_slice(&signature);
        let mut value = HeaderValue::from_maybe_shared(bytes::Bytes::from(value))
            .map_err(|_| InvalidCredentials)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// The signing key of a day.
fn derive(secret: &str, day: &[u8; 8], region: &str, service: &str) -> hmac::Key {
    let first = hmac::Key::new(hmac::HMAC_SHA256, ["AWS4", secret].concat().as_bytes());
    [
        day.as_slice(),
        region.as_bytes(),
        service.as_bytes(),
        b"aws4_request",
    ]
    .into_iter()
    .fold(first, |key, part| {
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part).as_ref())
    })
}

#[cfg(test)]
mod tests;
