//! Randomness as the gateway is given it.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Random numbers for ids. They need to be distinct, not secret.
pub trait Random: fmt::Debug + Send + Sync {
    /// 64 random bits.
    fn next(&self) -> u64;
}

/// The `SplitMix64` sequence over a shared counter: one atomic addition a number, no lock and no system call.
#[derive(Debug)]
pub struct SplitMix(AtomicU64);

impl SplitMix {
    /// A sequence that begins where the operating system's random source says.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn from_system() -> Result<Self, getrandom::Error> {
        Ok(Self::new(getrandom::u64()?))
    }

    /// The sequence of `seed`, the same each time.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Random for SplitMix {
    fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_names_one_sequence() {
        let (a, b) = (SplitMix::new(7), SplitMix::new(7));
        let first: Vec<u64> = (0..4).map(|_| a.next()).collect();
        assert_eq!(first, (0..4).map(|_| b.next()).collect::<Vec<_>>());
        assert_ne!(first[0], first[1]);
    }
}
