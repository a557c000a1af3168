//! `gatepost fault`.

use clap::Args;
use clap::Subcommand;
use serde_json::Value;
use serde_json::json;

use super::RunningEmulator;
use super::print;
use super::table::table;
use crate::cli::Process;
use crate::cli::WrongUsage;
use crate::faults::Effect;
use crate::faults::Match;
use crate::faults::Rule;
use crate::faults::Step;
use crate::faults::duration;

pub(super) const EXAMPLES: &str = "\
Examples:
  gatepost fault add status:410 --at post --times 3        three posts are answered 410
  gatepost fault add drop --at disconnect --probability 0.1 --seed 7
  gatepost fault add delay:2s --at invoke --route chat --ttl 5m
  gatepost fault add crash --at answered --function Message
  gatepost fault add kill --connection PJqB0fHsqRcCHlw=    now
  gatepost fault add half-open                             every connection, now
  gatepost fault ls --steps                                what can go wrong where
  gatepost fault reset";

/// What `gatepost fault` is told.
#[derive(Debug, Args)]
pub(crate) struct FaultArguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Sets a rule
    Add(Box<Add>),
    /// Lists the rules and how often they fired
    Ls {
        /// As JSON
        #[arg(long)]
        json: bool,
        /// List the steps instead, with the effects that each admits
        #[arg(long)]
        steps: bool,
        #[command(flatten)]
        emulator: RunningEmulator,
    },
    /// Removes one rule
    Rm {
        /// The rule's number
        #[arg(value_name = "RULE")]
        rule: u64,
        #[command(flatten)]
        emulator: RunningEmulator,
    },
    /// Removes every rule
    Reset {
        #[command(flatten)]
        emulator: RunningEmulator,
    },
}

#[derive(Debug, Args)]
struct Add {
    /// What goes wrong: delay:TIME, status:CODE, reset, drop, duplicate, reorder, throttle, timeout,
    /// fail, crash, split:BYTES, kill, close, close:CODE, close:CODE:REASON, idle, half-open
    #[arg(value_name = "EFFECT")]
    effect: Effect,
    /// At which step; an effect on connections without a step happens now
    #[arg(long = "at", value_name = "STEP", help_heading = "When")]
    step: Option<Step>,
    /// Only for this connection
    #[arg(long, value_name = "ID", help_heading = "When")]
    connection: Option<String>,
    /// Only where this route calls its function; `authorizer` is one
    #[arg(long, value_name = "KEY", help_heading = "When")]
    route: Option<String>,
    /// Only for this function, by its logical ID
    #[arg(long, value_name = "ID", help_heading = "When")]
    function: Option<String>,
    /// Only on this stage
    #[arg(long, value_name = "NAME", help_heading = "When")]
    stage: Option<String>,
    /// Only on this API, by its logical ID
    #[arg(long, value_name = "ID", help_heading = "When")]
    api: Option<String>,
    /// How likely it is each time, from 0 to 1
    #[arg(
        long,
        value_name = "P",
        default_value_t = 1.0,
        help_heading = "How often"
    )]
    probability: f64,
    /// How often at most
    #[arg(long, value_name = "N", help_heading = "How often")]
    times: Option<u64>,
    /// For how long, as in 30s
    #[arg(long, value_name = "TIME", value_parser = ttl, help_heading = "How often")]
    ttl: Option<u64>,
    /// The same seed makes the same chances
    #[arg(long, value_name = "N", help_heading = "How often")]
    seed: Option<u64>,
    #[command(flatten)]
    emulator: RunningEmulator,
}

/// Milliseconds.
fn ttl(text: &str) -> Result<u64, String> {
    let ttl = duration(text).filter(|ttl| !ttl.is_zero());
    let ttl = ttl.ok_or("expected a time, such as 500ms, 30s or 5m")?;
    u64::try_from(ttl.as_millis()).map_err(|error| error.to_string())
}

pub(super) async fn run(arguments: &FaultArguments, process: &Process) -> anyhow::Result<()> {
    match &arguments.verb {
        Verb::Add(add) => set(add, process).await,
        Verb::Ls {
            json,
            steps,
            emulator,
        } => {
            let answer = emulator.find(process)?.get("faults").await?;
            let wanted = if *steps { "steps" } else { "faults" };
            match (json, steps) {
                (true, _) => print(&format!("{:#}\n", answer[wanted])),
                (false, true) => print(&step_rows(&answer)),
                (false, false) => print(&rule_rows(&answer)),
            }
        }
        Verb::Rm { rule, emulator } => {
            emulator
                .find(process)?
                .delete(&format!("faults/{rule}"))
                .await?;
            Ok(())
        }
        Verb::Reset { emulator } => {
            let answer = emulator.find(process)?.delete("faults").await?;
            print(&format!(
                "{} removed\n",
                counted(&answer["removed"], "rule")
            ))
        }
    }
}

async fn set(add: &Add, process: &Process) -> anyhow::Result<()> {
    let rule = Rule {
        of: Match {
            step: add.step,
            connection: add.connection.clone(),
            route: add.route.clone(),
            function: add.function.clone(),
            stage: add.stage.clone(),
            api: add.api.clone(),
        },
        effect: add.effect.clone(),
        probability: add.probability,
        times: add.times,
        ttl_ms: add.ttl,
        seed: add.seed,
    };
    // What is wrong with it is wrong without an emulator, too.
    let rule = rule.checked().map_err(WrongUsage)?;
    let body = json!({
        "match": rule.of, "effect": rule.effect, "probability": rule.probability,
        "times": rule.times, "ttl_ms": rule.ttl_ms, "seed": rule.seed,
    });
    let set = add.emulator.find(process)?.post("faults", &body).await?;
    match rule.of.step {
        Some(_) => print(&format!("rule {}: {}\n", set["id"], words(&set))),
        None => print(&format!(
            "{} at {}\n",
            rule.effect,
            counted(&set["fired"], "connection")
        )),
    }
}

/// `1 rule`, `2 rules`.
fn counted(count: &Value, what: &str) -> String {
    let plural = if *count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn rule_rows(answer: &Value) -> String {
    let rules = answer["faults"].as_array();
    let rules = rules.map(Vec::as_slice).unwrap_or_default();
    if rules.is_empty() {
        return "nothing goes wrong on purpose\n".to_owned();
    }
    let mut rows = vec![["RULE", "FIRED", "WHAT"].map(str::to_owned).to_vec()];
    rows.extend(rules.iter().map(|rule| {
        let over = if rule["over"] == true { " (over)" } else { "" };
        let fired = format!("{}{over}", rule["fired"]);
        vec![rule["id"].to_string(), fired, words(rule)]
    }));
    table(&rows)
}

/// `status:410 at post, connection X, probability 0.5, seed 7`.
fn words(rule: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
    let mut words = format!(
        "{} at {}",
        text(&rule["effect"]),
        text(&rule["match"]["step"])
    );
    let of = rule["match"].as_object().into_iter().flatten();
    let of = of.filter(|(name, _)| *name != "step");
    let how = ["probability", "times", "ttl_ms", "seed"];
    let how = how.map(|name| (name, &rule[name]));
    let certain = rule["probability"] == 1.0;
    let how = how.iter().filter(|(name, value)| {
        !(value.is_null() || certain && matches!(*name, "probability" | "seed"))
    });
    for (name, value) in of {
        words.push_str(&format!(", {name} {}", text(value)));
    }
    for (name, value) in how {
        words.push_str(&format!(", {name} {value}"));
    }
    words
}

fn step_rows(answer: &Value) -> String {
    let steps = answer["steps"].as_array();
    let mut rows = vec![["STEP", "EFFECTS"].map(str::to_owned).to_vec()];
    rows.extend(steps.into_iter().flatten().map(|step| {
        let effects = step["effects"].as_array().into_iter().flatten();
        let effects: Vec<_> = effects.filter_map(Value::as_str).collect();
        let word = step["step"].as_str().unwrap_or_default();
        vec![word.to_owned(), effects.join(", ")]
    }));
    table(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_said_in_words() {
        let rule = json!({
            "id": 1, "match": { "step": "post", "connection": "X" }, "effect": "status:410",
            "probability": 0.5, "times": 3, "seed": 7, "fired": 0, "over": false,
        });
        assert_eq!(
            words(&rule),
            "status:410 at post, connection X, probability 0.5, times 3, seed 7"
        );
        let certain = json!({
            "id": 2, "match": { "step": "invoke" }, "effect": "throttle", "probability": 1.0, "seed": 7,
        });
        assert_eq!(words(&certain), "throttle at invoke");
    }

    #[test]
    fn a_time_to_live_is_a_time() {
        assert_eq!(ttl("30s"), Ok(30_000));
        assert!(ttl("0").is_err() && ttl("soon").is_err());
    }
}
