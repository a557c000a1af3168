//! Calls of a history, and what they answer as a text that is the same for every store. A log has
//! a clock of its own: of times the text says only whether they are the same as before.

use std::collections::BTreeMap;

use gatepost_protocol::Content;
use gatepost_protocol::Entry;
use gatepost_protocol::Millis;
use gatepost_protocol::Role;
use gatepost_protocol::RoomKind;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;
use gatepost_protocol::direct_room;
use gatepost_store::Append;
use gatepost_store::AppendKey;
use gatepost_store::Appended;
use gatepost_store::History;
use gatepost_store::Moderation;
use gatepost_store::Range;
use gatepost_store::Standing;
use gatepost_store::StoreError;

use crate::store::words::client;
use crate::store::words::keyed;
use crate::store::words::message;
use crate::store::words::room;
use crate::store::words::user;

pub(super) const USERS: [&str; 4] = ["ann", "b o}b", "Ann", "cy"];

const CLIENTS: [&str; 2] = ["one", "two"];

/// Rooms by number: these, and the direct room of the first two users.
const ROOMS: [(&str, RoomKind, u16); 3] = [
    ("lobby", RoomKind::Public, 1),
    ("hall", RoomKind::Public, 3),
    ("cellar", RoomKind::Private, 1),
];

pub(super) const DIRECT: usize = ROOMS.len();

/// Which number a send has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    /// The one that comes next.
    Next,
    /// The last one again.
    Again,
    /// One too high.
    Early,
    First,
}

#[derive(Debug, Clone)]
pub(super) enum Key {
    Numbered(usize, Number),
    Message(u8),
}

/// What is written, about which entry.
#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    Message(u8),
    Edit(Seq, u8),
    Delete(Seq),
    Reaction(Seq, bool),
}

/// A call, about things by their place in the lists above.
#[derive(Debug, Clone)]
pub(super) enum Call {
    Create(usize, Option<usize>),
    CreateDirect,
    Append(usize, usize, Key, What, bool),
    Rooms(Vec<usize>, usize),
    Entries(usize, Range, u32),
    Memberships(usize, Option<usize>, u32),
    SetStanding(usize, usize, Standing),
    Moderate(usize, usize, usize, Option<Role>, Standing),
    MarkRead(usize, usize, Seq),
    RenewEpoch(usize, Seq),
    RecentRooms,
    /// Everything, or nothing, so many at once, until nothing is left.
    Purge(bool, u32),
}

/// What a caller knows from earlier answers.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The last number that was stored, for each page load of a user in a room.
    last: BTreeMap<(RoomName, UserId, usize), u64>,
    /// The epochs of each room as they were seen.
    epochs: BTreeMap<RoomName, Vec<u64>>,
    /// When each entry was stored.
    times: BTreeMap<(RoomName, Seq), Millis>,
}

impl Seen {
    fn epoch(&mut self, of: &RoomName, epoch: u64) -> String {
        let seen = self.epochs.entry(of.clone()).or_default();
        let known = seen.iter().position(|other| *other == epoch);
        let number = known.unwrap_or_else(|| {
            seen.push(epoch);
            seen.len() - 1
        });
        format!("epoch {number}")
    }

    fn time(&mut self, of: &RoomName, seq: Seq, at: Millis) -> &'static str {
        match *self.times.entry((of.clone(), seq)).or_insert(at) == at {
            true => "then",
            false => "at another time than before",
        }
    }

    fn entries(&mut self, of: &RoomName, entries: Vec<Entry>) -> String {
        let mut text = String::new();
        for entry in entries {
            let at = self.time(of, entry.seq, entry.at);
            text += &format!("\n{at} {:?}", Entry { at: 0, ..entry });
        }
        text
    }
}

pub(super) fn room_at(number: usize) -> RoomName {
    match ROOMS.get(number) {
        Some((name, ..)) => room(name),
        None => direct_room(&user(USERS[0]), &user(USERS[1])),
    }
}

impl What {
    fn content(self) -> Content {
        match self {
            Self::Message(text) => message(&format!("text {text}")),
            Self::Edit(target, text) => match message(&format!("edited {text}")) {
                Content::Message { body, .. } => Content::Edit { target, body },
                other => other,
            },
            Self::Delete(target) => Content::Delete { target },
            Self::Reaction(target, on) => Content::Reaction {
                target,
                emoji: String::from("🙂"),
                on,
            },
        }
    }
}

impl Call {
    /// Makes the call.
    pub(super) async fn answer(&self, history: &dyn History, seen: &mut Seen) -> String {
        match self.answered(history, seen).await {
            Ok(answer) => answer,
            Err(error) => format!("{error:?}"),
        }
    }

    async fn answered(&self, history: &dyn History, seen: &mut Seen) -> Result<String, StoreError> {
        Ok(match self {
            Self::Create(number, owner) => {
                let (name, kind, shards) = ROOMS[*number];
                let owner = owner.map(|owner| user(USERS[owner]));
                let name = room(name);
                let made = history.create_room(&name, kind, shards, owner.as_ref());
                format!("{}", made.await?)
            }
            Self::CreateDirect => {
                let (one, other) = (user(USERS[0]), user(USERS[1]));
                let name = direct_room(&one, &other);
                format!("{}", history.create_direct(&name, [&one, &other]).await?)
            }
            Self::Append(to, from, key, what, moderates) => {
                self.appended(history, seen, (*to, *from), key, *what, *moderates)
                    .await?
            }
            Self::Rooms(numbers, of) => {
                let names: Vec<_> = numbers.iter().map(|number| room_at(*number)).collect();
                let mut found = history.rooms(&names, &user(USERS[*of])).await?;
                found.sort_by_key(|room| room.name.to_string());
                let mut text = String::new();
                for mut room in found {
                    let epoch = seen.epoch(&room.name, room.epoch);
                    room.epoch = 0;
                    text += &format!("\n{epoch} {room:?}");
                }
                text
            }
            Self::Entries(of, range, limit) => {
                let name = room_at(*of);
                let entries = history.entries(&name, *range, *limit).await?;
                seen.entries(&name, entries)
            }
            Self::Memberships(of, after, limit) => {
                let after = after.map(room_at);
                let of = user(USERS[*of]);
                let found = history.memberships(&of, after.as_ref(), *limit).await?;
                format!("{found:#?}")
            }
            Self::SetStanding(number, of, standing) => {
                let (name, of) = (room_at(*number), user(USERS[*of]));
                format!("{}", history.set_standing(&name, &of, standing).await?)
            }
            Self::Moderate(number, by, of, role, standing) => {
                let moderation = Moderation {
                    by: user(USERS[*by]),
                    role: *role,
                    room: room_at(*number),
                    user: user(USERS[*of]),
                    standing: standing.clone(),
                };
                format!("{:?}", history.moderate(&moderation).await?)
            }
            Self::MarkRead(number, of, seq) => {
                let (name, of) = (room_at(*number), user(USERS[*of]));
                format!("{:?}", history.mark_read(&name, &of, *seq).await?)
            }
            Self::RenewEpoch(number, lost) => {
                let name = room_at(*number);
                format!("{:?}", history.renew_epoch(&name, *lost).await?)
            }
            Self::RecentRooms => {
                let mut found = history.recent_rooms(u64::from(u32::MAX), 100).await?;
                found.sort_by_key(|room| room.room.to_string());
                format!("{found:#?}")
            }
            Self::Purge(all, limit) => {
                let before = match all {
                    true => super::history::FUTURE,
                    false => super::history::PAST,
                };
                let mut gone = 0;
                loop {
                    match history.purge(before, *limit).await? {
                        0 => break,
                        more => gone += more,
                    }
                }
                format!("{gone}")
            }
        })
    }

    async fn appended(
        &self,
        history: &dyn History,
        seen: &mut Seen,
        (to, from): (usize, usize),
        key: &Key,
        what: What,
        moderates: bool,
    ) -> Result<String, StoreError> {
        let (to, from) = (room_at(to), user(USERS[from]));
        let mut stores = None;
        let key = match key {
            Key::Message(id) => AppendKey::Message(format!("m{id}")),
            Key::Numbered(page, number) => {
                let place = (to.clone(), from.clone(), *page);
                let last = seen.last.get(&place).copied().unwrap_or_default();
                let n = match number {
                    Number::Next => last + 1,
                    Number::Again => last.max(1),
                    Number::Early => last + 2,
                    Number::First => 1,
                };
                stores = Some((place, n));
                let client = client(CLIENTS[*page]);
                AppendKey::Numbered { client, n }
            }
        };
        let append = Append {
            key,
            content: what.content(),
            moderates,
            ..keyed(to.as_str(), from.as_str(), "", &format!("{what:?}"))
        };
        Ok(match history.append(&append).await? {
            Appended::Stored {
                epoch,
                seq,
                at,
                shards,
            } => {
                if let Some((place, n)) = stores {
                    seen.last.insert(place, n);
                }
                let (epoch, at) = (seen.epoch(&to, epoch), seen.time(&to, seq, at));
                format!("stored in {epoch} at {seq}, {at}, {shards} shards")
            }
            Appended::Duplicate {
                epoch,
                seq,
                at,
                shards,
            } => {
                let (epoch, at) = (seen.epoch(&to, epoch), seq.zip(at));
                let at = at.map(|(seq, at)| (seq, seen.time(&to, seq, at)));
                format!("in {epoch} already: {seq:?} {at:?}, {shards} shards")
            }
            other => format!("{other:?}"),
        })
    }

    /// Every call that only looks: what a sequence left behind.
    pub(super) fn all_looks() -> Vec<Self> {
        let mut looks = vec![Self::RecentRooms];
        for of in 0..USERS.len() {
            looks.push(Self::Rooms((0..=DIRECT).collect(), of));
            looks.push(Self::Memberships(of, None, 100));
        }
        looks.extend((0..=DIRECT).map(|number| Self::Entries(number, Range::After(0), 100)));
        looks
    }
}
