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
Exit codes: 0 if everything is as expected, 1 if something differs.";

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
    let mut results = Vec::new();
    for check in checks.filter(wanted) {
        let seen = match tokio::time::timeout(arguments.timeout, (check.look)(&target)).await {
            Ok(Ok(seen)) => seen,
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => "nothing in time".to_owned(),
        };
        results.push((check, seen));
    }
    print(&show(&results, arguments.json))?;
    let passed = results
        .iter()
        .filter(|(check, seen)| check.expected == seen)
        .count();
    if !arguments.json {
        let unsigned = if signed {
            ""
        } else {
            "; @connections was called without signatures"
        };
        print(&format!(
            "\n{passed} of {} as expected{unsigned}\n",
            results.len()
        ))?;
    }
    Ok(if passed == results.len() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn show(results: &[(Check, String)], json: bool) -> String {
    let is = |check: &Check, seen: &String| check.expected == seen;
    if json {
        let results: Vec<_> = results
            .iter()
            .map(|(check, seen)| {
                json!({
                    "behaviour": check.name, "expected": check.expected, "seen": seen,
                    "pass": is(check, seen), "source": check.source,
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
    rows.extend(results.iter().map(|(check, seen)| {
        let pass = is(check, seen);
        let seen = seen.replace(['\r', '\n'], " ");
        [
            if pass { "pass" } else { "FAIL" },
            check.name,
            check.expected,
            if pass { "as expected" } else { &seen },
            check.source,
        ]
        .map(str::to_owned)
        .to_vec()
    }));
    table(&rows)
}
