//! One invocation on its way to an environment.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use crate::spec::Outcome;

/// Invoke API: "6 MB" of a synchronous payload.
pub const MAX_PAYLOAD: usize = 6 * 1024 * 1024;
/// Invoke API: "1 MB" of an asynchronous payload.
pub const MAX_ASYNC_PAYLOAD: usize = 1024 * 1024;

/// One invocation on its way to an environment.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) request_id: Uuid,
    pub(crate) payload: Bytes,
    /// `X-Amz-Client-Context`, decoded.
    pub(crate) client_context: Option<HeaderValue>,
    pub(crate) reply: Reply,
    pub(crate) submitted: Instant,
}

/// Who gets the answer.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Somebody who waits, or has ceased to.
    Caller {
        sender: oneshot::Sender<Answer>,
        /// Whether the answer carries the last lines of output.
        tail: bool,
    },
    /// Nobody. The number of this attempt, from 1.
    Nobody { attempt: u8 },
}

impl Reply {
    pub(crate) fn is_caller(&self) -> bool {
        matches!(self, Self::Caller { .. })
    }
}

/// What the caller of a synchronous invocation gets.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    /// The last lines of output, if they were asked for.
    pub(crate) tail: Option<Vec<u8>>,
}

/// How long an asynchronous invocation waits after a failed attempt. Lambda
/// guide, "How Lambda handles errors and retries with asynchronous invocation": one minute,
/// then two.
pub(crate) fn retry_wait(attempt: u8) -> Duration {
    Duration::from_secs(60) * u32::from(attempt)
}
