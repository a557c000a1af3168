//! Many seeds of the [simulation](crate::simulation).

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::checker::Event;
use crate::checker::Record;
use crate::simulation::simulate;

/// What the seeds of one thread came to.
#[derive(Default)]
struct Sum {
    broken: Vec<u64>,
    why: Vec<(u64, String)>,
    sends: usize,
    acknowledged: usize,
    delivered: usize,
    records: usize,
    faults: usize,
    /// Of the histories, by the name of what happened.
    happened: BTreeMap<&'static str, usize>,
}

/// Runs `seeds` seeds from `from` on, on every core. The first that breaks a promise comes with its
/// trace.
#[must_use]
pub fn run(from: u64, seeds: u64) -> Value {
    let began = Instant::now();
    let next = AtomicU64::new(from);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let sums: Vec<Sum> = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|_| scope.spawn(|| some(&next, from + seeds)))
            .collect();
        let joined = threads.into_iter().map(thread::ScopedJoinHandle::join);
        joined
            .map(|sum| sum.expect("a seed that fails says so"))
            .collect()
    });
    let total = |of: fn(&Sum) -> usize| sums.iter().map(of).sum::<usize>();
    let mut broken: Vec<u64> = sums.iter().flat_map(|sum| &sum.broken).copied().collect();
    broken.sort_unstable();
    let mut happened: BTreeMap<&str, usize> = BTreeMap::new();
    for (what, times) in sums.iter().flat_map(|sum| &sum.happened) {
        *happened.entry(what).or_default() += times;
    }
    let why: BTreeMap<u64, String> = sums
        .iter()
        .flat_map(|sum| sum.why.clone())
        .take(20)
        .collect();
    let first = broken.first().map(|seed| {
        // In a thread of its own: a world is a runtime, and this may be called in one.
        let run = thread::scope(|scope| scope.spawn(|| simulate(*seed, true)).join());
        let run = run.expect("a seed that fails says so");
        json!({ "seed": seed, "what": run.broken(), "trace": run.trace })
    });
    json!({
        "seeds": seeds,
        "from": from,
        "kept": broken.is_empty(),
        "broken": broken,
        "why": why,
        "first": first,
        "faults": total(|sum| sum.faults),
        "sends": total(|sum| sum.sends),
        "acknowledged": total(|sum| sum.acknowledged),
        "delivered": total(|sum| sum.delivered),
        "happened": happened,
        "records": total(|sum| sum.records),
        "seconds": super::rounded(began.elapsed().as_secs_f64()),
    })
}

/// What has to happen somewhere, so that many worlds are a trial of it.
fn noteworthy(record: &Record) -> Option<&'static str> {
    Some(match &record.event {
        Event::Remade { .. } => "logs restored",
        Event::Begun { floor: 1.., .. } => "clients below the floor",
        Event::Retracted { .. } => "texts taken back",
        Event::Admitted { .. } => "users let in",
        Event::Expelled { .. } => "users shut out",
        Event::Ended => "pages ended",
        Event::Greeted => "hellos",
        _ => return None,
    })
}

fn some(next: &AtomicU64, end: u64) -> Sum {
    let mut sum = Sum::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return sum;
        }
        let run = simulate(seed, false);
        if let Some(why) = run.broken() {
            sum.broken.push(seed);
            sum.why.push((seed, why));
        }
        let figures = &run.report.figures;
        sum.sends += figures.sends;
        sum.acknowledged += figures.ok;
        sum.delivered += figures.delivered;
        sum.faults += figures.faults;
        sum.records += run.records.len();
        for what in run.records.iter().filter_map(noteworthy) {
            *sum.happened.entry(what).or_default() += 1;
        }
    }
}
