//! A rule: when which fault fires.

use std::str::FromStr;

use gatepost_gateway::Id;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

use super::Effect;
use super::Step;

/// When which fault fires, as a person wrote it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// What it concerns.
    #[serde(default, rename = "match")]
    pub(crate) of: Match,
    /// What goes wrong.
    pub(crate) effect: Effect,
    /// How likely it fires each time it could, from 0 to 1.
    #[serde(default = "always")]
    pub(crate) probability: f64,
    /// How often it fires at most.
    #[serde(default)]
    pub(crate) times: Option<u64>,
    /// After how many milliseconds it ends.
    #[serde(default)]
    pub(crate) ttl_ms: Option<u64>,
    /// Where its random numbers begin: the same seed fires at the same times.
    #[serde(default)]
    pub(crate) seed: Option<u64>,
}

fn always() -> f64 {
    1.0
}

/// What a rule concerns; what is absent may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Match {
    /// The step. Absent of an effect that has only one, or that befalls connections: then it
    /// fires once, now, at those that are established.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<Step>,
    /// The connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connection: Option<String>,
    /// The route key, or `authorizer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) route: Option<String>,
    /// Logical ID of the function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) function: Option<String>,
    /// The stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stage: Option<String>,
    /// Logical ID of the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) api: Option<String>,
}

impl Rule {
    /// The rule with its step, if it has one at all.
    ///
    /// # Errors
    /// What is contradictory in it, for a person.
    pub(crate) fn checked(mut self) -> Result<Self, String> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Err("a probability is a number from 0 to 1".to_owned());
        }
        if self.times == Some(0) {
            return Err("`times` is at least 1".to_owned());
        }
        let admits: Vec<Step> = Step::ALL
            .iter()
            .map(|(_, step)| *step)
            .filter(|step| step.admits(&self.effect))
            .collect();
        let effect = &self.effect;
        let words: Vec<&str> = admits.iter().map(|step| step.word()).collect();
        match (self.of.step, admits.as_slice()) {
            (Some(step), admits) if !admits.contains(&step) => {
                return Err(format!(
                    "`{effect}` cannot be injected at `{step}`: it can at {}",
                    words.join(", ")
                ));
            }
            (None, [only]) => self.of.step = Some(*only),
            (None, _) if !effect.needs_step() => {}
            (None, _) => {
                return Err(format!("`{effect}` needs a step: {}", words.join(", ")));
            }
            (Some(_), _) => {}
        }
        self.of.check()?;
        Ok(self)
    }
}

impl Match {
    /// Whether a step knows what is matched.
    fn check(&self) -> Result<(), String> {
        if let Some(id) = &self.connection {
            Id::from_str(id).map_err(|error| format!("`{id}` is {error}"))?;
        }
        let words = [
            ("connection", self.connection.is_some()),
            ("route", self.route.is_some()),
            ("function", self.function.is_some()),
            ("stage", self.stage.is_some()),
            ("api", self.api.is_some()),
        ];
        let knows: &[&str] = match self.step {
            Some(Step::Function(_)) => &["function"],
            Some(step) if step.knows_route() => {
                &["connection", "route", "function", "stage", "api"]
            }
            Some(_) | None => &["connection", "stage", "api"],
        };
        let unknown = words
            .iter()
            .find(|(word, is_set)| *is_set && !knows.contains(word));
        match unknown {
            None => Ok(()),
            Some((word, _)) => {
                let step = self.step.map_or("a fault that happens now", Step::word);
                Err(format!(
                    "{step} knows no {word}: it can be matched by {}",
                    knows.join(", ")
                ))
            }
        }
    }
}

impl Serialize for Effect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Effect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: &str) -> Result<Rule, String> {
        serde_json::from_str::<Rule>(rule)
            .map_err(|error| error.to_string())?
            .checked()
    }

    #[test]
    fn a_rule_is_taken_with_the_only_step_that_it_can_have() {
        let rule = check(r#"{"effect":"throttle","times":2,"seed":7}"#).unwrap();
        assert_eq!(rule.of.step.map(Step::word), Some("invoke"));
        assert_eq!(
            (rule.probability, rule.times, rule.seed),
            (1.0, Some(2), Some(7))
        );
        let now = check(r#"{"effect":"kill"}"#).unwrap();
        assert_eq!(now.of.step, None);
    }

    #[test]
    fn a_rule_that_cannot_fire_is_refused_with_what_could() {
        for (rule, says) in [
            (
                r#"{"effect":"status:410"}"#,
                "needs a step: handshake, request, post, posted, get, delete",
            ),
            (
                r#"{"effect":"crash","match":{"step":"post"}}"#,
                "it can at init, event, response",
            ),
            (
                r#"{"effect":"drop","match":{"step":"pst"}}"#,
                "did you mean `post`?",
            ),
            (
                r#"{"effect":"drop","match":{"step":"post","route":"x"}}"#,
                "post knows no route",
            ),
            (
                r#"{"effect":"crash","match":{"step":"event","stage":"x"}}"#,
                "matched by function",
            ),
            (
                r#"{"effect":"kill","match":{"connection":"x"}}"#,
                "not a connection id",
            ),
            (
                r#"{"effect":"kill","match":{"function":"F"}}"#,
                "happens now knows no function",
            ),
            (r#"{"effect":"throttle","probability":2}"#, "from 0 to 1"),
            (r#"{"effect":"throttle","times":0}"#, "at least 1"),
            (r#"{"effect":"throttle","time":1}"#, "unknown field `time`"),
        ] {
            let error = check(rule).unwrap_err();
            assert!(error.contains(says), "{rule}: {error}");
        }
    }
}
