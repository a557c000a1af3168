//! Logical IDs of what SAM makes beside the resources of a template ("Generated AWS CloudFormation
//! resources for AWS SAM" in its guide; the SAM translator 1.115 for those that are not there).

use crate::eval::Resource;
use crate::eval::Resources;
use crate::node::Node;

/// What follows a function's logical ID.
const OF_FUNCTION: &[&str] = &[
    "CognitoPermission",
    "DeploymentGroup",
    "EventInvokeConfig",
    "EventInvokeConfigOnFailureQueue",
    "EventInvokeConfigOnFailureTopic",
    "EventInvokeConfigOnSuccessQueue",
    "EventInvokeConfigOnSuccessTopic",
    "Role",
    "URLInvokeAllowPublicAccess",
    "Url",
    "UrlPublicPermissions",
];

/// What follows the logical IDs of a function and of its event; a permission has its stage behind.
const OF_EVENT: &[&str] = &["", "EventSourceMapping", "Queue", "QueuePolicy", "Role"];

/// Those of which a stack has one, and the prefixes of those of its implicit APIs.
const OF_STACK: &[&str] = &["CodeDeployServiceRole", "ServerlessDeploymentApplication"];
const OF_IMPLICIT_APIS: &[&str] = &["ServerlessHttpApi", "ServerlessRestApi"];

/// Where a name comes from that SAM makes: a resource of the template, or all of it.
pub(super) enum Origin<'r> {
    Resource(&'r Resource),
    Stack,
}

/// What SAM makes `name` of; `None` if it makes no such name.
pub(super) fn origin<'r>(name: &str, resources: &'r Resources) -> Option<Origin<'r>> {
    let of_sam = |resource: &&Resource| resource.kind.starts_with("AWS::Serverless::");
    let made_of = resources.iter().filter(of_sam).find(|resource| {
        let rest = name.strip_prefix(resource.id.as_str());
        rest.is_some_and(|rest| !rest.is_empty() && is_made(resource, rest))
    });
    if let Some(resource) = made_of {
        return Some(Origin::Resource(resource));
    }
    let of_stack = OF_STACK.contains(&name)
        || OF_IMPLICIT_APIS
            .iter()
            .any(|api| name.strip_prefix(api).is_some_and(begins_a_word));
    let has_functions = resources.of("AWS::Serverless::Function").next().is_some();
    (of_stack && has_functions).then_some(Origin::Stack)
}

/// Whether SAM makes something whose logical ID is the resource's with `rest` behind it.
fn is_made(resource: &Resource, rest: &str) -> bool {
    if resource.kind != "AWS::Serverless::Function" {
        // These are not read: whatever begins a new word may be one.
        return begins_a_word(rest) || is_hash(rest);
    }
    let alias = resource.properties.get("AutoPublishAlias");
    let is_alias = |name: &str| match alias.map(Node::as_text) {
        Some(Some(alias)) => name == alias.replace('-', "D").replace('_', "U"),
        // It is made of parameters.
        Some(None) => !name.is_empty(),
        None => false,
    };
    OF_FUNCTION.contains(&rest)
        || rest.strip_prefix("Version").is_some_and(is_hash)
        || rest.strip_prefix("Alias").is_some_and(is_alias)
        || events(resource).any(|event| {
            rest.strip_prefix(event).is_some_and(|rest| {
                OF_EVENT.contains(&rest)
                    || rest.strip_prefix("Permission").is_some_and(begins_a_word)
            })
        })
}

/// Logical IDs of a function's events.
fn events(function: &Resource) -> impl Iterator<Item = &str> {
    let events = function.properties.get("Events");
    let events = events.map_or(&[][..], Node::entries);
    events.iter().map(|event| event.key.as_str())
}

/// Whether a logical ID may go on with this: nothing, or a word that begins with a capital.
fn begins_a_word(rest: &str) -> bool {
    !rest.starts_with(|c: char| !c.is_ascii_uppercase())
}

/// Ten digits of a SHA-256.
fn is_hash(text: &str) -> bool {
    text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
