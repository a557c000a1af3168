//! Values that must not be seen.

use std::fmt;

use super::Reading;

/// A value that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `value`.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the call that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// It stands in the variable.
    Value(Secret),
    /// AWS Secrets Manager keeps it; the variable beside it names the secret.
    Arn {
        /// The secret's ARN.
        arn: String,
        /// A URL without user and password: the secret is then the JSON object with `username` and
        /// `password` that RDS keeps there, not the whole URL.
        url: Option<Secret>,
    },
}

impl SecretSource {
    /// A secret and the variable that names where it is kept; not both.
    pub(super) fn read(
        reading: &mut Reading<'_>,
        name: &'static str,
        arn_name: &'static str,
    ) -> Option<Self> {
        match (reading.text(name), arn(reading, arn_name)) {
            (Some(_), Some(_)) => {
                reading.problem(name, format!("is set, and {arn_name} too: set one of them"));
                None
            }
            (Some(value), None) => Some(Self::Value(Secret(value))),
            (None, Some(arn)) => Some(Self::Arn { arn, url: None }),
            (None, None) => None,
        }
    }

    /// A URL with a password in it, kept here or there, or in part here and in part there.
    pub(super) fn read_url(
        reading: &mut Reading<'_>,
        name: &'static str,
        arn_name: &'static str,
    ) -> Option<Self> {
        let url = reading
            .text(name)
            .map(|url| Secret(String::from(url.trim())));
        match (url, arn(reading, arn_name)) {
            (url, Some(arn)) => Some(Self::Arn { arn, url }),
            (Some(url), None) => Some(Self::Value(url)),
            (None, None) => None,
        }
    }

    /// What stands in the environment itself.
    pub(super) fn written(&self) -> Option<&Secret> {
        match self {
            Self::Value(value) => Some(value),
            Self::Arn { url, .. } => url.as_ref(),
        }
    }
}

fn arn(reading: &mut Reading<'_>, name: &'static str) -> Option<String> {
    let arn = reading.text(name)?;
    if !arn.starts_with("arn:") || !arn.contains(":secretsmanager:") {
        reading.problem(name, format!("is {arn:?}: expected the ARN of a secret"));
        return None;
    }
    Some(arn)
}
