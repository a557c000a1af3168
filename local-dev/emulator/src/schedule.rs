//! `Events: Schedule` with `rate()`: asynchronous invocations, again and again.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::time::Instant;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use crate::credentials::REGION;
use crate::time::rfc3339;

/// The shortest time between two events, however fast the clock runs.
const SHORTEST: Duration = Duration::from_millis(10);

/// Calls `invoke` with an event each time `every` has passed, by a clock that runs `time_scale`
/// times as fast as the real one; the first time after one period. An event that is late because
/// the machine was busy is not made up for.
pub(crate) async fn run(every: Duration, time_scale: f64, mut invoke: impl FnMut()) {
    let every = Duration::try_from_secs_f64(every.as_secs_f64() / time_scale).unwrap_or(every);
    let every = every.max(SHORTEST);
    let mut ticks = tokio::time::interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        invoke();
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
        let schedule = run(Duration::from_secs(60), 10.0, invoke);
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
