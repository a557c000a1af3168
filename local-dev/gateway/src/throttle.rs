//! Throttles: of the account, which all its APIs share, and of a stage's routes.
//!
//! They go by the machine's time, however fast the clock of the emulated world runs: who sends
//! counts seconds on a clock of its own.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gatepost_template::Route;
use gatepost_template::Stage;
use gatepost_template::Throttle;

/// What an account may ask for in a second; [`AccountQuotas::default`] has the values of Developer
/// Guide, "Quotas".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AccountQuotas {
    /// New connections a second over all APIs: 500. As many may come at once.
    pub connects_per_second: Option<f64>,
    /// Handshakes, messages and calls of `@connections` a second over all APIs: 10,000.
    pub requests_per_second: Option<f64>,
    /// How many of them may come at once: 5,000.
    pub requests_burst: u32,
}

impl Default for AccountQuotas {
    fn default() -> Self {
        Self {
            connects_per_second: Some(500.0),
            requests_per_second: Some(10_000.0),
            requests_burst: 5_000,
        }
    }
}

/// The throttles of an account. All its APIs share one.
#[derive(Debug)]
pub struct Account {
    connects: Option<TokenBucket>,
    requests: Option<TokenBucket>,
    burst: u32,
}

impl Account {
    /// With full buckets.
    #[must_use]
    pub fn new(quotas: AccountQuotas) -> Self {
        let AccountQuotas {
            connects_per_second,
            requests_per_second,
            requests_burst,
        } = quotas;
        Self {
            connects: connects_per_second.map(|rate| TokenBucket::new(rate, rate.ceil() as u32)),
            requests: requests_per_second.map(|rate| TokenBucket::new(rate, requests_burst)),
            burst: requests_burst,
        }
    }

    /// Counts a new connection.
    pub(crate) fn connect(&self, now: impl Fn() -> Duration) -> Result<(), Throttled> {
        take(self.connects.as_ref(), &now, Throttled::Connects)?;
        take(self.requests.as_ref(), &now, Throttled::Requests)
    }

    /// Counts a message or a call of `@connections`.
    pub(crate) fn request(&self, now: impl Fn() -> Duration) -> Result<(), Throttled> {
        take(self.requests.as_ref(), &now, Throttled::Requests)
    }
}

fn take(
    bucket: Option<&TokenBucket>,
    now: &impl Fn() -> Duration,
    by: Throttled,
) -> Result<(), Throttled> {
    match bucket {
        Some(bucket) if !bucket.take(now()) => Err(by),
        Some(_) | None => Ok(()),
    }
}

/// What refused a request; the words are those of the emulator's switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttled {
    /// The account's new connections.
    Connects,
    /// The account's requests.
    Requests,
    /// The stage's throttle of the route.
    Stage,
}

impl Throttled {
    /// The quota's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connects => "connects-per-second",
            Self::Requests => "requests-per-second",
            Self::Stage => "stage-throttling",
        }
    }
}

impl fmt::Display for Throttled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::Connects => "too many new connections",
            Self::Requests => "too many requests of the account",
            Self::Stage => "too many calls of the route at this stage",
        };
        write!(f, "{what} (quota {})", self.name())
    }
}

/// The throttles of a stage: `DefaultRouteSettings` holds for each route by itself, `RouteSettings`
/// for one (CloudFormation, `AWS::ApiGatewayV2::Stage`).
#[derive(Debug, Default)]
pub(crate) struct StageThrottles(HashMap<String, TokenBucket>);

impl StageThrottles {
    /// Those of a stage of an API with these routes. What a setting leaves out is the account's.
    pub(crate) fn new(stage: &Stage, routes: &BTreeMap<String, Route>, account: &Account) -> Self {
        // Handshakes are throttled whether `$connect` is a route or not.
        let keys: BTreeSet<&str> = routes
            .keys()
            .map(String::as_str)
            .chain(["$connect"])
            .collect();
        let rate_of_account = account.requests.as_ref().map(|bucket| bucket.rate);
        let bucket = |throttle: &Throttle| {
            let rate = throttle.rate.or(rate_of_account);
            let burst = throttle.burst.unwrap_or(account.burst);
            TokenBucket::new(rate.unwrap_or(f64::INFINITY), burst)
        };
        let buckets = keys.iter().filter_map(|&route| {
            let own = stage.route_throttles.get(route);
            let throttle = own.map_or(stage.default_throttle, |own| Throttle {
                rate: own.rate.or(stage.default_throttle.rate),
                burst: own.burst.or(stage.default_throttle.burst),
            });
            let is_set = throttle.rate.is_some() || throttle.burst.is_some();
            is_set.then(|| (route.to_owned(), bucket(&throttle)))
        });
        Self(buckets.collect())
    }

    /// Counts a call of a route.
    pub(crate) fn call(&self, route: &str, now: impl Fn() -> Duration) -> Result<(), Throttled> {
        take(self.0.get(route), &now, Throttled::Stage)
    }
}

/// Tokens that come back at a rate, up to a burst (Developer Guide, "Throttle requests to your
/// WebSocket API": a token bucket). One atomic number: when the bucket will be full again.
#[derive(Debug)]
struct TokenBucket {
    /// Tokens a second.
    rate: f64,
    /// Nanoseconds until a token is back.
    one: u64,
    /// Nanoseconds until all are back: more are never owed.
    all: u64,
    /// Nanoseconds on the caller's clock.
    full_at: AtomicU64,
}

impl TokenBucket {
    /// A full one. Without a rate or without a burst it is always empty.
    fn new(rate: f64, burst: u32) -> Self {
        let one = 1e9 / rate;
        let one = if one.is_finite() { one as u64 } else { 0 };
        let all = if rate > 0.0 {
            one.max(1).saturating_mul(burst.into())
        } else {
            0
        };
        Self {
            rate,
            one: one.max(1),
            all,
            full_at: AtomicU64::new(0),
        }
    }

    /// Takes a token, if there is one.
    fn take(&self, now: Duration) -> bool {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let taken = |full_at: u64| {
            let full_at = full_at.max(now).saturating_add(self.one);
            (full_at - now <= self.all).then_some(full_at)
        };
        self.full_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `calls` at one moment pass.
    fn passes(bucket: &TokenBucket, now_ms: u64, calls: usize) -> usize {
        let now = Duration::from_millis(now_ms);
        (0..calls).filter(|_| bucket.take(now)).count()
    }

    #[test]
    fn a_burst_passes_at_once_and_the_rate_afterwards() {
        let bucket = TokenBucket::new(10_000.0, 5_000);
        assert_eq!(passes(&bucket, 0, 6_000), 5_000);
        assert_eq!(passes(&bucket, 100, 6_000), 1_000);
        assert_eq!(passes(&bucket, 101, 6_000), 10);
        // It never holds more than its burst.
        assert_eq!(passes(&bucket, 60_000, 20_000), 5_000);
    }

    #[test]
    fn rates_below_one_a_second_work() {
        let bucket = TokenBucket::new(0.5, 1);
        let at = [(0, 1), (1_999, 0), (2_000, 1), (3_000, 0), (4_000, 1)];
        for (ms, expected) in at {
            assert_eq!(passes(&bucket, ms, 2), expected, "{ms}");
        }
    }

    #[test]
    fn nothing_passes_a_rate_or_a_burst_of_nothing() {
        for (rate, burst) in [(0.0, 0), (0.0, 5), (5.0, 0), (-1.0, 5), (f64::NAN, 5)] {
            assert_eq!(passes(&TokenBucket::new(rate, burst), 1_000, 10), 0);
        }
    }

    #[test]
    fn threads_that_ask_at_once_get_no_more_than_there_is() {
        let bucket = TokenBucket::new(1_000.0, 1_000);
        let got: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| passes(&bucket, 0, 500)))
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(got, 1_000);
    }
}
