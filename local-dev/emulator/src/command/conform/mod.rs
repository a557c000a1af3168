//! `gatepost conform`: what clients, functions and SDKs see of an endpoint, against what AWS
//! documents or was seen to do. Knows the endpoint only from outside.

mod close;
mod frames;
mod handshake;
mod management;
mod messages;
mod signature;
mod target;

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use http::Uri;
use serde_json::json;

use super::print;
use super::table::table;
use crate::cli::Process;
use crate::faults::duration;
use signature::Signer;
use target::Target;

pub(super) const EXAMPLES: &str = "\
Examples:
  gatepost dev --template local-dev/conform/template.yaml --stage conform
  gatepost conform --url ws://127.0.0.1:3001/conform --management http://127.0.0.1:3001/conform/@connections
  gatepost conform --url wss://ID.execute-api.REGION.amazonaws.com/conform \\
                   --management https://ID.execute-api.REGION.amazonaws.com/conform/@connections
  gatepost conform … --only close --json

The endpoint must have the API of local-dev/conform/template.yaml deployed. Calls of @connections
are signed if AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set (AWS_SESSION_TOKEN and AWS_REGION
count, too); without them they are not.
local-dev/conform/serverless.yml is the same API in the words of the Serverless Framework.
An endpoint that ends under a check fails it, and is waited for: start it again in a loop.
Exit codes: 0 if everything is as expected, 1 if something differs or could not be looked at.";

/// What `gatepost conform` is told.
#[derive(Debug, Args)]
pub(crate) struct ConformArguments {
    /// The WebSocket endpoint with its stage
    #[arg(long, value_name = "URL")]
    url: Uri,
    /// Its @connections
    #[arg(long, value_name = "URL")]
    management: Uri,
    /// Only checks whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// How long a check may take, as in 20s; one that takes longer sees nothing
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = timeout)]
    timeout: Duration,
    /// As JSON
    #[arg(long)]
    json: bool,
}

fn timeout(text: &str) -> Result<Duration, &'static str> {
    let timeout = duration(text).filter(|timeout| !timeout.is_zero());
    timeout.ok_or("expected a time, such as 500ms or 20s")
}

/// What is seen where every part is right.
const AS_DOCUMENTED: &str = "as documented";

/// Whether every part is right, or which are not.
fn judged(parts: &[(&str, bool)]) -> String {
    let wrong = parts.iter().filter(|(_, is_right)| !is_right);
    let wrong: Vec<&str> = wrong.map(|(what, _)| *what).collect();
    match wrong.is_empty() {
        true => AS_DOCUMENTED.to_owned(),
        false => format!("other: {}", wrong.join(", ")),
    }
}

/// An endpoint that a check ended may be started again meanwhile: it is waited for as long as this
/// many checks may take.
const RESTARTED_WITHIN: u32 = 3;

/// What a check saw, in a few words.
type Seen<'a> = Pin<Box<dyn Future<Output = anyhow::Result<String>> + Send + 'a>>;

/// One behaviour.
struct Check {
    /// What is looked at: a subject and what happens.
    name: &'static str,
    /// What is seen of an endpoint that does as AWS does.
    expected: &'static str,
    /// The page or the observation that says so.
    source: &'static str,
    look: Box<dyn for<'t> Fn(&'t Target) -> Seen<'t>>,
}

impl Check {
    fn new<F>(name: &'static str, expected: &'static str, source: &'static str, look: F) -> Self
    where
        F: for<'t> Fn(&'t Target) -> Seen<'t> + 'static,
    {
        Self {
            name,
            expected,
            source,
            look: Box::new(look),
        }
    }
}

pub(super) async fn run(
    arguments: &ConformArguments,
    process: &Process,
) -> anyhow::Result<ExitCode> {
    let signer = Signer::of(process, &arguments.management);
    let signed = signer.is_some();
    let target = Target::new(arguments.url.clone(), arguments.management.clone(), signer);
    target.deployed().await.with_context(|| {
        format!(
            "{} does not serve the API of local-dev/conform/template.yaml: deploy that first",
            arguments.url
        )
    })?;
    let checks = handshake::checks()
        .into_iter()
        .chain(messages::checks())
        .chain(frames::checks())
        .chain(close::checks())
        .chain(management::checks());
    let wanted = |check: &Check| {
        let only = arguments.only.as_deref();
        only.is_none_or(|only| check.name.contains(only))
    };
    let mut results: Vec<(Check, Outcome)> = Vec::new();
    let mut patience = RESTARTED_WITHIN * arguments.timeout;
    for check in checks.filter(wanted) {
        let mut is_there = target.answers().await;
        if !is_there {
            // It was the one before: a process that fails may say its last answers first.
            if let Some((_, before)) = results.last_mut() {
                before.end();
            }
            is_there = target.comes_back(patience).await;
            // Nobody starts it again.
            patience = match is_there {
                true => patience,
                false => Duration::ZERO,
            };
        }
        let outcome = match is_there {
            true => look(&check, &target, arguments.timeout).await,
            false => Outcome::NotRun,
        };
        results.push((check, outcome));
    }
    print(&show(&results, arguments.json))?;
    let count = |of: fn(&Check, &Outcome) -> bool| {
        let such = results.iter().filter(|(check, outcome)| of(check, outcome));
        such.count()
    };
    let passed = count(|check, outcome| outcome.is_expected(check));
    let absent = count(|_, outcome| matches!(outcome, Outcome::NotRun));
    if !arguments.json {
        let mut summary = format!("\n{passed} of {} as expected", results.len() - absent);
        if absent > 0 {
            summary.push_str(&format!("; {absent} not run, for nobody answered any more"));
        }
        if !signed {
            summary.push_str("; @connections was called without signatures");
        }
        summary.push('\n');
        print(&summary)?;
    }
    Ok(if passed == results.len() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What became of a check.
enum Outcome {
    /// This was seen, in a few words.
    Seen(String),
    /// This was seen, and then the endpoint answered nobody any more.
    Ended(String),
    /// Nobody answered when it began.
    NotRun,
}

impl Outcome {
    fn is_expected(&self, check: &Check) -> bool {
        matches!(self, Self::Seen(seen) if check.expected == seen)
    }

    /// The endpoint ended because of it.
    fn end(&mut self) {
        if let Self::Seen(seen) = self {
            *self = Self::Ended(std::mem::take(seen));
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Seen(seen) => seen.clone(),
            Self::Ended(seen) => format!("{seen}, and then the endpoint answered nobody"),
            Self::NotRun => "not run: nobody answers".to_owned(),
        }
    }
}

/// Runs one check.
async fn look(check: &Check, target: &Target, timeout: Duration) -> Outcome {
    let seen = match tokio::time::timeout(timeout, (check.look)(target)).await {
        Ok(Ok(seen)) => seen,
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => "nothing in time".to_owned(),
    };
    match target.answers().await {
        true => Outcome::Seen(seen),
        false => Outcome::Ended(seen),
    }
}

fn show(results: &[(Check, Outcome)], json: bool) -> String {
    if json {
        let results: Vec<_> = results
            .iter()
            .map(|(check, outcome)| {
                json!({
                    "behaviour": check.name, "expected": check.expected, "seen": outcome.shown(),
                    "pass": outcome.is_expected(check),
                    "ran": !matches!(outcome, Outcome::NotRun), "source": check.source,
                })
            })
            .collect();
        return format!("{:#}\n", serde_json::Value::from(results));
    }
    let mut rows = vec![
        ["", "BEHAVIOUR", "EXPECTED", "SEEN", "SOURCE"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(results.iter().map(|(check, outcome)| {
        let seen = outcome.shown().replace(['\r', '\n'], " ");
        let (verdict, seen) = match outcome {
            Outcome::NotRun => ("none", seen.as_str()),
            _ if outcome.is_expected(check) => ("pass", "as expected"),
            Outcome::Seen(_) | Outcome::Ended(_) => ("FAIL", seen.as_str()),
        };
        [verdict, check.name, check.expected, seen, check.source]
            .map(str::to_owned)
            .to_vec()
    }));
    table(&rows)
}
