//! Asynchronous invocation: how often a function is tried again, and until when ("Configuring
//! error handling settings for asynchronous invocations" in Lambda's guide).

use std::time::Duration;

use crate::node::Node;
use crate::read::Reader;
use crate::read::shape;

/// `MaximumRetryAttempts`, the greatest of which is the default.
const RETRIES: std::ops::RangeInclusive<u32> = 0..=2;
/// `MaximumEventAgeInSeconds`, the greatest of which is the default.
const AGE: std::ops::RangeInclusive<u32> = 60..=21_600;

impl Reader<'_> {
    /// Retries and the greatest age.
    pub(super) fn invoke_config(&mut self, config: Option<&Node>) -> (u8, Duration) {
        let (mut retries, mut age) = (*RETRIES.end(), *AGE.end());
        if let Some(config) = config {
            // A resource of its own has more properties, which are checked with the resource.
            if config.get("FunctionName").is_none() {
                shape::check(
                    &shape::INVOKE_CONFIG,
                    config,
                    self.scope,
                    &mut self.findings,
                );
            }
            retries = self
                .number(config, "MaximumRetryAttempts", RETRIES)
                .unwrap_or(retries);
            age = self
                .number(config, "MaximumEventAgeInSeconds", AGE)
                .unwrap_or(age);
        }
        let retries = u8::try_from(retries).unwrap_or(u8::MAX);
        (retries, Duration::from_secs(u64::from(age)))
    }
}
