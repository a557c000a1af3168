//! `Events: Schedule` with `rate()`: asynchronous invocations, again and again.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use gatepost_clock::Clock;
use gatepost_template::Function;
use gatepost_template::Schedule;
use serde_json::json;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::credentials::REGION;
use crate::time::rfc3339;

/// The shortest time between two events on the machine's clock, however fast this one runs.
const SHORTEST: Duration = Duration::from_millis(10);

/// The schedules that run; dropping it ends them.
#[derive(Debug, Default)]
pub(crate) struct Schedules {
    /// By the function's logical ID.
    of: BTreeMap<String, Vec<Schedule>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Schedules {
    /// The schedules of these functions; `start` starts one.
    pub(crate) fn new(
        functions: &BTreeMap<String, Function>,
        mut start: impl FnMut(&Function, &Schedule) -> Option<JoinHandle<()>>,
    ) -> Self {
        let each = functions.values().flat_map(|function| {
            let schedules = function.schedules.iter();
            schedules.map(move |schedule| (function, schedule))
        });
        Self {
            tasks: each
                .filter_map(|(function, schedule)| start(function, schedule))
                .collect(),
            of: Self::of(functions),
        }
    }

    /// Whether they are those of these functions: then they run on, and no period begins anew.
    pub(crate) fn are_of(&self, functions: &BTreeMap<String, Function>) -> bool {
        self.of == Self::of(functions)
    }

    fn of(functions: &BTreeMap<String, Function>) -> BTreeMap<String, Vec<Schedule>> {
        let each = functions.values();
        each.map(|function| (function.id.clone(), function.schedules.clone()))
            .collect()
    }
}

impl Drop for Schedules {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Calls `invoke` each time `every` has passed on this clock; the first time after one period. An
/// event that is late, because the machine was busy or the clock was put forward by several
/// periods, is sent once, and the next one a period after it.
pub(crate) async fn run(every: Duration, clock: &Clock, mut invoke: impl FnMut()) {
    let every = every.max(SHORTEST.mul_f64(clock.scale()));
    let every = u64::try_from(every.as_millis()).unwrap_or(u64::MAX).max(1);
    let mut due = clock.uptime_ms().saturating_add(every);
    loop {
        clock.sleep_until(due).await;
        invoke();
        let now = clock.uptime_ms();
        let next = due.saturating_add(every);
        due = if next > now {
            next
        } else {
            now.saturating_add(every)
        };
    }
}

/// What a schedule sends: its `Input`, or the event that a rule without one sends (Amazon
/// `EventBridge` user guide, "Scheduled events").
pub(crate) fn payload(
    input: Option<&str>,
    id: Uuid,
    now_ms: u64,
    account: &str,
    function: &str,
) -> Bytes {
    if let Some(input) = input {
        return Bytes::copy_from_slice(input.as_bytes());
    }
    // EventBridge writes whole seconds.
    let time = rfc3339(now_ms - now_ms % 1000).replace(".000Z", "Z");
    let event = json!({
        "version": "0",
        "id": id.to_string(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account,
        "time": time,
        "region": REGION,
        "resources": [format!("arn:aws:events:{REGION}:{account}:rule/{function}")],
        "detail": {},
    });
    event.to_string().into()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_schedule_runs_after_each_period_of_the_scaled_clock() {
        let count = AtomicU32::new(0);
        let invoke = || {
            count.fetch_add(1, Ordering::Relaxed);
        };
        let clock = Clock::system(10.0);
        let schedule = run(Duration::from_secs(60), &clock, invoke);
        let after = |ms| tokio::time::sleep(Duration::from_millis(ms));
        tokio::pin!(schedule);
        for (ms, expected) in [(5_900, 0), (200, 1), (6_000, 2)] {
            tokio::select! {
                () = &mut schedule => {}
                () = after(ms) => {}
            }
            assert_eq!(count.load(Ordering::Relaxed), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_put_forward_sends_what_is_due_once() {
        let count = AtomicU32::new(0);
        let invoke = || {
            count.fetch_add(1, Ordering::Relaxed);
        };
        let clock = Clock::system(1.0);
        let schedule = run(Duration::from_secs(60), &clock, invoke);
        tokio::pin!(schedule);
        for (seconds, expected) in [(0, 0), (59, 0), (1, 1), (7_230, 2), (59, 2), (1, 3)] {
            clock.advance(Duration::from_secs(seconds));
            // A few turns: the schedule waits for nothing else.
            for _ in 0..3 {
                tokio::select! {
                    biased;
                    () = &mut schedule => {}
                    () = tokio::task::yield_now() => {}
                }
            }
            assert_eq!(count.load(Ordering::Relaxed), expected);
        }
    }

    #[test]
    fn without_an_input_it_is_the_event_of_eventbridge() {
        let event = payload(
            None,
            Uuid::nil(),
            1_708_327_306_706,
            "123456789012",
            "Sweep",
        );
        let event: serde_json::Value = serde_json::from_slice(&event).unwrap();
        assert_eq!(event["detail-type"], "Scheduled Event");
        assert_eq!(event["time"], "2024-02-19T07:21:46Z");
        assert_eq!(payload(Some("{}"), Uuid::nil(), 0, "", ""), "{}");
    }
}
