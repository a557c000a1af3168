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
use gatepost_store::Range;
use gatepost_store::Room;
use gatepost_store::StoreError;

use crate::Caller;
use crate::Chat;
use crate::Refusal;
use crate::outcome::no_room;
use crate::outcome::not_in_token;
use crate::outcome::unreadable;

/// Entries read for one answer over all rooms: more than fit its frame at 100 bytes each.
const ITEMS: u32 = 300;

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

    /// What the client missed. Reads the heads and then the entries of the rooms that went on, so
    /// call it after subscribing: what is committed later is pushed.
    pub(crate) async fn missed(
        &self,
        caller: &Caller,
        positions: &BTreeMap<RoomName, Position>,
    ) -> Result<BTreeMap<RoomName, RoomState>, StoreError> {
        let Asked { readable, refused } = self.readable_rooms(caller, positions.keys()).await?;
        let mut states: BTreeMap<_, _> = refused
            .into_iter()
            .map(|(name, refusal)| (name, refused_state(&refusal)))
            .collect();
        let behind = readable
            .iter()
            .filter(|room| {
                positions
                    .get(&room.name)
                    .is_some_and(|at| is_behind(room, *at))
            })
            .count();
        let each = (ITEMS / u32::try_from(behind.max(1)).unwrap_or(ITEMS)).clamp(1, PAGE_ITEMS);
        for room in readable {
            let Some(at) = positions.get(&room.name) else {
                continue;
            };
            let state = self.continued(caller, room, *at, each).await?;
            states.insert(state.0, state.1);
        }
        Ok(states)
    }

    async fn continued(
        &self,
        caller: &Caller,
        mut room: Room,
        at: Position,
        most: u32,
    ) -> Result<(RoomName, RoomState), StoreError> {
        let history = &self.parts.history;
        let mut items = self.going_on(&room, at, most).await?;
        // What was purged after the room was read leaves a hole.
        if void(&room, at).is_none() && items.first().is_some_and(|first| first.seq > at.seq + 1) {
            let names = std::slice::from_ref(&room.name);
            if let Some(again) = history.rooms(names, &caller.user).await?.pop() {
                room = again;
                items = self.going_on(&room, at, most).await?;
            }
        }
        let void = void(&room, at);
        let last = items.last().map_or(at.seq, |entry| entry.seq);
        let head = match void {
            Some(_) => items
                .last()
                .map_or(room.head, |entry| entry.seq.max(room.head)),
            None => room.head.max(last),
        };
        let more = match void {
            Some(_) => items
                .first()
                .is_some_and(|first| first.seq > room.floor + 1),
            None => last < head,
        };
        let state = RoomState {
            epoch: room.epoch,
            head,
            items,
            more,
            error: void,
        };
        Ok((room.name, state))
    }

    /// The entries after those that a client has, or the newest where what it has is void.
    async fn going_on(
        &self,
        room: &Room,
        at: Position,
        most: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let range = match void(room, at) {
            Some(_) => Range::Newest,
            None => Range::After(at.seq),
        };
        match is_behind(room, at) {
            true => self.parts.history.entries(&room.name, range, most).await,
            false => Ok(Vec::new()),
        }
    }
}

/// Whether there is something to read for a client that is here.
fn is_behind(room: &Room, at: Position) -> bool {
    void(room, at).is_some() || at.seq < room.head
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
