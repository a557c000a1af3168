//! The checks that compare the log at the end with what was sent: C1 to C4, C8 for sends that
//! nobody was told of, C9.

use std::collections::HashMap;
use std::collections::HashSet;

use super::Check;
use super::Event;
use super::RETRACTED;
use super::Record;
use super::Violation;
use super::book::Book;
use super::book::Log;
use super::book::Send;

pub(super) fn check(records: &[Record], book: &Book<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut rows_of: HashMap<usize, Vec<(usize, u64)>> = HashMap::new();
    let mut rooms: Vec<_> = book.logs.iter().collect();
    rooms.sort_unstable_by_key(|(room, _)| **room);
    for (room, log) in rooms {
        gapless(room, log, &mut found);
        in_their_order(log, &mut found);
        for (seq, row) in &log.rows {
            if let Some(send) = row.send {
                rows_of.entry(send).or_default().push((row.index, *seq));
            }
        }
    }
    for (at, send) in book.sends.iter().enumerate() {
        let Some(log) = book.logs.get(send.room) else {
            continue;
        };
        let rows = rows_of.get(&at).map_or(&[][..], Vec::as_slice);
        acknowledged(send, log, book, &mut found);
        counted(send, rows, &mut found);
    }
    taken_back(book, &mut found);
    told_once(book, &mut found);
    after_what_was_acknowledged(records, book, &rows_of, &mut found);
    found
}

fn violation(check: Check, index: usize, what: String) -> Violation {
    Violation {
        check,
        line: index + 1,
        what,
    }
}

/// C1: from the floor on, 1, 2, 3, … up to the head.
fn gapless(room: &str, log: &Log<'_>, found: &mut Vec<Violation>) {
    for (index, seq) in &log.doubled {
        let what = format!("{seq} is twice in the log of {room}");
        found.push(violation(Check::C1, *index, what));
    }
    let mut expected = log.floor + 1;
    for (seq, row) in log.rows.range(expected..) {
        if *seq != expected {
            let what = format!("{expected} is missing in the log of {room}, {seq} is there");
            found.push(violation(Check::C1, row.index, what));
        }
        expected = seq + 1;
    }
    if expected != log.head + 1 {
        let what = format!(
            "the log of {room} ends at {}, its head is {}",
            expected - 1,
            log.head
        );
        found.push(violation(Check::C1, log.index, what));
    }
}

/// C9: the numbers of one page load are 1, 2, 3, … in the order of the log.
fn in_their_order(log: &Log<'_>, found: &mut Vec<Violation>) {
    let mut last: HashMap<(&str, &str), u64> = HashMap::new();
    for (seq, row) in &log.rows {
        let (Some(client), Some(n)) = (row.client, row.n) else {
            continue;
        };
        let before = last.insert((row.from, client), n);
        let is_next = match before {
            // What was purged may have held the lower ones.
            None => n == 1 || log.floor > 0,
            // One that is there twice is C4's.
            Some(before) => n == before + 1 || n == before,
        };
        if !is_next {
            let before = before.unwrap_or_default();
            let what = format!("{seq} is send {n} of {client}, after its send {before}");
            found.push(violation(Check::C9, row.index, what));
        }
    }
}

/// C2: what was acknowledged is there.
fn acknowledged(send: &Send<'_>, log: &Log<'_>, book: &Book<'_>, found: &mut Vec<Violation>) {
    for (index, epoch, seq) in &send.oks {
        if *epoch != log.epoch {
            if !book.remade.contains(send.room) {
                let what = format!("epoch {epoch} was acknowledged, the log is {}", log.epoch);
                found.push(violation(Check::C2, *index, what));
            }
            continue;
        }
        if *seq <= log.floor {
            continue;
        }
        let what = match log.rows.get(seq) {
            Some(row)
                if row.from == send.user
                    && (row.digest == send.digest || row.digest == RETRACTED) =>
            {
                continue;
            }
            Some(row) => format!(
                "{seq} was acknowledged to {}, and {}'s stands there",
                send.by, row.from
            ),
            None => format!(
                "{seq} was acknowledged to {} and is not in the log",
                send.by
            ),
        };
        found.push(violation(Check::C2, *index, what));
    }
}

/// C2: what was taken back has no text any more, and nothing else is without.
fn taken_back(book: &Book<'_>, found: &mut Vec<Violation>) {
    for (index, room, seq) in &book.retracted {
        let row = book.logs.get(room).and_then(|log| log.rows.get(seq));
        if row.is_some_and(|row| row.digest != RETRACTED) {
            let what = format!("{seq} of {room} was taken back, and the log has its text");
            found.push(violation(Check::C2, *index, what));
        }
    }
    let taken = book.retracted.iter().map(|(_, room, seq)| (*room, *seq));
    let taken: HashSet<_> = taken.collect();
    for (room, log) in &book.logs {
        for (seq, row) in &log.rows {
            if row.digest == RETRACTED && !taken.contains(&(*room, *seq)) {
                let what = format!("the text of {seq} of {room} is gone, and nobody took it back");
                found.push(violation(Check::C2, row.index, what));
            }
        }
    }
}

/// C3 and C4: how often a send may be in the log.
fn counted(send: &Send<'_>, rows: &[(usize, u64)], found: &mut Vec<Violation>) {
    if let (Some(failed), Some((_, seq))) = (send.failed, rows.first()) {
        let what = format!(
            "a send of {} was refused for good, and is in the log as {seq}",
            send.by
        );
        found.push(violation(Check::C3, failed, what));
    }
    if let [.., (index, _)] = rows
        && rows.len() > 1
    {
        let seqs: Vec<u64> = rows.iter().map(|(_, seq)| *seq).collect();
        let what = format!("one send of {} is in the log as {seqs:?}", send.by);
        let check = match send.oks.is_empty() {
            true => Check::C3,
            false => Check::C4,
        };
        found.push(violation(check, *index, what));
    }
}

/// C4: a send has one place, however often it is told.
fn told_once(book: &Book<'_>, found: &mut Vec<Violation>) {
    for send in &book.sends {
        for pair in send.oks.windows(2) {
            let [(_, epoch, seq), (index, other_epoch, other)] = pair else {
                continue;
            };
            if epoch == other_epoch && seq != other {
                let what = format!("one send of {} was told {seq}, then {other}", send.by);
                found.push(violation(Check::C4, *index, what));
            }
        }
    }
}

/// C8: what was acknowledged before a send began comes before it, also if nobody was told of it.
fn after_what_was_acknowledged(
    records: &[Record],
    book: &Book<'_>,
    rows_of: &HashMap<usize, Vec<(usize, u64)>>,
    found: &mut Vec<Violation>,
) {
    // The last epoch and the highest seq acknowledged in it, by room.
    let mut highest: HashMap<&str, (u64, u64)> = HashMap::new();
    for (index, record) in records.iter().enumerate() {
        match &record.event {
            Event::Send { room, send, .. } => {
                let (Some(at), Some((epoch, floor))) = (
                    book.numbered.get(&(record.by.as_str(), *send)),
                    highest.get(room.as_str()),
                ) else {
                    continue;
                };
                let stored = rows_of.get(at).into_iter().flatten();
                let of_log = book
                    .logs
                    .get(room.as_str())
                    .map(|log| log.epoch)
                    .unwrap_or_default();
                let told = book.sends[*at].oks.iter();
                let places = stored
                    .map(|(_, seq)| (of_log, *seq))
                    .chain(told.map(|(_, epoch, seq)| (*epoch, *seq)));
                if let Some((_, seq)) = places
                    .into_iter()
                    .find(|(of, seq)| of == epoch && seq <= floor)
                {
                    let what = format!("{floor} was acknowledged before this send, which is {seq}");
                    found.push(violation(Check::C8, index, what));
                }
            }
            Event::Ok {
                send, epoch, seq, ..
            } => {
                let Some(at) = book.numbered.get(&(record.by.as_str(), *send)) else {
                    continue;
                };
                let entry = highest
                    .entry(book.sends[*at].room)
                    .or_insert((*epoch, *seq));
                if entry.0 != *epoch {
                    *entry = (*epoch, *seq);
                }
                entry.1 = entry.1.max(*seq);
            }
            // Until that is found out, places are given anew in the old epoch.
            Event::Remade { room } => {
                highest.remove(room.as_str());
            }
            _ => {}
        }
    }
}
