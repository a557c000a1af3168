//! Macros: SAM's is read; others run on AWS only.

use crate::finding::Finding;
use crate::finding::Findings;
use crate::node::Node;

/// SAM's transform.
const SAM: &str = "AWS::Serverless-2016-10-31";

/// Functions that a transform brings.
const NEED_LANGUAGE_EXTENSIONS: &[&str] = &["Fn::Length", "Fn::ToJsonString"];

/// Refuses transforms other than SAM's, and what is left of them.
pub(super) fn check(document: &Node, findings: &mut Findings) {
    let names = document.get("Transform");
    let names = names.map(|node| match node.items() {
        [] => std::slice::from_ref(node),
        items => items,
    });
    let mut has_sam = false;
    for node in names.unwrap_or_default() {
        match node.as_text() {
            Some(SAM) => has_sam = true,
            name => {
                let name = name.or_else(|| node.get("Name").and_then(Node::as_text));
                let what = match name {
                    Some(name) => format!("the transform `{name}` runs on AWS only"),
                    None => "a transform other than SAM's runs on AWS only".to_owned(),
                };
                findings.error(Finding::new(&node.at, what).help(
                    "read the template that CloudFormation made: aws cloudformation get-template \
                     --template-stage Processed",
                ));
            }
        }
    }
    for section in ["Conditions", "Globals", "Resources"] {
        if let Some(node) = document.get(section) {
            refuse_macros(node, findings);
        }
    }
    for entry in document.get("Resources").map_or(&[][..], Node::entries) {
        let kind = entry.value.get("Type");
        let Some(kind) = kind.filter(|kind| {
            let name = kind.as_text();
            name.is_some_and(|name| name.starts_with("AWS::Serverless::"))
        }) else {
            continue;
        };
        if !has_sam {
            let what = format!(
                "`{}` is SAM's, but the template has no transform",
                entry.key
            );
            let help = format!("add `Transform: {SAM}`");
            findings.error(Finding::new(&kind.at, what).help(help));
        }
    }
}

/// Refuses calls of macros, wherever they stand.
fn refuse_macros(node: &Node, findings: &mut Findings) {
    for entry in node.entries() {
        let name = entry.key.as_str();
        if name.starts_with("Fn::ForEach") || NEED_LANGUAGE_EXTENSIONS.contains(&name) {
            let what = format!("`{name}` needs the transform AWS::LanguageExtensions");
            let help = "it runs on AWS only: write out what it makes";
            findings.error(Finding::new(&entry.at, what).help(help));
        } else if name == "Fn::Transform" {
            let what = "`Fn::Transform` calls a macro, and macros run on AWS only";
            findings.error(Finding::new(&entry.at, what));
        } else {
            refuse_macros(&entry.value, findings);
        }
    }
    for item in node.items() {
        refuse_macros(item, findings);
    }
}
