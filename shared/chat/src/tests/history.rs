//! A history in memory, with the meaning that the trait gives it.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use gatepost_protocol::ClientId;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Entry;
use gatepost_protocol::Epoch;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomKind;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;
use gatepost_store::*;

use super::turnstile::Turnstile;

#[derive(Debug)]
pub(crate) struct MemoryHistory {
    rooms: Mutex<BTreeMap<RoomName, Log>>,
    pub(crate) sessions: Mutex<BTreeMap<ConnectionId, (UserId, bool)>>,
    pub(crate) is_away: AtomicBool,
    turnstile: Turnstile,
}

#[derive(Debug)]
struct Log {
    kind: RoomKind,
    epoch: Epoch,
    floor: Seq,
    shards: u16,
    entries: Vec<Entry>,
    numbered: HashMap<(UserId, ClientId), Vec<Numbered>>,
    keyed: HashMap<String, Seq>,
    standings: HashMap<UserId, Standing>,
    read: HashMap<UserId, Seq>,
}

/// The place and the digest of a numbered send.
type Numbered = (Seq, [u8; 32]);

impl MemoryHistory {
    pub(crate) fn new(turnstile: Turnstile) -> Self {
        let is_away = AtomicBool::new(false);
        Self {
            rooms: Mutex::default(),
            sessions: Mutex::default(),
            is_away,
            turnstile,
        }
    }

    async fn turn<T>(
        &self,
        act: impl FnOnce(&mut BTreeMap<RoomName, Log>) -> T + Send,
    ) -> Result<T, StoreError> {
        self.turnstile.pass().await;
        if self.is_away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable {
                store: "mysql",
                what: "test",
                source: None,
            });
        }
        Ok(act(&mut self.rooms.lock().unwrap()))
    }

    pub(crate) fn make(&self, room: &str, kind: RoomKind, shards: u16) {
        self.rooms
            .lock()
            .unwrap()
            .insert(room.parse().unwrap(), Log::new(kind, shards));
    }

    pub(crate) fn exists(&self, room: &str) -> bool {
        self.rooms
            .lock()
            .unwrap()
            .contains_key(&room.parse().unwrap())
    }

    pub(crate) fn set(&self, room: &str, user: &str, standing: Standing) {
        let mut rooms = self.rooms.lock().unwrap();
        let log = rooms.get_mut(&room.parse().unwrap()).unwrap();
        log.standings.insert(user.parse().unwrap(), standing);
    }

    pub(crate) fn purge_to(&self, room: &str, floor: Seq) {
        let mut rooms = self.rooms.lock().unwrap();
        rooms.get_mut(&room.parse().unwrap()).unwrap().floor = floor;
    }

    pub(crate) fn texts(&self, room: &str) -> Vec<String> {
        let rooms = self.rooms.lock().unwrap();
        let log = rooms.get(&room.parse().unwrap()).unwrap();
        log.entries.iter().map(super::text_of).collect()
    }
}

impl Log {
    fn new(kind: RoomKind, shards: u16) -> Self {
        Self {
            kind,
            epoch: 7,
            floor: 0,
            shards,
            entries: Vec::new(),
            numbered: HashMap::new(),
            keyed: HashMap::new(),
            standings: HashMap::new(),
            read: HashMap::new(),
        }
    }

    fn append(&mut self, append: &Append) -> Appended {
        let (epoch, shards) = (self.epoch, self.shards);
        match self.standings.get(&append.from.id) {
            Some(Standing::Banned(_)) => return Appended::Banned,
            Some(Standing::Muted(until)) => return Appended::Muted { until: *until },
            Some(Standing::Member(_)) => {}
            _ if self.kind != RoomKind::Public => return Appended::NotMember,
            _ => {}
        }
        let seq = self.entries.len() as Seq + 1;
        let at = 1_000 + seq as Millis;
        let duplicate = |seq: Seq| Appended::Duplicate {
            epoch,
            seq: Some(seq),
            at: Some(1_000 + seq as Millis),
            shards,
        };
        let (client, n) = match &append.key {
            AppendKey::Message(key) => match self.keyed.get(key) {
                Some(seq) => return duplicate(*seq),
                None => {
                    self.keyed.insert(key.clone(), seq);
                    (None, None)
                }
            },
            AppendKey::Numbered { client, n } => {
                let key = (append.from.id.clone(), client.clone());
                let sends = self.numbered.entry(key).or_default();
                match sends.get(*n as usize - 1) {
                    Some((seq, digest)) if *digest == append.digest => return duplicate(*seq),
                    Some(_) => return Appended::Conflict,
                    None if *n as usize > sends.len() + 1 => {
                        return Appended::Early {
                            expected: sends.len() as u64 + 1,
                        };
                    }
                    None => sends.push((seq, append.digest)),
                }
                (Some(client.clone()), Some(*n))
            }
        };
        let (from, content) = (append.from.clone(), append.content.clone());
        self.entries.push(Entry {
            seq,
            at,
            from,
            client,
            n,
            content,
        });
        Appended::Stored {
            epoch,
            seq,
            at,
            shards,
        }
    }

    fn room(&self, name: &RoomName, user: &UserId) -> Room {
        let standing = self.standings.get(user);
        let role = match standing {
            Some(Standing::Member(role)) => Some(*role),
            _ => None,
        };
        Room {
            name: name.clone(),
            kind: self.kind,
            epoch: self.epoch,
            head: self.entries.len() as Seq,
            floor: self.floor,
            shards: self.shards,
            role,
            banned: matches!(standing, Some(Standing::Banned(_))),
            read: self.read.get(user).copied().unwrap_or_default(),
        }
    }
}

#[async_trait]
impl History for MemoryHistory {
    async fn append(&self, append: &Append) -> Result<Appended, StoreError> {
        self.turn(|rooms| match rooms.get_mut(&append.room) {
            Some(log) => log.append(append),
            None => Appended::NoRoom,
        })
        .await
    }

    async fn rooms(&self, names: &[RoomName], user: &UserId) -> Result<Vec<Room>, StoreError> {
        self.turn(|rooms| {
            let found = names
                .iter()
                .filter_map(|name| Some((name, rooms.get(name)?)));
            found.map(|(name, log)| log.room(name, user)).collect()
        })
        .await
    }

    async fn create_room(
        &self,
        name: &RoomName,
        kind: RoomKind,
        shards: u16,
        _: Option<&UserId>,
    ) -> Result<bool, StoreError> {
        self.turn(|rooms| {
            let is_new = !rooms.contains_key(name);
            rooms
                .entry(name.clone())
                .or_insert_with(|| Log::new(kind, shards));
            is_new
        })
        .await
    }

    async fn create_direct(&self, name: &RoomName, _: [&UserId; 2]) -> Result<bool, StoreError> {
        self.create_room(name, RoomKind::Direct, 1, None).await
    }

    async fn entries(
        &self,
        room: &RoomName,
        range: Range,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let limit = limit as usize;
        self.turn(|rooms| {
            let Some(log) = rooms.get(room) else {
                return Vec::new();
            };
            let kept = log.entries.iter().filter(|entry| entry.seq > log.floor);
            let newest = |kept: Vec<&Entry>| {
                let skip = kept.len().saturating_sub(limit);
                kept.into_iter().skip(skip).cloned().collect()
            };
            match range {
                Range::After(seq) => kept
                    .filter(|entry| entry.seq > seq)
                    .take(limit)
                    .cloned()
                    .collect(),
                Range::Before(seq) => newest(kept.filter(|entry| entry.seq < seq).collect()),
                Range::Newest => newest(kept.collect()),
            }
        })
        .await
    }

    async fn memberships(
        &self,
        user: &UserId,
        after: Option<&RoomName>,
        limit: u32,
    ) -> Result<Vec<Membership>, StoreError> {
        self.turn(|rooms| {
            let wanted = rooms
                .iter()
                .filter(|(name, _)| after.is_none_or(|after| *name > after));
            let mine = wanted.filter_map(|(name, log)| {
                let room = log.room(name, user);
                let (kind, head, read) = (room.kind, room.head, room.read);
                let role = room.role?;
                Some(Membership {
                    room: room.name,
                    kind,
                    role,
                    head,
                    read,
                    with: None,
                })
            });
            mine.take(limit as usize).collect()
        })
        .await
    }

    async fn set_standing(
        &self,
        room: &RoomName,
        user: &UserId,
        standing: &Standing,
    ) -> Result<bool, StoreError> {
        self.turn(|rooms| {
            let Some(log) = rooms.get_mut(room) else {
                return false;
            };
            log.standings.insert(user.clone(), standing.clone());
            true
        })
        .await
    }

    async fn moderate(
        &self,
        _: &UserId,
        room: &RoomName,
        user: &UserId,
        standing: &Standing,
    ) -> Result<bool, StoreError> {
        self.set_standing(room, user, standing).await
    }

    async fn mark_read(&self, room: &RoomName, user: &UserId, seq: Seq) -> Result<(), StoreError> {
        self.turn(|rooms| {
            if let Some(log) = rooms.get_mut(room) {
                let head = log.entries.len() as Seq;
                let read = log.read.entry(user.clone()).or_default();
                *read = seq.min(head).max(*read);
            }
        })
        .await
    }

    async fn open_session(
        &self,
        connection: &ConnectionId,
        user: &UserId,
        _: Millis,
    ) -> Result<(), StoreError> {
        self.turn(|_| ()).await?;
        let mut sessions = self.sessions.lock().unwrap();
        sessions
            .entry(connection.clone())
            .or_insert_with(|| (user.clone(), true));
        Ok(())
    }

    async fn close_session(&self, connection: &ConnectionId, _: Millis) -> Result<(), StoreError> {
        self.turn(|_| ()).await?;
        if let Some(session) = self.sessions.lock().unwrap().get_mut(connection) {
            session.1 = false;
        }
        Ok(())
    }

    async fn recent_rooms(&self, _: u64, limit: u32) -> Result<Vec<RecentRoom>, StoreError> {
        self.turn(|rooms| {
            let recent = rooms.iter().filter(|(_, log)| !log.entries.is_empty());
            let recent = recent.map(|(name, log)| RecentRoom {
                room: name.clone(),
                head: log.entries.len() as Seq,
                shards: log.shards,
            });
            recent.take(limit as usize).collect()
        })
        .await
    }

    async fn purge(&self, _: Millis, _: u32) -> Result<u64, StoreError> {
        self.turn(|_| 0).await
    }
}
