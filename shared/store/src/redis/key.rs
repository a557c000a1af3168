//! Names of keys. All keys of one script share a hash tag, so that a cluster keeps them together;
//! ids that may hold any character enter as a hash, so that none can end the tag.

use gatepost_protocol::ConnectionId;
use gatepost_protocol::RoomName;
use gatepost_protocol::UserId;
use ring::digest;

use crate::Owner;
use crate::Shard;

/// Builds keys with what was configured to stand before them.
#[derive(Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: String) -> Self {
        Self { prefix }
    }

    /// The record of a connection.
    pub(super) fn connection(&self, id: &ConnectionId) -> String {
        format!("{}gp:c:{{{}}}", self.prefix, hashed(id.as_str()))
    }

    /// A user's connections, fence and limiter.
    pub(super) fn user(&self, id: &UserId) -> String {
        format!("{}gp:u:{{{}}}", self.prefix, hashed(id.as_str()))
    }

    /// A room's head and limiter.
    pub(super) fn room(&self, name: &RoomName) -> String {
        format!("{}gp:r:{{{name}}}", self.prefix)
    }

    /// A limit of a user or a room.
    pub(super) fn limit(&self, of: Owner<'_>, what: &str) -> String {
        let of = match of {
            Owner::User(id) => self.user(id),
            Owner::Room(name) => self.room(name),
        };
        format!("{of}:l:{what}")
    }

    /// The number of subscriptions that a room was told of last.
    pub(super) fn occupancy(&self, name: &RoomName) -> String {
        format!("{}:o", self.room(name))
    }

    /// The subscriptions of a shard, and its fan-out.
    pub(super) fn shard(&self, shard: &Shard) -> (String, String) {
        let Shard { room, index } = shard;
        let prefix = &self.prefix;
        (
            format!("{prefix}gp:m:{{{room}:{index}}}"),
            format!("{prefix}gp:f:{{{room}:{index}}}"),
        )
    }

    /// The fan-out of a shard alone.
    pub(super) fn fan_out(&self, shard: &Shard) -> String {
        format!("{}gp:f:{{{}:{}}}", self.prefix, shard.room, shard.index)
    }
}

/// The first 128 bits of SHA-256, in hexadecimal.
fn hashed(id: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let hash = digest::digest(&digest::SHA256, id.as_bytes());
    hash.as_ref()[..16]
        .iter()
        .flat_map(|byte| {
            [
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ]
        })
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_tag_holds_what_makes_the_key() {
        let keys = Keys::new("t1:".into());
        let user = keys.user(&"a}b{c 🙂".parse().unwrap());
        assert_eq!(user.matches(['{', '}']).count(), 2);
        assert_eq!(user.len(), "t1:gp:u:{}".len() + 32);
        assert_ne!(user, keys.user(&"a}b{c 🙂 ".parse().unwrap()));
        let shard = Shard {
            room: "lobby".parse().unwrap(),
            index: 3,
        };
        assert_eq!(
            keys.shard(&shard),
            ("t1:gp:m:{lobby:3}".into(), "t1:gp:f:{lobby:3}".into())
        );
        assert_eq!(keys.fan_out(&shard), keys.shard(&shard).1);
        assert_eq!(keys.room(&shard.room), "t1:gp:r:{lobby}");
        let of = Owner::Room(&shard.room);
        assert_eq!(keys.limit(of, "occupancy"), "t1:gp:r:{lobby}:l:occupancy");
        assert_eq!(keys.occupancy(&shard.room), "t1:gp:r:{lobby}:o");
    }
}
