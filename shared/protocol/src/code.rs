//! Error codes: stable names, and what the client does about each.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// Why an action was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The frame is not JSON.
    BadJson,
    /// The frame is JSON, but a field is missing or not what it should be.
    BadRequest,
    /// The body or the frame is too large.
    TooLarge,
    /// There is no such action.
    UnknownAction,
    /// The identity does not hold, or no longer.
    Unauthorized,
    /// The identity holds, but this is not for it.
    Forbidden,
    /// There is no such room.
    NoRoom,
    /// The room is for members.
    NotMember,
    /// The user is muted in the room.
    Muted,
    /// The user is banned from the room.
    Banned,
    /// The room has as many subscriptions as it can.
    RoomFull,
    /// This `n` was stored with another body.
    Conflict,
    /// What the action points at does not exist.
    NotFound,
    /// The room's log is another one than the client knows.
    StaleEpoch,
    /// What was asked for was purged; `floor` says up to where.
    BelowFloor,
    /// Another client of the user took over.
    Replaced,
    /// Too fast; `retry_after_ms` says when.
    RateLimited,
    /// A lower `n` is missing; `expected` says which.
    Early,
    /// The registry lost what the connection's `hello` said: say hello again.
    Unregistered,
    /// A store is away; `retry_after_ms` says when to repeat. What became of the action is unknown.
    Unavailable,
    /// A fault of the service.
    Internal,
}

impl Code {
    /// Every code, in the protocol's order.
    pub const ALL: [Self; 21] = [
        Self::BadJson,
        Self::BadRequest,
        Self::TooLarge,
        Self::UnknownAction,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NoRoom,
        Self::NotMember,
        Self::Muted,
        Self::Banned,
        Self::RoomFull,
        Self::Conflict,
        Self::NotFound,
        Self::StaleEpoch,
        Self::BelowFloor,
        Self::Replaced,
        Self::RateLimited,
        Self::Early,
        Self::Unregistered,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadJson => "bad_json",
            Self::BadRequest => "bad_request",
            Self::TooLarge => "too_large",
            Self::UnknownAction => "unknown_action",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NoRoom => "no_room",
            Self::NotMember => "not_member",
            Self::Muted => "muted",
            Self::Banned => "banned",
            Self::RoomFull => "room_full",
            Self::Conflict => "conflict",
            Self::NotFound => "not_found",
            Self::StaleEpoch => "stale_epoch",
            Self::BelowFloor => "below_floor",
            Self::Replaced => "replaced",
            Self::RateLimited => "rate_limited",
            Self::Early => "early",
            Self::Unregistered => "unregistered",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// Whether repeating the same action cannot succeed.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(
            self,
            Self::RateLimited
                | Self::Early
                | Self::Unregistered
                | Self::Unavailable
                | Self::Internal
        )
    }

    /// Whether the service is at fault, not the client.
    #[must_use]
    pub const fn is_our_fault(self) -> bool {
        matches!(self, Self::Unavailable | Self::Internal)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn names_and_what_to_do_are_stable() {
        let mut table = String::new();
        for code in Code::ALL {
            let wire = serde_json::to_string(&code).unwrap();
            assert_eq!(wire, format!("\"{code}\""));
            let last = if code.is_final() {
                "final"
            } else {
                "temporary"
            };
            let fault = if code.is_our_fault() { " ours" } else { "" };
            writeln!(table, "{code} {last}{fault}").unwrap();
        }
        expect_test::expect![[r#"
            bad_json final
            bad_request final
            too_large final
            unknown_action final
            unauthorized final
            forbidden final
            no_room final
            not_member final
            muted final
            banned final
            room_full final
            conflict final
            not_found final
            stale_epoch final
            below_floor final
            replaced final
            rate_limited temporary
            early temporary
            unregistered temporary
            unavailable temporary ours
            internal temporary ours
        "#]]
        .assert_eq(&table);
    }
}
