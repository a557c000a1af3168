//! What users may do in a room, and what they have read.

use gatepost_protocol::Millis;
use gatepost_protocol::Role;
use gatepost_protocol::RoomKind;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;

use super::Audited;
use super::HistoryState;
use super::Log;
use super::Person;
use crate::Moderated;
use crate::Moderation;
use crate::Standing;

impl HistoryState {
    /// [`History::set_standing`](crate::History::set_standing).
    pub fn set_standing(&mut self, room: &RoomName, user: &UserId, standing: &Standing) -> bool {
        let Some(log) = self.rooms.get_mut(room) else {
            return false;
        };
        match standing {
            Standing::Member(role) => log.person(user).role = Some(*role),
            Standing::NotMember => log.end_membership(user),
            Standing::Banned(until) => {
                log.bans.insert(user.clone(), *until);
                log.end_membership(user);
            }
            Standing::Unbanned => {
                log.bans.remove(user);
            }
            Standing::Muted(until) => log.person(user).muted_until = Some(*until),
            Standing::Unmuted => log.person(user).muted_until = None,
        }
        true
    }

    /// [`History::moderate`](crate::History::moderate).
    pub fn moderate(&mut self, moderation: &Moderation, now: Millis) -> Moderated {
        let Moderation {
            by,
            role,
            room,
            user,
            standing,
        } = moderation;
        let Some(log) = self.rooms.get(room) else {
            return Moderated::NoRoom;
        };
        let own = log.role(by);
        let (high, was, shards) = (own.max(*role), log.role(user), log.shards);
        let is_invited = matches!(standing, Standing::Member(_));
        if log.is_banned(by, now) {
            return Moderated::Banned;
        }
        if log.kind != RoomKind::Public && own.is_none() {
            return Moderated::NotMember;
        }
        if log.kind == RoomKind::Direct || high < Some(Role::Moderator) {
            return Moderated::Forbidden;
        }
        if let Some(role) = was
            && is_invited
        {
            return Moderated::Unchanged { role };
        }
        if was >= high || is_invited && log.is_banned(user, now) {
            return Moderated::Forbidden;
        }
        self.set_standing(room, user, standing);
        self.audit.push(Audited {
            at: now,
            by: by.clone(),
            room: room.clone(),
            user: user.clone(),
            standing: standing.clone(),
        });
        Moderated::Done { shards, was }
    }

    /// [`History::renew_epoch`](crate::History::renew_epoch).
    pub fn renew_epoch(&mut self, room: &RoomName, lost: Seq, now: Millis) {
        if let Some(log) = self.rooms.get_mut(room)
            && log.head < lost
        {
            let now = u64::try_from(now).unwrap_or(0);
            log.epoch = now.max(log.epoch + 1);
        }
    }

    /// [`History::mark_read`](crate::History::mark_read).
    pub fn mark_read(&mut self, room: &RoomName, user: &UserId, seq: Seq) {
        if let Some(log) = self.rooms.get_mut(room) {
            let seq = seq.min(log.head);
            let person = log.person(user);
            person.read = person.read.max(seq);
        }
    }
}

impl Log {
    pub(super) fn person(&mut self, user: &UserId) -> &mut Person {
        self.people.entry(user.clone()).or_default()
    }

    fn role(&self, user: &UserId) -> Option<Role> {
        self.people.get(user).and_then(|person| person.role)
    }

    /// What was read and a mute stay.
    fn end_membership(&mut self, user: &UserId) {
        self.person(user).role = None;
    }
}
