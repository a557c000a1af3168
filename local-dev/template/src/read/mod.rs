//! Resources → a [`Project`].

mod api;
mod authorizer;
mod backend;
mod code;
mod environment;
mod function;
mod globals;
mod integration;
mod invoke_config;
mod mapping;
mod model;
mod output;
mod page;
mod permission;
mod property;
mod resources;
mod route;
mod runtime;
mod schedule;
mod section;
mod shape;
mod stage;
mod transform;
mod usage_plan;
mod websocket_api;

use std::collections::BTreeMap;
use std::path::Path;

use crate::eval::Scope;
use crate::eval::Stop;
use crate::eval::parameter;
use crate::finding::Finding;
use crate::finding::Findings;
use crate::node::Node;
use crate::project::Project;

/// What reading goes on with.
#[derive(Debug)]
struct Reader<'s> {
    scope: &'s Scope,
    /// The template's folder, absolute.
    folder: &'s Path,
    findings: Findings,
    /// Environment variables that have no value here.
    unset: Vec<environment::Unset>,
}

/// Reads a whole template. `folder` is where it stands, absolute.
pub(crate) fn project(
    document: &Node,
    folder: &Path,
    parameters: &BTreeMap<String, String>,
) -> Result<Project, Vec<Finding>> {
    let mut findings = Findings::default();
    section::check(document, &mut findings);
    transform::check(document, &mut findings);
    if !findings.errors.is_empty() {
        return Err(in_order(findings.errors));
    }
    let values = parameter::values(
        document.get("Parameters"),
        parameters,
        document,
        &mut findings,
    );
    if !findings.errors.is_empty() {
        return Err(in_order(findings.errors));
    }
    let conditions = document.get("Conditions").map_or(&[][..], Node::entries);
    let conditions = conditions
        .iter()
        .map(|entry| (entry.key.clone(), entry.value.clone()))
        .collect();
    let mut scope = Scope::new(values, document.get("Mappings").cloned(), conditions);
    scope.resources = resources::collect(document, &scope, &mut findings);
    // Whatever refers to a resource that cannot be read would be told to be wrong as well.
    if !findings.errors.is_empty() {
        return Err(in_order(findings.errors));
    }
    let mut reader = Reader {
        scope: &scope,
        folder,
        findings,
        unset: Vec::new(),
    };
    let functions = reader.functions();
    let apis = reader.apis(document, &functions);
    let page = reader.page(document);
    reader.check_outputs(document);
    let findings = reader.findings;
    if !findings.errors.is_empty() {
        return Err(in_order(findings.errors));
    }
    Ok(Project {
        apis,
        functions,
        page,
        findings: in_order(findings.told),
    })
}

fn in_order(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| (finding.at.line, finding.at.column));
    findings
}

impl Findings {
    /// The value, or `None` and a note why it cannot be had.
    fn take<T>(&mut self, outcome: Result<Option<T>, Stop>) -> Option<T> {
        match outcome {
            Ok(value) => value,
            Err(Stop::Unresolved(finding)) => {
                self.unsupported(finding);
                None
            }
            Err(Stop::Wrong(finding)) => {
                self.error(finding);
                None
            }
        }
    }
}
