//! Properties by type, with the checks that their pages name.

use std::ops::RangeInclusive;

use crate::eval::Resource;
use crate::finding::At;
use crate::finding::Finding;
use crate::node::Node;
use crate::read::Reader;
use crate::suggest::nearest;

/// Properties that must be there and whose values are not told by their names.
const EXAMPLES: &[(&str, &str)] = &[
    ("Handler", "app.handler"),
    ("ProtocolType", "WEBSOCKET"),
    ("RouteSelectionExpression", "$request.body.action"),
    ("Runtime", "nodejs22.x"),
];

impl<'s> Reader<'s> {
    /// A property's value with its calls evaluated; `None` if it is absent or cannot be had, which
    /// is noted.
    pub(super) fn value(&mut self, of: &'s Node, name: &str) -> Option<Node> {
        let outcome = self.scope.reduce(of.get(name)?);
        self.findings.take(outcome).map(|value| value.into_owned())
    }

    /// A text.
    pub(super) fn text(&mut self, of: &Node, name: &str) -> Option<String> {
        let outcome = self.scope.text(of.get(name)?);
        self.findings.take(outcome)
    }

    /// A text that must be there.
    pub(super) fn required(&mut self, resource: &Resource, name: &str) -> Option<String> {
        if resource.properties.get(name).is_none() {
            self.missing(resource, name);
            return None;
        }
        self.text(&resource.properties, name)
    }

    /// Notes that a property is missing, or misspelt.
    pub(super) fn missing(&mut self, resource: &Resource, name: &str) {
        let what = format!("`{}` ({}) has no `{name}`", resource.id, resource.kind);
        self.findings
            .error(missing(&resource.properties, name, &resource.at, what));
    }

    /// Notes a literal text that names something of the template in `${…}`, as `Fn::Sub` would
    /// replace it.
    pub(super) fn check_forgotten_sub(&mut self, node: &Node) {
        let scope = self.scope;
        let is_known = |name: &str| {
            let id = name.split_once('.').map_or(name, |(id, _)| id);
            name.starts_with("AWS::")
                || scope.resources.get(id).is_some()
                || scope.parameters.contains_key(name)
        };
        let names = node.as_text().into_iter().flat_map(variables);
        if let Some(name) = names.into_iter().find(|name| is_known(name)) {
            self.findings.fails_on_aws(forgotten_sub(name, &node.at));
        }
    }

    /// A whole number in a range.
    pub(super) fn number(
        &mut self,
        of: &Node,
        name: &str,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        let text = self.text(of, name)?;
        match text.parse::<u32>() {
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                let at = &of.get(name)?.at;
                let what = format!(
                    "`{name}` is a whole number from {} to {}, and not `{text}`",
                    range.start(),
                    range.end()
                );
                self.findings.error(Finding::new(at, what));
                None
            }
        }
    }

    /// A boolean.
    pub(super) fn flag(&mut self, of: &Node, name: &str) -> Option<bool> {
        let text = self.text(of, name)?;
        match text.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                let at = &of.get(name)?.at;
                let what = format!("`{name}` is true or false, and not `{text}`");
                self.findings.error(Finding::new(at, what));
                None
            }
        }
    }

    /// A list of texts; empty if it is absent. What cannot be had is left out and noted.
    pub(super) fn texts(&mut self, of: &'s Node, name: &str) -> Vec<String> {
        let Some(list) = self.value(of, name) else {
            return Vec::new();
        };
        if list.as_text().is_some() || !list.entries().is_empty() {
            let what = format!("`{name}` is a list, and this is {}", list.kind());
            self.findings.error(Finding::new(&list.at, what));
        }
        let mut texts = Vec::new();
        for item in list.items() {
            let outcome = self.scope.text(item);
            texts.extend(self.findings.take(outcome));
        }
        texts
    }
}

/// What to say of a property that is missing: the place where it is misspelt, or `what`.
pub(super) fn missing(of: &Node, name: &str, at: &At, what: String) -> Finding {
    let mut entries = of.entries().iter();
    match entries.find(|entry| nearest(&entry.key, [name]).is_some()) {
        Some(entry) => Finding::new(&entry.at, format!("{what}, but `{}`", entry.key))
            .help(format!("did you mean `{name}`?")),
        None => {
            let example = EXAMPLES.iter().find(|(known, _)| *known == name);
            let help = example.map(|(name, value)| format!("write for example `{name}: {value}`"));
            Finding::new(at, what).maybe_help(help)
        }
    }
}

/// What to say of a text that still has `${NAME}` where nothing is replaced later.
pub(super) fn unreplaced(text: &str, at: &At) -> Option<Finding> {
    variables(text).next().map(|name| forgotten_sub(name, at))
}

/// The names in `${NAME}` of a text.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    let after = text.split("${").skip(1);
    after.filter_map(|after| Some(after.split_once('}')?.0))
}

fn forgotten_sub(name: &str, at: &At) -> Finding {
    let what = format!("`${{{name}}}` stays as it is in this text");
    Finding::new(at, what).help("write `!Sub` in front of the text")
}
