//! What a store could not do, by what the caller does about it.

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
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The store is there, but its schema, its rights or what it holds is not what this version
    /// needs: a fault of the deployment. Repeating does not help.
    #[error("{store} cannot serve this version: {what}")]
    Unusable {
        /// `redis`, `mysql` or `sqlite`.
        store: &'static str,
        /// What was being done.
        what: &'static str,
        /// The cause.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl StoreError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}
