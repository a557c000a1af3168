//! All that is left to chance, from one seed.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use gatepost_chat::Random;

/// A sequence of numbers that its seed decides (splitmix64). Clones draw from the same sequence.
#[derive(Debug, Clone)]
pub(super) struct Chance(Arc<Mutex<u64>>);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = *state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// One of these numbers.
    pub(super) fn of(&self, range: RangeInclusive<u64>) -> u64 {
        let (first, last) = range.into_inner();
        first + self.next() % (last - first + 1)
    }

    /// Once in so many times.
    pub(super) fn one_in(&self, times: u64) -> bool {
        self.next().is_multiple_of(times)
    }

    /// So many milliseconds.
    pub(super) fn ms(&self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.of(range))
    }
}

impl Random for Chance {
    fn bits(&self) -> u64 {
        self.next()
    }
}
