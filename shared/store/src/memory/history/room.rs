//! Rooms as their readers meet them.

use std::collections::BTreeMap;

use gatepost_protocol::Millis;
use gatepost_protocol::Role;
use gatepost_protocol::RoomKind;
use gatepost_protocol::RoomName;
use gatepost_protocol::UserId;

use super::HistoryState;
use super::Log;
use crate::Membership;
use crate::RecentRoom;
use crate::Room;

impl HistoryState {
    /// [`History::rooms`](crate::History::rooms), each once, in the order of their names.
    #[must_use]
    pub fn rooms(&self, names: &[RoomName], user: &UserId, now: Millis) -> Vec<Room> {
        let wanted = self.rooms.iter().filter(|(name, _)| names.contains(name));
        wanted
            .map(|(name, log)| log.seen_by(name, user, now))
            .collect()
    }

    /// [`History::create_room`](crate::History::create_room).
    pub fn create_room(
        &mut self,
        name: &RoomName,
        kind: RoomKind,
        shards: u16,
        owner: Option<&UserId>,
        now: Millis,
    ) -> bool {
        let is_new = !self.rooms.contains_key(name);
        if is_new {
            let mut log = Log::new(kind, shards, now);
            if let Some(owner) = owner {
                log.person(owner).role = Some(Role::Owner);
            }
            self.rooms.insert(name.clone(), log);
        }
        is_new
    }

    /// [`History::create_direct`](crate::History::create_direct).
    pub fn create_direct(&mut self, name: &RoomName, users: [&UserId; 2], now: Millis) -> bool {
        let is_new = self.create_room(name, RoomKind::Direct, 1, None, now);
        let Some(log) = self.rooms.get_mut(name) else {
            return is_new;
        };
        for user in users {
            if !log.is_banned(user, now) {
                log.person(user).role.get_or_insert(Role::Member);
            }
        }
        is_new
    }

    /// [`History::memberships`](crate::History::memberships).
    #[must_use]
    pub fn memberships(
        &self,
        user: &UserId,
        after: Option<&RoomName>,
        limit: u32,
    ) -> Vec<Membership> {
        let following = self
            .rooms
            .iter()
            .filter(|(name, _)| after.is_none_or(|after| *name > after));
        let mine = following.filter_map(|(name, log)| {
            let person = log.people.get(user)?;
            let with = log
                .people
                .iter()
                .find(|(other, person)| *other != user && person.role.is_some())
                .filter(|_| log.kind == RoomKind::Direct);
            Some(Membership {
                room: name.clone(),
                kind: log.kind,
                role: person.role?,
                head: log.head,
                read: person.read,
                with: with.map(|(other, _)| other.clone()),
            })
        });
        mine.take(limit as usize).collect()
    }

    /// [`History::recent_rooms`](crate::History::recent_rooms), the latest first.
    #[must_use]
    pub fn recent_rooms(&self, within_ms: u64, limit: u32, now: Millis) -> Vec<RecentRoom> {
        let since = now.saturating_sub_unsigned(within_ms);
        let recent = self
            .rooms
            .iter()
            .filter(|(_, log)| log.head > 0 && log.last_at >= since);
        let mut recent: Vec<_> = recent.collect();
        recent.sort_by_key(|(_, log)| std::cmp::Reverse(log.last_at));
        let recent = recent.into_iter().take(limit as usize);
        recent
            .map(|(name, log)| RecentRoom {
                room: name.clone(),
                head: log.head,
                shards: log.shards,
            })
            .collect()
    }
}

impl Log {
    /// An empty one.
    #[must_use]
    pub fn new(kind: RoomKind, shards: u16, now: Millis) -> Self {
        Self {
            kind,
            epoch: now.unsigned_abs(),
            head: 0,
            floor: 0,
            shards: shards.max(1),
            last_at: now,
            entries: BTreeMap::new(),
            producers: BTreeMap::new(),
            people: BTreeMap::new(),
            bans: BTreeMap::new(),
        }
    }

    fn seen_by(&self, name: &RoomName, user: &UserId, now: Millis) -> Room {
        let person = self.people.get(user).copied().unwrap_or_default();
        Room {
            name: name.clone(),
            kind: self.kind,
            epoch: self.epoch,
            head: self.head,
            floor: self.floor,
            shards: self.shards,
            role: person.role,
            banned: self.is_banned(user, now),
            read: person.read,
        }
    }
}
