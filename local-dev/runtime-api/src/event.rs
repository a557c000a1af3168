//! One invocation on its way to an environment.

use bytes::Bytes;
use http::HeaderValue;
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use crate::chain::Chain;
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
    /// What led to it; `None` where a chain begins.
    pub(crate) chain: Option<Box<Chain>>,
    pub(crate) reply: Reply,
    pub(crate) submitted: Instant,
}

impl Event {
    /// The same event once more, if nobody waits for its answer.
    pub(crate) fn again(&self) -> Option<Self> {
        let Reply::Nobody(attempt) = &self.reply else {
            return None;
        };
        Some(Self {
            request_id: self.request_id,
            payload: self.payload.clone(),
            client_context: self.client_context.clone(),
            chain: self.chain.clone(),
            reply: Reply::Nobody(*attempt),
            submitted: self.submitted,
        })
    }
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
    /// Nobody.
    Nobody(Attempt),
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

/// One attempt of an asynchronous invocation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    /// From 1.
    pub(crate) number: u8,
    /// When the event was accepted, in milliseconds of the emulator's clock.
    pub(crate) accepted_ms: u64,
}
