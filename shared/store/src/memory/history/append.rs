//! An append: the checks under the room's lock, and the entry.

use gatepost_protocol::Entry;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomKind;
use gatepost_protocol::UserId;

use super::HistoryState;
use super::Log;
use super::Producer;
use super::Stored;
use crate::Append;
use crate::AppendKey;
use crate::Appended;

impl HistoryState {
    /// [`History::append`](crate::History::append), for a key that is one.
    pub fn append(&mut self, append: &Append, now: Millis) -> Appended {
        match self.rooms.get_mut(&append.room) {
            Some(log) => log.append(append, now),
            None => Appended::NoRoom,
        }
    }
}

impl Log {
    fn append(&mut self, append: &Append, now: Millis) -> Appended {
        // A repetition first: it is told its place even by a room that shut its sender out.
        if let Some(repetition) = self.repetition(append) {
            return repetition;
        }
        if let Some(refusal) = self.refusal(append, now) {
            return refusal;
        }
        let (client, n) = match &append.key {
            AppendKey::Numbered { client, n } => (Some(client.clone()), Some(*n)),
            AppendKey::Message(_) => (None, None),
        };
        self.head += 1;
        self.last_at = self.last_at.max(now);
        let (seq, at) = (self.head, self.last_at);
        if let Some((client, last_n)) = client.clone().zip(n) {
            let producer = Producer {
                last_n,
                updated_at: at,
            };
            self.producers
                .insert((append.from.id.clone(), client), producer);
        }
        let entry = Entry {
            seq,
            at,
            from: append.from.clone(),
            client,
            n,
            content: append.content.clone(),
        };
        let stored = Stored {
            entry,
            key: append.key.clone(),
            digest: append.digest,
        };
        self.entries.insert(seq, stored);
        Appended::Stored {
            epoch: self.epoch,
            seq,
            at,
            shards: self.shards,
        }
    }

    /// What an append is told that was stored before; `None` where it was not.
    fn repetition(&self, append: &Append) -> Option<Appended> {
        let mut stored = self.entries.values().rev();
        let stored =
            stored.find(|one| one.entry.from.id == append.from.id && one.key == append.key);
        // A number outlives its entry, a message's id does not.
        let is_old = match &append.key {
            AppendKey::Numbered { n, .. } => *n < self.expected(append),
            AppendKey::Message(_) => stored.is_some(),
        };
        if !is_old {
            return None;
        }
        if stored.is_some_and(|stored| stored.digest != append.digest) {
            return Some(Appended::Conflict);
        }
        Some(Appended::Duplicate {
            epoch: self.epoch,
            seq: stored.map(|stored| stored.entry.seq),
            at: stored.map(|stored| stored.entry.at),
            shards: self.shards,
        })
    }

    fn refusal(&self, append: &Append, now: Millis) -> Option<Appended> {
        let user = &append.from.id;
        let person = self.people.get(user);
        if self.is_banned(user, now) {
            return Some(Appended::Banned);
        }
        if self.kind != RoomKind::Public && person.is_none_or(|person| person.role.is_none()) {
            return Some(Appended::NotMember);
        }
        let muted = person.and_then(|person| person.muted_until);
        if let Some(until) = muted.filter(|until| *until > now) {
            return Some(Appended::Muted { until });
        }
        match &append.key {
            AppendKey::Numbered { n, .. } if *n > self.expected(append) => Some(Appended::Early {
                expected: self.expected(append),
            }),
            _ => None,
        }
    }

    /// The number that comes next; 1 for a message without one.
    fn expected(&self, append: &Append) -> u64 {
        let AppendKey::Numbered { client, .. } = &append.key else {
            return 1;
        };
        let producer = (append.from.id.clone(), client.clone());
        1 + self.producers.get(&producer).map_or(0, |one| one.last_n)
    }

    pub(super) fn is_banned(&self, user: &UserId, now: Millis) -> bool {
        let ban = self.bans.get(user);
        ban.is_some_and(|ends| ends.is_none_or(|ends| ends > now))
    }
}
