//! Asynchronous invocation: how often a function is tried again, until when, and who is told how it
//! ended ("Configuring error handling settings for asynchronous invocations" and "Capturing records
//! of Lambda asynchronous invocations" in Lambda's guide).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::eval::Stop;
use crate::eval::local;
use crate::finding::At;
use crate::finding::Finding;
use crate::node::Node;
use crate::project::Function;
use crate::read::Reader;
use crate::read::api::function_of;
use crate::read::shape;

/// `MaximumRetryAttempts`, the greatest of which is the default.
const RETRIES: std::ops::RangeInclusive<u32> = 0..=2;
/// `MaximumEventAgeInSeconds`, the greatest of which is the default.
const AGE: std::ops::RangeInclusive<u32> = 60..=21_600;

/// `EventInvokeConfig` of a function.
pub(super) struct InvokeConfig {
    pub(super) retry_attempts: u8,
    pub(super) maximum_event_age: Duration,
    on_success: Option<Destination>,
    on_failure: Option<Destination>,
}

/// The ARN of a function that may or may not be in the template.
struct Destination {
    arn: String,
    at: At,
}

impl<'s> Reader<'s> {
    /// Reads it; without one it holds the defaults.
    pub(super) fn invoke_config(&mut self, config: Option<&'s Node>) -> InvokeConfig {
        let (mut retries, mut age) = (*RETRIES.end(), *AGE.end());
        let (mut on_success, mut on_failure) = (None, None);
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
            on_success = self.destination(config, "OnSuccess");
            on_failure = self.destination(config, "OnFailure");
        }
        InvokeConfig {
            retry_attempts: u8::try_from(retries).unwrap_or(u8::MAX),
            maximum_event_age: Duration::from_secs(u64::from(age)),
            on_success,
            on_failure,
        }
    }

    /// `DestinationConfig.OnSuccess` or `.OnFailure`, if a function is one.
    fn destination(&mut self, config: &'s Node, name: &str) -> Option<Destination> {
        let node = config.get("DestinationConfig")?.get(name)?;
        let kind = node.get("Type").and_then(Node::as_text);
        let other = |what: &str| {
            let what = format!("`{name}` is not emulated: {what} gets no record");
            Finding::new(&node.at, what).help("a function of this template can be the destination")
        };
        // SAM makes a queue or a topic if it is told its type only.
        if let Some(kind) = kind.filter(|kind| *kind != "Lambda") {
            self.findings.unsupported(other(kind));
            return None;
        }
        let destination = node.get("Destination")?;
        let arn = match self.scope.text(destination) {
            Ok(arn) => arn?,
            // A queue, topic or bus of this template has no ARN here.
            Err(Stop::Unresolved(finding)) => {
                self.findings.unsupported(other(&finding.what));
                return None;
            }
            wrong @ Err(Stop::Wrong(_)) => {
                self.findings.take(wrong);
                return None;
            }
        };
        if !arn.contains(":function:") {
            self.findings.unsupported(other(&format!("`{arn}`")));
            return None;
        }
        let at = destination.at.clone();
        Some(Destination { arn, at })
    }

    /// Gives a function what was configured, now that all functions are known.
    pub(super) fn configure(
        &mut self,
        id: &str,
        config: InvokeConfig,
        functions: &mut BTreeMap<String, Function>,
    ) {
        let mut resolve = |destination: Option<Destination>| {
            let Destination { arn, at } = destination?;
            let function = function_of(&arn, functions);
            if function.is_none() {
                let name = local::function_name(&arn);
                let what = format!("the function `{name}` is not in this template");
                self.findings.unsupported(Finding::new(&at, what));
            }
            function
        };
        let on_success = resolve(config.on_success);
        let on_failure = resolve(config.on_failure);
        if let Some(function) = functions.get_mut(id) {
            function.retry_attempts = config.retry_attempts;
            function.maximum_event_age = config.maximum_event_age;
            function.on_success = on_success;
            function.on_failure = on_failure;
        }
    }
}
