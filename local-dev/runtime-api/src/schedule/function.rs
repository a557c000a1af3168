//! The environments of one function and the events that wait for one.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::InitFailure;
use super::Step;
use crate::event::Event;
use crate::fact::EnvironmentId;
use crate::spec::FunctionSpec;
use crate::status::FunctionStatus;
use crate::status::Readiness;

/// Between environments that fail one after the other: doubled each time up to a bound.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Callers of one function that may wait for an environment; the next one is throttled. Lambda
/// throttles a caller as soon as no environment is free ("Understanding Lambda function scaling").
/// On one machine they wait instead, but not without end: the events of callers that gave up are
/// still run, as in Lambda, and would keep the function from those that came after.
pub(super) const MAX_WAITING_CALLERS: usize = 10_000;

/// A function that keeps its environments busy for less than this in the mean is quick.
pub(super) const QUICK: Duration = Duration::from_millis(1);

/// A quick function that has as many environments at work as there are processors gets another one
/// started only when none of them was ready for this long: until then the next event is sooner taken
/// by one of them, and more processes than processors only push each other out of the caches (an echo
/// with eight environments on one processor costs twice the time of one).
pub(super) const PATIENCE: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Function<E> {
    pub(super) spec: Arc<FunctionSpec>,
    version: u64,
    pub(super) members: HashMap<EnvironmentId, Member<E>>,
    /// Those that wait, the warmest last.
    idle: Vec<EnvironmentId>,
    /// With the number of each event.
    pub(super) queue: VecDeque<(u64, Event)>,
    /// How long an environment is busy, in the mean of the last few times.
    mean: Option<Duration>,
    /// When an environment was ready last.
    last_ready: Option<Instant>,
    /// Until when the queue is left alone, if somebody will look then.
    look_at: Option<Instant>,
    /// Of this version. Each will take one event of the queue.
    starting: usize,
    busy: usize,
    /// Events in the queue for which somebody waits.
    callers: usize,
    /// Environments that failed one after the other.
    failures: u32,
    /// None is started before.
    not_before: Option<Instant>,
    readiness: Readiness,
    /// It gets no more events, and is forgotten when its last environment has ended.
    pub(super) removed: bool,
}

#[derive(Debug)]
pub(super) struct Member<E> {
    /// `None` for the moment between the decision and the start.
    pub(super) handle: Option<E>,
    version: u64,
    pub(super) place: Place,
    /// Since when it is busy.
    since: Option<Instant>,
}

/// What the schedule thinks of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Starting,
    Idle,
    Busy,
    /// It ends, and counts no more.
    Leaving,
}

impl<E: Clone> Function<E> {
    pub(super) fn new(spec: Arc<FunctionSpec>) -> Self {
        Self {
            spec,
            version: 0,
            members: HashMap::new(),
            idle: Vec::new(),
            queue: VecDeque::new(),
            mean: None,
            last_ready: None,
            look_at: None,
            starting: 0,
            busy: 0,
            callers: 0,
            failures: 0,
            not_before: None,
            readiness: Readiness::Starting,
            removed: false,
        }
    }

    /// Begins a new version. The environments that are to be stopped, and how many of them started.
    pub(super) fn renew(&mut self, spec: Arc<FunctionSpec>) -> (Vec<E>, usize) {
        self.spec = spec;
        self.version += 1;
        self.removed = false;
        self.idle.clear();
        self.mean = None;
        self.failures = 0;
        self.not_before = None;
        self.readiness = Readiness::Starting;
        let mut stopped = Vec::new();
        for member in self.members.values_mut() {
            if matches!(member.place, Place::Starting | Place::Idle) {
                member.place = Place::Leaving;
                stopped.extend(member.handle.clone());
            }
        }
        (stopped, std::mem::take(&mut self.starting))
    }

    pub(super) fn is_current(&self, environment: EnvironmentId) -> bool {
        self.members
            .get(&environment)
            .is_some_and(|member| member.version == self.version && member.place != Place::Leaving)
    }

    /// Whether one more caller is one too many.
    pub(super) fn is_throttled(&self) -> bool {
        let in_flight = self.busy + self.callers;
        self.callers >= MAX_WAITING_CALLERS
            || self
                .spec
                .reserved_concurrency
                .is_some_and(|limit| in_flight >= limit as usize)
    }

    /// Whether one more environment may work.
    pub(super) fn may_start(&self, has_slot: bool) -> bool {
        if self.spec.attach.is_some() {
            return !self.idle.is_empty() || self.members.is_empty();
        }
        let active = self.starting + self.busy;
        (has_slot || active == 0)
            && self
                .spec
                .reserved_concurrency
                .is_none_or(|limit| active < limit as usize)
    }

    /// The number of the oldest event that no environment is on its way to take.
    pub(super) fn waiting_since(&self) -> Option<u64> {
        if !self.idle.is_empty() {
            return self.queue.front().map(|(number, _)| *number);
        }
        // One at a time while it is not known whether it starts at all, and not too often.
        if self.failures > 0
            && (self.starting > 0 || self.not_before.is_some_and(|at| at > Instant::now()))
        {
            return None;
        }
        self.queue.get(self.starting).map(|(number, _)| *number)
    }

    /// The warmest idle environment, which is busy from now on.
    pub(super) fn take_idle(&mut self, now: Instant) -> Option<(EnvironmentId, E)> {
        let id = self.idle.pop()?;
        let member = self.members.get_mut(&id)?;
        let handle = member.handle.clone()?;
        member.place = Place::Busy;
        member.since = Some(now);
        self.busy += 1;
        Some((id, handle))
    }

    pub(super) fn push(&mut self, number: u64, event: Event) {
        self.callers += usize::from(event.reply.is_caller());
        self.queue.push_back((number, event));
    }

    /// For an event that was taken before: it is older than all others.
    pub(super) fn push_front(&mut self, event: Event) {
        self.callers += usize::from(event.reply.is_caller());
        self.queue.push_front((0, event));
    }

    /// All events that wait.
    pub(super) fn take_queue(&mut self) -> Vec<Event> {
        self.callers = 0;
        self.queue.drain(..).map(|(_, event)| event).collect()
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        let (_, event) = self.queue.pop_front()?;
        self.callers -= usize::from(event.reply.is_caller());
        Some(event)
    }

    pub(super) fn start(&mut self, next: &mut EnvironmentId, init_limit: Duration) -> Step<E> {
        let environment = *next;
        *next += 1;
        let member = Member {
            handle: None,
            version: self.version,
            place: Place::Starting,
            since: None,
        };
        self.members.insert(environment, member);
        self.starting += 1;
        Step::Start {
            environment,
            spec: self.spec.clone(),
            init_limit,
        }
    }

    /// How long the next environment's Init phase may take.
    pub(super) fn next_init_limit(&self) -> Duration {
        if self.failures == 0 {
            super::INIT_LIMIT
        } else {
            self.spec.timeout
        }
    }

    /// Until when the environments at work are left to take the next event, if they are.
    ///
    /// One that was not ready within [`QUICK`] waits for something else than a processor, and an idle
    /// environment does not wait for it.
    pub(super) fn holds_back(&self, processors: usize, now: Instant) -> Option<Instant> {
        let is_quick = self.mean.is_some_and(|mean| mean < QUICK);
        if !is_quick || self.busy < processors {
            return None;
        }
        if self.idle.is_empty() {
            let until = self.last_ready? + PATIENCE;
            return (now < until).then_some(until);
        }
        let ends = self.members.values().filter_map(|member| {
            let since = member.since.filter(|_| member.place == Place::Busy)?;
            Some(since + QUICK).filter(|end| *end > now)
        });
        let (mut at_work, mut first) = (0, None);
        for end in ends {
            at_work += 1;
            first = Some(first.map_or(end, |first: Instant| first.min(end)));
        }
        first.filter(|_| at_work >= processors)
    }

    /// Whether somebody has to be told to look at the queue again at `until`.
    pub(super) fn is_to_look(&mut self, until: Instant, now: Instant) -> bool {
        let is_looked_after = self.look_at.is_some_and(|at| at > now && at <= until);
        if !is_looked_after {
            self.look_at = Some(until);
        }
        !is_looked_after
    }

    /// How many active environments there are fewer now, and whether it is of an old version.
    pub(super) fn ready(&mut self, environment: EnvironmentId, now: Instant) -> (usize, bool) {
        let Some(member) = self.members.get_mut(&environment) else {
            return (0, false);
        };
        match member.place {
            Place::Starting => {
                self.starting -= 1;
                self.failures = 0;
                self.not_before = None;
                self.readiness = Readiness::Ready;
            }
            Place::Busy => {
                self.busy -= 1;
                self.last_ready = Some(now);
                if let Some(since) = member.since {
                    let took = now - since;
                    // An eighth of what is new: one slow event in many does not make it slow.
                    self.mean = Some(self.mean.map_or(took, |mean| (mean * 7 + took) / 8));
                }
            }
            Place::Idle | Place::Leaving => return (0, false),
        }
        member.place = Place::Idle;
        if member.version == self.version {
            self.idle.push(environment);
        }
        (1, member.version != self.version)
    }

    /// Takes an environment out of use. How many active ones there are fewer now.
    pub(super) fn retire(&mut self, environment: EnvironmentId) -> usize {
        let Some(member) = self.members.get_mut(&environment) else {
            return 0;
        };
        match std::mem::replace(&mut member.place, Place::Leaving) {
            Place::Starting => self.starting -= 1,
            Place::Busy => self.busy -= 1,
            Place::Idle => {
                self.idle.retain(|idle| *idle != environment);
                return 0;
            }
            Place::Leaving => return 0,
        }
        1
    }

    /// An environment is where it was when it started; how many more are active.
    pub(super) fn begin_again(&mut self, environment: EnvironmentId) -> usize {
        let Some(member) = self.members.get_mut(&environment) else {
            return 0;
        };
        match member.place {
            Place::Starting | Place::Leaving => return 0,
            Place::Idle => self.idle.retain(|idle| *idle != environment),
            Place::Busy => self.busy -= 1,
        }
        let was_busy = member.place == Place::Busy;
        member.place = Place::Starting;
        self.starting += 1;
        usize::from(!was_busy)
    }

    /// An environment of this version failed before it was ready. The events that are answered
    /// with that, and when to look again.
    ///
    /// The first failure is not told to anybody: the Init phase is done again within the first
    /// invocation. The second one is what that invocation comes to, and all that wait with it.
    pub(super) fn init_failed(
        &mut self,
        failure: &InitFailure,
        now: Instant,
    ) -> (Vec<Event>, Option<Instant>) {
        self.failures += 1;
        self.readiness = Readiness::Failed(failure.reason.clone());
        if self.failures == 1 {
            return (Vec::new(), None);
        }
        let doublings = (self.failures - 2).min(16);
        let wait = FIRST_BACKOFF
            .saturating_mul(1 << doublings)
            .min(MAX_BACKOFF);
        self.not_before = Some(now + wait);
        (self.take_queue(), Some(now + wait))
    }

    pub(super) fn status(&self) -> FunctionStatus {
        FunctionStatus {
            id: self.spec.id.clone(),
            readiness: self.readiness.clone(),
            starting: self.starting,
            idle: self.idle.len(),
            busy: self.busy,
            queued: self.queue.len(),
        }
    }
}
