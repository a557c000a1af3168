//! What a client has of one room, and when it may show what arrives.

use std::collections::BTreeMap;
use std::time::Duration;

use gatepost_protocol::Entry;
use gatepost_protocol::Epoch;
use gatepost_protocol::Position;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use tokio::time::Instant;

use crate::checker::Event;
use crate::checker::Via;
use crate::checker::Witness;
use crate::checker::digest;

/// How long an entry waits for those before it, until the client asks for them.
const HOLD: Duration = Duration::from_millis(250);

/// A room as a client has it.
#[derive(Debug)]
pub(super) struct View {
    name: RoomName,
    epoch: Epoch,
    last: Seq,
    /// Whether the application sees it: the `join` was answered.
    pub(super) begun: bool,
    /// A `hello`, `join` or `sync` about it is not answered: what is pushed waits.
    pub(super) asking: bool,
    /// Entries that came before those that come before them.
    held: BTreeMap<Seq, Entry>,
    /// Since when there is a gap.
    gap_since: Option<Instant>,
}

impl View {
    pub(super) fn joining(name: RoomName) -> Self {
        Self {
            name,
            epoch: 0,
            last: 0,
            begun: false,
            asking: true,
            held: BTreeMap::new(),
            gap_since: None,
        }
    }

    pub(super) fn last(&self) -> Seq {
        self.last
    }

    pub(super) fn position(&self) -> Position {
        Position {
            epoch: self.epoch,
            seq: self.last,
        }
    }

    /// The client asks for what it missed.
    pub(super) fn ask(&mut self, witness: &Witness) -> Position {
        self.asking = true;
        self.gap_since = None;
        witness.note(Event::Resume {
            room: self.name.to_string(),
            epoch: self.epoch,
            seq: self.last,
        });
        self.position()
    }

    /// When the client asks for what is missing, if something is.
    pub(super) fn asks_at(&self) -> Option<Instant> {
        let since = self.gap_since.filter(|_| self.begun && !self.asking);
        since.map(|since| since + HOLD)
    }

    /// A `join` was answered: the application sees what comes after the head.
    pub(super) fn begin(&mut self, epoch: Epoch, head: Seq, witness: &Witness) {
        (self.epoch, self.last, self.begun, self.asking) = (epoch, head, true, false);
        witness.note(Event::Begun {
            room: self.name.to_string(),
            epoch,
            seq: head,
            floor: 0,
        });
        self.show_held(witness);
    }

    /// Entries were pushed.
    pub(super) fn pushed(&mut self, epoch: Epoch, entries: Vec<Entry>, witness: &Witness) {
        for entry in entries {
            self.received(epoch, &entry, Via::Push, None, witness);
            self.held.entry(entry.seq).or_insert(entry);
        }
        self.show_held(witness);
    }

    /// What was asked for is answered.
    pub(super) fn answered(&mut self, epoch: Epoch, entries: Vec<Entry>, witness: &Witness) {
        self.asking = false;
        let mut follows = self.last;
        for entry in entries {
            let seq = entry.seq;
            self.received(epoch, &entry, Via::Replay, Some(follows), witness);
            follows = seq;
            if seq == self.last + 1 {
                self.show(&entry, Via::Replay, witness);
            }
        }
        self.show_held(witness);
    }

    /// Shows what follows on the last, drops what was shown, and keeps the rest.
    fn show_held(&mut self, witness: &Witness) {
        if !self.begun || self.asking {
            return;
        }
        while let Some(first) = self.held.first_entry() {
            let seq = *first.key();
            if seq > self.last + 1 {
                break;
            }
            let entry = first.remove();
            if seq == self.last + 1 {
                self.show(&entry, Via::Push, witness);
            }
        }
        let has_gap = !self.held.is_empty();
        self.gap_since = match has_gap {
            true => self.gap_since.or_else(|| Some(Instant::now())),
            false => None,
        };
    }

    fn received(
        &self,
        epoch: Epoch,
        entry: &Entry,
        via: Via,
        follows: Option<Seq>,
        witness: &Witness,
    ) {
        witness.note(Event::Received {
            room: self.name.to_string(),
            epoch,
            seq: entry.seq,
            from: entry.from.id.to_string(),
            digest: digest(&entry.content),
            via,
            follows,
        });
    }

    fn show(&mut self, entry: &Entry, via: Via, witness: &Witness) {
        self.last = entry.seq;
        witness.note(Event::Delivered {
            room: self.name.to_string(),
            epoch: self.epoch,
            seq: entry.seq,
            digest: digest(&entry.content),
            via,
        });
    }
}
