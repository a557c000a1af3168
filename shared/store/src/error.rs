//! What a store could not do, by what the caller does about it.

use std::error::Error;

/// What a store could not do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store is away, or did not answer in time. An append may or may not have happened:
    /// repeat it with the same key, or answer `unavailable`.
    #[error("{store} is unavailable: {what}")]
    Unavailable {
        /// `redis`, `mysql` or `sqlite`.
        store: &'static str,
        /// What was being done.
        what: &'static str,
        /// The cause.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The store is there, but its schema, its rights or what it holds is not what this version
    /// needs: a fault of the deployment. Repeating does not help.
    #[error("{store} cannot serve this version: {what}")]
    Unusable {
        /// `redis`, `mysql` or `sqlite`.
        store: &'static str,
        /// What was being done, and what to do about it.
        what: &'static str,
        /// The cause.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The URL of a store is not one. Said when the store is opened, never by a later call.
    #[error("{0}")]
    InvalidUrl(
        /// The form it should have. Never the URL itself, which may hold a password.
        String,
    ),
}

impl StoreError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    pub(crate) fn unavailable<E>(store: &'static str, what: &'static str, source: E) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self::Unavailable {
            store,
            what,
            source: Some(source.into()),
        }
    }

    pub(crate) fn unusable<E>(store: &'static str, what: &'static str, source: E) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self::Unusable {
            store,
            what,
            source: Some(source.into()),
        }
    }
}
