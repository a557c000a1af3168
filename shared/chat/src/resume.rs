//! What a client missed in several rooms, for `hello` and `sync`.

#[cfg(test)]
mod model;

use std::collections::BTreeMap;

use gatepost_protocol::Code;
use gatepost_protocol::Entry;
use gatepost_protocol::Position;
use gatepost_protocol::RoomError;
use gatepost_protocol::RoomName;
use gatepost_protocol::RoomState;
use gatepost_protocol::limits::PAGE_ITEMS;
use gatepost_store::Resume;
use gatepost_store::Room;
use gatepost_store::StoreError;

use crate::Caller;
use crate::Chat;
use crate::Refusal;
use crate::outcome::no_room;
use crate::outcome::not_in_token;
use crate::outcome::unreadable;
use crate::rooms::Page;

/// Entries read for one answer over all rooms: more than fit its frame at 100 bytes each.
const ITEMS: u32 = 300;

/// What a client that comes back is told.
#[derive(Default)]
pub(crate) struct Missed {
    /// A state for each room asked for, also for one that may not be read.
    pub(crate) states: BTreeMap<RoomName, RoomState>,
    /// The rooms that may be read.
    pub(crate) rooms: Vec<Room>,
    /// The user's memberships, if a session begins.
    pub(crate) page: Page,
}

/// Rooms asked for: those that may be read, and why the others may not.
pub(crate) struct Asked {
    pub(crate) readable: Vec<Room>,
    pub(crate) refused: Vec<(RoomName, Refusal)>,
}

impl Chat {
    /// One round trip for any number of rooms.
    pub(crate) async fn readable_rooms<'a, I>(
        &self,
        caller: &Caller,
        names: I,
    ) -> Result<Asked, StoreError>
    where
        I: Iterator<Item = &'a RoomName> + Send,
    {
        let mut refused = Vec::new();
        let mut allowed = Vec::new();
        for name in names {
            if caller.may_enter(name) {
                allowed.push(name.clone());
            } else {
                refused.push((name.clone(), not_in_token()));
            }
        }
        let found = match allowed.is_empty() {
            true => Vec::new(),
            false => self.parts.history.rooms(&allowed, &caller.user).await?,
        };
        for name in allowed {
            if !found.iter().any(|room| room.name == name) {
                refused.push((name, no_room()));
            }
        }
        let mut readable = Vec::with_capacity(found.len());
        for room in found {
            match unreadable(&room) {
                None => readable.push(room),
                Some(refusal) => refused.push((room.name, refusal)),
            }
        }
        Ok(Asked { readable, refused })
    }

    /// The one room that an action names.
    pub(crate) async fn readable_room(
        &self,
        caller: &Caller,
        name: &RoomName,
    ) -> Result<Room, Refusal> {
        let Asked {
            mut readable,
            mut refused,
        } = self.readable_rooms(caller, std::iter::once(name)).await?;
        readable
            .pop()
            .ok_or_else(|| refused.pop().map_or_else(no_room, |(_, refusal)| refusal))
    }

    /// What the client missed, and if a session begins all else that the history has for a `hello`.
    pub(crate) async fn missed(
        &self,
        caller: &Caller,
        positions: &BTreeMap<RoomName, Position>,
        begins: bool,
    ) -> Result<Missed, StoreError> {
        let mut missed = Missed::default();
        let mut allowed = positions.clone();
        allowed.retain(|name, _| {
            let is_allowed = caller.may_enter(name);
            if !is_allowed {
                let state = refused_state(&not_in_token());
                missed.states.insert(name.clone(), state);
            }
            is_allowed
        });
        let resume = Resume {
            user: &caller.user,
            positions: &allowed,
            entries: ITEMS,
            page: PAGE_ITEMS,
            memberships: if begins { PAGE_ITEMS + 1 } else { 0 },
            session: begins.then_some((&caller.connection, caller.connected_at)),
        };
        let resumed = self.parts.history.resume(&resume).await?;
        missed.page = Page::of(caller, resumed.memberships, PAGE_ITEMS);
        for (room, items) in resumed.rooms {
            let Some(at) = allowed.remove(&room.name) else {
                continue;
            };
            let (room, items) = match is_whole(&room, at, &items) {
                true => (room, items),
                // Purged after the room was read: what the client has is void now.
                false => self.resumed_again(caller, room, at).await?,
            };
            let state = match unreadable(&room) {
                Some(refusal) => refused_state(&refusal),
                None => continued(&room, at, items),
            };
            missed.states.insert(room.name.clone(), state);
            missed.rooms.push(room);
        }
        for name in allowed.into_keys() {
            missed.states.insert(name, refused_state(&no_room()));
        }
        missed.rooms.retain(Room::may_read);
        Ok(missed)
    }

    async fn resumed_again(
        &self,
        caller: &Caller,
        room: Room,
        at: Position,
    ) -> Result<(Room, Vec<Entry>), StoreError> {
        let resume = Resume {
            user: &caller.user,
            positions: &BTreeMap::from([(room.name.clone(), at)]),
            entries: PAGE_ITEMS,
            page: PAGE_ITEMS,
            memberships: 0,
            session: None,
        };
        let mut resumed = self.parts.history.resume(&resume).await?;
        Ok(resumed.rooms.pop().unwrap_or((room, Vec::new())))
    }
}

/// Whether the entries go on where the client is, if they are to.
fn is_whole(room: &Room, at: Position, items: &[Entry]) -> bool {
    let goes_on = items.first().is_none_or(|first| first.seq == at.seq + 1);
    goes_on || void(room, at).is_some()
}

/// The state of a room for a client that was here, with the entries that it lacks.
fn continued(room: &Room, at: Position, items: Vec<Entry>) -> RoomState {
    let void = void(room, at);
    let last = items.last().map_or(0, |entry| entry.seq);
    // Entries may have come between the reading of the head and theirs.
    let head = room.head.max(last);
    let more = match void {
        Some(_) => items
            .first()
            .is_some_and(|first| first.seq > room.floor + 1),
        None => last.max(at.seq) < head,
    };
    RoomState {
        epoch: room.epoch,
        head,
        items,
        more,
        error: void,
    }
}

/// Why what the client has is void, if it is.
fn void(room: &Room, at: Position) -> Option<RoomError> {
    if at.epoch != room.epoch || at.seq > room.head {
        return Some(RoomError {
            code: Code::StaleEpoch,
            message: String::from("the log of this room is another one now"),
            floor: None,
        });
    }
    (at.seq < room.floor).then(|| RoomError {
        code: Code::BelowFloor,
        message: String::from("what comes next was purged"),
        floor: Some(room.floor),
    })
}

/// The state of a room that may not be read.
pub(crate) fn refused_state(refusal: &Refusal) -> RoomState {
    RoomState {
        epoch: 0,
        head: 0,
        items: Vec::new(),
        more: false,
        error: Some(RoomError {
            code: refusal.code,
            message: refusal.message.clone().into_owned(),
            floor: None,
        }),
    }
}
