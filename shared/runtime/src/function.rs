//! What a function is, seen from the runtime: an event in, an answer or a failure out.

use std::future::Future;

use gatepost_protocol::Millis;
use serde::Deserialize;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::Failure;
use crate::Fault;
use crate::Work;
use crate::after::MARGIN;
use crate::after::until;

/// One event for one function.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'a> {
    /// The event, JSON that was not looked into yet.
    pub payload: &'a RawValue,
    /// Lambda's request id.
    pub request_id: &'a str,
    /// When Lambda ends the invocation.
    pub deadline: Millis,
}

impl<'a> Invocation<'a> {
    /// When everything has to be over, by tokio's clock: [`MARGIN`] before Lambda's deadline.
    #[must_use]
    pub fn ends_at(&self) -> Instant {
        Instant::now() + until(self.deadline).saturating_sub(MARGIN)
    }

    /// The event as `T`, borrowing from it what it can.
    ///
    /// # Errors
    /// [`Fault`] of type `Payload.Invalid`. It says what kind of error and where, never what is
    /// there.
    pub fn parse<T: Deserialize<'a>>(&self) -> Result<T, Fault> {
        serde_json::from_str(self.payload.get()).map_err(|error| {
            Fault::payload(format!(
                "the event is not one for this function ({:?}, column {})",
                error.classify(),
                error.column()
            ))
        })
    }
}

/// What an invocation came to.
pub struct Answer<R> {
    /// What is sent to whoever invoked.
    pub response: R,
    /// What is done when it was sent.
    pub after: Option<Work>,
}

impl<R> Answer<R> {
    /// An answer that leaves nothing to do.
    pub fn new(response: R) -> Self {
        Self {
            response,
            after: None,
        }
    }

    /// An answer, and what is done when it was sent.
    pub fn then(response: R, after: Option<Work>) -> Self {
        Self { response, after }
    }
}

impl<R: std::fmt::Debug> std::fmt::Debug for Answer<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("response", &self.response)
            .field("after", &self.after.is_some())
            .finish()
    }
}

/// A function. It keeps nothing between invocations that being right depends on.
pub trait Function: Send + Sync + 'static {
    /// What it answers, as JSON.
    type Response: Serialize + Send + 'static;

    /// Takes one event.
    fn invoke(
        &self,
        invocation: Invocation<'_>,
    ) -> impl Future<Output = Result<Answer<Self::Response>, Failure>> + Send;
}
