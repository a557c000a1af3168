//! `Globals`: properties for all resources of a type (SAM's "Globals section").

use crate::finding::At;
use crate::node::Entry;
use crate::node::Node;
use crate::node::Value;

/// The properties of a resource with those of its type's section of `Globals`.
pub(super) fn merged(
    globals: Option<&Node>,
    kind: &str,
    resource: &Node,
    properties: Option<&Node>,
    at: &At,
) -> Node {
    let own = match properties {
        Some(node) if matches!(node.value, Value::Map(_)) => node.clone(),
        _ => Node::map(Vec::new(), at),
    };
    let section = kind.strip_prefix("AWS::Serverless::");
    let Some(global) = section.and_then(|section| globals?.get(section)) else {
        return own;
    };
    let ignored = resource.get("IgnoreGlobals");
    if ignored.and_then(Node::as_text) == Some("*") {
        return own;
    }
    let is_ignored = |name: &str| {
        let mut names = ignored.map_or(&[][..], Node::items).iter();
        names.any(|ignored| ignored.as_text() == Some(name))
    };
    let global = Node {
        value: Value::Map(
            global
                .entries()
                .iter()
                .filter(|entry| !is_ignored(&entry.key))
                .cloned()
                .collect(),
        ),
        at: global.at.clone(),
    };
    merge(global, own)
}

/// Maps are united, lists joined, and of all else the resource's own value stands. A function's
/// call is a value, not a map.
fn merge(global: Node, own: Node) -> Node {
    if global.call().is_some() || own.call().is_some() {
        return own;
    }
    let at = own.at.clone();
    let value = match (global.value, own.value) {
        (Value::Map(global), Value::Map(own)) => Value::Map(unite(global, own)),
        (Value::List(mut global), Value::List(own)) => {
            global.extend(own);
            Value::List(global)
        }
        (_, own) => own,
    };
    Node { value, at }
}

fn unite(global: Vec<Entry>, mut own: Vec<Entry>) -> Vec<Entry> {
    for entry in global {
        match own.iter_mut().find(|own| own.key == entry.key) {
            Some(same) => {
                let value = std::mem::replace(&mut same.value, Node::list(Vec::new(), &same.at));
                same.value = merge(entry.value, value);
            }
            None => own.push(entry),
        }
    }
    own
}
