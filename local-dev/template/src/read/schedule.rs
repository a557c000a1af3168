//! `Events` of SAM functions: schedules run, others are told.

use std::time::Duration;

use crate::eval::Resource;
use crate::finding::Finding;
use crate::node::Entry;
use crate::node::Node;
use crate::project::Schedule;
use crate::read::Reader;
use crate::read::shape;

impl Reader<'_> {
    /// The schedules of a function.
    pub(super) fn schedules(&mut self, resource: &Resource) -> Vec<Schedule> {
        let mut schedules = Vec::new();
        let events = resource.properties.get("Events");
        for entry in events.map_or(&[][..], Node::entries) {
            let kind = entry.value.get("Type").and_then(Node::as_text);
            let (shape, expression) = match kind {
                Some("Schedule") => (&shape::SCHEDULE, "Schedule"),
                Some("ScheduleV2") => (&shape::SCHEDULE_V2, "ScheduleExpression"),
                Some(other) => {
                    let what = format!("`{}`: {other} events are not emulated", entry.key);
                    self.findings.unsupported(Finding::new(&entry.at, what));
                    continue;
                }
                None => {
                    let what = format!("the event `{}` has no `Type`", entry.key);
                    self.findings.error(Finding::new(&entry.at, what));
                    continue;
                }
            };
            let Some(properties) = entry.value.get("Properties") else {
                let what = format!("the event `{}` has no `Properties`", entry.key);
                self.findings.error(Finding::new(&entry.at, what));
                continue;
            };
            shape::check(shape, properties, self.scope, &mut self.findings);
            schedules.extend(self.schedule(entry, properties, expression));
        }
        schedules
    }

    fn schedule(&mut self, entry: &Entry, properties: &Node, expression: &str) -> Option<Schedule> {
        let is_off = self.flag(properties, "Enabled") == Some(false)
            || self.text(properties, "State").as_deref() == Some("DISABLED");
        if is_off {
            return None;
        }
        let Some(node) = properties.get(expression) else {
            let what = format!("the event `{}` has no `{expression}`", entry.key);
            self.findings.error(Finding::new(&entry.at, what));
            return None;
        };
        let text = self.text(properties, expression)?;
        if text.starts_with("cron(") || text.starts_with("at(") {
            let what = format!("`{}`: {text} is not emulated, only rate(…) is", entry.key);
            self.findings.unsupported(Finding::new(&node.at, what));
            return None;
        }
        let Some(every) = rate(&text) else {
            let what = format!("`{text}` is no schedule");
            let help = "write `rate(1 minute)` or `rate(5 minutes)`: minutes, hours or days, \
                        singular for 1";
            self.findings.error(Finding::new(&node.at, what).help(help));
            return None;
        };
        let input = self.text(properties, "Input");
        if let Some(json) = &input
            && serde_json::from_str::<serde_json::Value>(json).is_err()
        {
            let at = properties.get("Input").map_or(&entry.at, |node| &node.at);
            let what = format!("`Input` of the event `{}` is not JSON", entry.key);
            self.findings.error(Finding::new(at, what));
        }
        Some(Schedule { every, input })
    }
}

/// The period of `rate(value unit)` ("Schedule types in `EventBridge` Scheduler", rate-based).
fn rate(text: &str) -> Option<Duration> {
    let inside = text.strip_prefix("rate(")?.strip_suffix(')')?;
    let (value, unit) = inside.trim().split_once(' ')?;
    let value: u32 = value.parse().ok().filter(|value| *value > 0)?;
    let minutes = match (unit.trim(), value) {
        ("minute", 1) | ("minutes", 2..) => 1,
        ("hour", 1) | ("hours", 2..) => 60,
        ("day", 1) | ("days", 2..) => 24 * 60,
        _ => return None,
    };
    Some(Duration::from_secs(u64::from(value) * minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rates_as_eventbridge_does() {
        for (text, seconds) in [
            ("rate(1 minute)", Some(60)),
            ("rate(5 minutes)", Some(300)),
            ("rate(1 hour)", Some(3_600)),
            ("rate(2 days)", Some(172_800)),
            ("rate(1 minutes)", None),
            ("rate(5 minute)", None),
            ("rate(0 minutes)", None),
            ("rate(30 seconds)", None),
            ("rate(1minute)", None),
            ("rate()", None),
            ("every minute", None),
        ] {
            assert_eq!(rate(text), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
