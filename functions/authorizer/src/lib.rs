//! The authorizer of `$connect`: from a handshake to who it is, or why not.
//!
//! Its answer rides on every later event of the connection, so that no other function has to look
//! anybody up.

mod admission;
pub mod jwt;
mod keys;

use std::sync::Arc;
use std::time::Duration;

use gatepost_protocol::Millis;
use gatepost_protocol::UserId;
use gatepost_runtime::Answer;
use gatepost_runtime::Authorization;
use gatepost_runtime::AuthorizerEvent;
use gatepost_runtime::Document;
use gatepost_runtime::Failure;
use gatepost_runtime::Fault;
use gatepost_runtime::Function;
use gatepost_runtime::Invocation;
use gatepost_runtime::Limits;
use gatepost_runtime::StartError;
use gatepost_runtime::clock;
use gatepost_runtime::config;
use gatepost_runtime::config::AuthConfig;
use gatepost_runtime::config::AuthMode;
use gatepost_runtime::config::Environment;
use gatepost_runtime::config::JwtKey;
use gatepost_runtime::config::Origins;

pub use admission::Keys;
pub use admission::Mode;
pub use admission::Refused;
pub use admission::Tokens;
pub use keys::KeyError;
pub use keys::PublishedKeys;

/// For the issuer's keys: within the function's 5 s.
const LIMITS: Limits = Limits {
    connections: 1,
    connect: Duration::from_secs(2),
    request: Duration::from_secs(3),
    idle: Duration::from_secs(20),
};

/// Decides about handshakes.
#[derive(Debug)]
pub struct Authorizer {
    mode: Mode,
    origins: Origins,
    clock: fn() -> Millis,
    guest: fn() -> UserId,
}

impl Authorizer {
    /// Reads who is admitted, and the key from where it is kept.
    ///
    /// # Errors
    /// Everything that is wrong with the environment, or the secret that cannot be read.
    pub async fn start(environment: &dyn Environment) -> Result<Self, StartError> {
        let AuthConfig { mode, origins } = config::read(environment, AuthConfig::read)?;
        let mode = match mode {
            AuthMode::Guest => Mode::Guest,
            AuthMode::Jwt(jwt) => {
                let keys = match jwt.key {
                    JwtKey::Rs256(key) => Keys::Own(jwt::Key::Rs256(key)),
                    JwtKey::Hs256(source) => {
                        let secret = gatepost_runtime::signing_secret(environment, source).await?;
                        Keys::Own(jwt::Key::hs256(secret.expose().as_bytes()))
                    }
                    JwtKey::Published(url) => {
                        let document = Document::new(&url, LIMITS, Arc::new(clock::now))?;
                        Keys::Published(Box::new(PublishedKeys::new(document)))
                    }
                };
                let rules = jwt::Rules {
                    audience: jwt.audience,
                    issuer: jwt.issuer,
                };
                Mode::Jwt(Box::new(Tokens { keys, rules }))
            }
        };
        Ok(Self::new(
            mode,
            origins,
            clock::now,
            admission::random_guest,
        ))
    }

    /// An authorizer with its own time and its own guests.
    #[must_use]
    pub fn new(mode: Mode, origins: Origins, clock: fn() -> Millis, guest: fn() -> UserId) -> Self {
        Self {
            mode,
            origins,
            clock,
            guest,
        }
    }

    /// Decides about one handshake.
    ///
    /// # Errors
    /// [`Failure::Unauthorized`] where the client has to authenticate: it then sees 401. Where a
    /// page of this origin is not welcome it sees 403, which is an answer. A fault where the
    /// issuer's keys cannot be had: the client sees 500, and comes again.
    pub async fn decide(&self, event: AuthorizerEvent) -> Result<Authorization, Failure> {
        if let Err(refused) = admission::origin(&event.headers, &self.origins) {
            tracing::info!(why = %refused, "refused");
            return Ok(Authorization::deny(event.method_arn));
        }
        match admission::identity(&event, &self.mode, (self.clock)(), self.guest).await {
            Ok(identity) => {
                tracing::info!(userId = %identity.user, "admitted");
                let context = identity.to_context();
                Ok(Authorization::allow(
                    event.method_arn,
                    identity.user.into(),
                    context,
                ))
            }
            Err(refused @ Refused::NoKeys) => Err(Failure::Fault(Fault {
                error_type: "Keys.Unavailable",
                what: refused.to_string(),
                source: None,
            })),
            Err(refused) => {
                tracing::info!(why = %refused, "refused");
                Err(Failure::Unauthorized)
            }
        }
    }
}

impl Function for Authorizer {
    type Response = Authorization;

    async fn invoke(&self, invocation: Invocation<'_>) -> Result<Answer<Authorization>, Failure> {
        Ok(Answer::new(self.decide(invocation.parse()?).await?))
    }
}

#[cfg(test)]
mod tests;
