//! Faults of the stores and the gateway, until they end.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use gatepost_store::StoreError;
use gatepost_store::memory::MemoryRegistry;
use gatepost_store::memory::Trip;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::sleep_until;

use super::chance::Chance;
use super::life;
use super::trace::Trace;
use crate::checker::Event;
use crate::checker::Recorder;

/// What can be away for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Thing {
    /// The registry does not answer.
    Redis,
    /// The log does not answer.
    Mysql,
    /// The gateway says 429 to most posts.
    Posts,
}

/// How long a store is waited for.
const STORE_LIMIT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Weather {
    pub(super) chance: Chance,
    pub(super) trace: Trace,
    /// When the faults end.
    pub(super) clears_at: Instant,
    away: Mutex<[Option<Instant>; 3]>,
}

impl Weather {
    pub(super) fn new(chance: Chance, trace: Trace, clears_at: Instant) -> Self {
        Self {
            chance,
            trace,
            clears_at,
            away: Mutex::default(),
        }
    }

    pub(super) fn is_foul(&self) -> bool {
        Instant::now() < self.clears_at
    }

    /// Once in so many times, while the weather is foul.
    pub(super) fn strikes(&self, times: u64) -> bool {
        self.is_foul() && self.chance.one_in(times)
    }

    pub(super) fn is_away(&self, thing: Thing) -> bool {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away[thing as usize].is_some_and(|until| Instant::now() < until)
    }

    /// Brings faults, until they end.
    pub(super) async fn storm(&self, registry: &MemoryRegistry, recorder: &Recorder) {
        loop {
            let next = Instant::now() + self.chance.ms(500..=8_000);
            sleep_until(next.min(self.clears_at)).await;
            if !self.is_foul() {
                return;
            }
            let what = match self.chance.of(0..=3) {
                0 => {
                    registry.state().lose();
                    String::from("the registry is lost")
                }
                1 => self.take_away(Thing::Redis),
                2 => self.take_away(Thing::Mysql),
                _ => self.take_away(Thing::Posts),
            };
            self.trace.say(|| what.clone());
            recorder.note(Event::Fault { what });
        }
    }

    fn take_away(&self, thing: Thing) -> String {
        let time = self.chance.ms(200..=5_000);
        let until = (Instant::now() + time).min(self.clears_at);
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away[thing as usize] = Some(until);
        format!("{thing:?} away for {} ms", time.as_millis())
    }
}

/// The way to a store.
#[derive(Debug)]
pub(super) struct Road {
    pub(super) to: Thing,
    pub(super) weather: Arc<Weather>,
}

impl Road {
    fn unavailable(&self, what: &'static str) -> StoreError {
        StoreError::Unavailable {
            store: if self.to == Thing::Redis {
                "redis"
            } else {
                "mysql"
            },
            what,
            source: None,
        }
    }

    /// One direction.
    async fn way(&self, what: &'static str, end: &'static str) -> Result<(), StoreError> {
        let Weather { chance, trace, .. } = &*self.weather;
        life::step().await;
        let foul = self.weather.is_foul();
        if foul && chance.one_in(500) {
            let time = chance.ms(500..=12_000);
            trace.say(|| format!("{} stops for {} ms", life::name(), time.as_millis()));
            sleep(time).await;
        }
        let time = match foul && chance.one_in(30) {
            true => chance.ms(5..=300),
            false => chance.ms(0..=3),
        };
        sleep(time).await;
        let is_away = self.weather.is_away(self.to);
        if is_away && chance.one_in(2) {
            sleep(STORE_LIMIT).await;
        }
        if is_away || (foul && chance.one_in(200)) {
            trace.say(|| format!("{} {:?} {what}: lost {end}", life::name(), self.to));
            return Err(self.unavailable(what));
        }
        trace.say(|| format!("{} {:?} {what}: {end}", life::name(), self.to));
        Ok(())
    }
}

#[async_trait]
impl Trip for Road {
    async fn out(&self, what: &'static str) -> Result<(), StoreError> {
        self.way(what, "asked").await
    }

    async fn back(&self, what: &'static str) -> Result<(), StoreError> {
        self.way(what, "answered").await
    }
}
