//! On whose behalf the chat acts.

use gatepost_protocol::ConnectionId;
use gatepost_protocol::Millis;
use gatepost_protocol::Role;
use gatepost_protocol::RoomName;
use gatepost_protocol::Sender;
use gatepost_protocol::UserId;
use gatepost_protocol::limits::CONNECTION_MS;
use gatepost_store::Connection;
use gatepost_store::Dialect;
use gatepost_store::Subscriber;

/// What a lease lasts beyond two pings, for a ping that is late.
const LEASE_SPARE_MS: i64 = 120_000;

/// A connection with the identity that the authorizer gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The connection.
    pub connection: ConnectionId,
    /// The user.
    pub user: UserId,
    /// The user's name, as [`gatepost_protocol::display_name`] leaves it.
    pub name: String,
    /// A guest whom the server named (`guest-…`): the only one who may turn out a seed client.
    pub anonymous: bool,
    /// When the connection was made.
    pub connected_at: Millis,
    /// The token's `exp`: from then on nothing is allowed.
    pub expires_at: Option<Millis>,
    /// The gateway's `messageId`, the key of a send without `n`. Empty at `$connect`.
    pub message_id: String,
    /// The token's `rooms`: no room but these, if there is such a claim.
    pub rooms: Option<Vec<RoomName>>,
    /// The token's role: at least this in every public room, and in private ones the user is a
    /// member of.
    pub role: Option<Role>,
}

impl Caller {
    /// Whether the token has run out.
    pub(crate) fn is_expired(&self, now: Millis) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Whether the token lets the user into a room at all.
    pub(crate) fn may_enter(&self, room: &RoomName) -> bool {
        self.rooms.as_ref().is_none_or(|rooms| rooms.contains(room))
    }

    /// Whether the token makes a moderator.
    pub(crate) fn moderates(&self) -> bool {
        self.role >= Some(Role::Moderator)
    }

    /// When the connection ends at the latest: after 2 hours, or with the token.
    pub(crate) fn ends_at(&self) -> Millis {
        let two_hours = self.connected_at.saturating_add(CONNECTION_MS);
        self.expires_at.map_or(two_hours, |at| at.min(two_hours))
    }

    /// Until when the connection counts as alive if nothing more is heard of it.
    pub(crate) fn lease(&self, ping_seconds: u32, now: Millis) -> Millis {
        let pings = now + 2 * 1_000 * i64::from(ping_seconds) + LEASE_SPARE_MS;
        pings.min(self.ends_at())
    }

    /// The user as others see them.
    pub(crate) fn sender(&self) -> Sender {
        Sender {
            id: self.user.clone(),
            name: self.name.clone(),
        }
    }

    /// The connection as the registry keeps it. Without a client the registry keeps the one that
    /// an earlier `hello` named.
    pub(crate) fn as_v1(&self, ping_seconds: u32, now: Millis) -> Connection {
        Connection {
            subscriber: Subscriber {
                connection: self.connection.clone(),
                user: self.user.clone(),
                name: self.name.clone(),
                dialect: Dialect::V1,
            },
            client: None,
            lease: self.lease(ping_seconds, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_ends_with_two_pings_two_hours_or_the_token_whichever_is_first() {
        let hours = |hours: i64| hours * 3_600_000;
        for (now, exp, expected) in [
            (0, None, 660_000),
            (hours(1), None, hours(1) + 660_000),
            (hours(2) - 1, None, hours(2)),
            (0, Some(5_000), 5_000),
            (hours(1), Some(hours(9)), hours(1) + 660_000),
            (hours(2) - 1, Some(hours(9)), hours(2)),
        ] {
            let caller = Caller {
                connection: "c".parse().unwrap(),
                user: "ann".parse().unwrap(),
                name: String::from("Ann"),
                anonymous: false,
                connected_at: 0,
                expires_at: exp,
                message_id: String::new(),
                rooms: None,
                role: None,
            };
            assert_eq!(caller.lease(270, now), expected, "at {now} with {exp:?}");
        }
    }
}
