//! Figures for Amazon's metrics, written as lines of the embedded metric format: no call, no agent.
//!
//! AWS: "Specification: Embedded metric format".

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use crate::clock;
use crate::log::Format;
use crate::log::value::quoted;

/// The namespace of every metric.
const NAMESPACE: &str = "Gatepost";

/// The unit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A time.
    Milliseconds,
}

/// A figure of one invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// Its name among the metrics, for example `Deliveries`.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// Its value.
    pub value: u64,
}

impl Figure {
    /// A number of things.
    #[must_use]
    pub const fn count(name: &'static str, value: u64) -> Self {
        Self {
            name,
            unit: Unit::Count,
            value,
        }
    }

    /// A time.
    #[must_use]
    pub fn milliseconds(name: &'static str, time: Duration) -> Self {
        let value = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            name,
            unit: Unit::Milliseconds,
            value,
        }
    }
}

/// How the log is written, and of which function.
static OF_PROCESS: OnceLock<(Format, String)> = OnceLock::new();

/// Says once a process how its log is written. Before it, in tests, no figures are.
pub(crate) fn begin(format: Format, function: String) {
    // A second call would say the same.
    let _ = OF_PROCESS.set((format, function));
}

/// Writes the figures of one invocation as one line, if there are any: JSON whatever the format of the
/// log, because only such lines become metrics.
///
/// The function's name is the only dimension: every further one would be a metric more to pay for.
/// `properties` can be searched for, and are no dimensions.
pub fn emit(properties: &[(&str, &str)], figures: &[Figure]) {
    let Some((format, function)) = OF_PROCESS.get() else {
        return;
    };
    let is_asked_for = *format == Format::Json || tracing::enabled!(tracing::Level::INFO);
    if figures.is_empty() || !is_asked_for {
        return;
    }
    let line = line(function, properties, figures);
    // Standard output is Lambda's pipe; where it is closed there is nobody to tell.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}

fn line(function: &str, properties: &[(&str, &str)], figures: &[Figure]) -> String {
    let mut line = String::with_capacity(512);
    // Writing to a `String` does not fail.
    let _ = json(&mut line, function, properties, figures);
    line
}

fn json(
    line: &mut String,
    function: &str,
    properties: &[(&str, &str)],
    figures: &[Figure],
) -> std::fmt::Result {
    let now = clock::now();
    line.push_str("{\"timestamp\":\"");
    clock::rfc3339(now, line)?;
    write!(
        line,
        "\",\"level\":\"INFO\",\"message\":\"figures\",\"_aws\":{{\"Timestamp\":{now}"
    )?;
    write!(
        line,
        ",\"CloudWatchMetrics\":[{{\"Namespace\":\"{NAMESPACE}\""
    )?;
    line.push_str(",\"Dimensions\":[[\"Function\"]],\"Metrics\":[");
    for (at, Figure { name, unit, .. }) in figures.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        write!(line, "{comma}{{\"Name\":\"{name}\",\"Unit\":\"{unit:?}\"}}")?;
    }
    line.push_str("]}]},\"Function\":");
    quoted(line, function)?;
    for (name, value) in properties {
        write!(line, ",\"{name}\":")?;
        quoted(line, value)?;
    }
    for Figure { name, value, .. } in figures {
        write!(line, ",\"{name}\":{value}")?;
    }
    line.push_str("}\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const FIGURES: [Figure; 2] = [
        Figure {
            name: "Deliveries",
            unit: Unit::Count,
            value: 3,
        },
        Figure {
            name: "DrainTime",
            unit: Unit::Milliseconds,
            value: 12,
        },
    ];

    #[test]
    fn a_line_is_what_cloudwatch_extracts_metrics_from() {
        let line = line("message", &[("room", "a\nb")], &FIGURES);
        assert_eq!(line.matches('\n').count(), 1);
        let line: Value = serde_json::from_str(&line).unwrap();
        let metrics = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(metrics["Namespace"], "Gatepost");
        assert_eq!(metrics["Dimensions"], serde_json::json!([["Function"]]));
        assert_eq!(metrics["Metrics"][1]["Unit"], "Milliseconds");
        assert!(line["_aws"]["Timestamp"].is_i64());
        assert_eq!(line["Function"], "message");
        assert_eq!(line["Deliveries"], 3);
        assert_eq!(line["DrainTime"], 12);
        assert_eq!(line["room"], "a\nb");
    }
}
