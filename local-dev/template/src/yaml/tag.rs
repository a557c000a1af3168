//! Tags: short forms of intrinsic functions, and YAML's own.

use saphyr_parser::Tag;

use crate::finding::At;
use crate::finding::Finding;
use crate::node::Node;
use crate::node::Value;
use crate::suggest::did_you_mean;

/// Functions with a short form (CloudFormation's "Intrinsic function reference").
const SHORT: &[&str] = &[
    "And",
    "Base64",
    "Cidr",
    "Condition",
    "Equals",
    "FindInMap",
    "GetAZs",
    "GetAtt",
    "If",
    "ImportValue",
    "Join",
    "Not",
    "Or",
    "Ref",
    "Select",
    "Split",
    "Sub",
    "Transform",
    // These need a transform; they are refused with the reason where macros are.
    "Length",
    "ToJsonString",
];

/// What a tag makes of the value behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The value itself.
    Plain,
    /// Text, whatever it looks like.
    Text,
    /// A call of a function, by the long name.
    Call(String),
}

/// The meaning of a tag, or that it has none in a template.
pub(super) fn meaning(tag: Option<&Tag>, at: &At) -> Result<Meaning, Finding> {
    let Some(tag) = tag else {
        return Ok(Meaning::Plain);
    };
    if tag.is_yaml_core_schema() {
        return match tag.suffix.as_str() {
            "str" => Ok(Meaning::Text),
            "bool" | "float" | "int" | "map" | "null" | "seq" => Ok(Meaning::Plain),
            other => Err(Finding::new(
                at,
                format!("CloudFormation does not know the tag `!!{other}`"),
            )),
        };
    }
    match (tag.handle.as_str(), tag.suffix.as_str()) {
        ("" | "!", "" | "!") => Ok(Meaning::Text),
        ("!", name @ ("Ref" | "Condition")) => Ok(Meaning::Call(name.to_owned())),
        ("!", name) if SHORT.contains(&name) => Ok(Meaning::Call(format!("Fn::{name}"))),
        (_, name) => {
            let what = format!("`{tag}` is no intrinsic function of CloudFormation");
            let help = did_you_mean(name, SHORT.iter().copied());
            let help = help.map(|help| help.replace('`', "`!").replacen("`!?", "`?", 1));
            Err(Finding::new(at, what).maybe_help(help))
        }
    }
}

/// Wraps a value in what its tag means.
pub(super) fn apply(meaning: Meaning, node: Node) -> Node {
    match meaning {
        Meaning::Plain | Meaning::Text => node,
        Meaning::Call(name) => {
            let at = node.at.clone();
            let argument = match node.value {
                // `!Ref` without a name: an empty text says it better than a null.
                Value::Null => Node::text("", &at),
                Value::Text(_) | Value::List(_) | Value::Map(_) => node,
            };
            Node::map(vec![(&name, argument)], &at)
        }
    }
}
