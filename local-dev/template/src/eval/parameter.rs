//! `Parameters`: values given or by default, and their checks.

use std::collections::BTreeMap;

use regex_lite::Regex;

use crate::finding::Finding;
use crate::finding::Findings;
use crate::node::Entry;
use crate::node::Node;
use crate::suggest::did_you_mean;

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Parameter {
    Text(String),
    /// Of `CommaDelimitedList` and `List<…>`.
    List(Vec<String>),
    /// A value that CloudFormation looks up.
    Unresolved {
        why: String,
        help: String,
    },
}

/// Values of all parameters of a template. Those that are refused are left out.
pub(crate) fn values(
    section: Option<&Node>,
    given: &BTreeMap<String, String>,
    template: &Node,
    findings: &mut Findings,
) -> BTreeMap<String, Parameter> {
    let declared = section.map_or(&[][..], Node::entries);
    for name in given.keys() {
        if !declared.iter().any(|entry| entry.key == *name) {
            let at = template.entry("Parameters").map(|entry| &entry.at);
            let what = format!("the template has no parameter `{name}`, but a value is given");
            let names: Vec<&str> = declared.iter().map(|entry| entry.key.as_str()).collect();
            let all = || match names.as_slice() {
                [] => "it has none".to_owned(),
                names => format!("its parameters are {}", names.join(", ")),
            };
            let help = did_you_mean(name, names.iter().copied()).unwrap_or_else(all);
            findings.error(Finding::new(at.unwrap_or(&template.at), what).help(help));
        }
    }
    declared
        .iter()
        .filter_map(|entry| {
            let value = value(entry, given.get(&entry.key).map(String::as_str), findings)?;
            Some((entry.key.clone(), value))
        })
        .collect()
}

/// Attributes of a parameter (CloudFormation's "Parameters section").
const ATTRIBUTES: &[&str] = &[
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
];

fn value(entry: &Entry, given: Option<&str>, findings: &mut Findings) -> Option<Parameter> {
    let (name, declaration) = (&entry.key, &entry.value);
    for attribute in declaration.entries() {
        if !ATTRIBUTES.contains(&attribute.key.as_str()) {
            findings.error(
                Finding::new(
                    &attribute.at,
                    format!("`{}` is no attribute of a parameter", attribute.key),
                )
                .maybe_help(did_you_mean(&attribute.key, ATTRIBUTES.iter().copied())),
            );
        }
    }
    let Some(kind) = declaration.get("Type").and_then(Node::as_text) else {
        findings.error(Finding::new(
            &entry.at,
            format!("the parameter `{name}` has no `Type`"),
        ));
        return None;
    };
    if kind.starts_with("AWS::SSM::Parameter::Value<") && given.is_none() {
        return Some(Parameter::Unresolved {
            why: format!("`{name}` is looked up in the SSM parameter store"),
            help: format!("pass its value: --parameter {name}=VALUE"),
        });
    }
    let default = declaration.get("Default").and_then(Node::as_text);
    let Some(value) = given.or(default) else {
        let what = format!("the parameter `{name}` has no value");
        let help = format!("pass one: --parameter {name}=VALUE");
        findings.error(Finding::new(&entry.at, what).help(help));
        return None;
    };
    let is_list = kind == "CommaDelimitedList" || kind.contains("List<");
    let values: Vec<&str> = match is_list {
        true => value.split(',').map(str::trim).collect(),
        false => vec![value],
    };
    for value in &values {
        if let Some(refusal) = refusal(kind, declaration, value, findings) {
            let is_secret = declaration.get("NoEcho").and_then(Node::as_text) == Some("true");
            let what = match is_secret {
                true => format!("the value of the parameter `{name}` is refused: {refusal}"),
                false => format!("`{value}` is no value of the parameter `{name}`: {refusal}"),
            };
            let mut finding = Finding::new(&entry.at, what);
            let description = declaration.get("ConstraintDescription");
            finding.help = description.and_then(Node::as_text).map(str::to_owned);
            findings.error(finding);
            return None;
        }
    }
    Some(match is_list {
        true if value.is_empty() => Parameter::List(Vec::new()),
        true => Parameter::List(values.into_iter().map(str::to_owned).collect()),
        false => Parameter::Text(value.to_owned()),
    })
}

/// Why a declaration refuses a value.
fn refusal(kind: &str, declaration: &Node, value: &str, findings: &mut Findings) -> Option<String> {
    let limit = |name: &str| declaration.get(name)?.as_text()?.parse::<f64>().ok();
    if kind == "Number" || kind == "List<Number>" {
        let Ok(number) = value.parse::<f64>() else {
            return Some("it must be a number".to_owned());
        };
        if let Some(least) = limit("MinValue").filter(|least| number < *least) {
            return Some(format!("the least value is {least}"));
        }
        if let Some(most) = limit("MaxValue").filter(|most| number > *most) {
            return Some(format!("the greatest value is {most}"));
        }
    }
    if let Some(allowed) = declaration.get("AllowedValues") {
        let mut allowed = allowed.items().iter().filter_map(Node::as_text);
        if !allowed.clone().any(|allowed| allowed == value) {
            let list: Vec<&str> = allowed.by_ref().take(20).collect();
            return Some(format!("the allowed values are {}", list.join(", ")));
        }
    }
    let length = value.chars().count() as f64;
    if let Some(least) = limit("MinLength").filter(|least| length < *least) {
        return Some(format!("the least length is {least}"));
    }
    if let Some(most) = limit("MaxLength").filter(|most| length > *most) {
        return Some(format!("the greatest length is {most}"));
    }
    let pattern_node = declaration.get("AllowedPattern")?;
    let pattern = pattern_node.as_text()?;
    match Regex::new(&format!("^(?:{pattern})$")) {
        Ok(regex) if regex.is_match(value) => None,
        Ok(_) => Some(format!("the allowed pattern is {pattern}")),
        // Patterns are Java's, which know more than the ones here.
        Err(_) => {
            let what = "this `AllowedPattern` is not checked here";
            findings.note(Finding::new(&pattern_node.at, what));
            None
        }
    }
}
