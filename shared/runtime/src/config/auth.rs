//! Who is admitted.

use http::Uri;

use super::Reading;
use super::RsaPublicKey;
use super::SecretSource;

/// `guest`: whoever comes says who they are. `jwt`: a token says it. Required, so that nobody
/// opens a deployment by leaving a line out.
pub const AUTH_MODE: &str = "AUTH_MODE";
/// Key of HS256 tokens, at least 32 bytes (RFC 7518 section 3.2).
pub const JWT_SECRET: &str = "JWT_SECRET";
/// The secret that holds [`JWT_SECRET`].
pub const JWT_SECRET_ARN: &str = "JWT_SECRET_ARN";
/// Public key of RS256 tokens, PEM, 2,048 to 8,192 bits.
pub const JWT_PUBLIC_KEY: &str = "JWT_PUBLIC_KEY";
/// Where the issuer publishes its keys (RFC 7517), for RS256, ES256 and `EdDSA`: an https URL, or http
/// on loopback.
pub const JWT_JWKS_URL: &str = "JWT_JWKS_URL";
/// The `aud` that a token must name. Required with `jwt`.
pub const JWT_AUDIENCE: &str = "JWT_AUDIENCE";
/// The `iss` that a token must name; any if absent.
pub const JWT_ISSUER: &str = "JWT_ISSUER";
/// Origins of pages that may connect, separated by commas.
///
/// As a browser writes them: scheme, host, port unless it is the scheme's. `*`, with `guest` only, admits every page; none by default. A
/// connection without an Origin is none of a page and always passes.
pub const ALLOWED_ORIGINS: &str = "ALLOWED_ORIGINS";

/// Least length of an HS256 key in bytes: that of the hash (RFC 7518 section 3.2).
pub const LEAST_SECRET: usize = 32;

/// Who is admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthConfig {
    /// See [`AUTH_MODE`].
    pub mode: AuthMode,
    /// See [`ALLOWED_ORIGINS`].
    pub origins: Origins,
}

/// How a client says who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthMode {
    /// In the query.
    Guest,
    /// By a token.
    Jwt(JwtConfig),
}

/// What a token must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtConfig {
    /// Whose signature it bears; this alone fixes the algorithm.
    pub key: JwtKey,
    /// See [`JWT_AUDIENCE`].
    pub audience: String,
    /// See [`JWT_ISSUER`].
    pub issuer: Option<String>,
}

/// What checks a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwtKey {
    /// HMAC with SHA-256.
    Hs256(SecretSource),
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256(RsaPublicKey),
    /// The keys that the issuer publishes there.
    Published(Uri),
}

/// Pages that may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// Every one.
    Any,
    /// These.
    Listed(Vec<String>),
}

impl AuthConfig {
    /// Reads who is admitted.
    pub fn read(reading: &mut Reading<'_>) -> Option<Self> {
        let mode = match admits_guests(reading) {
            Some(true) => Some(AuthMode::Guest),
            Some(false) => JwtConfig::read(reading).map(AuthMode::Jwt),
            None => None,
        };
        let origins = Origins::read(reading);
        if matches!(
            (&mode, &origins),
            (Some(AuthMode::Jwt(_)), Some(Origins::Any))
        ) {
            reading.problem(ALLOWED_ORIGINS, "is *: with AUTH_MODE=jwt, list the pages");
        }
        Some(Self {
            mode: mode?,
            origins: origins?,
        })
    }
}

/// Reads whether [`AUTH_MODE`] is `guest`.
pub fn admits_guests(reading: &mut Reading<'_>) -> Option<bool> {
    let mode = reading.required(AUTH_MODE, "expected guest or jwt")?;
    match mode.trim() {
        "guest" => Some(true),
        "jwt" => Some(false),
        other => {
            reading.problem(AUTH_MODE, format!("is {other:?}: expected guest or jwt"));
            None
        }
    }
}

impl JwtConfig {
    fn read(reading: &mut Reading<'_>) -> Option<Self> {
        let key = JwtKey::read(reading);
        let audience = reading.required(JWT_AUDIENCE, "the aud that a token must name");
        let issuer = reading.text(JWT_ISSUER);
        Some(Self {
            key: key?,
            audience: audience?,
            issuer,
        })
    }
}

impl JwtKey {
    fn read(reading: &mut Reading<'_>) -> Option<Self> {
        let secret = SecretSource::read(reading, JWT_SECRET, JWT_SECRET_ARN);
        if let Some(url) = reading.text(JWT_JWKS_URL) {
            if secret.is_some() || reading.text(JWT_PUBLIC_KEY).is_some() {
                let what = "is set, and so is a key: set one of them";
                reading.problem(JWT_JWKS_URL, what);
            }
            return match published_at(url.trim()) {
                Ok(url) => Some(Self::Published(url)),
                Err(why) => {
                    let what = format!("{why}: expected https://host/path");
                    reading.problem(JWT_JWKS_URL, what);
                    None
                }
            };
        }
        match (secret, reading.text(JWT_PUBLIC_KEY)) {
            (Some(_), Some(_)) => {
                let what = "is set, and so is an HS256 secret: set one of them";
                reading.problem(JWT_PUBLIC_KEY, what);
                None
            }
            (Some(secret), None) => {
                let short = |value: &super::Secret| value.expose().len() < LEAST_SECRET;
                if secret.written().is_some_and(short) {
                    let what = format!("is shorter than {LEAST_SECRET} bytes");
                    reading.problem(JWT_SECRET, what);
                    return None;
                }
                Some(Self::Hs256(secret))
            }
            (None, Some(pem)) => match RsaPublicKey::from_pem(&pem) {
                Ok(key) => Some(Self::Rs256(key)),
                Err(why) => {
                    reading.problem(JWT_PUBLIC_KEY, format!("{why}: expected an RSA key as PEM"));
                    None
                }
            },
            (None, None) => {
                let what = "is missing: AUTH_MODE=jwt needs it, JWT_SECRET_ARN, JWT_PUBLIC_KEY or \
                            JWT_JWKS_URL";
                reading.problem(JWT_SECRET, what);
                None
            }
        }
    }
}

/// A URL whose answer can be believed: nobody stands between over https, nor on this machine.
fn published_at(url: &str) -> Result<Uri, &'static str> {
    let uri: Uri = url.parse().map_err(|_| "is no URL")?;
    let authority = uri.authority().ok_or("has no host")?;
    if authority.as_str().contains('@') {
        return Err("has a user name");
    }
    let host = authority.host().trim_matches(['[', ']']);
    let is_here = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if is_here => Ok(uri),
        Some("http") => Err("is not https"),
        _ => Err("is no https URL"),
    }
}

impl Origins {
    fn read(reading: &mut Reading<'_>) -> Option<Self> {
        let Some(text) = reading.text(ALLOWED_ORIGINS) else {
            return Some(Self::Listed(Vec::new()));
        };
        if text.trim() == "*" {
            return Some(Self::Any);
        }
        let origins = text
            .split(',')
            .map(str::trim)
            .filter(|origin| !origin.is_empty());
        let (listed, wrong): (Vec<_>, Vec<_>) = origins.partition(|origin| is_origin(origin));
        for origin in &wrong {
            let what = format!("names {origin:?}: expected https://host or http://host:port");
            reading.problem(ALLOWED_ORIGINS, what);
        }
        wrong
            .is_empty()
            .then(|| Self::Listed(listed.into_iter().map(String::from).collect()))
    }

    /// Whether a page of this origin may connect. Compared byte by byte: a browser writes an
    /// origin in one way only (RFC 6454 section 6.2).
    #[must_use]
    pub fn admit(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(listed) => listed.iter().any(|allowed| allowed == origin),
        }
    }
}

/// Whether a browser would write an origin like this: lower case, no path, no default port.
fn is_origin(text: &str) -> bool {
    let (rest, default_port) = if let Some(rest) = text.strip_prefix("https://") {
        (rest, ":443")
    } else if let Some(rest) = text.strip_prefix("http://") {
        (rest, ":80")
    } else {
        return false;
    };
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:[]_".contains(&b);
    !rest.is_empty() && rest.bytes().all(allowed) && !rest.ends_with(default_port)
}
