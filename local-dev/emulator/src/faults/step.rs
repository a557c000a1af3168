//! The steps at which a fault can be injected, of the gateway and of functions.

use std::fmt;
use std::str::FromStr;

use gatepost_gateway as gateway;
use gatepost_runtime_api as runtime_api;

use super::Effect;

/// Where a fault can be injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A step of the gateway, on behalf of a connection.
    Gateway(gateway::Step),
    /// A step of a function's environment, whoever called it.
    Function(runtime_api::Step),
}

impl Step {
    /// Every step by its word, in the order in which a message meets them.
    pub(crate) const ALL: [(&'static str, Self); 18] = [
        ("handshake", Self::Gateway(gateway::Step::Handshake)),
        ("connected", Self::Gateway(gateway::Step::Connected)),
        ("message", Self::Gateway(gateway::Step::Message)),
        ("invoke", Self::Gateway(gateway::Step::Invoke)),
        ("request", Self::Function(runtime_api::Step::Request)),
        ("queue", Self::Function(runtime_api::Step::Queue)),
        ("init", Self::Function(runtime_api::Step::Init)),
        ("event", Self::Function(runtime_api::Step::Event)),
        ("response", Self::Function(runtime_api::Step::Response)),
        ("answered", Self::Function(runtime_api::Step::Answered)),
        ("ended", Self::Function(runtime_api::Step::Ended)),
        ("answer", Self::Gateway(gateway::Step::Answer)),
        ("frame", Self::Gateway(gateway::Step::Frame)),
        ("post", Self::Gateway(gateway::Step::Post)),
        ("posted", Self::Gateway(gateway::Step::Posted)),
        ("get", Self::Gateway(gateway::Step::Get)),
        ("delete", Self::Gateway(gateway::Step::Delete)),
        ("disconnect", Self::Gateway(gateway::Step::Disconnect)),
    ];

    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, step)| *step == self);
        found.map_or("", |(word, _)| word)
    }

    /// Whether this effect can happen here.
    pub(crate) fn admits(self, effect: &Effect) -> bool {
        match (self, effect) {
            (Self::Gateway(step), Effect::Delay(_)) => step.can_wait(),
            (Self::Function(step), Effect::Delay(_)) => step.can_wait(),
            (Self::Gateway(step), Effect::Fault(fault)) => step.admits(fault),
            (Self::Gateway(_), Effect::Crash) => false,
            (Self::Function(step), effect) => {
                effect.of_function().is_some_and(|fault| step.admits(fault))
            }
        }
    }

    /// Whether it is known here which route and function are called.
    pub(crate) fn knows_route(self) -> bool {
        matches!(
            self,
            Self::Gateway(gateway::Step::Invoke | gateway::Step::Answer)
        )
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(word, _)| *word == text);
        found.map(|(_, step)| *step).ok_or_else(|| {
            let words: Vec<_> = Self::ALL.iter().map(|(word, _)| *word).collect();
            let meant = gatepost_template::did_you_mean(text, words.iter().copied());
            let meant = meant.unwrap_or_else(|| format!("steps are {}", words.join(", ")));
            format!("there is no step `{text}`: {meant}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_named_and_its_name_is_read() {
        for (word, step) in Step::ALL {
            assert_eq!(word.parse(), Ok(step));
            assert_eq!(step.word(), word);
        }
        let error = "hanshake".parse::<Step>().unwrap_err();
        assert!(error.ends_with("did you mean `handshake`?"), "{error}");
    }
}
