//! The `@connections` API as the chat sees it.

use std::fmt;
use std::fmt::Write as _;

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Millis;
use ring::digest;

use crate::Cause;

/// A stage's open connections: post to one, look at one, close one.
///
/// AWS: "Use @connections commands in your backend service".
#[async_trait]
pub trait Connections: fmt::Debug + Send + Sync {
    /// Sends `payload` to a client as one text message, at most 131,072 bytes.
    ///
    /// It may arrive twice: a request whose connection breaks before any answer is sent again once.
    async fn post(&self, to: &ConnectionId, payload: &Payload) -> Result<(), PostError>;

    /// When the connection was made and last used, and by whom.
    async fn get(&self, id: &ConnectionId) -> Result<ConnectionState, PostError>;

    /// Closes the connection. One that is closed already is [`PostError::Gone`].
    async fn close(&self, id: &ConnectionId) -> Result<(), PostError>;
}

/// Why a request about a connection failed, by what the caller does about it.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// Forget the connection: it is closed, not yet open, or its id is none (410, or 400 for the id).
    #[error("the connection is gone")]
    Gone,
    /// Slow down and send again: too many requests, or this client does not read (429).
    #[error("too many requests, or the client does not read")]
    Throttled,
    /// Send less: more than 131,072 bytes (413).
    #[error("the message is too large for API Gateway")]
    TooLarge,
    /// Tell the operator: role, stage, endpoint or clock are wrong (403).
    #[error("API Gateway refused the request: {0}")]
    Forbidden(Box<str>),
    /// Unknown whether it arrived; a later attempt may succeed.
    #[error("API Gateway could not be reached")]
    Unreachable(#[source] Cause),
}

/// What API Gateway knows of a connection (`GetConnection`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionState {
    /// When the connection was opened.
    pub connected_at: Millis,
    /// When a message last passed, in either direction.
    pub last_active_at: Millis,
}

/// A message's bytes with their SHA-256, computed once for any number of posts. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    bytes: Bytes,
    sha256: [u8; 64],
}

impl Payload {
    /// Hashes `bytes`.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let sha256 = hex(digest::digest(&digest::SHA256, &bytes).as_ref());
        Self { bytes, sha256 }
    }

    /// The message.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Lower-case hexadecimal SHA-256 of the message.
    #[must_use]
    pub fn sha256(&self) -> &[u8; 64] {
        &self.sha256
    }
}

/// Says the length only: a message's text belongs in no log.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Payload(")?;
        fmt::Display::fmt(&self.bytes.len(), f)?;
        f.write_char(' ')?;
        f.write_str("bytes)")
    }
}

/// Lower-case hexadecimal of 32 bytes.
pub(crate) fn hex(bytes: &[u8]) -> [u8; 64] {
    // Reckoned, not looked up: the compiler makes vector instructions of it.
    let digit = |half: u8| half + if half < 10 { b'0' } else { b'a' - 10 };
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = digit(byte >> 4);
        pair[1] = digit(byte & 15);
    }
    text
}
