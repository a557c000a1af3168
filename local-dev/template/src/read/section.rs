//! The sections of a template.

use crate::finding::Finding;
use crate::finding::Findings;
use crate::node::Node;
use crate::node::Value;
use crate::suggest::did_you_mean;

/// Sections (CloudFormation's "Template sections"), and SAM's `Globals`.
const SECTIONS: &[&str] = &[
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];

/// Sections that are maps.
const MAPS: &[&str] = &[
    "Conditions",
    "Globals",
    "Mappings",
    "Metadata",
    "Parameters",
    "Resources",
];

/// Refuses what is no template.
pub(super) fn check(document: &Node, findings: &mut Findings) {
    let Value::Map(sections) = &document.value else {
        let what = format!(
            "a template is a map of sections, and this is {}",
            document.kind()
        );
        findings.error(Finding::new(&document.at, what));
        return;
    };
    for section in sections {
        let name = section.key.as_str();
        if !SECTIONS.contains(&name) {
            findings.error(
                Finding::new(&section.at, format!("`{name}` is no section of a template"))
                    .maybe_help(did_you_mean(name, SECTIONS.iter().copied())),
            );
        }
        if MAPS.contains(&name) && !matches!(section.value.value, Value::Map(_)) {
            let what = format!("`{name}` is a map, and this is {}", section.value.kind());
            findings.error(Finding::new(&section.value.at, what));
        }
    }
    if document.get("Resources").is_none() && findings.errors.is_empty() {
        findings.error(Finding::new(
            &document.at,
            "the template has no `Resources`",
        ));
    }
}
