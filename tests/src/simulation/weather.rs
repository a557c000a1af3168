//! Faults of the stores and the gateway, until they end.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use gatepost_store::StoreError;
use gatepost_store::memory::MemoryHistory;
use gatepost_store::memory::MemoryRegistry;
use gatepost_store::memory::Trip;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::sleep_until;

use super::chance::Chance;
use super::life;
use super::restore;
use super::trace::Trace;
use super::world::World;
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

/// How long a database is away that is restored: longer than an invocation stops.
const RESTORE: Duration = Duration::from_secs(14);

/// How long entries are kept where they are purged.
const KEPT_MS: i64 = 4_000;

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
        self.away()[thing as usize].is_some_and(|until| Instant::now() < until)
    }

    fn away(&self) -> MutexGuard<'_, [Option<Instant>; 3]> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings faults, until they end.
    pub(super) async fn storm(
        &self,
        world: &World,
        registry: &MemoryRegistry,
        history: &MemoryHistory,
        recorder: &Recorder,
    ) {
        if world.remade {
            return self.remake(world, registry, history, recorder).await;
        }
        self.faults(self.clears_at, world, registry, history, recorder)
            .await;
    }

    /// In between the database is restored from a copy: away for so long that no invocation reads
    /// from both.
    async fn remake(
        &self,
        world: &World,
        registry: &MemoryRegistry,
        history: &MemoryHistory,
        recorder: &Recorder,
    ) {
        let left = self.clears_at.saturating_duration_since(Instant::now());
        let begins = Instant::now() + left / 3;
        self.faults(begins, world, registry, history, recorder)
            .await;
        let back = begins + RESTORE;
        self.away()[Thing::Mysql as usize] = Some(back);
        let half = begins + RESTORE / 2;
        sleep_until(half).await;
        for (room, log) in &mut history.state().rooms {
            let before = log.head;
            if before < 2 {
                continue;
            }
            let kept = restore::with_its_ends(log, self.chance.of(1..=before - 1));
            restore::to(log, kept, self.trace.millis());
            self.trace
                .say(|| format!("{room} is restored: {kept} of {before}"));
            recorder.note(Event::Remade {
                room: room.to_string(),
            });
        }
        sleep_until(back).await;
        self.faults(self.clears_at.max(back), world, registry, history, recorder)
            .await;
    }

    async fn faults(
        &self,
        ends: Instant,
        world: &World,
        registry: &MemoryRegistry,
        history: &MemoryHistory,
        recorder: &Recorder,
    ) {
        loop {
            let next = Instant::now() + self.chance.ms(500..=8_000);
            sleep_until(next.min(ends)).await;
            if Instant::now() >= ends {
                return;
            }
            if world.retention && !self.chance.one_in(3) {
                self.purge(history);
                continue;
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

    /// What is older than a while goes, in small pieces, as in a sweep. There it is older than
    /// days, and so are the numbers that go with it: nobody repeats a send that old.
    fn purge(&self, history: &MemoryHistory) {
        let mut state = history.state();
        let rooms = state.rooms.iter();
        let numbers: Vec<_> = rooms.map(|(_, log)| log.producers.clone()).collect();
        let gone = state.purge(self.trace.millis() - KEPT_MS, 3);
        for (log, numbers) in state.rooms.values_mut().zip(numbers) {
            log.producers = numbers;
        }
        self.trace.say(|| format!("{gone} entries are purged"));
    }

    fn take_away(&self, thing: Thing) -> String {
        let time = self.chance.ms(200..=5_000);
        let until = (Instant::now() + time).min(self.clears_at);
        self.away()[thing as usize] = Some(until);
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
