//! What has to be known of a whole history before it can be judged: who is who, which sends there
//! were, and what the log holds at the end.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;

use super::Event;
use super::Micros;
use super::Record;

/// A send, with everything that became of it. Indices are those of the records.
#[derive(Debug)]
pub(super) struct Send<'a> {
    pub(super) at: Micros,
    pub(super) by: &'a str,
    pub(super) user: &'a str,
    pub(super) room: &'a str,
    pub(super) client: Option<&'a str>,
    pub(super) n: Option<u64>,
    pub(super) digest: &'a str,
    /// Acknowledgements: index, epoch, seq.
    pub(super) oks: Vec<(usize, u64, u64)>,
    /// It was refused for good.
    pub(super) failed: Option<usize>,
}

/// An entry of the log.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) index: usize,
    pub(super) from: &'a str,
    pub(super) client: Option<&'a str>,
    pub(super) n: Option<u64>,
    pub(super) digest: &'a str,
    /// The send that it holds, as an index of [`Book::sends`].
    pub(super) send: Option<usize>,
}

/// The log of a room at the end.
#[derive(Debug, Default)]
pub(super) struct Log<'a> {
    pub(super) index: usize,
    pub(super) epoch: u64,
    pub(super) head: u64,
    pub(super) floor: u64,
    pub(super) rows: BTreeMap<u64, Row<'a>>,
    /// Rows whose seq another has.
    pub(super) doubled: Vec<(usize, u64)>,
}

/// A history, looked up.
#[derive(Debug, Default)]
pub(super) struct Book<'a> {
    /// The user of each client.
    pub(super) users: HashMap<&'a str, &'a str>,
    /// Users that have a client.
    pub(super) seen: HashSet<&'a str>,
    pub(super) sends: Vec<Send<'a>>,
    /// When something was first sent, by room, user and digest: an index of the records.
    pub(super) first_sent: HashMap<(&'a str, &'a str, &'a str), usize>,
    /// By client and number.
    pub(super) numbered: HashMap<(&'a str, u64), usize>,
    pub(super) logs: HashMap<&'a str, Log<'a>>,
    /// What was taken back, with the index of the record: room and seq.
    pub(super) retracted: Vec<(usize, &'a str, u64)>,
    /// Rooms whose log was remade on purpose.
    pub(super) remade: HashSet<&'a str>,
}

impl<'a> Book<'a> {
    pub(super) fn read(records: &'a [Record]) -> Self {
        let mut book = Self::default();
        for (index, record) in records.iter().enumerate() {
            book.turn(index, record);
        }
        book.match_rows();
        book
    }

    fn turn(&mut self, index: usize, record: &'a Record) {
        let by = record.by.as_str();
        match &record.event {
            Event::Client { user } => {
                self.users.insert(by, user);
                self.seen.insert(user);
            }
            Event::Send {
                room,
                send,
                client,
                n,
                digest,
            } => {
                self.numbered.insert((by, *send), self.sends.len());
                let user = self.users.get(by).copied().unwrap_or(by);
                let first = (room.as_str(), user, digest.as_str());
                self.first_sent.entry(first).or_insert(index);
                self.sends.push(Send {
                    at: record.at,
                    by,
                    user,
                    room,
                    client: client.as_deref(),
                    n: *n,
                    digest,
                    oks: Vec::new(),
                    failed: None,
                });
            }
            Event::Ok {
                send, epoch, seq, ..
            } => {
                if let Some(&at) = self.numbered.get(&(by, *send)) {
                    self.sends[at].oks.push((index, *epoch, *seq));
                }
            }
            Event::Failed { send, .. } => {
                if let Some(&at) = self.numbered.get(&(by, *send)) {
                    self.sends[at].failed = Some(index);
                }
            }
            Event::Retracted { room, seq } => self.retracted.push((index, room, *seq)),
            Event::Remade { room } => {
                self.remade.insert(room);
            }
            Event::Log {
                room,
                epoch,
                head,
                floor,
            } => {
                let log = self.logs.entry(room).or_default();
                (log.index, log.epoch, log.head, log.floor) = (index, *epoch, *head, *floor);
            }
            Event::Row {
                room,
                seq,
                from,
                client,
                n,
                digest,
            } => {
                let log = self.logs.entry(room).or_default();
                let row = Row {
                    index,
                    from,
                    client: client.as_deref(),
                    n: *n,
                    digest,
                    send: None,
                };
                if log.rows.insert(*seq, row).is_some() {
                    log.doubled.push((index, *seq));
                }
            }
            _ => {}
        }
    }

    /// Finds the send of each row: by its number, else by what it says. Of several that say the same
    /// it is the one that was told this place.
    fn match_rows(&mut self) {
        let mut by_number = HashMap::new();
        let mut by_place = HashMap::new();
        let mut by_digest = HashMap::new();
        for (at, send) in self.sends.iter().enumerate() {
            if let (Some(client), Some(n)) = (send.client, send.n) {
                by_number.insert((send.room, send.user, client, n), at);
            }
            for (_, epoch, seq) in &send.oks {
                by_place.insert((send.room, send.user, send.digest, *epoch, *seq), at);
            }
            by_digest.insert((send.room, send.user, send.digest), at);
        }
        for (room, log) in &mut self.logs {
            for (seq, row) in &mut log.rows {
                let number = row
                    .client
                    .zip(row.n)
                    .and_then(|(client, n)| by_number.get(&(*room, row.from, client, n)));
                let told = || by_place.get(&(*room, row.from, row.digest, log.epoch, *seq));
                let says = || by_digest.get(&(*room, row.from, row.digest));
                row.send = number.or_else(told).or_else(says).copied();
            }
        }
    }

    /// The room that a record is about.
    pub(super) fn room_of(&self, record: &'a Record) -> Option<&'a str> {
        match &record.event {
            Event::Begun { room, .. }
            | Event::Left { room }
            | Event::Resume { room, .. }
            | Event::Head { room, .. }
            | Event::Send { room, .. }
            | Event::Received { room, .. }
            | Event::Delivered { room, .. }
            | Event::Restricted { room }
            | Event::Admitted { room, .. }
            | Event::Expelled { room, .. }
            | Event::Remade { room }
            | Event::Log { room, .. }
            | Event::Row { room, .. }
            | Event::Retracted { room, .. }
            | Event::Registry { room, .. } => Some(room),
            Event::Refused { send, .. }
            | Event::Ok { send, .. }
            | Event::Failed { send, .. }
            | Event::Unknown { send } => {
                let at = self.numbered.get(&(record.by.as_str(), *send))?;
                Some(self.sends[*at].room)
            }
            Event::Client { .. }
            | Event::Greeted
            | Event::Closed { .. }
            | Event::Fault { .. }
            | Event::Healed { .. }
            | Event::Ended
            | Event::Settled => None,
        }
    }
}
