//! An append: the checks under the room's lock, and the entry.

use gatepost_protocol::Content;
use gatepost_protocol::Entry;
use gatepost_protocol::Millis;
use gatepost_protocol::Role;
use gatepost_protocol::RoomKind;
use gatepost_protocol::Seq;
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
        if let Content::Delete { target } = append.content {
            self.take_back(target);
        }
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
            _ => self.refused_target(append),
        }
    }

    /// Why the message that an entry is about is not for it.
    fn refused_target(&self, append: &Append) -> Option<Appended> {
        let (target, for_all, for_moderators) = match append.content {
            Content::Message { .. } => return None,
            Content::Edit { target, .. } => (target, false, false),
            Content::Delete { target } => (target, false, self.kind != RoomKind::Direct),
            Content::Reaction { target, .. } => (target, true, false),
        };
        if (1..=self.floor).contains(&target) {
            return Some(Appended::BelowFloor { floor: self.floor });
        }
        let entry = self.entries.get(&target).map(|stored| &stored.entry);
        let author = entry.and_then(|entry| match &entry.content {
            // One whose body has no text was deleted.
            Content::Message { body, .. } if body.contains_key("text") => Some(&entry.from.id),
            _ => None,
        });
        let Some(author) = author else {
            return Some(Appended::NotFound);
        };
        let user = &append.from.id;
        let role = self.people.get(user).and_then(|person| person.role);
        let moderates = append.moderates || role >= Some(Role::Moderator);
        let may = for_all || author == user || for_moderators && moderates;
        (!may).then_some(Appended::Forbidden)
    }

    /// Takes the text out of a message and its edits.
    fn take_back(&mut self, message: Seq) {
        for (seq, stored) in &mut self.entries {
            match &mut stored.entry.content {
                Content::Message { body, .. } if *seq == message => body.clear(),
                Content::Edit { target, body } if *target == message => body.clear(),
                _ => {}
            }
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
