//! Which key a token has to be signed with: the deployment's own, or one of those that the issuer
//! publishes.

use std::sync::Arc;

use gatepost_protocol::Millis;
use gatepost_runtime::Document;
use gatepost_runtime::DocumentError;
use tokio::sync::Mutex;

use crate::jwt::Key;
use crate::jwt::KeySet;
use crate::jwt::NoKeys;

/// For so long keys are taken as they were fetched.
const FRESH_MS: Millis = 10 * 60 * 1_000;

/// And for so long while their server does not answer. A key that the issuer withdrew ends then.
const KEPT_MS: Millis = 60 * 60 * 1_000;

/// A key that is not known makes ask again, but not more often than this: anybody can invent one.
const ASK_AGAIN_MS: Millis = 30_000;

/// How long after a failure nobody asks.
const RETRY_MS: Millis = 5_000;

/// The keys that the issuer publishes, kept for the life of this environment.
#[derive(Debug)]
pub struct PublishedKeys {
    document: Document,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    keys: Option<(Millis, KeySet)>,
    /// Nobody asks before.
    ask_at: Millis,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The issuer has no such key.
    #[error("the token names no key of the issuer's")]
    Unknown,
    /// The issuer's keys are not known, and cannot be had now.
    #[error("the keys of JWT_JWKS_URL cannot be had")]
    Unavailable,
}

/// Why keys were not fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error(transparent)]
    Keys(#[from] NoKeys),
}

impl PublishedKeys {
    /// The keys at a URL. Nothing is fetched yet.
    #[must_use]
    pub fn new(document: Document) -> Self {
        Self {
            document,
            kept: Mutex::default(),
        }
    }

    /// The key of this `kid`, fetched if need be. Whoever comes meanwhile waits for the same answer.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub async fn key(&self, kid: &str, now: Millis) -> Result<Arc<Key>, KeyError> {
        let mut kept = self.kept.lock().await;
        if !kept.has_fresh(kid, now) && now >= kept.ask_at {
            match self.fetch().await {
                Ok(keys) => {
                    kept.keys = Some((now, keys));
                    kept.ask_at = now + ASK_AGAIN_MS;
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "the keys of JWT_JWKS_URL are not fetched");
                    kept.ask_at = now + RETRY_MS;
                }
            }
        }
        let kept = kept.keys.as_ref().filter(|(at, _)| now - at < KEPT_MS);
        let (_, keys) = kept.ok_or(KeyError::Unavailable)?;
        keys.get(kid).ok_or(KeyError::Unknown)
    }

    async fn fetch(&self) -> Result<KeySet, FetchError> {
        Ok(KeySet::parse(&self.document.get().await?)?)
    }
}

impl Kept {
    fn has_fresh(&self, kid: &str, now: Millis) -> bool {
        let fresh = self.keys.as_ref().filter(|(at, _)| now - at < FRESH_MS);
        fresh.is_some_and(|(_, keys)| keys.get(kid).is_some())
    }
}

#[cfg(test)]
mod tests;
