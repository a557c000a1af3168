//! The durable log of every room, and who may do what in it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use gatepost_protocol::ClientId;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Content;
use gatepost_protocol::Entry;
use gatepost_protocol::Epoch;
use gatepost_protocol::Millis;
use gatepost_protocol::Position;
use gatepost_protocol::Role;
use gatepost_protocol::RoomKind;
use gatepost_protocol::RoomName;
use gatepost_protocol::Sender;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;

use crate::StoreError;

/// A room as one user meets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Its name.
    pub name: RoomName,
    /// Its kind.
    pub kind: RoomKind,
    /// The generation of its log.
    pub epoch: Epoch,
    /// The last seq, 0 when empty.
    pub head: Seq,
    /// Everything up to this seq was purged; 0 when nothing was.
    pub floor: Seq,
    /// Over how many shards its subscriptions spread: 1 to 64, fixed at creation.
    pub shards: u16,
    /// The user's role, if a member.
    pub role: Option<Role>,
    /// Whether the user is banned now.
    pub banned: bool,
    /// Up to where the user has read.
    pub read: Seq,
}

impl Room {
    /// Whether this user may read it: a public room without a ban, or as a member.
    #[must_use]
    pub fn may_read(&self) -> bool {
        !self.banned && (self.kind == RoomKind::Public || self.role.is_some())
    }

    /// Which entries a client lacks that is at this position, if any. Where its log is another one,
    /// or what comes next was purged, it begins anew with the newest.
    #[must_use]
    pub fn lacks(&self, at: Position) -> Option<Range> {
        if at.epoch != self.epoch || at.seq > self.head || at.seq < self.floor {
            return Some(Range::Newest);
        }
        (at.seq < self.head).then_some(Range::After(at.seq))
    }
}

/// A client that comes back.
#[derive(Debug, Clone)]
pub struct Resume<'a> {
    /// The user.
    pub user: &'a UserId,
    /// Where it is in each room.
    pub positions: &'a BTreeMap<RoomName, Position>,
    /// How many entries to read of all rooms together …
    pub entries: u32,
    /// … and of one room, at most.
    pub page: u32,
    /// How many memberships to read, in the order of the rooms' names.
    pub memberships: u32,
    /// The session to record, if one begins: the connection, and when.
    pub session: Option<(&'a ConnectionId, Millis)>,
}

/// What a client that comes back is told.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resumed {
    /// The user's first memberships.
    pub memberships: Vec<Membership>,
    /// The rooms as the user meets them, those that the user may not read too, and of the others the
    /// entries that the client lacks, oldest first. Rooms that do not exist are left out.
    pub rooms: Vec<(Room, Vec<Entry>)>,
}

/// What makes a repeated append the same append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendKey {
    /// The `n`th send of this page load to this room; `n` counts from 1.
    Numbered {
        /// The page load.
        client: ClientId,
        /// The number.
        n: u64,
    },
    /// The gateway's `messageId`, at most 128 bytes: an invocation repeated stores nothing twice.
    Message(String),
}

/// An entry to append.
#[derive(Debug, Clone, PartialEq)]
pub struct Append {
    /// The room.
    pub room: RoomName,
    /// Who writes.
    pub from: Sender,
    /// What makes it the same if repeated.
    pub key: AppendKey,
    /// What is written.
    pub content: Content,
    /// SHA-256 over the content as the client sent it: the stored JSON cannot be compared, MySQL
    /// does not keep it verbatim.
    pub digest: [u8; 32],
    /// Whether the sender's token makes a moderator: deletes what others wrote.
    pub moderates: bool,
}

/// What became of an append. Only `Stored` changed anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// Durable, with its place.
    Stored {
        /// The generation of the log.
        epoch: Epoch,
        /// The place.
        seq: Seq,
        /// When, by the log's clock.
        at: Millis,
        /// Over how many shards the room's subscriptions spread.
        shards: u16,
    },
    /// It was stored before; its place. `seq` and `at` are `None` where retention purged the row.
    Duplicate {
        /// The generation of the log.
        epoch: Epoch,
        /// The place it got then.
        seq: Option<Seq>,
        /// When it was stored.
        at: Option<Millis>,
        /// Over how many shards the room's subscriptions spread.
        shards: u16,
    },
    /// This `n` was stored with another body.
    Conflict,
    /// A lower `n` is missing.
    Early {
        /// The `n` that comes next.
        expected: u64,
    },
    /// There is no such room.
    NoRoom,
    /// The room is for members.
    NotMember,
    /// The sender is banned.
    Banned,
    /// The sender is muted.
    Muted {
        /// Until when.
        until: Millis,
    },
    /// The message that it is about is none, or was deleted.
    NotFound,
    /// The message that it is about was purged.
    BelowFloor {
        /// Everything up to here was.
        floor: Seq,
    },
    /// The message that it is about is another's.
    Forbidden,
}

/// A membership, for the list of a user's rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The room.
    pub room: RoomName,
    /// Its kind.
    pub kind: RoomKind,
    /// The user's role.
    pub role: Role,
    /// The last seq.
    pub head: Seq,
    /// Up to where the user has read.
    pub read: Seq,
    /// The other user of a direct room.
    pub with: Option<UserId>,
}

/// A change of what a user may do in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Member with this role.
    Member(Role),
    /// No member any more.
    NotMember,
    /// Banned until then, `None` for ever; ends the membership.
    Banned(Option<Millis>),
    /// Not banned any more.
    Unbanned,
    /// Muted until then.
    Muted(Millis),
    /// Not muted any more.
    Unmuted,
}

/// A change of what a user may do in a room, asked for by another user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moderation {
    /// Who asks. In a room the role there counts, or the token's if it is higher.
    pub by: UserId,
    /// The role that the asker's token gives in every room the asker may read.
    pub role: Option<Role>,
    /// The room.
    pub room: RoomName,
    /// The user whose standing changes.
    pub user: UserId,
    /// The change. `Member` makes a member of who is none, and changes nobody's role.
    pub standing: Standing,
}

/// What became of a moderation. Only `Done` changed anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moderated {
    /// The change holds: no append that it forbids commits any more. It is in the audit.
    Done {
        /// Over how many shards the room's subscriptions spread.
        shards: u16,
        /// The user's role before, if a member.
        was: Option<Role>,
    },
    /// To be made a member, the user is one already.
    Unchanged {
        /// The user's role.
        role: Role,
    },
    /// There is no such room.
    NoRoom,
    /// The room is for members, and the asker is none.
    NotMember,
    /// The asker is banned.
    Banned,
    /// The asker is no moderator, or not above the user; or to be made a member, the user is
    /// banned. Nobody moderates a direct room.
    Forbidden,
}

/// A room whose shards the sweep looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentRoom {
    /// The room.
    pub room: RoomName,
    /// Its last seq.
    pub head: Seq,
    /// Over how many shards its subscriptions spread.
    pub shards: u16,
}

/// Which entries of a room to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// The entries with `seq` greater than this, oldest first.
    After(Seq),
    /// The newest entries with `seq` less than this, given oldest first.
    Before(Seq),
    /// The newest entries, given oldest first.
    Newest,
}

/// The durable log. Every method is one round trip. Never hands out a seq that could be preceded
/// by one not yet visible: seq order is commit order.
#[async_trait]
pub trait History: std::fmt::Debug + Send + Sync {
    /// Appends one entry, in one round trip: under the room's row lock it checks ban, mute,
    /// membership, `n` and what the entry is about, takes the next seq, inserts, commits. A
    /// repetition is told its place, even where its sender may write no more.
    ///
    /// An edit is its author's; a deletion the author's, or a moderator's outside direct rooms; a
    /// reaction anybody's who may write. A deletion takes the text away in the same transaction:
    /// the bodies of the message and of its edits are empty from then on, whoever reads them.
    async fn append(&self, append: &Append) -> Result<Appended, StoreError>;

    /// Rooms by name as `user` meets them; names that do not exist are left out. More than 128 names
    /// are several round trips.
    async fn rooms(&self, names: &[RoomName], user: &UserId) -> Result<Vec<Room>, StoreError>;

    /// Makes the room if there is none of this name; `owner` becomes its first member. Answers
    /// whether it was made.
    async fn create_room(
        &self,
        name: &RoomName,
        kind: RoomKind,
        shards: u16,
        owner: Option<&UserId>,
    ) -> Result<bool, StoreError>;

    /// Makes the direct room of two users if there is none, with both as members. Answers whether
    /// it was made. Repeated it makes both members again, unless one is banned.
    async fn create_direct(&self, name: &RoomName, users: [&UserId; 2])
    -> Result<bool, StoreError>;

    /// Entries of a room, oldest first, at most `limit`. No check of rights.
    async fn entries(
        &self,
        room: &RoomName,
        range: Range,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError>;

    /// A user's memberships in the order of the rooms' names, after `after`, at most `limit`.
    async fn memberships(
        &self,
        user: &UserId,
        after: Option<&RoomName>,
        limit: u32,
    ) -> Result<Vec<Membership>, StoreError>;

    /// All that a client that comes back is told; where the store can, in one round trip. The entries
    /// go as far as the room's head at the least, unless there are more than fit.
    async fn resume(&self, resume: &Resume<'_>) -> Result<Resumed, StoreError> {
        let Resume {
            user, positions, ..
        } = *resume;
        let mut resumed = Resumed::default();
        if resume.memberships > 0 {
            resumed.memberships = self.memberships(user, None, resume.memberships).await?;
        }
        if !positions.is_empty() {
            let names: Vec<_> = positions.keys().cloned().collect();
            let found = self.rooms(&names, user).await?;
            let lacks = |room: &Room| {
                let at = *positions.get(&room.name)?;
                room.lacks(at).filter(|_| room.may_read())
            };
            let behind = found.iter().filter_map(lacks).count().max(1);
            let each = resume.entries / u32::try_from(behind).unwrap_or(u32::MAX);
            let each = each.min(resume.page).max(1);
            for room in found {
                let entries = match lacks(&room) {
                    Some(range) => self.entries(&room.name, range, each).await?,
                    None => Vec::new(),
                };
                resumed.rooms.push((room, entries));
            }
        }
        if let Some((connection, at)) = resume.session {
            self.open_session(connection, user, at).await?;
        }
        Ok(resumed)
    }

    /// Changes what a user may do in a room: once it has answered, no append that it forbids
    /// commits. Answers whether the room exists.
    async fn set_standing(
        &self,
        room: &RoomName,
        user: &UserId,
        standing: &Standing,
    ) -> Result<bool, StoreError>;

    /// [`History::set_standing`] on behalf of another user: only below the asker's own role, and
    /// with a line in the audit, in one transaction.
    async fn moderate(&self, moderation: &Moderation) -> Result<Moderated, StoreError>;

    /// Records up to where a user has read; never goes back, nor past the head. Nothing happens
    /// where there is no such room.
    async fn mark_read(&self, room: &RoomName, user: &UserId, seq: Seq) -> Result<(), StoreError>;

    /// Gives a room's log another epoch, unless its head has come to `lost` again: entries up to there
    /// are known to have been in it.
    async fn renew_epoch(&self, room: &RoomName, lost: Seq) -> Result<(), StoreError>;

    /// Records that a session began, for the operator's questions; repeated calls change nothing.
    async fn open_session(
        &self,
        connection: &ConnectionId,
        user: &UserId,
        at: Millis,
    ) -> Result<(), StoreError>;

    /// Records that a session ended; unknown connections are ignored.
    async fn close_session(&self, connection: &ConnectionId, at: Millis) -> Result<(), StoreError>;

    /// Rooms appended to within the last `within_ms`, at most `limit`, for the sweep.
    async fn recent_rooms(&self, within_ms: u64, limit: u32)
    -> Result<Vec<RecentRoom>, StoreError>;

    /// Takes away what is older than `before`: at most `limit` entries of one room, whose floor
    /// rises, the producers that ended before, and the sessions that did, or that began before and
    /// whose end was never told. Answers how many entries went; repeat until it is 0. Then there is
    /// nothing to take away in the next 1,000 rooms; a later call looks at those after them.
    async fn purge(&self, before: Millis, limit: u32) -> Result<u64, StoreError>;
}
