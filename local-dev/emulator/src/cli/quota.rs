//! `--quota NAME=VALUE`: what API Gateway allows, and what it does not say of itself.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use gatepost_gateway::AccountQuotas;
use gatepost_gateway::Limits;

/// Everything that `--quota` can change.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Quotas {
    /// Of each API.
    pub(crate) limits: Limits,
    /// Of all APIs together.
    pub(crate) account: AccountQuotas,
}

impl Quotas {
    /// Those of AWS with these changes; of one that is named twice the last counts.
    pub(crate) fn with(changes: &[Change]) -> Self {
        let mut quotas = Self::default();
        for change in changes {
            (change.set)(&mut quotas, change.to);
        }
        quotas
    }
}

/// One `NAME=VALUE`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    set: fn(&mut Quotas, Value),
    name: &'static str,
    to: Value,
}

impl PartialEq for Change {
    fn eq(&self, other: &Self) -> bool {
        (self.name, self.to) == (other.name, other.to)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Off,
    On,
    Number(f64),
}

/// What may stand behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Calls a second, with decimals if one likes, or off.
    Rate,
    /// A whole number, or off.
    Count,
    /// A whole number from 1, or off.
    Size,
    /// Seconds, with decimals if one likes, or off.
    Seconds,
    /// `on` or `off`.
    Switch,
}

struct Quota {
    name: &'static str,
    kind: Kind,
    default: &'static str,
    means: &'static str,
    set: fn(&mut Quotas, Value),
}

/// The largest number that may be given: beyond it sums of sizes and times would not be exact.
const LARGEST: f64 = 9_007_199_254_740_992.0;

const QUOTAS: &[Quota] = &[
    Quota {
        name: "connects-per-second",
        kind: Kind::Rate,
        default: "500",
        means: "new connections of the account; 429 above it",
        set: |quotas, to| quotas.account.connects_per_second = to.rate(),
    },
    Quota {
        name: "requests-per-second",
        kind: Kind::Rate,
        default: "10000",
        means: "handshakes, messages and @connections calls of the account",
        set: |quotas, to| quotas.account.requests_per_second = to.rate(),
    },
    Quota {
        name: "requests-burst",
        kind: Kind::Count,
        default: "5000",
        means: "how many of them at once",
        set: |quotas, to| quotas.account.requests_burst = to.count().unwrap_or(u32::MAX),
    },
    Quota {
        name: "stage-throttling",
        kind: Kind::Switch,
        default: "on",
        means: "the throttles that the template gives stages and routes",
        set: |quotas, to| quotas.limits.stage_throttling = to == Value::On,
    },
    Quota {
        name: "frame-bytes",
        kind: Kind::Size,
        default: "32768",
        means: "largest frame, either way; 1009 above it",
        set: |quotas, to| quotas.limits.frame = to.bytes(),
    },
    Quota {
        name: "message-bytes",
        kind: Kind::Size,
        default: "131072",
        means: "largest message, either way; 1009 or 413 above it",
        set: |quotas, to| quotas.limits.message = to.bytes(),
    },
    Quota {
        name: "idle-seconds",
        kind: Kind::Seconds,
        default: "600",
        means: "without a message a connection ends, by the emulator's clock",
        set: |quotas, to| quotas.limits.idle = to.time(),
    },
    Quota {
        name: "lifetime-seconds",
        kind: Kind::Seconds,
        default: "7200",
        means: "every connection ends, by the emulator's clock",
        set: |quotas, to| quotas.limits.lifetime = to.time(),
    },
    Quota {
        name: "integration-seconds",
        kind: Kind::Seconds,
        default: "29",
        means: "longest wait for a function; a route may have less",
        set: |quotas, to| quotas.limits.integration = to.time(),
    },
    Quota {
        name: "authorizer-result-bytes",
        kind: Kind::Size,
        default: "8192",
        means: "largest answer of an authorizer",
        set: |quotas, to| quotas.limits.authorizer_result = to.bytes(),
    },
    Quota {
        name: "out-queue-bytes",
        kind: Kind::Size,
        default: "1048576",
        means: "what waits for a client that does not read; 429 above it",
        set: |quotas, to| quotas.limits.out_queue = to.bytes(),
    },
    Quota {
        name: "messages-at-once",
        kind: Kind::Size,
        default: "off",
        means: "messages of one connection that functions work on",
        set: |quotas, to| {
            quotas.limits.messages_at_once = to.count().and_then(NonZeroU32::new);
        },
    },
    Quota {
        name: "pings-keep-alive",
        kind: Kind::Switch,
        default: "off",
        means: "whether a client's pings count against idle-seconds",
        set: |quotas, to| quotas.limits.pings_keep_alive = to == Value::On,
    },
];

impl Value {
    /// Numbers are checked to be whole and small enough when they are read.
    fn bytes(self) -> usize {
        match self {
            Self::Number(number) => number as usize,
            // Sums of two sizes must not overflow.
            Self::On | Self::Off => usize::MAX / 4,
        }
    }

    fn rate(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::On | Self::Off => None,
        }
    }

    fn count(self) -> Option<u32> {
        match self {
            Self::Number(number) => Some(number.min(f64::from(u32::MAX)) as u32),
            Self::On | Self::Off => None,
        }
    }

    fn time(self) -> Duration {
        match self {
            Self::Number(seconds) => Duration::from_secs_f64(seconds),
            Self::On | Self::Off => Duration::MAX,
        }
    }
}

impl FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, value)) = text.split_once('=') else {
            return Err("expected NAME=VALUE or NAME=off".into());
        };
        let Some(quota) = QUOTAS.iter().find(|quota| quota.name == name) else {
            let names: Vec<_> = QUOTAS.iter().map(|quota| quota.name).collect();
            return Err(format!(
                "there is no such quota; there are {}",
                names.join(", ")
            ));
        };
        let number = value.parse::<f64>().ok();
        let number = number.filter(|number| (0.0..=LARGEST).contains(number));
        let to = match (quota.kind, value, number) {
            (_, "off", _) => Value::Off,
            (Kind::Switch, "on", _) => Value::On,
            (Kind::Rate, _, Some(number)) => Value::Number(number),
            (Kind::Count, _, Some(number)) if number.fract() == 0.0 => Value::Number(number),
            (Kind::Size, _, Some(number)) if number.fract() == 0.0 && number > 0.0 => {
                Value::Number(number)
            }
            (Kind::Seconds, _, Some(number)) if number > 0.0 => Value::Number(number),
            (Kind::Switch, ..) => return Err("expected on or off".into()),
            (Kind::Count | Kind::Size, ..) => return Err("expected a whole number, or off".into()),
            (Kind::Rate, ..) => return Err("expected a number a second, or off".into()),
            (Kind::Seconds, ..) => return Err("expected a number of seconds, or off".into()),
        };
        Ok(Self {
            set: quota.set,
            name: quota.name,
            to,
        })
    }
}

/// The list for `--help`.
pub(crate) fn help() -> String {
    let mut text = String::from(
        "Changes a quota, or switches it off; may be repeated. They are AWS's by default:\n",
    );
    let longest = |of: fn(&Quota) -> usize| QUOTAS.iter().map(of).max().unwrap_or_default();
    let (names, defaults) = (longest(|q| q.name.len()), longest(|q| q.default.len()));
    for quota in QUOTAS {
        let (name, default, means) = (quota.name, quota.default, quota.means);
        text.push_str(&format!("\n  {name:names$}  {default:>defaults$}  {means}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(changes: &[&str]) -> Quotas {
        let changes: Vec<Change> = changes.iter().map(|text| text.parse().unwrap()).collect();
        Quotas::with(&changes)
    }

    #[test]
    fn the_defaults_that_are_shown_are_those_that_hold() {
        let defaults: Vec<Change> = QUOTAS
            .iter()
            .map(|quota| format!("{}={}", quota.name, quota.default).parse().unwrap())
            .collect();
        assert_eq!(Quotas::with(&defaults), Quotas::default());
    }

    #[test]
    fn each_name_changes_something_and_no_two_the_same() {
        let mut seen = Vec::new();
        for quota in QUOTAS {
            let other = match (quota.kind, quota.default) {
                (Kind::Switch, "off") => "on",
                (Kind::Switch, _) => "off",
                _ => "7",
            };
            let quotas = with(&[&format!("{}={other}", quota.name)]);
            assert_ne!(quotas, Quotas::default(), "{}", quota.name);
            assert!(!seen.contains(&quotas), "{}", quota.name);
            seen.push(quotas);
        }
    }

    #[test]
    fn off_is_no_limit_and_the_last_counts() {
        let quotas = with(&[
            "connects-per-second=1",
            "connects-per-second=off",
            "idle-seconds=off",
        ]);
        assert_eq!(quotas.account.connects_per_second, None);
        assert_eq!(quotas.limits.idle, Duration::MAX);
        let quotas = with(&["idle-seconds=0.5"]);
        assert_eq!(quotas.limits.idle, Duration::from_millis(500));
    }

    #[test]
    fn what_is_no_quota_is_refused_with_what_there_is() {
        let error = |text: &str| text.parse::<Change>().unwrap_err();
        assert!(error("frames=1").contains("frame-bytes"));
        for text in [
            "frame-bytes",
            "frame-bytes=",
            "frame-bytes=0",
            "frame-bytes=1.5",
            "frame-bytes=-1",
            "frame-bytes=on",
            "frame-bytes=1e300",
            "frame-bytes=NaN",
            "idle-seconds=0",
            "idle-seconds=soon",
            "pings-keep-alive=1",
        ] {
            assert!(!error(text).is_empty());
        }
    }
}
