//! AWS credentials.

use std::fmt;
use std::sync::Arc;

use gatepost_protocol::Millis;

/// An access key, as Lambda's environment holds it. `Debug` prints no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`, present with temporary credentials.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("secret_access_key", &"***")
            .field("session_token", &self.session_token.as_ref().map(|_| "***"))
            .finish()
    }
}

/// Where a client gets its credentials: called at most once a second while it signs, so that rotated
/// ones are picked up. In Lambda they are fixed for an environment: `Arc::new(move || fixed.clone())`.
pub type CredentialSource = Arc<dyn Fn() -> Credentials + Send + Sync>;

/// The time, for signatures and for the age of idle connections. It must be the wall clock: a frozen
/// Lambda environment has to notice on waking how long it slept.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// On whose behalf, where and when requests are signed.
#[derive(Clone)]
pub struct Access {
    /// `AWS_REGION`.
    pub region: String,
    /// The key to sign with.
    pub credentials: CredentialSource,
    /// The time to sign.
    pub clock: Clock,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let credentials = Credentials {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "hush".into(),
            session_token: Some("quiet".into()),
        };
        let shown = format!("{credentials:?}");
        assert!(shown.contains("AKIDEXAMPLE"));
        assert!(
            !shown.contains("hush") && !shown.contains("quiet"),
            "{shown}"
        );
    }
}
