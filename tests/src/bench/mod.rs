//! Benchmarks. They print figures and ratios and never decide a test.
//!
//! Figures are CPU time per operation, read from the scheduler (`/proc/PID/task/*/schedstat`), and
//! ratios against a raw limit that the same run measured, in turn with it: wall time on a shared
//! machine wanders more than anything worth knowing. The measured side runs on CPU 1, and so does a
//! client that only sends and waits: see [`cpu::pin_client`].

pub mod append;
pub mod bare;
pub mod check;
pub mod connect;
pub mod cost;
pub mod cpu;
pub mod echo;
pub mod environment;
pub mod fanout;
pub mod faults;
pub mod hot_room;
pub mod invoke;
pub mod layer;
pub mod memory;
pub mod peers;
pub mod plain;
pub mod post;
pub mod quiet_rooms;
pub mod release;
pub mod reply;
pub mod simulate;
pub mod sockets;
pub mod stalled;
pub mod wire;

/// The median of `figures`; the greater of the two in the middle. 0 for none.
#[must_use]
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// Rounded to three decimals, for printing.
#[must_use]
pub fn rounded(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}
