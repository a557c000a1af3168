//! Many seeds of the [simulation](crate::simulation).

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::simulation::simulate;

/// What the seeds of one thread came to.
#[derive(Default)]
struct Sum {
    broken: Vec<u64>,
    sends: usize,
    acknowledged: usize,
    delivered: usize,
    records: usize,
    faults: usize,
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
    let first = broken.first().map(|seed| {
        let run = simulate(*seed, true);
        json!({ "seed": seed, "what": run.broken(), "trace": run.trace })
    });
    json!({
        "seeds": seeds,
        "from": from,
        "kept": broken.is_empty(),
        "broken": broken,
        "first": first,
        "faults": total(|sum| sum.faults),
        "sends": total(|sum| sum.sends),
        "acknowledged": total(|sum| sum.acknowledged),
        "delivered": total(|sum| sum.delivered),
        "records": total(|sum| sum.records),
        "seconds": super::rounded(began.elapsed().as_secs_f64()),
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
        if run.broken().is_some() {
            sum.broken.push(seed);
        }
        let figures = &run.report.figures;
        sum.sends += figures.sends;
        sum.acknowledged += figures.ok;
        sum.delivered += figures.delivered;
        sum.faults += figures.faults;
        sum.records += run.records.len();
    }
}
