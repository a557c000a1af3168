//! How a run went: counts and times, which decide nothing.

use std::collections::HashMap;

use serde::Serialize;

use super::Event;
use super::Micros;
use super::Record;
use super::Via;
use super::book::Book;

/// The middle and the end of a distribution, in milliseconds; zeros where there was nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Spread {
    /// How many.
    pub count: usize,
    /// Half are not longer.
    pub p50_ms: f64,
    /// 99 of 100 are not longer.
    pub p99_ms: f64,
    /// None is longer.
    pub max_ms: f64,
}

/// Counts and times of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Sends.
    pub sends: usize,
    /// Of them acknowledged.
    pub ok: usize,
    /// Acknowledged as stored before.
    pub duplicates: usize,
    /// Refused for good.
    pub failed: usize,
    /// Of unknown outcome.
    pub unknown: usize,
    /// From the first attempt to the acknowledgement.
    pub ack: Spread,
    /// From the first attempt to the application of another client.
    pub delivery: Spread,
    /// Entries that applications saw.
    pub delivered: usize,
    /// Of them not by a push, of 100.
    pub by_replay_percent: f64,
    /// Times in which a client was not connected, or was refused or not answered, until its next
    /// success.
    pub outages: Spread,
    /// The longest of each client with any, in milliseconds.
    pub longest_outage_ms: std::collections::BTreeMap<String, f64>,
    /// Faults that the run caused.
    pub faults: usize,
}

impl Spread {
    /// Of times in microseconds.
    #[must_use]
    pub fn of(mut times: Vec<Micros>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| {
            let index = (times.len() * percent).div_ceil(100).saturating_sub(1);
            times.get(index).copied().map_or(0.0, milliseconds)
        };
        Self {
            count: times.len(),
            p50_ms: at(50),
            p99_ms: at(99),
            max_ms: at(100),
        }
    }
}

fn milliseconds(micros: Micros) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "runs last hours, not centuries")]
    let micros = micros as f64;
    (micros / 10.0).round() / 100.0
}

pub(super) fn read(records: &[Record], book: &Book<'_>) -> Figures {
    let mut figures = Figures {
        sends: book.sends.len(),
        ..Figures::default()
    };
    let (mut acks, mut deliveries, mut outages) = (Vec::new(), Vec::new(), Vec::new());
    let (mut replayed, mut trouble) = (0_usize, HashMap::new());
    let mut longest: HashMap<&str, Micros> = HashMap::new();
    for record in records {
        let by = record.by.as_str();
        let mut over = |trouble: &mut HashMap<&str, Micros>| {
            if let Some(since) = trouble.remove(by) {
                outages.push(record.at - since);
                let most = longest.entry(record.by.as_str()).or_default();
                *most = (*most).max(record.at - since);
            }
        };
        match &record.event {
            Event::Closed { .. } | Event::Refused { .. } => {
                trouble.entry(by).or_insert(record.at);
            }
            Event::Greeted => over(&mut trouble),
            Event::Ended => {
                trouble.remove(by);
            }
            Event::Ok {
                send, duplicate, ..
            } => {
                over(&mut trouble);
                figures.ok += 1;
                figures.duplicates += usize::from(*duplicate);
                if let Some(at) = book.numbered.get(&(by, *send)) {
                    acks.push(record.at - book.sends[*at].at);
                }
            }
            Event::Failed { .. } => figures.failed += 1,
            Event::Delivered { room, seq, via, .. } => {
                figures.delivered += 1;
                replayed += usize::from(*via == Via::Replay);
                let row = book
                    .logs
                    .get(room.as_str())
                    .and_then(|log| log.rows.get(seq));
                let send = row.and_then(|row| row.send).map(|send| &book.sends[send]);
                if let Some(send) = send.filter(|send| send.by != by) {
                    deliveries.push(record.at.saturating_sub(send.at));
                }
            }
            Event::Fault { .. } => figures.faults += 1,
            _ => {}
        }
    }
    figures.unknown = figures.sends.saturating_sub(figures.ok + figures.failed);
    figures.ack = Spread::of(acks);
    figures.delivery = Spread::of(deliveries);
    figures.outages = Spread::of(outages);
    #[expect(clippy::cast_precision_loss, reason = "counts of one run")]
    let percent = 100.0 * replayed as f64 / (figures.delivered.max(1)) as f64;
    figures.by_replay_percent = (percent * 100.0).round() / 100.0;
    figures.longest_outage_ms = longest
        .into_iter()
        .map(|(client, micros)| (String::from(client), milliseconds(micros)))
        .collect();
    figures
}
