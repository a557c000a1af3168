//! What kind of world a seed's is: decided first of all.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use gatepost_chat::RoomPolicy;
use gatepost_chat::Sessions;
use gatepost_chat::Settings;
use gatepost_protocol::RoomName;
use gatepost_protocol::UserId;
use gatepost_store::Rates;

use super::chance::Chance;

/// Users by number, one for each device; the third is a second device of the first.
const USERS: [&str; 5] = ["ann", "bob", "ann", "cy", "dee"];

const PING_SECONDS: u32 = 10;

/// A kind of world.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) devices: usize,
    /// How long the faults last.
    pub(super) foul: Duration,
    /// Over how many shards the lobby spreads.
    shards: u16,
    /// One client a user.
    pub(super) takeover: bool,
    /// What is older than a while is purged now and then.
    pub(super) retention: bool,
    /// The logs are restored from a copy once.
    pub(super) remade: bool,
}

impl World {
    pub(super) fn draw(chance: &Chance) -> Self {
        let kind = chance.of(0..=7);
        let retention = kind < 2;
        Self {
            devices: usize::try_from(chance.of(2..=4)).unwrap_or(2),
            foul: chance.ms(10_000..=40_000),
            shards: match chance.one_in(2) {
                true => 1,
                false => u16::try_from(chance.of(2..=4)).unwrap_or(1),
            },
            takeover: chance.one_in(4),
            retention,
            remade: kind == 2,
        }
    }

    pub(super) fn settings(&self) -> Settings {
        Settings {
            sessions: match self.takeover {
                true => Sessions::Takeover,
                false => Sessions::Multi,
            },
            // Else a join would make the private room a public one.
            rooms: RoomPolicy::Declared,
            rates: Rates {
                per_user: 20,
                per_room: 200,
            },
            ping_seconds: PING_SECONDS,
            guests: true,
            seed_room: lobby(),
            declared: BTreeMap::from([(lobby(), self.shards), (attic(), 1)]),
        }
    }

    /// Whose a device is.
    pub(super) fn user_of(device: usize) -> UserId {
        USERS[device % USERS.len()].parse().expect("an id")
    }

    /// Everybody with a device, but for `user`.
    pub(super) fn others(&self, user: &UserId) -> Vec<UserId> {
        let users: BTreeSet<_> = (0..self.devices).map(Self::user_of).collect();
        users.into_iter().filter(|other| other != user).collect()
    }

    /// One of them.
    pub(super) fn another(&self, user: &UserId, chance: &Chance) -> UserId {
        let mut others = self.others(user);
        let last = others.len() as u64 - 1;
        others.swap_remove(usize::try_from(chance.of(0..=last)).unwrap_or(0))
    }
}

fn room(name: &str) -> RoomName {
    name.parse().expect("a name")
}

/// The room that everybody begins in.
pub(super) fn lobby() -> RoomName {
    room("lobby")
}

/// Another public room, made by whoever joins it first.
pub(super) fn attic() -> RoomName {
    room("attic")
}

/// A private room, made by the first device.
pub(super) fn den() -> RoomName {
    room("den")
}
