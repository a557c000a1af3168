//! Verification itself.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use http::HeaderMap;
use http::Method;
use http::Uri;
use ring::digest;
use ring::hmac;

use crate::canonical::canonical_request;
use crate::canonical::hex;
use crate::canonical::unhex;
use crate::claim::ALGORITHM;
use crate::claim::Claim;
use crate::error::Cause;
use crate::error::SignatureError;
use crate::time;

/// How far a signature's time may be from ours, in seconds. What API Gateway answers names five
/// minutes: `Signature expired: … is now earlier than … (… - 5 min.)`.
const SKEW: i64 = 300;

const TERMINATOR: &str = "aws4_request";

/// What a client signs with.
#[derive(Clone)]
pub struct Credentials {
    /// For example `ASIA…`.
    pub access_key_id: String,
    /// The secret.
    pub secret_access_key: String,
    /// Temporary credentials have one, and must send it.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// A request as it was received.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// Path and query, still encoded.
    pub uri: &'a Uri,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The whole body. Its hash is made from it: `x-amz-content-sha256` is only a header.
    pub payload: &'a [u8],
}

/// Knows one pair of credentials, and verifies what is signed with it for one service.
pub struct Verifier {
    credentials: Credentials,
    region: String,
    service: &'static str,
    /// The signing key of the day that was last asked for: one client's day is everybody's.
    key: Mutex<Option<Arc<DayKey>>>,
}

struct DayKey {
    day: [u8; 8],
    key: hmac::Key,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("credentials", &self.credentials)
            .field("region", &self.region)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

impl Verifier {
    /// Of `service` (`execute-api`, `lambda`) in a region.
    #[must_use]
    pub fn new(credentials: Credentials, region: impl Into<String>, service: &'static str) -> Self {
        Self {
            credentials,
            region: region.into(),
            service,
            key: Mutex::new(None),
        }
    }

    /// Verifies a signature in the `Authorization` header or in the query of a presigned URL;
    /// `now` is in seconds since 1970. The order of the checks is the one in which AWS's services
    /// were seen to make them.
    ///
    /// # Errors
    /// [`SignatureError`] with AWS's answer.
    pub fn verify(&self, request: &Request<'_>, now: i64) -> Result<(), SignatureError> {
        let claim = Claim::of(request.headers, request.uri.query())?;
        check_time(&claim, now)?;
        let mut signed = claim.signed_headers.split(';');
        if !signed.any(|name| name.eq_ignore_ascii_case("host")) {
            return Err(SignatureError::new(
                Cause::Mismatch,
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
            ));
        }
        if claim.algorithm != ALGORITHM {
            let message = format!(
                "Unsupported AWS 'algorithm': '{}' (only {ALGORITHM} for now). ",
                claim.algorithm
            );
            return Err(SignatureError::new(Cause::Incomplete, message));
        }
        let day = self.check_scope(&claim)?;
        self.check_signature(request, &claim, day)?;
        match (&self.credentials.session_token, &claim.token) {
            (None, None) => Ok(()),
            (Some(ours), Some(theirs)) if equal(ours.as_bytes(), theirs) => Ok(()),
            _ => Err(unknown_key()),
        }
    }

    /// The credential scope, and whose key it is; the day.
    fn check_scope(&self, claim: &Claim<'_>) -> Result<[u8; 8], SignatureError> {
        let credential = claim.credential.as_ref();
        let mut parts = credential.split('/');
        let mut next = || parts.next();
        let (Some(key), Some(day), Some(region), Some(service), Some(terminator), None) =
            (next(), next(), next(), next(), next(), next())
        else {
            let message = format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, got '{credential}'"
            );
            return Err(SignatureError::new(Cause::Incomplete, message));
        };
        let mut wrong = Vec::new();
        if region != self.region {
            wrong.push(format!(
                "Credential should be scoped to a valid region, not '{region}'."
            ));
        }
        if service != self.service {
            let service = self.service;
            wrong.push(format!(
                "Credential should be scoped to correct service: '{service}'."
            ));
        }
        if terminator != TERMINATOR {
            wrong.push(format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not \
                 '{terminator}'."
            ));
        }
        let date = claim.date.as_ref();
        let day_of_date = &date[..8];
        if day != day_of_date {
            wrong.push(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
                 from HTTP: '{day}' != '{day_of_date}', from '{date}'."
            ));
        }
        if !wrong.is_empty() {
            return Err(SignatureError::new(Cause::Scope, wrong.join(" ")));
        }
        // A temporary key is unknown without its token.
        let has_token = claim.token.is_some() == self.credentials.session_token.is_some();
        if key != self.credentials.access_key_id || !has_token {
            return Err(unknown_key());
        }
        Ok(std::array::from_fn(|at| day.as_bytes()[at]))
    }

    fn check_signature(
        &self,
        request: &Request<'_>,
        claim: &Claim<'_>,
        day: [u8; 8],
    ) -> Result<(), SignatureError> {
        let payload_sha256 = hex(&sha256(request.payload));
        let canonical = canonical_request(request, &claim.signed_headers, &payload_sha256);
        let mut to_sign = Vec::with_capacity(192);
        for part in [
            ALGORITHM,
            "\n",
            &claim.date,
            "\n",
            &claim.date[..8],
            "/",
            &self.region,
            "/",
            self.service,
            "/",
            TERMINATOR,
            "\n",
        ] {
            to_sign.extend_from_slice(part.as_bytes());
        }
        to_sign.extend_from_slice(&hex(&sha256(&canonical)));
        let signature = unhex(&claim.signature);
        let holds = signature.is_some_and(|signature| {
            // Compares in constant time.
            hmac::verify(&self.key(day).key, &to_sign, &signature).is_ok()
        });
        if holds {
            return Ok(());
        }
        let (canonical, to_sign) = (
            String::from_utf8_lossy(&canonical),
            String::from_utf8_lossy(&to_sign),
        );
        Err(SignatureError::new(
            Cause::Mismatch,
            format!(
                "The request signature we calculated does not match the signature you provided. \
                 Check your AWS Secret Access Key and signing method. Consult the service \
                 documentation for details.\n\nThe Canonical String for this request should have \
                 been\n'{canonical}'\n\nThe String-to-Sign should have been\n'{to_sign}'\n"
            ),
        ))
    }

    /// The signing key of a day: four HMACs, made once.
    fn key(&self, day: [u8; 8]) -> Arc<DayKey> {
        let mut kept = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.as_ref() {
            Some(key) if key.day == day => Arc::clone(key),
            _ => {
                let key = Arc::new(DayKey {
                    day,
                    key: self.derive(&day),
                });
                *kept = Some(Arc::clone(&key));
                key
            }
        }
    }

    /// IAM User Guide, "Calculate the signature".
    fn derive(&self, day: &[u8; 8]) -> hmac::Key {
        let secret = format!("AWS4{}", self.credentials.secret_access_key);
        let parts: [&[u8]; 4] = [
            day,
            self.region.as_bytes(),
            self.service.as_bytes(),
            TERMINATOR.as_bytes(),
        ];
        parts.iter().fold(
            hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
            |key, part| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part).as_ref()),
        )
    }
}

fn check_time(claim: &Claim<'_>, now: i64) -> Result<(), SignatureError> {
    let allowed = claim.presigned_for.unwrap_or(SKEW);
    let (date, at) = (&claim.date, time::basic(now));
    if claim.signed_at < now - allowed {
        let (earliest, minutes) = (time::basic(now - allowed), allowed / 60);
        let message = format!(
            "Signature expired: {date} is now earlier than {earliest} ({at} - {minutes} min.)"
        );
        return Err(SignatureError::new(Cause::Expired, message));
    }
    if claim.signed_at > now + SKEW {
        let (latest, minutes) = (time::basic(now + SKEW), SKEW / 60);
        let message = format!(
            "Signature not yet current: {date} is still later than {latest} ({at} + {minutes} min.)"
        );
        return Err(SignatureError::new(Cause::NotYetCurrent, message));
    }
    Ok(())
}

fn unknown_key() -> SignatureError {
    let message = "The security token included in the request is invalid.";
    SignatureError::new(Cause::UnknownKey, message)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let hash = digest::digest(&digest::SHA256, bytes);
    hash.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Compares secrets by their hashes: how long it takes tells nothing of where they differ.
fn equal(a: &[u8], b: &[u8]) -> bool {
    sha256(a) == sha256(b)
}
