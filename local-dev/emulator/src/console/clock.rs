//! `/_gatepost/api/clock`: what time it is in the emulated world, and putting it forward.

use std::time::Duration;

use gatepost_clock::Clock;
use serde::Deserialize;
use serde::Serialize;

/// The furthest that one request puts the clock forward: ten years.
const FURTHEST_MS: u64 = 10 * 366 * 24 * 60 * 60 * 1000;

/// The clock at one moment.
#[derive(Debug, Serialize)]
pub(super) struct View {
    /// Milliseconds since 1970, in the emulated world.
    now: u64,
    /// By how much it was put forward since the start.
    advanced_ms: u64,
    /// `--time-scale`.
    scale: f64,
}

/// The clock now.
pub(super) fn view(clock: &Clock) -> View {
    View {
        now: clock.now_ms(),
        advanced_ms: clock.advanced_ms(),
        scale: clock.scale(),
    }
}

/// How far to put it forward.
///
/// # Errors
/// What is wrong with the request, for a person.
pub(super) fn step(body: &[u8]) -> Result<Duration, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Step {
        advance_ms: u64,
    }
    let step: Step = serde_json::from_slice(body)
        .map_err(|error| format!("expected {{\"advance_ms\": MILLISECONDS}}: {error}"))?;
    match step.advance_ms {
        ms if ms <= FURTHEST_MS => Ok(Duration::from_millis(ms)),
        ms => Err(format!("{ms} ms are more than ten years")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_a_number_of_milliseconds_within_reason() {
        let two_hours = step(br#"{"advance_ms": 7200000}"#);
        assert_eq!(two_hours, Ok(Duration::from_secs(7200)));
        for body in [
            "",
            "{}",
            "7200000",
            r#"{"advance_ms": -1}"#,
            r#"{"advance_ms": "7200000"}"#,
            r#"{"advance_ms": 1, "by": 2}"#,
            r#"{"advance_ms": 18446744073709551615}"#,
        ] {
            assert!(step(body.as_bytes()).is_err(), "{body}");
        }
    }
}
