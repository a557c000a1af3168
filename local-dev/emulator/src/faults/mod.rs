//! Faults on purpose: rules that say what goes wrong, when and how often. Set over
//! `/_gatepost/api/faults`; the gateway and the functions ask at each of their steps.

mod effect;
mod rule;
mod step;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gatepost_clock::Clock;
use gatepost_gateway as gateway;
use gatepost_gateway::Gateway;
use gatepost_gateway::Random;
use gatepost_gateway::Site;
use gatepost_gateway::SplitMix;
use gatepost_runtime_api as runtime_api;
use serde::Serialize;
use tokio::time::Instant;

use crate::facts::Fact;
use crate::facts::Journal;
use crate::facts::Kind;

pub(crate) use effect::Effect;
pub(crate) use effect::duration;
pub(crate) use rule::Match;
pub(crate) use rule::Rule;
pub(crate) use step::Step;

/// Rules at once; they are looked at one after the other at every step.
const RULES: usize = 1000;

/// The rules of one emulator. Each firing is a fact.
#[derive(Debug)]
pub(crate) struct Faults {
    /// Whether any rule may still fire.
    armed: AtomicBool,
    rules: Mutex<Rules>,
    journal: Arc<Journal>,
    /// Gives rules their seeds.
    random: SplitMix,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Rules {
    last: u64,
    all: Vec<Armed>,
}

/// A rule that was set.
#[derive(Debug)]
struct Armed {
    number: u64,
    rule: Rule,
    random: SplitMix,
    seed: u64,
    fired: u64,
    ends: Option<Instant>,
}

/// A rule, for a person or a program.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct View {
    id: u64,
    #[serde(rename = "match")]
    of: Match,
    effect: Effect,
    probability: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<u64>,
    seed: u64,
    /// How often it fired.
    fired: u64,
    /// Whether it fires no more.
    over: bool,
}

/// What a step may be matched against.
#[derive(Debug, Clone, Copy, Default)]
struct Subject<'a> {
    connection: Option<gateway::Id>,
    route: Option<&'a str>,
    function: Option<&'a str>,
    stage: Option<&'a str>,
    api: Option<&'a str>,
}

impl Faults {
    /// No rules yet; those without a seed get one from `random`.
    pub(crate) fn new(journal: Arc<Journal>, random: SplitMix, clock: Clock) -> Self {
        Self {
            armed: AtomicBool::new(false),
            rules: Mutex::default(),
            journal,
            random,
            clock,
        }
    }

    /// Sets a rule. One without a step fires now, at the established connections, and is over.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub(crate) fn set(&self, rule: Rule, gateway: &Gateway) -> Result<View, String> {
        let rule = rule.checked()?;
        let mut rules = self.lock();
        if rules.all.len() >= RULES {
            return Err(format!("there are {RULES} rules: remove some"));
        }
        rules.last += 1;
        let seed = rule.seed.unwrap_or_else(|| self.random.next());
        let ttl = rule.ttl_ms.map(Duration::from_millis);
        let mut armed = Armed {
            number: rules.last,
            random: SplitMix::new(seed),
            seed,
            fired: 0,
            // A rule that would outlive the clock never ends.
            ends: ttl.and_then(|ttl| Instant::now().checked_add(ttl)),
            rule,
        };
        if armed.rule.of.step.is_none() {
            drop(rules);
            self.strike(&mut armed, gateway);
            return Ok(armed.view());
        }
        let view = armed.view();
        rules.all.push(armed);
        self.armed.store(true, Ordering::Relaxed);
        Ok(view)
    }

    /// Every rule that was set and not removed, the oldest first.
    pub(crate) fn list(&self) -> Vec<View> {
        self.lock().all.iter().map(Armed::view).collect()
    }

    /// Removes a rule; whether it was there.
    pub(crate) fn remove(&self, id: u64) -> bool {
        let mut rules = self.lock();
        let before = rules.all.len();
        rules.all.retain(|armed| armed.number != id);
        let removed = rules.all.len() < before;
        self.rearm(&rules);
        removed
    }

    /// Removes every rule; how many there were.
    pub(crate) fn reset(&self) -> usize {
        let mut rules = self.lock();
        let all = std::mem::take(&mut rules.all);
        self.rearm(&rules);
        all.len()
    }

    fn strike(&self, armed: &mut Armed, gateway: &Gateway) {
        let Effect::Fault(fault) = armed.rule.effect.clone() else {
            return;
        };
        for view in gateway.connections() {
            let subject = Subject {
                connection: Some(view.id),
                stage: Some(&view.stage),
                api: Some(&view.api),
                ..Subject::default()
            };
            if armed.fires(subject) && gateway.strike(view.id, &fault).is_ok() {
                self.tell(armed, "now", subject);
            }
        }
    }

    /// The delays of all rules that fire, and the effect of the first that has another.
    fn fire(&self, step: Step, subject: Subject<'_>) -> (Duration, Option<Effect>) {
        let mut rules = self.lock();
        let (mut delay, mut effect) = (Duration::ZERO, None);
        for armed in &mut rules.all {
            let delays = matches!(armed.rule.effect, Effect::Delay(_));
            if armed.rule.of.step != Some(step) || (effect.is_some() && !delays) {
                continue;
            }
            if !armed.fires(subject) {
                continue;
            }
            self.tell(armed, step.word(), subject);
            match &armed.rule.effect {
                Effect::Delay(more) => delay += *more,
                other => effect = Some(other.clone()),
            }
        }
        self.rearm(&rules);
        (delay, effect)
    }

    fn tell(&self, armed: &Armed, step: &'static str, subject: Subject<'_>) {
        self.journal.record(Fact {
            at: self.clock.now_ms(),
            kind: Kind::FaultInjected {
                rule: armed.number,
                effect: armed.rule.effect.to_string(),
                step,
                connection: subject.connection,
                route: subject.route.map(str::to_owned),
                function: subject.function.map(str::to_owned),
            },
        });
    }

    fn rearm(&self, rules: &Rules) {
        let armed = rules.all.iter().any(|armed| !armed.is_over());
        self.armed.store(armed, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Rules> {
        // Nothing inside the lock leaves a rule half changed.
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Armed {
    fn is_over(&self) -> bool {
        self.rule.times.is_some_and(|times| self.fired >= times)
            || self.ends.is_some_and(|ends| ends <= Instant::now())
    }

    /// Whether it fires for this subject; then it has.
    fn fires(&mut self, subject: Subject<'_>) -> bool {
        let fires = !self.is_over() && self.rule.of.is(subject) && self.draw();
        self.fired += u64::from(fires);
        fires
    }

    fn draw(&self) -> bool {
        if self.rule.probability >= 1.0 {
            return true;
        }
        // 53 bits: every number of this form is exactly a double below 1.
        let bits = self.random.next() >> 11;
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let drawn = bits as f64 / (1_u64 << 53) as f64;
        drawn < self.rule.probability
    }

    fn view(&self) -> View {
        View {
            id: self.number,
            of: self.rule.of.clone(),
            effect: self.rule.effect.clone(),
            probability: self.rule.probability,
            times: self.rule.times,
            ttl_ms: self.rule.ttl_ms,
            seed: self.seed,
            fired: self.fired,
            over: self.rule.of.step.is_none() || self.is_over(),
        }
    }
}

impl Match {
    fn is(&self, subject: Subject<'_>) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == found
        };
        let connection = subject.connection.as_ref().map(gateway::Id::as_str);
        is(&self.connection, connection)
            && is(&self.route, subject.route)
            && is(&self.function, subject.function)
            && is(&self.stage, subject.stage)
            && is(&self.api, subject.api)
    }
}

impl gateway::Faults for Faults {
    fn armed(&self) -> bool {
        self.armed.load(Ordering::Relaxed)
    }

    fn at(&self, site: &Site<'_>) -> gateway::Injected {
        let subject = Subject {
            connection: Some(site.connection),
            route: site.route,
            function: site.function,
            stage: Some(site.stage),
            api: Some(site.api),
        };
        let (delay, effect) = self.fire(Step::Gateway(site.step), subject);
        let fault = match effect {
            Some(Effect::Fault(fault)) => Some(fault),
            Some(Effect::Crash | Effect::Delay(_)) | None => None,
        };
        gateway::Injected { delay, fault }
    }
}

impl runtime_api::Faults for Faults {
    fn armed(&self) -> bool {
        self.armed.load(Ordering::Relaxed)
    }

    fn at(&self, function: &str, step: runtime_api::Step) -> runtime_api::Injected {
        let subject = Subject {
            function: Some(function),
            ..Subject::default()
        };
        let (delay, effect) = self.fire(Step::Function(step), subject);
        let fault = effect.and_then(|effect| effect.of_function());
        runtime_api::Injected { delay, fault }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Outlet;

    fn faults() -> Faults {
        Faults::new(
            Arc::new(Journal::new(Outlet::none())),
            SplitMix::new(1),
            Clock::system(1.0),
        )
    }

    /// Sets a rule of a function, which needs no gateway.
    fn set(faults: &Faults, rule: &str) {
        let rule: Rule = serde_json::from_str(rule).unwrap();
        let rule = rule.checked().unwrap();
        let seed = rule.seed.unwrap_or(0);
        let mut rules = faults.lock();
        rules.last += 1;
        let armed = Armed {
            number: rules.last,
            random: SplitMix::new(seed),
            seed,
            fired: 0,
            ends: rule
                .ttl_ms
                .map(|ms| Instant::now() + Duration::from_millis(ms)),
            rule,
        };
        rules.all.push(armed);
        faults.armed.store(true, Ordering::Relaxed);
    }

    fn crashes(faults: &Faults, function: &str) -> bool {
        let injected = runtime_api::Faults::at(faults, function, runtime_api::Step::Event);
        injected.fault == Some(runtime_api::Fault::Crash)
    }

    #[test]
    fn a_rule_fires_as_often_as_it_says_and_then_costs_nothing() {
        let faults = faults();
        set(
            &faults,
            r#"{"effect":"crash","match":{"step":"event","function":"F"},"times":2}"#,
        );
        assert!(!crashes(&faults, "G"));
        assert_eq!(
            [(); 4].map(|()| crashes(&faults, "F")),
            [true, true, false, false]
        );
        assert!(!runtime_api::Faults::armed(&faults));
        assert_eq!(faults.list()[0].fired, 2);
        assert!(faults.remove(1) && !faults.remove(1));
    }

    #[test]
    fn the_same_seed_fires_at_the_same_times() {
        let run = |seed: u64| {
            let faults = faults();
            let rule =
                r#"{"effect":"crash","match":{"step":"event"},"probability":0.5,"seed":SEED}"#;
            set(&faults, &rule.replace("SEED", &seed.to_string()));
            [(); 64].map(|()| crashes(&faults, "F"))
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let fired = run(7).iter().filter(|fired| **fired).count();
        assert!((16..48).contains(&fired), "{fired} of 64");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rule_ends_with_its_time() {
        let faults = faults();
        set(
            &faults,
            r#"{"effect":"crash","match":{"step":"event"},"ttl_ms":100}"#,
        );
        assert!(crashes(&faults, "F"));
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(!crashes(&faults, "F"));
        assert!(!runtime_api::Faults::armed(&faults));
    }

    #[test]
    fn delays_add_up_and_the_first_other_effect_counts() {
        let faults = faults();
        set(
            &faults,
            r#"{"effect":"delay:10ms","match":{"step":"init"}}"#,
        );
        set(&faults, r#"{"effect":"crash","match":{"step":"init"}}"#);
        set(&faults, r#"{"effect":"crash","match":{"step":"init"}}"#);
        set(&faults, r#"{"effect":"delay:5ms","match":{"step":"init"}}"#);
        let injected = runtime_api::Faults::at(&faults, "F", runtime_api::Step::Init);
        assert_eq!(injected.delay.as_millis(), 15);
        assert_eq!(injected.fault, Some(runtime_api::Fault::Crash));
        let fired: Vec<_> = faults.list().iter().map(|view| view.fired).collect();
        assert_eq!(fired, [1, 1, 0, 1]);
    }
}
