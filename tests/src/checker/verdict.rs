//! The verdict: which promise was broken first, and what happened around it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Figures;
use super::Record;

/// Records shown around the first violation.
const AROUND: usize = 20;

/// A promise, as the table in [`super`] numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[expect(missing_docs, reason = "the table is their documentation")]
pub enum Check {
    C1,
    C2,
    C3,
    C4,
    C5,
    C6,
    C7,
    C8,
    C9,
    C10,
    C11,
    C12,
    C13,
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which.
    pub check: Check,
    /// The line at which it shows, from 1.
    pub line: usize,
    /// How.
    pub what: String,
}

/// What came of judging a history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Whether every promise was kept.
    pub kept: bool,
    /// The first violation.
    pub first: Option<Violation>,
    /// The 20 records of the same room around it, with their lines.
    pub around: Vec<(usize, Record)>,
    /// How often each promise was broken.
    pub violations: BTreeMap<Check, usize>,
    /// How the run went.
    pub figures: Figures,
}

impl Report {
    pub(super) fn new<'a>(
        records: &'a [Record],
        violations: Vec<Violation>,
        figures: Figures,
        room_of: impl Fn(&'a Record) -> Option<&'a str>,
    ) -> Self {
        let mut counts = BTreeMap::new();
        for violation in &violations {
            *counts.entry(violation.check).or_default() += 1;
        }
        let first = violations.into_iter().min_by_key(|found| found.line);
        let around = first
            .as_ref()
            .map_or_else(Vec::new, |first| around(records, first.line - 1, &room_of));
        Self {
            kept: first.is_none(),
            first,
            around,
            violations: counts,
            figures,
        }
    }

    /// Fails unless every promise was kept; the error says which was not, and what happened around.
    ///
    /// # Errors
    /// If a promise was broken.
    pub fn ensure_kept(&self) -> anyhow::Result<()> {
        let Some(first) = &self.first else {
            return Ok(());
        };
        let around: Vec<String> = self
            .around
            .iter()
            .map(|(line, record)| {
                let mark = if *line == first.line { ">" } else { " " };
                let json = serde_json::to_string(record).unwrap_or_default();
                format!("{mark} {line}: {json}")
            })
            .collect();
        anyhow::bail!(
            "{:?} at line {}: {}\n{}\nall: {:?}",
            first.check,
            first.line,
            first.what,
            around.join("\n"),
            self.violations
        );
    }
}

/// Records of the violation's room, and what concerns all rooms.
fn around<'a>(
    records: &'a [Record],
    at: usize,
    room_of: impl Fn(&'a Record) -> Option<&'a str>,
) -> Vec<(usize, Record)> {
    let room = records.get(at).and_then(&room_of);
    let concerns = |index: &usize| {
        *index == at || {
            let other = room_of(&records[*index]);
            room.is_none() || other.is_none() || other == room
        }
    };
    let before = (0..at).rev().filter(concerns).take(AROUND / 2);
    let after = (at..records.len()).filter(concerns).take(AROUND / 2 + 1);
    let mut lines: Vec<usize> = before.chain(after).collect();
    lines.sort_unstable();
    lines
        .into_iter()
        .map(|index| (index + 1, records[index].clone()))
        .collect()
}
