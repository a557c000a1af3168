//! What goes wrong, as one word with what it needs: `status:410`, `delay:250ms`.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use gatepost_gateway::Fault;
use gatepost_runtime_api as runtime_api;
use http::StatusCode;

/// The longest delay: nothing that is emulated waits longer.
const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The step is late.
    Delay(Duration),
    /// The environment's processes are killed.
    Crash,
    /// A fault of the gateway.
    Fault(Fault),
}

/// Every effect by its word, with what may follow it.
const WORDS: [(&str, &str); 15] = [
    ("delay", ":TIME"),
    ("status", ":CODE"),
    ("reset", ""),
    ("drop", ""),
    ("duplicate", ""),
    ("reorder", ""),
    ("throttle", ""),
    ("timeout", ""),
    ("fail", ""),
    ("crash", ""),
    ("split", ":BYTES"),
    ("kill", ""),
    ("close", "[:CODE[:REASON]]"),
    ("idle", ""),
    ("half-open", ""),
];

impl Effect {
    /// An effect of every kind, for a list of what there is.
    pub(crate) fn examples() -> Vec<Self> {
        ["delay:1s", "status:429", "split:16", "close:1001"]
            .iter()
            .copied()
            .chain(
                WORDS
                    .iter()
                    .filter(|(_, more)| more.is_empty())
                    .map(|(word, _)| *word),
            )
            .filter_map(|text| text.parse().ok())
            .collect()
    }
}

impl Effect {
    /// What it is on the way of an invocation, if it can be injected there.
    pub(crate) fn of_function(&self) -> Option<runtime_api::Fault> {
        Some(match self {
            Self::Crash => runtime_api::Fault::Crash,
            Self::Fault(Fault::Status(status)) => runtime_api::Fault::Status(*status),
            Self::Fault(Fault::Drop) => runtime_api::Fault::Drop,
            Self::Fault(Fault::Duplicate) => runtime_api::Fault::Duplicate,
            Self::Fault(_) | Self::Delay(_) => return None,
        })
    }

    /// Whether it can only be injected at a step; what befalls a connection can be at any time.
    pub(crate) fn needs_step(&self) -> bool {
        match self {
            Self::Fault(fault) => !fault.is_of_connection(),
            Self::Delay(_) | Self::Crash => true,
        }
    }
}

impl FromStr for Effect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, more) = match text.split_once(':') {
            Some((word, more)) => (word, Some(more)),
            None => (text, None),
        };
        let bare = |effect: Self| match more {
            None => Ok(effect),
            Some(_) => Err(format!("nothing follows `{word}`")),
        };
        let needs = |what: &str| format!("`{word}` needs {what}");
        match word {
            "delay" => duration(more.ok_or_else(|| needs("a time, as in delay:250ms"))?)
                .filter(|delay| *delay <= LONGEST)
                .map(Self::Delay)
                .ok_or_else(|| "a delay is a time such as 250ms or 2s, at most 2h".to_owned()),
            "status" => more
                .and_then(|code| code.parse().ok())
                .filter(|code| (400..600).contains(code))
                .and_then(|code| StatusCode::from_u16(code).ok())
                .map(|status| Self::Fault(Fault::Status(status)))
                .ok_or_else(|| needs("an HTTP status from 400 to 599, as in status:429")),
            "split" => more
                .and_then(|size| size.parse::<NonZeroUsize>().ok())
                .map(|size| Self::Fault(Fault::Split(size)))
                .ok_or_else(|| needs("a number of bytes, as in split:16")),
            "close" => close(more).map(Self::Fault),
            "crash" => bare(Self::Crash),
            "reset" => bare(Self::Fault(Fault::Reset)),
            "drop" => bare(Self::Fault(Fault::Drop)),
            "duplicate" => bare(Self::Fault(Fault::Duplicate)),
            "reorder" => bare(Self::Fault(Fault::Reorder)),
            "throttle" => bare(Self::Fault(Fault::Throttle)),
            "timeout" => bare(Self::Fault(Fault::TimeOut)),
            "fail" => bare(Self::Fault(Fault::Fail)),
            "kill" => bare(Self::Fault(Fault::Kill)),
            "idle" => bare(Self::Fault(Fault::IdleOut)),
            "half-open" => bare(Self::Fault(Fault::HalfOpen)),
            _ => {
                let meant =
                    gatepost_template::did_you_mean(word, WORDS.iter().map(|(word, _)| *word));
                let all: Vec<_> = WORDS
                    .iter()
                    .map(|(word, more)| [*word, more].concat())
                    .collect();
                let meant = meant.unwrap_or_else(|| format!("effects are {}", all.join(", ")));
                Err(format!("there is no effect `{word}`: {meant}"))
            }
        }
    }
}

/// `1001`, `4000:any reason`; without anything as the gateway itself closes.
fn close(text: Option<&str>) -> Result<Fault, String> {
    let Some(text) = text else {
        return Ok(Fault::Close(1001, "Going away".to_owned()));
    };
    let (code, reason) = match text.split_once(':') {
        Some((code, reason)) => (code, reason),
        None if text == "1001" => (text, "Going away"),
        None => (text, ""),
    };
    // RFC 6455 §7.4.1: these stand for what no frame says; §5.5: a frame has at most 125 bytes.
    let code = code.parse().ok();
    let code = code.filter(|code| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999));
    match code {
        Some(code) if reason.len() <= 123 => Ok(Fault::Close(code, reason.to_owned())),
        Some(_) => Err("a close reason has at most 123 bytes".to_owned()),
        None => Err("`close` takes a close code, as in close:1001 or close:4000:reason".to_owned()),
    }
}

/// `250ms`, `2s`, `5m`, `1h`; a bare number is milliseconds.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let ms = digits.parse::<u64>().ok()?.checked_mul(factor)?;
    Some(Duration::from_millis(ms))
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(delay) => write!(f, "delay:{}ms", delay.as_millis()),
            Self::Crash => f.write_str("crash"),
            Self::Fault(fault) => match fault {
                Fault::Status(status) => write!(f, "status:{}", status.as_u16()),
                Fault::Split(size) => write!(f, "split:{size}"),
                Fault::Close(code, reason) if reason.is_empty() => write!(f, "close:{code}"),
                Fault::Close(code, reason) => write!(f, "close:{code}:{reason}"),
                Fault::Reset => f.write_str("reset"),
                Fault::Drop => f.write_str("drop"),
                Fault::Duplicate => f.write_str("duplicate"),
                Fault::Reorder => f.write_str("reorder"),
                Fault::Throttle => f.write_str("throttle"),
                Fault::TimeOut => f.write_str("timeout"),
                Fault::Fail => f.write_str("fail"),
                Fault::Kill => f.write_str("kill"),
                Fault::IdleOut => f.write_str("idle"),
                Fault::HalfOpen => f.write_str("half-open"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_are_read_as_they_are_written() {
        for (text, written) in [
            ("delay:250", "delay:250ms"),
            ("delay:2s", "delay:2000ms"),
            ("status:410", "status:410"),
            ("close", "close:1001:Going away"),
            ("close:4000:too: late", "close:4000:too: late"),
            ("split:1", "split:1"),
            ("half-open", "half-open"),
        ] {
            let effect: Effect = text.parse().unwrap();
            assert_eq!(effect.to_string(), written);
            assert_eq!(written.parse(), Ok(effect));
        }
        assert_eq!(Effect::examples().len(), WORDS.len());
    }

    #[test]
    fn what_is_no_effect_says_what_would_be() {
        for (text, says) in [
            ("dely:5", "did you mean `delay`?"),
            ("explode", "effects are delay:TIME, status:CODE"),
            ("delay", "delay:250ms"),
            ("delay:3h", "at most 2h"),
            ("status:200", "from 400 to 599"),
            ("drop:1", "nothing follows `drop`"),
            ("split:0", "split:16"),
            ("close:1006", "close:1001"),
        ] {
            let error = text.parse::<Effect>().unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
