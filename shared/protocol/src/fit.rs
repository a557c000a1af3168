//! Cutting of answers so that their replies fit a frame.

use std::collections::BTreeMap;

use crate::Answer;
use crate::Cut;
use crate::RoomName;
use crate::RoomState;
use crate::pack::cut;
use crate::pack::json_len;

/// Bytes that setting `cursor` or turning `more` from `false` to `true` may add: a field's name and
/// a user id with every byte escaped, the longest cursor there is.
const CURSOR_BYTES: usize = 64 * 6 + 16;

impl Answer {
    /// Cuts the answer's lists until it takes at most `budget` bytes of JSON.
    pub(crate) fn fit(&mut self, budget: usize) {
        let whole = json_len(self);
        if whole <= budget {
            return;
        }
        match self {
            Self::Join(join) => {
                let list = json_len(&join.items);
                join.more |= cut(&mut join.items, Cut::Front, left(budget, whole, list)).1;
            }
            Self::History(history) => {
                let list = json_len(&history.items);
                let end = history.cut;
                history.more |= cut(&mut history.items, end, left(budget, whole, list)).1;
            }
            Self::Rooms(rooms) => {
                let list = json_len(&rooms.memberships);
                if cut(&mut rooms.memberships, Cut::Back, left(budget, whole, list)).1 {
                    rooms.cursor = rooms.memberships.last().map(|last| last.room.clone());
                }
            }
            Self::Who(who) => {
                let list = json_len(&who.users);
                if cut(&mut who.users, Cut::Back, left(budget, whole, list)).1 {
                    who.cursor = who.users.last().map(|last| last.id.clone());
                }
            }
            Self::Hello(hello) => {
                let entries: usize = hello.rooms.values().map(|room| json_len(&room.items)).sum();
                let list = json_len(&hello.memberships);
                // Memberships can be asked for by `rooms`, entries by `sync`; the entries are what
                // the client waits for, so memberships take at most half of what there is.
                let lists = left(budget, whole, entries + list);
                let (spare, was_cut) = cut(&mut hello.memberships, Cut::Back, lists / 2);
                if was_cut {
                    hello.cursor = hello.memberships.last().map(|last| last.room.clone());
                }
                fit_rooms(&mut hello.rooms, lists - lists / 2 + spare);
            }
            Self::Sync(sync) => {
                let entries: usize = sync.rooms.values().map(|room| json_len(&room.items)).sum();
                fit_rooms(&mut sync.rooms, left(budget, whole, entries));
            }
            Self::Sent(_) | Self::Ping(_) | Self::Room(_) | Self::Done {} => {}
        }
    }
}

/// What is left for the items of lists that took `lists` of `whole` bytes, brackets included.
fn left(budget: usize, whole: usize, lists: usize) -> usize {
    budget.saturating_sub(whole - lists + CURSOR_BYTES)
}

/// Gives every room its share; what a room does not need goes to those after it.
fn fit_rooms(rooms: &mut BTreeMap<RoomName, RoomState>, mut budget: usize) {
    let mut waiting = rooms.len();
    for room in rooms.values_mut() {
        let share = (budget / waiting).saturating_sub(2);
        // What the client has is void: it gets the newest, not the next.
        let end = if room.error.is_some() {
            Cut::Front
        } else {
            Cut::Back
        };
        let (spare, was_cut) = cut(&mut room.items, end, share);
        room.more |= was_cut;
        budget -= share - spare;
        budget = budget.saturating_sub(2);
        waiting -= 1;
    }
}
