//! The schedule decides without processes: environments are their numbers here.

use super::*;
use crate::event::Attempt;
use crate::event::Reply;
use crate::spec::Command;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use tokio::sync::oneshot;
use uuid::Uuid;

fn spec(id: &str) -> FunctionSpec {
    FunctionSpec {
        id: id.to_owned(),
        name: id.to_owned(),
        command: Command {
            program: "/f".into(),
            arguments: Vec::new(),
            folder: "/".into(),
        },
        attach: None,
        environment: BTreeMap::new(),
        runtime: "provided.al2023".to_owned(),
        handler: "f".to_owned(),
        memory_mb: 128,
        tmp_mb: 512,
        timeout: Duration::from_secs(3),
        reserved_concurrency: None,
        retry_attempts: 2,
        maximum_event_age: Duration::from_secs(21_600),
        on_success: None,
        on_failure: None,
        aliases: BTreeSet::new(),
        may_recurse: false,
    }
}

fn event(payload: &'static str) -> Event {
    Event {
        request_id: Uuid::nil(),
        payload: Bytes::from_static(payload.as_bytes()),
        client_context: None,
        chain: None,
        reply: Reply::Caller {
            sender: oneshot::channel().0,
            tail: false,
        },
        submitted: Instant::now(),
    }
}

/// A schedule for `concurrency` environments at once with these functions, each of which has one
/// idle environment: the first function number 1, and so on.
fn schedule(concurrency: usize, functions: &[&str]) -> Schedule<u64> {
    let mut schedule = Schedule::new(NonZeroUsize::new(concurrency).unwrap(), NonZeroUsize::MAX);
    for function in functions {
        let steps = schedule.place(spec(function));
        let started = start(&mut schedule, steps);
        for id in started {
            assert!(schedule.ready(function, id).is_empty());
        }
    }
    schedule
}

/// Starts what the steps say; the numbers.
fn start(schedule: &mut Schedule<u64>, steps: Steps<u64>) -> Vec<u64> {
    let mut started = Vec::new();
    for step in steps {
        let Step::Start {
            environment, spec, ..
        } = step
        else {
            panic!("{step:?}")
        };
        assert!(
            schedule
                .attach(&spec.id, environment, environment)
                .is_empty()
        );
        started.push(environment);
    }
    started
}

/// What the steps say, in short.
fn told(steps: &Steps<u64>) -> Vec<String> {
    steps
        .iter()
        .map(|step| match step {
            Step::Deliver(environment, _, event) => {
                format!(
                    "{environment} gets {}",
                    String::from_utf8_lossy(&event.payload)
                )
            }
            Step::Start {
                environment,
                spec,
                init_limit,
            } => {
                format!(
                    "{environment} starts {} in {}",
                    spec.id,
                    init_limit.as_secs()
                )
            }
            Step::Stop(environment, why) => format!("{environment} stops: {why:?}"),
            Step::Fail(_, event, _) => {
                format!("{} fails", String::from_utf8_lossy(&event.payload))
            }
            Step::PumpAt(_) => "later".to_owned(),
        })
        .collect()
}

#[test]
fn the_oldest_event_gets_the_slot_whatever_its_function() {
    let mut schedule = schedule(1, &["a", "b"]);
    assert_eq!(
        told(&schedule.submit("a", event("a1")).unwrap()),
        ["1 gets a1"]
    );
    // A function without an environment at work may have one beyond the cap.
    assert_eq!(
        told(&schedule.submit("b", event("b1")).unwrap()),
        ["2 gets b1"]
    );
    assert!(schedule.submit("b", event("b2")).unwrap().is_empty());
    assert!(schedule.submit("a", event("a2")).unwrap().is_empty());
    assert_eq!(
        told(&schedule.ready("a", 1)),
        ["1 gets a2"],
        "b has one at work, a has none"
    );
    assert_eq!(told(&schedule.ready("b", 2)), ["2 gets b2"]);
}

#[test]
fn events_that_wait_start_one_environment_each_up_to_the_cap() {
    let mut schedule = schedule(3, &["a"]);
    assert_eq!(
        told(&schedule.submit("a", event("1")).unwrap()),
        ["1 gets 1"]
    );
    let two = schedule.submit("a", event("2")).unwrap();
    assert_eq!(told(&two), ["2 starts a in 10"]);
    let three = schedule.submit("a", event("3")).unwrap();
    assert_eq!(told(&three), ["3 starts a in 10"]);
    assert!(schedule.submit("a", event("4")).unwrap().is_empty());
    start(&mut schedule, two);
    start(&mut schedule, three);
    // The first is free before the others have started: it takes the oldest.
    assert_eq!(told(&schedule.ready("a", 1)), ["1 gets 2"]);
    assert_eq!(told(&schedule.ready("a", 3)), ["3 gets 3"]);
    assert_eq!(told(&schedule.ready("a", 2)), ["2 gets 4"]);
    for environment in 1..=3 {
        assert!(schedule.ready("a", environment).is_empty());
    }
    let status = &schedule.status()[0];
    assert_eq!(
        (status.idle, status.busy, status.starting, status.queued),
        (3, 0, 0, 0)
    );
    assert_eq!(schedule.active, 0);
}

#[test]
fn an_event_that_was_not_taken_is_the_next_one_again() {
    let mut schedule = schedule(2, &["a"]);
    let Ok(steps) = schedule.submit("a", event("1")) else {
        panic!()
    };
    let Some(Step::Deliver(1, _, first)) = steps.into_iter().next() else {
        panic!()
    };
    assert_eq!(
        told(&schedule.submit("a", event("2")).unwrap()),
        ["2 starts a in 10"]
    );
    schedule.attach("a", 2, 2);
    assert_eq!(
        told(&schedule.undelivered("a", 1, first)),
        ["3 starts a in 10"]
    );
    schedule.attach("a", 3, 3);
    assert_eq!(told(&schedule.ready("a", 2)), ["2 gets 1"]);
    assert_eq!(told(&schedule.ready("a", 3)), ["3 gets 2"]);
    assert!(schedule.gone("a", 1, None, Instant::now()).is_empty());
    assert_eq!(schedule.active, 2);
}

#[test]
fn the_init_phase_is_tried_twice_and_then_all_that_wait_share_the_failure() {
    let failure = || InitFailure {
        error: FunctionError::Exit(None),
        reason: "r".to_owned(),
    };
    let mut schedule = Schedule::new(NonZeroUsize::new(4).unwrap(), NonZeroUsize::MAX);
    let steps = schedule.place(spec("a"));
    start(&mut schedule, steps);
    for payload in ["1", "2"] {
        let steps = schedule.submit("a", event(payload)).unwrap();
        start(&mut schedule, steps);
    }
    // The first environment fails: nobody is told, and those on their way may still start.
    assert!(
        schedule
            .gone("a", 1, Some(failure()), Instant::now())
            .is_empty()
    );
    let now = Instant::now();
    assert_eq!(
        told(&schedule.gone("a", 2, Some(failure()), now)),
        ["1 fails", "2 fails", "later"]
    );
    assert_eq!(schedule.queued, 0);
    // Not before a while has passed, and under the function's timeout.
    assert!(schedule.submit("a", event("3")).unwrap().is_empty());
    while Instant::now() < now + Duration::from_millis(101) {
        std::thread::yield_now();
    }
    assert_eq!(told(&schedule.pump()), ["3 starts a in 3"]);
    schedule.attach("a", 3, 3);
    assert_eq!(told(&schedule.ready("a", 3)), ["3 gets 3"]);
    assert_eq!(schedule.status()[0].readiness, crate::Readiness::Ready);
}

#[test]
fn callers_beyond_the_bound_are_throttled_and_events_without_a_caller_wait() {
    let mut schedule = schedule(1, &["a"]);
    assert_eq!(
        told(&schedule.submit("a", event("0")).unwrap()),
        ["1 gets 0"]
    );
    for _ in 0..function::MAX_WAITING_CALLERS {
        assert!(schedule.submit("a", event("waits")).unwrap().is_empty());
    }
    assert_eq!(
        schedule.submit("a", event("too many")).unwrap_err(),
        InvokeError::Throttled("a".to_owned())
    );
    let without_caller = Event {
        reply: Reply::Nobody(Attempt {
            number: 1,
            accepted_ms: 0,
        }),
        ..event("later")
    };
    assert!(schedule.submit("a", without_caller).unwrap().is_empty());
    assert_eq!(told(&schedule.ready("a", 1)), ["1 gets waits"]);
    assert!(schedule.submit("a", event("one more")).unwrap().is_empty());
}

#[test]
fn a_new_version_starts_at_once_and_the_old_one_gets_no_more_events() {
    let mut schedule = schedule(4, &["a"]);
    assert_eq!(
        told(&schedule.submit("a", event("1")).unwrap()),
        ["1 gets 1"]
    );
    let two = schedule.submit("a", event("2")).unwrap();
    start(&mut schedule, two);
    let steps = schedule.place(spec("a"));
    assert_eq!(told(&steps), ["2 stops: Replaced", "3 starts a in 10"]);
    schedule.attach("a", 3, 3);
    assert_eq!(told(&schedule.ready("a", 1)), ["1 stops: Replaced"]);
    assert_eq!(told(&schedule.ready("a", 3)), ["3 gets 2"]);
    schedule.gone("a", 1, None, Instant::now());
    schedule.gone("a", 2, None, Instant::now());
    assert_eq!(schedule.active, 1);
    assert_eq!(schedule.environments(), [3]);
}

#[test]
fn a_removed_function_ends_with_its_invocation_and_may_come_again() {
    let mut schedule = schedule(1, &["a", "b"]);
    schedule.submit("a", event("1")).unwrap();
    assert!(schedule.submit("a", event("2")).unwrap().is_empty());
    assert!(schedule.submit("b", event("3")).unwrap().len() == 1);
    let steps = schedule.remove("a");
    assert!(
        matches!(&steps[..], [Step::Fail(spec, _, FunctionError::Removed(_))] if spec.id == "a")
    );
    assert_eq!(
        schedule.submit("a", event("4")).unwrap_err(),
        InvokeError::NotFound("a".to_owned())
    );
    assert!(schedule.named("a").is_none());
    assert_eq!(schedule.status().len(), 1);
    // Its invocation goes on, and it is forgotten afterwards.
    assert_eq!(schedule.environments(), [1, 2]);
    assert_eq!(told(&schedule.ready("a", 1)), ["1 stops: Replaced"]);
    schedule.gone("a", 1, None, Instant::now());
    assert_eq!(schedule.environments(), [2]);
    schedule.ready("b", 2);
    assert_eq!((schedule.active, schedule.queued), (0, 0));
    let steps = schedule.place(spec("a"));
    assert_eq!(told(&steps), ["3 starts a in 10"]);
}

#[test]
fn a_closed_schedule_stops_what_idles_and_what_becomes_ready() {
    let mut schedule = schedule(4, &["a", "b"]);
    assert_eq!(
        told(&schedule.submit("a", event("1")).unwrap()),
        ["1 gets 1"]
    );
    assert_eq!(told(&schedule.close()), ["2 stops: Shutdown"]);
    assert_eq!(
        schedule.submit("a", event("2")).unwrap_err(),
        InvokeError::Stopping
    );
    assert_eq!(told(&schedule.ready("a", 1)), ["1 stops: Shutdown"]);
    schedule.gone("a", 1, None, Instant::now());
    schedule.gone("b", 2, None, Instant::now());
    assert!(schedule.is_empty());
}

/// A schedule for one processor, with a function whose two environments answered an event within
/// `took`; number 2 is at work again.
async fn busy(took: Duration) -> Schedule<u64> {
    let mut schedule = Schedule::new(NonZeroUsize::new(8).unwrap(), NonZeroUsize::MIN);
    let steps = schedule.place(spec("a"));
    start(&mut schedule, steps);
    schedule.ready("a", 1);
    schedule.submit("a", event("0")).unwrap();
    let second = schedule.submit("a", event("0")).unwrap();
    start(&mut schedule, second);
    schedule.ready("a", 2);
    tokio::time::advance(took).await;
    schedule.ready("a", 1);
    schedule.ready("a", 2);
    let steps = schedule.submit("a", event("1")).unwrap();
    assert_eq!(told(&steps), ["2 gets 1"]);
    schedule
}

#[tokio::test(start_paused = true)]
async fn a_quick_function_is_not_spread_over_more_environments_than_processors() {
    let mut schedule = busy(Duration::from_micros(100)).await;
    assert_eq!(told(&schedule.submit("a", event("2")).unwrap()), ["later"]);
    assert!(schedule.submit("a", event("3")).unwrap().is_empty());
    assert_eq!(told(&schedule.ready("a", 2)), ["2 gets 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_quick_function_that_does_not_get_on_is_spread_after_all() {
    let mut schedule = busy(Duration::from_micros(100)).await;
    assert_eq!(told(&schedule.submit("a", event("2")).unwrap()), ["later"]);
    assert!(schedule.submit("a", event("3")).unwrap().is_empty());
    tokio::time::advance(function::QUICK).await;
    assert_eq!(told(&schedule.pump()), ["1 gets 2", "later"]);
    tokio::time::advance(function::PATIENCE).await;
    assert_eq!(told(&schedule.pump()), ["3 starts a in 10"]);
}

#[tokio::test(start_paused = true)]
async fn an_idle_environment_does_not_wait_for_one_that_is_not_quick_this_time() {
    let mut schedule = busy(Duration::from_micros(100)).await;
    tokio::time::advance(function::QUICK).await;
    assert_eq!(
        told(&schedule.submit("a", event("2")).unwrap()),
        ["1 gets 2"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_looked_at_as_soon_as_an_idle_environment_is_to_take_of_it() {
    let mut schedule = busy(Duration::from_micros(100)).await;
    tokio::time::advance(function::QUICK).await;
    assert_eq!(
        told(&schedule.submit("a", event("2")).unwrap()),
        ["1 gets 2"]
    );
    // Nobody idles: in ten milliseconds. Then somebody does: in one.
    assert_eq!(told(&schedule.submit("a", event("3")).unwrap()), ["later"]);
    assert_eq!(told(&schedule.ready("a", 2)), ["later"]);
    tokio::time::advance(function::QUICK).await;
    assert_eq!(told(&schedule.pump()), ["2 gets 3"]);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_takes_its_time_is_spread_at_once() {
    let mut schedule = busy(Duration::from_millis(5)).await;
    assert_eq!(
        told(&schedule.submit("a", event("2")).unwrap()),
        ["1 gets 2"]
    );
}
