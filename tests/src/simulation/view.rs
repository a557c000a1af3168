//! What a client has of one room, and when it may show what arrives.

use std::collections::BTreeMap;
use std::time::Duration;

use gatepost_protocol::Code;
use gatepost_protocol::Content;
use gatepost_protocol::Entry;
use gatepost_protocol::Epoch;
use gatepost_protocol::Position;
use gatepost_protocol::RoomName;
use gatepost_protocol::RoomState;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;
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
    held: BTreeMap<Seq, (Epoch, Entry)>,
    /// Something of another epoch came since the client asked last.
    stale: bool,
    /// Since when there is a reason to ask.
    gap_since: Option<Instant>,
    /// Messages that were shown, and whose they are.
    messages: Vec<(Seq, UserId)>,
}

/// What is to be done about a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Wait,
    Sync,
    /// It may not be read any more.
    Leave,
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
            stale: false,
            gap_since: None,
            messages: Vec::new(),
        }
    }

    pub(super) fn last(&self) -> Seq {
        self.last
    }

    /// Messages of a user, or of anybody.
    pub(super) fn messages(&self, of: Option<&UserId>) -> Vec<Seq> {
        let messages = self.messages.iter();
        let wanted = messages.filter(|(_, from)| of.is_none_or(|user| user == from));
        wanted.map(|(seq, _)| *seq).collect()
    }

    /// The client asks for what it missed.
    pub(super) fn ask(&mut self, witness: &Witness) -> Position {
        (self.asking, self.stale, self.gap_since) = (true, false, None);
        witness.note(Event::Resume {
            room: self.name.to_string(),
            epoch: self.epoch,
            seq: self.last,
        });
        Position {
            epoch: self.epoch,
            seq: self.last,
        }
    }

    /// When the client asks for what is missing, if something is.
    pub(super) fn asks_at(&self) -> Option<Instant> {
        let since = self.gap_since.filter(|_| self.begun && !self.asking);
        since.map(|since| since + HOLD)
    }

    /// A `join` was answered: the application sees what comes after the head.
    pub(super) fn begin(&mut self, epoch: Epoch, head: Seq, floor: Seq, witness: &Witness) {
        (self.epoch, self.last, self.begun, self.asking) = (epoch, head, true, false);
        self.stale = false;
        self.messages.clear();
        self.held.retain(|_, (of, _)| *of == epoch);
        witness.note(Event::Begun {
            room: self.name.to_string(),
            epoch,
            seq: head,
            floor,
        });
        self.show_held(witness);
    }

    /// A client that does not hold back shows what comes as it comes.
    pub(super) fn show_at_once(&mut self, entries: &[Entry], witness: &Witness) {
        let newer = entries.iter().filter(|entry| entry.seq > self.last);
        for entry in newer.cloned().collect::<Vec<_>>() {
            if self.begun {
                self.show(&entry, Via::Push, witness);
            }
        }
    }

    /// Entries were pushed.
    pub(super) fn pushed(&mut self, epoch: Epoch, entries: Vec<Entry>, witness: &Witness) {
        for entry in entries {
            received(&self.name, epoch, &entry, Via::Push, None, witness);
            if self.begun && epoch != self.epoch {
                self.stale = true;
            } else {
                self.held.entry(entry.seq).or_insert((epoch, entry));
            }
        }
        self.show_held(witness);
    }

    /// What was asked for is answered.
    pub(super) fn answered(&mut self, state: RoomState, witness: &Witness) -> Next {
        self.asking = false;
        let mut follows = self.last;
        if let Some(error) = &state.error {
            if !matches!(error.code, Code::StaleEpoch | Code::BelowFloor) {
                return Next::Leave;
            }
            let first = state.items.first();
            follows = first.map_or(state.head, |entry| entry.seq - 1);
            self.begin(state.epoch, follows, error.floor.unwrap_or(0), witness);
        }
        for entry in state.items {
            let seq = entry.seq;
            let follows_on = Some(follows);
            received(
                &self.name,
                state.epoch,
                &entry,
                Via::Replay,
                follows_on,
                witness,
            );
            follows = seq;
            if seq == self.last + 1 {
                self.show(&entry, Via::Replay, witness);
            }
        }
        self.show_held(witness);
        match state.error.is_none() && state.more {
            true => Next::Sync,
            false => Next::Wait,
        }
    }

    /// Shows what follows on the last, drops what was shown, and keeps the rest.
    pub(super) fn show_held(&mut self, witness: &Witness) {
        if !self.begun || self.asking {
            return;
        }
        while let Some(first) = self.held.first_entry() {
            let seq = *first.key();
            if seq > self.last + 1 {
                break;
            }
            let (_, entry) = first.remove();
            if seq == self.last + 1 {
                self.show(&entry, Via::Push, witness);
            }
        }
        let has_reason = !self.held.is_empty() || self.stale;
        self.gap_since = match has_reason {
            true => self.gap_since.or_else(|| Some(Instant::now())),
            false => None,
        };
    }

    fn show(&mut self, entry: &Entry, via: Via, witness: &Witness) {
        self.last = entry.seq;
        match &entry.content {
            Content::Message { .. } => self.messages.push((entry.seq, entry.from.id.clone())),
            Content::Delete { target } => self.messages.retain(|(seq, _)| seq != target),
            Content::Edit { .. } | Content::Reaction { .. } => {}
        }
        witness.note(Event::Delivered {
            room: self.name.to_string(),
            epoch: self.epoch,
            seq: entry.seq,
            digest: digest(&entry.content),
            via,
        });
    }
}

/// Writes down that an entry arrived, also one of a room that the client is not in.
pub(super) fn received(
    room: &RoomName,
    epoch: Epoch,
    entry: &Entry,
    via: Via,
    follows: Option<Seq>,
    witness: &Witness,
) {
    witness.note(Event::Received {
        room: room.to_string(),
        epoch,
        seq: entry.seq,
        from: entry.from.id.to_string(),
        digest: digest(&entry.content),
        via,
        follows,
    });
}
