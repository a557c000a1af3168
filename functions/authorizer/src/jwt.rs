//! Reading a JSON Web Token (RFC 7519) signed as HS256, RS256, ES256 (RFC 7518) or `EdDSA` (RFC 8037).
//!
//! Which of them is fixed by the key. The header's `alg` has to agree and decides nothing; `kid`
//! chooses among the keys that the issuer publishes, if it publishes any; `jku`, `jwk`, `x5c` and
//! `x5u` are not looked at. Nothing of the claims is read before the signature holds.

mod key_set;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost_protocol::Millis;
use gatepost_runtime::config::RsaPublicKey;
use ring::hmac;
use ring::signature;
use serde::Deserialize;

pub use key_set::KeySet;
pub use key_set::NoKeys;

/// Longest token in bytes. A handshake's headers have 10 KB in all.
pub const LONGEST: usize = 4_096;

/// How far clocks may be apart, in seconds.
const LEEWAY: f64 = 60.0;

/// What checks a signature.
pub enum Key {
    /// HMAC with SHA-256 (RFC 7518 section 3.2).
    Hs256(hmac::Key),
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3).
    Rs256(RsaPublicKey),
    /// ECDSA with P-256 and SHA-256 (RFC 7518 section 3.4): the point, uncompressed.
    Es256(Vec<u8>),
    /// Ed25519 (RFC 8037 section 3.1): its 32 bytes.
    EdDsa(Vec<u8>),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm())
    }
}

impl Key {
    /// The key of HS256 tokens.
    #[must_use]
    pub fn hs256(secret: &[u8]) -> Self {
        Self::Hs256(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Hs256(_) => "HS256",
            Self::Rs256(_) => "RS256",
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    /// Compares in constant time.
    fn verify(&self, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hs256(key) => hmac::verify(key, signed, signature).is_ok(),
            Self::Rs256(key) => verifies(
                &signature::RSA_PKCS1_2048_8192_SHA256,
                key.der(),
                signed,
                signature,
            ),
            Self::Es256(point) => verifies(
                &signature::ECDSA_P256_SHA256_FIXED,
                point,
                signed,
                signature,
            ),
            Self::EdDsa(key) => verifies(&signature::ED25519, key, signed, signature),
        }
    }
}

fn verifies(
    algorithm: &'static dyn signature::VerificationAlgorithm,
    key: &[u8],
    signed: &[u8],
    signature: &[u8],
) -> bool {
    let key = signature::UnparsedPublicKey::new(algorithm, key);
    key.verify(signed, signature).is_ok()
}

/// What a token must be, besides signed.
#[derive(Debug)]
pub struct Rules {
    /// For whom it must be.
    pub audience: String,
    /// From whom it must be; from anybody with the key if `None`.
    pub issuer: Option<String>,
}

/// Why a token is refused. For the log: the client only hears that it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is none.
    #[error("no token")]
    Missing,
    /// Above [`LONGEST`].
    #[error("the token is longer than 4,096 bytes")]
    TooLong,
    /// Not three parts of Base64url without padding, the first two JSON objects.
    #[error("the token is malformed")]
    Malformed,
    /// The header names another algorithm than the key's, or extensions that must be
    /// understood (`crit`, RFC 7515 section 4.1.11).
    #[error("the token's header asks for something else than its key's algorithm")]
    Algorithm,
    /// It names none of the keys that the issuer publishes.
    #[error("the token names no key of the issuer's")]
    Key,
    /// The signature is not the key's.
    #[error("the token's signature is wrong")]
    Signature,
    /// No `exp`, or it has passed.
    #[error("the token has expired, or never does")]
    Expired,
    /// `nbf` or `iat` lies ahead.
    #[error("the token is not valid yet")]
    Early,
    /// `aud` does not name this deployment.
    #[error("the token is for another audience")]
    Audience,
    /// `iss` is not the issuer.
    #[error("the token is from another issuer")]
    Issuer,
    /// `sub`, `name`, `rooms` or `roles` cannot be an identity.
    #[error("the token's subject, name, rooms or roles cannot be used")]
    Identity,
}

/// The claims that are used. Others are ignored.
#[derive(Debug, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: String,
    /// The user's name.
    pub name: Option<String>,
    /// The only rooms that the token is for.
    pub rooms: Option<Vec<String>>,
    /// Roles.
    pub roles: Option<Vec<String>>,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
    aud: Option<Audience>,
    iss: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<serde_json::Value>,
    crit: Option<serde_json::Value>,
}

impl Claims {
    /// When the token ends, without leeway.
    #[must_use]
    pub fn expires_at(&self) -> Millis {
        // Seconds of any date that a token may bear are exact in an `f64`; a cast saturates.
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        let seconds = self.exp.floor() as i64;
        seconds.saturating_mul(1_000)
    }
}

/// A token whose header was read, and nothing else of it.
#[derive(Debug)]
pub struct Token<'a> {
    header: Header,
    signed: &'a str,
    claims: &'a str,
    signature: &'a str,
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(token: &'a str) -> Result<Self, Refusal> {
        if token.is_empty() {
            return Err(Refusal::Missing);
        }
        if token.len() > LONGEST {
            return Err(Refusal::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Refusal::Malformed)?;
        if claims.contains('.') {
            return Err(Refusal::Malformed);
        }
        let header = serde_json::from_slice(&decode(header)?).map_err(|_| Refusal::Malformed)?;
        Ok(Self {
            header,
            signed,
            claims,
            signature,
        })
    }

    /// The key that it names.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_ref()?.as_str()
    }

    /// The claims of a token that holds at `now`.
    ///
    /// # Errors
    /// The first reason why it does not.
    pub fn verify(&self, key: &Key, rules: &Rules, now: Millis) -> Result<Claims, Refusal> {
        if self.header.alg != key.algorithm() || self.header.crit.is_some() {
            return Err(Refusal::Algorithm);
        }
        let claims = decode(self.claims)?;
        if !key.verify(self.signed.as_bytes(), &decode(self.signature)?) {
            return Err(Refusal::Signature);
        }
        // What an issuer signed and still cannot be read lacks `exp` or `sub`, or has them as
        // something else.
        let claims: serde_json::Value =
            serde_json::from_slice(&claims).map_err(|_| Refusal::Malformed)?;
        if !claims.get("exp").is_some_and(serde_json::Value::is_number) {
            return Err(Refusal::Expired);
        }
        let claims: Claims = serde_json::from_value(claims).map_err(|_| Refusal::Identity)?;
        claims.hold(rules, now)?;
        Ok(claims)
    }
}

impl Claims {
    fn hold(&self, rules: &Rules, now: Millis) -> Result<(), Refusal> {
        // A connection may outlive the leeway of its token only if there is none: so `exp` has none.
        if self.expires_at() <= now {
            return Err(Refusal::Expired);
        }
        #[expect(clippy::cast_precision_loss, reason = "exact for 285,000 years")]
        let latest = now as f64 / 1_000.0 + LEEWAY;
        if [self.nbf, self.iat]
            .into_iter()
            .flatten()
            .any(|begins| begins > latest)
        {
            return Err(Refusal::Early);
        }
        let for_us = match &self.aud {
            None => false,
            Some(Audience::One(audience)) => *audience == rules.audience,
            Some(Audience::Several(audiences)) => audiences.contains(&rules.audience),
        };
        if !for_us {
            return Err(Refusal::Audience);
        }
        if rules.issuer.is_some() && self.iss != rules.issuer {
            return Err(Refusal::Issuer);
        }
        Ok(())
    }
}

fn decode(part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed)
}

#[cfg(test)]
mod tests;
