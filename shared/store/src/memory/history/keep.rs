//! What is read back, and what is not kept.

use gatepost_protocol::ConnectionId;
use gatepost_protocol::Entry;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;

use super::HistoryState;
use super::Session;
use crate::Range;

impl HistoryState {
    /// [`History::entries`](crate::History::entries).
    #[must_use]
    pub fn entries(&self, room: &RoomName, range: Range, limit: u32) -> Vec<Entry> {
        let limit = limit as usize;
        let log = self.rooms.get(room);
        let kept = log.into_iter().flat_map(|log| log.entries.values());
        let kept = kept.map(|stored| &stored.entry);
        let newest_before = |bound: Seq| -> Vec<Entry> {
            let older: Vec<_> = kept.clone().filter(|entry| entry.seq < bound).collect();
            let skipped = older.len().saturating_sub(limit);
            older.into_iter().skip(skipped).cloned().collect()
        };
        match range {
            Range::After(seq) => {
                let newer = kept.filter(|entry| entry.seq > seq);
                newer.take(limit).cloned().collect()
            }
            Range::Before(seq) => newest_before(seq),
            Range::Newest => newest_before(Seq::MAX),
        }
    }

    /// [`History::open_session`](crate::History::open_session).
    pub fn open_session(&mut self, connection: &ConnectionId, user: &UserId, at: Millis) {
        let session = self.sessions.entry(connection.clone());
        session.or_insert_with(|| Session {
            user: user.clone(),
            started_at: at,
            ended_at: None,
        });
    }

    /// [`History::close_session`](crate::History::close_session).
    pub fn close_session(&mut self, connection: &ConnectionId, at: Millis) {
        if let Some(session) = self.sessions.get_mut(connection) {
            session.ended_at.get_or_insert(at);
        }
    }

    /// [`History::purge`](crate::History::purge). `at` never goes back in the order of seq, so what
    /// is too old is the beginning of a log.
    pub fn purge(&mut self, before: Millis, limit: u32) -> u64 {
        let is_old = |at: Millis| at < before;
        let mut gone = 0;
        let log = self.rooms.values_mut().find(|log| {
            let first = log.entries.values().next();
            first.is_some_and(|first| is_old(first.entry.at))
        });
        if let Some(log) = log {
            while gone < u64::from(limit)
                && let Some(first) = log.entries.first_entry()
                && is_old(first.get().entry.at)
            {
                log.floor = first.remove().entry.seq;
                gone += 1;
            }
        }
        for log in self.rooms.values_mut() {
            log.producers.retain(|_, one| !is_old(one.updated_at));
        }
        let ended = |session: &Session| session.ended_at.is_none_or(is_old);
        self.sessions
            .retain(|_, session| !(is_old(session.started_at) && ended(session)));
        gone
    }
}
