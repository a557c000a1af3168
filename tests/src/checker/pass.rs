//! The checks of what the clients saw, in one pass over the history: C1 for what two of them saw at
//! one place, C5 to C7, C10 to C13.

use std::collections::HashMap;
use std::collections::HashSet;

use super::Check;
use super::Event;
use super::Micros;
use super::RETRACTED;
use super::Record;
use super::Violation;
use super::book::Book;

/// What a client's application sees of a room.
struct View {
    epoch: u64,
    /// The last entry.
    last: u64,
}

#[derive(Default)]
struct Client<'a> {
    is_greeted: bool,
    is_ended: bool,
    views: HashMap<&'a str, View>,
}

/// Who may read a restricted room.
#[derive(Default)]
struct Readers<'a> {
    now: HashSet<&'a str>,
    /// Since when a user who could read it may no more.
    expelled: HashMap<&'a str, Micros>,
}

/// What was acknowledged in a room's last epoch: the highest seq since when, rising.
struct Acknowledged {
    epoch: u64,
    highest: Vec<(Micros, u64)>,
}

struct Pass<'a, 'b> {
    records: &'a [Record],
    book: &'b Book<'a>,
    clients: HashMap<&'a str, Client<'a>>,
    /// What was seen at a place.
    seen: HashMap<(&'a str, u64, u64), (&'a str, &'a str)>,
    restricted: HashMap<&'a str, Readers<'a>>,
    acknowledged: HashMap<&'a str, Acknowledged>,
    found: Vec<Violation>,
    index: usize,
}

pub(super) fn check<'a>(records: &'a [Record], book: &Book<'a>) -> Vec<Violation> {
    let mut pass = Pass {
        records,
        book,
        clients: HashMap::new(),
        seen: HashMap::new(),
        restricted: HashMap::new(),
        acknowledged: HashMap::new(),
        found: Vec::new(),
        index: 0,
    };
    for (index, record) in records.iter().enumerate() {
        pass.index = index;
        pass.turn(record);
    }
    pass.found
}

impl<'a> Pass<'a, '_> {
    fn broken(&mut self, check: Check, what: String) {
        let line = self.index + 1;
        self.found.push(Violation { check, line, what });
    }

    fn turn(&mut self, record: &'a Record) {
        let by = record.by.as_str();
        match &record.event {
            Event::Greeted => self.client(by).is_greeted = true,
            Event::Closed { .. } => self.client(by).is_greeted = false,
            Event::Ended => self.client(by).is_ended = true,
            Event::Begun {
                room,
                epoch,
                seq,
                floor,
            } => self.begun(by, room, *epoch, *seq, *floor),
            Event::Left { room } => {
                self.client(by).views.remove(room.as_str());
            }
            Event::Resume { room, epoch, seq } => self.resume(by, room, *epoch, *seq),
            Event::Head { room, seq, asked } => self.head(room, *seq, *asked),
            Event::Ok {
                send, epoch, seq, ..
            } => self.acknowledged(record, *send, *epoch, *seq),
            Event::Received { .. } => self.received(record),
            Event::Delivered {
                room,
                epoch,
                seq,
                digest,
                ..
            } => self.delivered(by, room, *epoch, *seq, digest),
            Event::Restricted { room } => {
                self.restricted.entry(room).or_default();
            }
            Event::Admitted { room, user } => {
                let readers = self.restricted.entry(room).or_default();
                readers.now.insert(user);
                readers.expelled.remove(user.as_str());
            }
            Event::Expelled { room, user } => {
                let readers = self.restricted.entry(room).or_default();
                readers.now.remove(user.as_str());
                readers.expelled.insert(user, record.at);
            }
            Event::Remade { room } => {
                self.acknowledged.remove(room.as_str());
            }
            Event::Settled => self.settled(),
            Event::Registry { room, users } => self.registry(room, users),
            Event::Client { .. }
            | Event::Send { .. }
            | Event::Refused { .. }
            | Event::Failed { .. }
            | Event::Unknown { .. }
            | Event::Fault { .. }
            | Event::Healed { .. }
            | Event::Log { .. }
            | Event::Row { .. }
            | Event::Retracted { .. } => {}
        }
    }

    fn client(&mut self, by: &'a str) -> &mut Client<'a> {
        self.clients.entry(by).or_default()
    }

    /// C6: an application begins once, and anew only for a reason.
    fn begun(&mut self, by: &'a str, room: &'a str, epoch: u64, seq: u64, floor: u64) {
        let client = self.client(by);
        let view = View { epoch, last: seq };
        let before = client.views.insert(room, view);
        if let Some(before) = before
            && before.epoch == epoch
            && (before.last >= floor || seq < floor)
        {
            let what = format!(
                "{by} had seen {room} up to {}, and begins again after {seq}",
                before.last
            );
            self.broken(Check::C6, what);
        }
    }

    /// C7: a client goes on from what its application saw.
    fn resume(&mut self, by: &'a str, room: &'a str, epoch: u64, seq: u64) {
        let view = self.client(by).views.get(room);
        let last = view.map(|view| (view.epoch, view.last));
        if last != Some((epoch, seq)) {
            let what = format!("{by} resumes {room} at {seq} of {epoch}, and saw {last:?}");
            self.broken(Check::C7, what);
        }
    }

    /// C11: a head holds what was acknowledged when it was asked for.
    fn head(&mut self, room: &'a str, seq: u64, asked: Micros) {
        let Some(Acknowledged { epoch, highest }) = self.acknowledged.get(room) else {
            return;
        };
        // An acknowledgement of the log before may come after that was remade.
        let log = self.book.logs.get(room);
        if self.book.remade.contains(room) && log.is_some_and(|log| log.epoch != *epoch) {
            return;
        }
        let before = highest.partition_point(|(at, _)| *at < asked);
        let Some((_, least)) = before.checked_sub(1).map(|last| highest[last]) else {
            return;
        };
        if seq < least {
            let what =
                format!("the head of {room} is said to be {seq}, after {least} was acknowledged");
            self.broken(Check::C11, what);
        }
    }

    fn acknowledged(&mut self, record: &'a Record, send: u64, epoch: u64, seq: u64) {
        let Some(&at) = self.book.numbered.get(&(record.by.as_str(), send)) else {
            let what = format!("{} was acknowledged a send that it did not make", record.by);
            return self.broken(Check::C5, what);
        };
        let send = &self.book.sends[at];
        let known = self
            .acknowledged
            .entry(send.room)
            .or_insert_with(|| Acknowledged {
                epoch,
                highest: Vec::new(),
            });
        if known.epoch != epoch {
            (known.epoch, known.highest) = (epoch, Vec::new());
        }
        if known.highest.last().is_none_or(|(_, last)| *last < seq) {
            known.highest.push((record.at, seq));
        }
        self.one_at_a_place(send.room, epoch, seq, send.user, send.digest);
    }

    /// C1: whoever sees a place sees the same there.
    fn one_at_a_place(
        &mut self,
        room: &'a str,
        epoch: u64,
        seq: u64,
        from: &'a str,
        digest: &'a str,
    ) {
        if digest == RETRACTED {
            // It was something else before.
            return;
        }
        let first = *self
            .seen
            .entry((room, epoch, seq))
            .or_insert((from, digest));
        if first != (from, digest) {
            let what = format!(
                "{seq} of {room} is {from}'s {digest}, and was {}'s {}",
                first.0, first.1
            );
            self.broken(Check::C1, what);
        }
    }

    fn received(&mut self, record: &'a Record) {
        let Event::Received {
            room,
            epoch,
            seq,
            from,
            digest,
            follows,
            ..
        } = &record.event
        else {
            return;
        };
        self.may_read(record, room, *epoch, *seq);
        self.one_at_a_place(room, *epoch, *seq, from, digest);
        self.in_the_log(room, *epoch, *seq, digest);
        self.sent(record, room, from, digest);
        if let Some(before) = follows
            && before + 1 != *seq
        {
            let by = &record.by;
            let what = format!("{by} was answered {seq} of {room} after {before}");
            self.broken(Check::C7, what);
        }
    }

    /// C5: the log holds it.
    fn in_the_log(&mut self, room: &'a str, epoch: u64, seq: u64, digest: &str) {
        let Some(log) = self.book.logs.get(room) else {
            return;
        };
        if log.epoch != epoch {
            if !self.book.remade.contains(room) {
                let what = format!(
                    "{seq} is of epoch {epoch}, the log of {room} of {}",
                    log.epoch
                );
                self.broken(Check::C5, what);
            }
            return;
        }
        if seq <= log.floor {
            return;
        }
        let row = log.rows.get(&seq);
        if row.is_none_or(|row| row.digest != digest && row.digest != RETRACTED) {
            let what = format!("{seq} of {room} was seen, and the log does not hold it");
            self.broken(Check::C5, what);
        }
    }

    /// C5: whoever is a client of this run has sent what it is said to have.
    fn sent(&mut self, record: &'a Record, room: &'a str, from: &'a str, digest: &'a str) {
        if !self.book.seen.contains(from) || digest == RETRACTED {
            return;
        }
        let is_sent = self
            .book
            .first_sent
            .get(&(room, from, digest))
            .is_some_and(|index| *index < self.index);
        if !is_sent {
            let by = &record.by;
            let what = format!("{by} received what {from} never sent to {room}");
            self.broken(Check::C5, what);
        }
    }

    /// C12.
    fn may_read(&mut self, record: &'a Record, room: &'a str, epoch: u64, seq: u64) {
        let Some(readers) = self.restricted.get(room) else {
            return;
        };
        let by = record.by.as_str();
        let user = self.book.users.get(by).copied().unwrap_or(by);
        if readers.now.contains(user) {
            return;
        }
        // What was sent before the user was expelled may have been on its way.
        let is_late = readers.expelled.get(user).is_some_and(|expelled| {
            let log = self.book.logs.get(room);
            let row = log
                .filter(|log| log.epoch == epoch)
                .and_then(|log| log.rows.get(&seq));
            let send = row
                .and_then(|row| row.send)
                .map(|send| &self.book.sends[send]);
            // Where the row was purged, or the log is another one, by what it says.
            let said = || self.sent_at(record).is_some_and(|at| at < *expelled);
            send.map_or_else(said, |send| send.at < *expelled)
        });
        if !is_late {
            let what = format!("{by} received {seq} of {room}, which {user} may not read");
            self.broken(Check::C12, what);
        }
    }

    /// When what was received was sent.
    fn sent_at(&self, record: &'a Record) -> Option<Micros> {
        let Event::Received {
            room, from, digest, ..
        } = &record.event
        else {
            return None;
        };
        let first = (room.as_str(), from.as_str(), digest.as_str());
        let index = self.book.first_sent.get(&first)?;
        Some(self.records[*index].at)
    }

    /// C5 and C6.
    fn delivered(&mut self, by: &'a str, room: &'a str, epoch: u64, seq: u64, digest: &'a str) {
        self.in_the_log(room, epoch, seq, digest);
        let Some(view) = self.client(by).views.get_mut(room) else {
            let what = format!("{by} sees {seq} of {room} without having begun");
            return self.broken(Check::C6, what);
        };
        let last = view.last;
        let is_next = view.epoch == epoch && seq == last + 1;
        view.last = last.max(seq);
        if !is_next {
            let what = format!("{by} sees {seq} of {room} after {last}");
            self.broken(Check::C6, what);
        }
    }

    /// C10.
    fn settled(&mut self) {
        let mut late = Vec::new();
        for (name, client) in &self.clients {
            if client.is_ended {
                continue;
            }
            if !client.is_greeted {
                late.push(format!("{name} is not back"));
                continue;
            }
            for (room, view) in &client.views {
                let Some(log) = self.book.logs.get(room) else {
                    continue;
                };
                if (view.epoch, view.last) != (log.epoch, log.head) {
                    let (last, head) = (view.last, log.head);
                    late.push(format!(
                        "{name} has {room} up to {last}, its head is {head}"
                    ));
                }
            }
        }
        late.sort_unstable();
        for what in late {
            self.broken(Check::C10, what);
        }
    }

    /// C13: as many subscriptions as open clients, user by user.
    fn registry(&mut self, room: &'a str, users: &'a [String]) {
        let mut open: HashMap<&str, i64> = HashMap::new();
        for (name, client) in &self.clients {
            if client.is_greeted && !client.is_ended && client.views.contains_key(room) {
                let user = self.book.users.get(name).copied().unwrap_or(name);
                *open.entry(user).or_default() += 1;
            }
        }
        for user in users {
            *open.entry(user).or_default() -= 1;
        }
        let mut wrong: Vec<_> = open.into_iter().filter(|(_, left)| *left != 0).collect();
        wrong.sort_unstable();
        for (user, left) in wrong {
            let what = match left > 0 {
                true => format!("{left} of {user}'s clients are deaf in {room}"),
                false => format!("{user} has {} ghosts in {room}", -left),
            };
            self.broken(Check::C13, what);
        }
    }
}
