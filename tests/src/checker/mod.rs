//! The judge of a run: reads what the clients sent and saw and what the log holds at the end, and
//! says whether every promise was kept.
//!
//! | check | promise |
//! |---|---|
//! | C1 | the log of a room is 1, 2, 3, … (from its floor), and everybody saw the same entry at one place |
//! | C2 | what was acknowledged is in the log, at the place that was told, unless it was taken back: then its text is gone |
//! | C3 | a send of unknown outcome is there once or not at all; one that was refused for good is not |
//! | C4 | no send is there twice, and told twice it has one place |
//! | C5 | nobody saw an entry that the log does not hold, or that nobody sent |
//! | C6 | the application of each client sees every entry after the one at which it began, once, in order |
//! | C7 | a client resumes at the last entry that its application saw, and the log is read without a hole |
//! | C8 | what was acknowledged before another send began comes before it |
//! | C9 | the sends of one page load are in their order, none left out |
//! | C10 | at the end every client is back and has everything |
//! | C11 | a head is never below what had been acknowledged when it was asked for |
//! | C12 | who may not read a room receives nothing of it |
//! | C13 | at the end the registry holds the open connections: no ghost, nobody deaf |

mod book;
mod figures;
mod log;
mod pass;
mod record;
mod recorder;
mod verdict;

#[cfg(test)]
mod tests;

use std::io::BufRead;

use anyhow::Context;
use gatepost_protocol::Content;

pub use figures::Figures;
pub use figures::Spread;
pub use record::Event;
pub use record::Micros;
pub use record::Record;
pub use record::Via;
pub use recorder::Recorder;
pub use recorder::Witness;
pub use verdict::Check;
pub use verdict::Report;
pub use verdict::Violation;

/// Judges a history; its records are in the order in which they were written.
#[must_use]
pub fn check(records: &[Record]) -> Report {
    let book = book::Book::read(records);
    let mut violations = log::check(records, &book);
    violations.extend(pass::check(records, &book));
    let figures = figures::read(records, &book);
    Report::new(records, violations, figures, |record| book.room_of(record))
}

/// Reads a history, one JSON object a line; empty lines are passed over.
///
/// # Errors
/// If a line is no record, with its number, or goes back in time.
pub fn read(lines: impl BufRead) -> anyhow::Result<Vec<Record>> {
    let mut records: Vec<Record> = Vec::new();
    for (number, line) in (1..).zip(lines.lines()) {
        let line = line.with_context(|| format!("line {number}"))?;
        if line.trim().is_empty() {
            continue;
        }
        let record: Record =
            serde_json::from_str(&line).with_context(|| format!("line {number} is no record"))?;
        if let Some(last) = records.last() {
            anyhow::ensure!(
                record.at >= last.at,
                "line {number} is {} µs, and the line before it {} µs: lines are in the order of time",
                record.at,
                last.at
            );
        }
        records.push(record);
    }
    Ok(records)
}

/// What stands for a message, or a new body of it, that was taken back: its text is gone.
pub const RETRACTED: &str = "retracted";

/// What stands for a content in a history: 16 hex digits of its SHA-256, or [`RETRACTED`]. Histories
/// hold no bodies.
#[must_use]
pub fn digest(content: &Content) -> String {
    use std::fmt::Write;
    if let Content::Message { body, .. } | Content::Edit { body, .. } = content
        && body.is_empty()
    {
        return String::from(RETRACTED);
    }
    content.digest()[..8]
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
