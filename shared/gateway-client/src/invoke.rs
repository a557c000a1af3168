//! Lambda's asynchronous Invoke as the chat sees it.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::Cause;

/// One Lambda function that is started without waiting for its answer.
///
/// AWS: "Invoking a Lambda function asynchronously".
#[async_trait]
pub trait InvokeAsync: fmt::Debug + Send + Sync {
    /// Queues one event (JSON, at most 1 MB). The function may receive it more than once.
    async fn invoke_async(&self, payload: Bytes) -> Result<(), InvokeError>;
}

/// Why an event was not queued, by what the caller does about it.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// Try later: too many requests (429).
    #[error("Lambda throttles the function's invocations")]
    Throttled,
    /// Send less: more than the asynchronous limit (413).
    #[error("the event is too large for an asynchronous invocation")]
    TooLarge,
    /// Tell the operator: the function is not there or the role may not invoke it (403, 404).
    #[error("Lambda refused the invocation: {0}")]
    Forbidden(Box<str>),
    /// Unknown whether it was queued; a later attempt may succeed.
    #[error("Lambda could not be reached")]
    Unreachable(#[source] Cause),
}
