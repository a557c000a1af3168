//! The time of the emulated world: the machine's, made to run faster or put forward, so that ten
//! minutes or two hours pass in a moment.
//!
//! What only passes in the emulated world follows it: how long a connection is idle and how old it
//! is, schedules, waits for retries, ages of events, idle environments; and every time that is said
//! of that world (`connectedAt`, `requestTime`, facts). What a client, a function or the machine
//! keeps its own time for does not: timeouts and the deadlines that functions are told, throttles,
//! signatures and the life of credentials.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use tokio::sync::watch;
use tokio::time::Instant;

/// Longer than anybody waits, and not too long for arithmetic.
const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// A clock that can run faster than the machine's and be put forward. Clones are the same clock.
#[derive(Clone)]
pub struct Clock(Arc<Shared>);

struct Shared {
    /// The machine's time of day, in milliseconds since 1970.
    machine: Box<dyn Fn() -> u64 + Send + Sync>,
    scale: f64,
    began: Instant,
    /// By how many milliseconds it was put forward.
    advanced: AtomicU64,
    /// Wakes those that sleep when that changes.
    changed: watch::Sender<()>,
}

impl Clock {
    /// A clock that begins at the machine's time and runs `scale` times as fast; 1 is the machine's
    /// pace. A `scale` that is not positive counts as 1.
    #[must_use]
    pub fn system(scale: f64) -> Self {
        Self::new(machine_ms, scale)
    }

    /// The same over another time of day, in milliseconds since 1970.
    #[must_use]
    pub fn new(machine: impl Fn() -> u64 + Send + Sync + 'static, scale: f64) -> Self {
        Self(Arc::new(Shared {
            machine: Box::new(machine),
            scale: if scale > 0.0 { scale } else { 1.0 },
            began: Instant::now(),
            advanced: AtomicU64::new(0),
            changed: watch::Sender::new(()),
        }))
    }

    /// The time of day, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        let shared = &*self.0;
        let machine = (shared.machine)();
        if shared.scale == 1.0 {
            return machine.saturating_add(self.advanced_ms());
        }
        let passed = millis(shared.began.elapsed());
        machine
            .saturating_sub(passed)
            .saturating_add(self.uptime_ms())
    }

    /// The machine's time of day, in milliseconds since 1970-01-01 UTC: what functions and clients
    /// see on their own clocks, for deadlines and signatures.
    #[must_use]
    pub fn machine_ms(&self) -> u64 {
        (self.0.machine)()
    }

    /// Milliseconds that passed since the clock began. Never goes back, unlike the time of day.
    #[must_use]
    pub fn uptime_ms(&self) -> u64 {
        self.uptime_at(Instant::now())
    }

    /// [`Clock::uptime_ms`] at a moment of the machine.
    #[must_use]
    pub fn uptime_at(&self, moment: Instant) -> u64 {
        let passed = moment.saturating_duration_since(self.0.began);
        let passed = match self.0.scale {
            1.0 => passed,
            scale => Duration::try_from_secs_f64(passed.as_secs_f64() * scale).unwrap_or(FAR),
        };
        millis(passed).saturating_add(self.advanced_ms())
    }

    /// The moment of the machine at which `uptime_ms` will be, or was, unless the clock is put
    /// forward meanwhile. It reads no clock.
    #[must_use]
    pub fn moment_of(&self, uptime_ms: u64) -> Instant {
        let left = Duration::from_millis(uptime_ms.saturating_sub(self.advanced_ms()));
        let left = match self.0.scale {
            1.0 => left,
            scale => Duration::try_from_secs_f64(left.as_secs_f64() / scale).unwrap_or(FAR),
        };
        self.0.began + left.min(FAR)
    }

    /// How long ago the clock began on the machine's time, however fast this one runs: for
    /// throttles.
    #[must_use]
    pub fn machine_uptime(&self) -> Duration {
        self.0.began.elapsed()
    }

    /// How many times as fast as the machine's it runs.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.0.scale
    }

    /// By how many milliseconds it was put forward in all.
    #[must_use]
    pub fn advanced_ms(&self) -> u64 {
        self.0.advanced.load(Ordering::Relaxed)
    }

    /// Puts the clock forward. What sleeps until a time that has come then is woken.
    pub fn advance(&self, by: Duration) {
        let by = millis(by);
        let put = |advanced: u64| Some(advanced.saturating_add(by));
        // The closure never refuses.
        let _ = self
            .0
            .advanced
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, put);
        self.0.changed.send_replace(());
    }

    /// A receiver that changes when the clock is put forward: for those who sleep by
    /// [`Clock::moment_of`].
    #[must_use]
    pub fn advances(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// What [`Clock::uptime_ms`] is when this much has passed: for [`Clock::sleep_until`]. Whoever
    /// tells of a wait takes it before, since the clock may be put forward by who hears of it.
    #[must_use]
    pub fn due_in(&self, wait: Duration) -> u64 {
        self.uptime_ms().saturating_add(millis(wait))
    }

    /// Waits until [`Clock::uptime_ms`] is at least this.
    pub async fn sleep_until(&self, uptime_ms: u64) {
        let mut advances = self.advances();
        while self.uptime_ms() < uptime_ms {
            tokio::select! {
                () = tokio::time::sleep_until(self.moment_of(uptime_ms)) => {}
                // The sender lives as long as `self`.
                _ = advances.changed() => {}
            }
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock")
            .field("scale", &self.0.scale)
            .field("advanced_ms", &self.advanced_ms())
            .finish_non_exhaustive()
    }
}

/// The machine's time of day, in milliseconds since 1970.
fn machine_ms() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the Clock that others are given"
    )]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).map_or(0, millis)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn it_runs_as_fast_as_it_is_told() {
        let clock = Clock::new(|| 1_000_000_000, 60.0);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(clock.uptime_ms(), 600_000);
        // The machine's time of day stands still here: the clock is ahead by what it ran faster.
        assert_eq!(clock.now_ms(), 1_000_590_000);
        assert_eq!(clock.machine_ms(), 1_000_000_000);
        assert_eq!(clock.machine_uptime(), Duration::from_secs(10));
        assert_eq!(clock.moment_of(600_000), Instant::now());
        assert_eq!(clock.uptime_at(clock.moment_of(1_200_000)), 1_200_000);
    }

    #[tokio::test(start_paused = true)]
    async fn what_sleeps_wakes_when_the_clock_is_put_forward_far_enough() {
        let clock = Clock::new(|| 0, 1.0);
        let began = Instant::now();
        let sleeper = clock.clone();
        let due = clock.due_in(2 * HOUR);
        let sleeping = tokio::spawn(async move { sleeper.sleep_until(due).await });
        tokio::task::yield_now().await;
        clock.advance(HOUR);
        tokio::task::yield_now().await;
        assert!(!sleeping.is_finished());
        clock.advance(HOUR);
        sleeping.await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(
            (clock.now_ms(), clock.advanced_ms()),
            (7_200_000, 7_200_000)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_push_it_sleeps_the_scaled_time() {
        let clock = Clock::system(100.0);
        let began = Instant::now();
        clock.sleep_until(clock.due_in(HOUR)).await;
        assert_eq!(began.elapsed().as_secs(), 36);
    }

    #[tokio::test(start_paused = true)]
    async fn numbers_out_of_reason_do_no_harm() {
        for scale in [0.0, -1.0, f64::NAN] {
            assert_eq!(Clock::system(scale).scale(), 1.0);
        }
        let clock = Clock::new(|| u64::MAX, 1e9);
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        assert_eq!((clock.now_ms(), clock.uptime_ms()), (u64::MAX, u64::MAX));
        clock.sleep_until(u64::MAX).await;
        assert!(Clock::system(1.0).moment_of(u64::MAX) > Instant::now());
    }
}
