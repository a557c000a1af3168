//! What a client has of one room: what its application saw, and what is held until it may see it.

use std::collections::BTreeMap;
use std::time::Duration;

use gatepost_protocol::Code;
use gatepost_protocol::Entry;
use gatepost_protocol::RoomState;
use tokio::time::Instant;

use crate::checker::Event;
use crate::checker::Via;
use crate::checker::Witness;
use crate::checker::digest;

/// A room.
#[derive(Debug)]
pub(super) struct View {
    room: String,
    hold_back: Duration,
    /// Where the application is: the epoch and the last entry that it saw. `None` before it began.
    pub(super) at: Option<(u64, u64)>,
    /// A hello, join or sync that will tell is under way: pushes are held.
    pub(super) is_asked: bool,
    /// Until when the entries before the held ones are waited for.
    pub(super) held_until: Option<Instant>,
    held: BTreeMap<u64, (Entry, Via)>,
    /// Something of another epoch came since the client asked last.
    is_stale: bool,
}

/// What is to be done about a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing.
    Wait,
    /// Ask with `sync`.
    Sync,
    /// It may not be read any more.
    Leave,
}

impl View {
    pub(super) fn new(room: &str, hold_back: Duration) -> Self {
        Self {
            room: room.to_owned(),
            hold_back,
            at: None,
            is_asked: false,
            held_until: None,
            held: BTreeMap::new(),
            is_stale: false,
        }
    }

    /// A hello, join or sync is sent: pushes are held, and what came of another epoch is asked about.
    pub(super) fn ask(&mut self) {
        self.is_asked = true;
        self.is_stale = false;
    }

    /// The application begins after `seq`.
    pub(super) fn begin(&mut self, epoch: u64, seq: u64, floor: u64, witness: &Witness) {
        let room = self.room.clone();
        witness.note(Event::Begun {
            room,
            epoch,
            seq,
            floor,
        });
        self.at = Some((epoch, seq));
        self.is_stale = false;
    }

    /// A push.
    pub(super) fn pushed(&mut self, epoch: u64, items: Vec<Entry>, witness: &Witness) {
        for entry in items {
            self.received(epoch, &entry, Via::Push, None, witness);
            match self.at {
                Some((of, _)) if of != epoch => self.is_stale = true,
                Some((_, last)) if entry.seq <= last => {}
                _ => {
                    self.held.entry(entry.seq).or_insert((entry, Via::Push));
                }
            }
        }
        self.advance(witness);
    }

    /// The answer to a hello or sync that named where the application is. `from` is that place.
    pub(super) fn answered(&mut self, state: RoomState, from: u64, witness: &Witness) -> Next {
        self.is_asked = false;
        let mut follows = from;
        if let Some(error) = &state.error {
            match error.code {
                Code::StaleEpoch | Code::BelowFloor => {
                    let floor = error.floor.unwrap_or_default();
                    let first = state.items.first();
                    follows = first.map_or(state.head, |entry| entry.seq - 1);
                    self.held.clear();
                    self.begin(state.epoch, follows, floor, witness);
                }
                _ => return Next::Leave,
            }
        }
        self.replayed(state.epoch, follows, state.items, witness);
        self.advance(witness);
        let is_cut = state.error.is_none() && state.more;
        match is_cut || self.is_stale {
            true => Next::Sync,
            false => Next::Wait,
        }
    }

    /// Entries of an answer; `follows` is the one on which they go on.
    pub(super) fn replayed(
        &mut self,
        epoch: u64,
        mut follows: u64,
        items: Vec<Entry>,
        witness: &Witness,
    ) {
        for entry in items {
            self.received(epoch, &entry, Via::Replay, Some(follows), witness);
            follows = entry.seq;
            self.held.insert(entry.seq, (entry, Via::Replay));
        }
    }

    /// Shows the application what may be shown.
    pub(super) fn advance(&mut self, witness: &Witness) {
        let Some((epoch, mut last)) = self.at else {
            return;
        };
        self.held = self.held.split_off(&(last + 1));
        // A client that does not hold back shows what comes as it comes.
        let in_order = !self.hold_back.is_zero();
        while !(in_order && self.is_asked)
            && let Some((seq, (entry, via))) = self.held.pop_first()
        {
            if in_order && seq != last + 1 {
                self.held.insert(seq, (entry, via));
                break;
            }
            last = seq;
            witness.note(Event::Delivered {
                room: self.room.clone(),
                epoch,
                seq,
                digest: digest(&entry.content),
                via,
            });
        }
        self.at = Some((epoch, last));
        let waits = (!self.held.is_empty() || self.is_stale) && !self.is_asked;
        self.held_until = match (waits, self.held_until) {
            (false, _) => None,
            (true, Some(until)) => Some(until),
            (true, None) => Some(Instant::now() + self.hold_back),
        };
    }

    fn received(
        &self,
        epoch: u64,
        entry: &Entry,
        via: Via,
        follows: Option<u64>,
        witness: &Witness,
    ) {
        received(&self.room, epoch, entry, via, follows, witness);
    }
}

/// Writes down that an entry arrived.
pub(super) fn received(
    room: &str,
    epoch: u64,
    entry: &Entry,
    via: Via,
    follows: Option<u64>,
    witness: &Witness,
) {
    witness.note(Event::Received {
        room: room.to_owned(),
        epoch,
        seq: entry.seq,
        from: entry.from.id.to_string(),
        digest: digest(&entry.content),
        via,
        follows,
    });
}
