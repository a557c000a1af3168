//! How the gateway calls a function.

use async_trait::async_trait;
use bytes::Bytes;

/// What a synchronous invocation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invoked {
    /// The function's response.
    Response(Bytes),
    /// A function error: an exception, a timeout of the function, an exit. Lambda answers 200 with
    /// `X-Amz-Function-Error` and this JSON.
    FunctionError(Bytes),
}

/// Why a function could not be invoked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// Reserved concurrency is used up: 429.
    #[error("the function is throttled")]
    Throttled,
    /// The function cannot be started.
    #[error("{0}")]
    Unavailable(String),
}

/// Calls functions by logical ID. Dropping the future abandons the answer, not the invocation:
/// when the integration times out the function keeps running.
#[async_trait]
pub trait Invoke: std::fmt::Debug + Send + Sync {
    /// A synchronous invocation.
    async fn invoke(&self, function: &str, payload: Bytes) -> Result<Invoked, InvokeError>;

    /// An asynchronous invocation: it is accepted, and nobody is told what comes of it.
    async fn invoke_async(&self, function: &str, payload: Bytes) -> Result<(), InvokeError>;
}
