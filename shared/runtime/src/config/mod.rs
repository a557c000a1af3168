//! What a function is told by its environment.
//!
//! Names and defaults stand here and nowhere else; every problem is reported at once, by name. An
//! empty variable counts as absent, because CloudFormation cannot leave one out.

mod answer;
mod auth;
mod aws;
mod public_key;
mod rooms;
mod secret;
mod stores;

use std::fmt;

pub use answer::*;
pub use auth::*;
pub use aws::*;
pub use public_key::*;
pub use rooms::*;
pub use secret::*;
pub use stores::*;

/// Where configuration is read from: the process, or a map in tests.
pub trait Environment {
    /// The variable's value, `None` if it is not set.
    fn get(&self, name: &str) -> Option<String>;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy)]
pub struct Process;

impl Environment for Process {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where functions read theirs"
    )]
    fn get(&self, name: &str) -> Option<String> {
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    }
}

impl Environment for std::collections::BTreeMap<&str, &str> {
    fn get(&self, name: &str) -> Option<String> {
        Self::get(self, name).map(|value| String::from(*value))
    }
}

/// One variable that cannot be used, and what it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variable.
    pub name: &'static str,
    /// What is wrong and what is expected. Never the value of a secret.
    pub what: String,
}

/// Everything that is wrong with the environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the environment is not usable:")?;
        for Problem { name, what } in &self.problems {
            write!(f, "\n  {name} {what}")?;
        }
        Ok(())
    }
}

/// A pass over the environment that goes on after a problem.
pub struct Reading<'a> {
    environment: &'a dyn Environment,
    problems: Vec<Problem>,
}

impl fmt::Debug for Reading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading")
            .field("problems", &self.problems)
            .finish_non_exhaustive()
    }
}

/// Reads one or several topics. Each topic answers `None` only after it has noted why.
///
/// # Errors
/// Every problem of every topic.
pub fn read<T>(
    environment: &dyn Environment,
    topics: impl FnOnce(&mut Reading<'_>) -> Option<T>,
) -> Result<T, ConfigError> {
    let mut reading = Reading {
        environment,
        problems: Vec::new(),
    };
    match topics(&mut reading) {
        Some(value) if reading.problems.is_empty() => Ok(value),
        _ => Err(ConfigError {
            problems: reading.problems,
        }),
    }
}

impl Reading<'_> {
    /// The variable, `None` if it is absent or empty.
    #[must_use]
    pub fn text(&self, name: &'static str) -> Option<String> {
        self.environment
            .get(name)
            .filter(|value| !value.trim().is_empty())
    }

    /// The variable; its absence is a problem.
    pub fn required(&mut self, name: &'static str, expected: &str) -> Option<String> {
        let value = self.text(name);
        if value.is_none() {
            self.problem(name, format!("is missing: {expected}"));
        }
        value
    }

    /// The variable as `parse` understands it, `default` if it is absent. Not for secrets: a value
    /// that is not understood is shown.
    pub fn parse<T>(
        &mut self,
        name: &'static str,
        default: T,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let Some(text) = self.text(name) else {
            return Some(default);
        };
        let value = parse(text.trim());
        if value.is_none() {
            let shown: String = text.chars().take(40).collect();
            self.problem(name, format!("is {shown:?}: expected {expected}"));
        }
        value
    }

    /// A whole number within bounds.
    pub fn number(
        &mut self,
        name: &'static str,
        default: u32,
        bounds: std::ops::RangeInclusive<u32>,
    ) -> Option<u32> {
        let expected = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        self.parse(name, default, &expected, |text| {
            text.parse().ok().filter(|number| bounds.contains(number))
        })
    }

    /// Notes a problem.
    pub fn problem(&mut self, name: &'static str, what: impl Into<String>) {
        self.problems.push(Problem {
            name,
            what: what.into(),
        });
    }
}

#[cfg(test)]
mod tests;
