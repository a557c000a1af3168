//! Which properties a type has: those that are read, those without effect here, and those that
//! are told not to be emulated. The names are of the types' pages in the CloudFormation and SAM
//! references.

mod irrelevant;
mod nested;
mod resource;

use crate::eval::Scope;
use crate::finding::Finding;
use crate::finding::Findings;
use crate::node::Node;
use crate::suggest::did_you_mean;

pub(super) use irrelevant::is_irrelevant;
pub(super) use nested::*;
use resource::RESOURCES;

/// What becomes of events for which a template names another place.
const DROPPED: &str = "events that failed are dropped";

/// Properties of a type.
#[derive(Debug)]
pub(super) struct Shape {
    /// What it is the shape of.
    pub(super) of: &'static str,
    /// Properties that are read.
    pub(super) read: &'static [&'static str],
    /// Properties without effect on this machine: permissions, logs, tags, capacity.
    pub(super) inert: &'static [&'static str],
    /// Properties that have an effect on AWS which is missing here, and what that means.
    pub(super) missing: &'static [(&'static str, &'static str)],
}

/// Notes properties that are unknown or not emulated.
pub(super) fn check(shape: &Shape, node: &Node, scope: &Scope, findings: &mut Findings) {
    if node.call().is_some() {
        return;
    }
    for entry in node.entries() {
        let name = entry.key.as_str();
        if shape.read.contains(&name) || shape.inert.contains(&name) {
            continue;
        }
        if let Some((_, meaning)) = shape.missing.iter().find(|(known, _)| *known == name) {
            if !is_off(&entry.value, scope) {
                let what = format!("`{name}` is not emulated: {meaning}");
                findings.unsupported(Finding::new(&entry.at, what));
            }
            continue;
        }
        let known = shape.read.iter().chain(shape.inert).copied();
        let known = known.chain(shape.missing.iter().map(|(name, _)| *name));
        findings.fails_on_aws(
            Finding::new(
                &entry.at,
                format!("`{name}` is no property of {}", shape.of),
            )
            .maybe_help(did_you_mean(name, known)),
        );
    }
}

/// Whether a value says that the property has no effect: false, nothing, an empty list or map.
fn is_off(node: &Node, scope: &Scope) -> bool {
    match scope.reduce(node) {
        Ok(Some(value)) => match value.as_text() {
            Some(text) => text == "false",
            None => value.items().is_empty() && value.entries().is_empty(),
        },
        Ok(None) => true,
        Err(_) => false,
    }
}

/// The shape of a resource's type, if its properties are read.
pub(super) fn of(kind: &str) -> Option<&'static Shape> {
    RESOURCES.iter().find(|shape| shape.of == kind)
}

/// Types that are read, for suggestions.
pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    RESOURCES.iter().map(|shape| shape.of)
}
