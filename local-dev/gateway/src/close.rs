//! Why a connection ends: what `$disconnect` is told and what the client gets to see.

use std::borrow::Cow;

use crate::ClosedBy;

/// The end of a connection: `disconnectStatusCode` and `disconnectReason`, and the close frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) code: u16,
    pub(crate) reason: Cow<'static, str>,
    pub(crate) by: ClosedBy,
}

impl Ending {
    /// Nothing passed for `Limits::idle`. Code and reason were logged of a real `$disconnect`.
    pub(crate) const IDLE: Self = Self::gateway(1001, "Going away");
    /// The connection is `Limits::lifetime` old. As for an idle one; no log of it was found.
    pub(crate) const TOO_OLD: Self = Self::gateway(1001, "Going away");
    /// The gateway stops.
    pub(crate) const SHUTDOWN: Self = Self::gateway(1001, "Going away");
    /// `DELETE @connections`. Code and reason were logged of a real `$disconnect`.
    pub(crate) const DELETED: Self =
        Self::new(ClosedBy::Management, 1000, "Connection Closed Normally");
    /// The TCP connection ended without a close frame (RFC 6455 §7.1.5). The reason is not
    /// documented.
    pub(crate) const LOST: Self = Self::new(ClosedBy::Network, 1006, "Abnormal closure");
    /// Developer Guide, "Working with binary media types for WebSocket APIs": binary frames are
    /// rejected with 1003. The reason is not documented.
    pub(crate) const BINARY: Self = Self::gateway(1003, "Invalid message type");
    /// Developer Guide, "Quotas for configuring and running a WebSocket API": larger frames and
    /// messages close with 1009; clients saw this reason.
    pub(crate) const TOO_BIG: Self = Self::gateway(1009, "Message too big");
    /// RFC 6455 §8.1: text that is not UTF-8.
    pub(crate) const NOT_UTF8: Self = Self::gateway(1007, "Invalid payload data");
    /// RFC 6455 §5: a frame that breaks the protocol.
    pub(crate) const PROTOCOL: Self = Self::gateway(1002, "Protocol error");

    const fn gateway(code: u16, reason: &'static str) -> Self {
        Self::new(ClosedBy::Gateway, code, reason)
    }

    const fn new(by: ClosedBy, code: u16, reason: &'static str) -> Self {
        Self {
            code,
            reason: Cow::Borrowed(reason),
            by,
        }
    }

    /// The client sent a close frame. Without a status it is 1005 with the reason that Developer
    /// Guide, "Input format of a Lambda function for proxy integration" shows; else both are
    /// passed through.
    pub(crate) fn by_client(close: Option<(u16, &str)>) -> Self {
        let (code, reason) = match close {
            None => (
                1005,
                Cow::Borrowed("Client-side close frame status not set"),
            ),
            Some((code, reason)) => (code, Cow::Owned(reason.to_owned())),
        };
        Self {
            code,
            reason,
            by: ClosedBy::Client,
        }
    }

    /// Payload of the close frame to the client: the gateway's own, or the echo of the client's
    /// (RFC 6455 §5.5.1); `None` where nobody is left to read it.
    pub(crate) fn close_frame(&self) -> Option<Vec<u8>> {
        match self.by {
            ClosedBy::Network => None,
            // 1005 stands for an empty close frame and is never sent (RFC 6455 §7.4.1).
            ClosedBy::Client if self.code == 1005 => Some(Vec::new()),
            ClosedBy::Client | ClosedBy::Gateway | ClosedBy::Management => {
                let mut payload = self.code.to_be_bytes().to_vec();
                payload.extend_from_slice(self.reason.as_bytes());
                Some(payload)
            }
        }
    }
}

/// Whether a client may send this status in a close frame (RFC 6455 §7.4 and IANA's registry:
/// 1012–1014 are registered; 1004–1006 and 1015 are reserved; 1016–2999 are not given out).
pub(crate) fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_of_the_registry_may_be_sent() {
        for code in [
            1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999,
        ] {
            assert!(may_be_sent(code), "{code}");
        }
        for code in [
            0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535,
        ] {
            assert!(!may_be_sent(code), "{code}");
        }
    }

    #[test]
    fn a_close_without_status_is_1005_and_echoed_empty() {
        let ending = Ending::by_client(None);
        assert_eq!(ending.code, 1005);
        assert_eq!(ending.reason, "Client-side close frame status not set");
        assert_eq!(ending.close_frame(), Some(Vec::new()));
        assert_eq!(Ending::LOST.close_frame(), None);
        assert_eq!(
            Ending::TOO_BIG.close_frame(),
            Some(b"\x03\xf1Message too big".to_vec())
        );
    }
}
