//! `Resources`: those that exist, with what SAM makes of them.

use crate::eval::Resource;
use crate::eval::Resources;
use crate::eval::Scope;
use crate::finding::At;
use crate::finding::Finding;
use crate::finding::Findings;
use crate::node::Entry;
use crate::node::Node;
use crate::node::Value;
use crate::read::globals;
use crate::read::shape;
use crate::read::websocket_api;
use crate::suggest::did_you_mean;

/// Most resources of a template (CloudFormation quotas, "Resources").
const MOST: usize = 500;
/// Most values that `Globals` may come to in all resources together.
const MOST_COPIED: usize = 500_000;

/// Collects the resources whose conditions hold. `scope` has no resources yet: conditions cannot
/// name any.
pub(super) fn collect(document: &Node, scope: &Scope, findings: &mut Findings) -> Resources {
    let globals = document.get("Globals");
    check_globals(globals, scope, findings);
    let mut resources = Resources::default();
    let entries = document.get("Resources").map_or(&[][..], Node::entries);
    if let Some(entry) = entries.get(MOST) {
        let what = format!("the template has more than {MOST} resources");
        findings.error(Finding::new(&entry.at, what).help("CloudFormation takes no more"));
        return resources;
    }
    if let Some(globals) = globals
        && globals.size().saturating_mul(entries.len()) > MOST_COPIED
    {
        let what = "`Globals` is too large for that many resources";
        findings.error(Finding::new(&globals.at, what));
        return resources;
    }
    for entry in entries {
        let Some(resource) = read(entry, globals, scope, findings) else {
            resources.add_absent(&entry.key);
            continue;
        };
        let made = match resource.kind.as_str() {
            "AWS::Serverless::WebSocketApi" => websocket_api::expand(&resource, scope, findings),
            _ => vec![resource],
        };
        for resource in made {
            let (id, at) = (resource.id.clone(), resource.at.clone());
            if !resources.add(resource) {
                add_twice(&id, &at, findings);
            }
        }
    }
    resources
}

/// What an API is that is no WebSocket API. An HTTP API of `AWS::ApiGatewayV2::Api` tells so in its
/// properties.
fn other_api(kind: &str) -> Option<&'static str> {
    match kind {
        "AWS::ApiGateway::RestApi" | "AWS::Serverless::Api" => Some("a REST API"),
        "AWS::Serverless::HttpApi" => Some("an HTTP API"),
        _ => None,
    }
}

fn add_twice(id: &str, at: &At, findings: &mut Findings) {
    let what = format!("`{id}` is also what SAM makes of a WebSocket API");
    findings.error(Finding::new(at, what).help("give it another logical ID"));
}

/// Sections of `Globals`: resource types of SAM ("Globals section" in its guide, and the SAM
/// translator 1.115).
const GLOBALS: &[&str] = &[
    "Api",
    "CapacityProvider",
    "Function",
    "HttpApi",
    "LayerVersion",
    "MicroVMImage",
    "NetworkConnector",
    "SimpleTable",
    "StateMachine",
    "WebSocketApi",
];

/// Refuses unknown sections of `Globals`, and notes what is unknown in those that are read.
fn check_globals(globals: Option<&Node>, scope: &Scope, findings: &mut Findings) {
    for entry in globals.map_or(&[][..], Node::entries) {
        let name = entry.key.as_str();
        if !GLOBALS.contains(&name) {
            let help = did_you_mean(name, GLOBALS.iter().copied());
            let help = help.unwrap_or_else(|| format!("there are {}", GLOBALS.join(", ")));
            let what = format!("`{name}` is no section of `Globals`");
            findings.error(Finding::new(&entry.at, what).help(help));
        }
        let kind = format!("AWS::Serverless::{}", entry.key);
        if let Some(shape) = shape::of(&kind) {
            shape::check(shape, &entry.value, scope, findings);
        }
    }
}

/// One resource; `None` if it does not exist or is no resource.
fn read(
    entry: &Entry,
    globals: Option<&Node>,
    scope: &Scope,
    findings: &mut Findings,
) -> Option<Resource> {
    let (id, node) = (&entry.key, &entry.value);
    if let Some(condition) = node.get("Condition") {
        let Some(name) = condition.as_text() else {
            let what = "`Condition` of a resource is the name of one";
            findings.error(Finding::new(&condition.at, what));
            return None;
        };
        let holds = scope.decide(name, &condition.at);
        if !findings.take(holds.map(Some))? {
            return None;
        }
    }
    let Some(kind) = node.get("Type").and_then(Node::as_text) else {
        let misspelt = node
            .entries()
            .iter()
            .find(|entry| did_you_mean(&entry.key, ["Type"]).is_some());
        findings.error(match misspelt {
            Some(entry) => Finding::new(
                &entry.at,
                format!("`{}` is no attribute of a resource", entry.key),
            )
            .help("did you mean `Type`?"),
            None => Finding::new(&entry.at, format!("the resource `{id}` has no `Type`")),
        });
        return None;
    };
    shape::check(&shape::ATTRIBUTES, node, scope, findings);
    let own = node.get("Properties");
    if let Some(own) = own.filter(|own| !matches!(own.value, Value::Map(_))) {
        let what = format!("`Properties` is a map, and this is {}", own.kind());
        findings.error(Finding::new(&own.at, what));
    }
    match shape::of(kind) {
        Some(shape) => {
            if let Some(own) = own {
                shape::check(shape, own, scope, findings);
            }
        }
        None if shape::is_irrelevant(kind) => {}
        None if let Some(api) = other_api(kind) => {
            let what = format!("`{id}` is {api}, and those are not emulated");
            findings.unsupported(Finding::new(&entry.at, what));
        }
        // A part of an API that is told.
        None if kind.starts_with("AWS::ApiGateway::") => {}
        None => {
            let kind_at = node.get("Type").map_or(&entry.at, |kind| &kind.at);
            match did_you_mean(kind, shape::kinds()) {
                Some(help) => {
                    let what = format!("`{id}`: {kind} is no type that is known here");
                    findings.fails_on_aws(Finding::new(kind_at, what).help(help));
                }
                None => {
                    let what = format!("`{id}`: {kind} is not emulated");
                    findings.unsupported(Finding::new(kind_at, what));
                }
            }
        }
    }
    Some(Resource {
        id: id.clone(),
        kind: kind.to_owned(),
        properties: globals::merged(globals, kind, node, own, &entry.at),
        metadata: node.get("Metadata").cloned(),
        at: entry.at.clone(),
    })
}
