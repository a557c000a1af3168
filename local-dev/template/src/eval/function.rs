//! Functions over text, lists and mappings.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::eval::Outcome;
use crate::eval::Scope;
use crate::eval::Stop;
use crate::eval::arguments;
use crate::finding::At;
use crate::node::Node;
use crate::node::Value;
use crate::suggest::did_you_mean;

impl Scope {
    /// `Fn::Join: [delimiter, [part, …]]`.
    pub(super) fn join(&self, argument: &Node, at: &At) -> Result<String, Stop> {
        let [delimiter, parts] = arguments(argument, "Fn::Join")?;
        let delimiter = self.needed(delimiter)?;
        let mut joined = String::new();
        let mut first = true;
        for part in self.list(parts, "Fn::Join")?.iter() {
            let Some(part) = self.text(part)? else {
                continue;
            };
            if !std::mem::take(&mut first) {
                joined.push_str(&delimiter);
            }
            joined.push_str(&part);
            self.check_length(&joined, at)?;
        }
        Ok(joined)
    }

    /// `Fn::Split: [delimiter, text]`.
    pub(super) fn split<'n>(&'n self, argument: &'n Node, at: &'n At) -> Outcome<'n> {
        let [delimiter, text] = arguments(argument, "Fn::Split")?;
        let (delimiter, text) = (self.needed(delimiter)?, self.needed(text)?);
        if delimiter.is_empty() {
            return Err(Stop::wrong(at, "`Fn::Split` needs a delimiter"));
        }
        let parts: Vec<Node> = text
            .split(&*delimiter)
            .map(|part| Node::text(part, at))
            .collect();
        self.spend(parts.len(), at)?;
        Ok(Some(Cow::Owned(Node::list(parts, at))))
    }

    /// `Fn::Select: [index, [item, …]]`.
    pub(super) fn select<'n>(&'n self, argument: &'n Node, at: &'n At) -> Outcome<'n> {
        let [index, list] = arguments(argument, "Fn::Select")?;
        let index_text = self.needed(index)?;
        let list = self.list(list, "Fn::Select")?;
        let chosen = index_text
            .parse::<usize>()
            .ok()
            .and_then(|i| list.get(i).cloned());
        let Some(chosen) = chosen else {
            let what = format!(
                "`Fn::Select` takes an index from 0 to {}, and not `{index_text}`",
                list.len().saturating_sub(1)
            );
            return Err(Stop::wrong(at, what));
        };
        // The list may be made here, so that what is chosen is owned.
        let value = self.reduce(&chosen)?.map(Cow::into_owned);
        Ok(value.map(Cow::Owned))
    }

    /// `Fn::Base64: text`.
    pub(super) fn base64(&self, argument: &Node, at: &At) -> Result<String, Stop> {
        let encoded = STANDARD.encode(self.needed(argument)?);
        self.check_length(&encoded, at)?;
        Ok(encoded)
    }

    /// `Fn::FindInMap: [map, key, key]`.
    pub(super) fn find_in_map<'n>(&'n self, argument: &'n Node, at: &'n At) -> Outcome<'n> {
        let path: [&Node; 3] = arguments(argument, "Fn::FindInMap")?;
        let Some(mut found) = self.mappings.as_ref() else {
            return Err(Stop::wrong(at, "the template has no `Mappings`"));
        };
        for part in path {
            let key = self.needed(part)?;
            let Some(below) = found.get(&key) else {
                let known = found.entries().iter().map(|entry| entry.key.as_str());
                return Err(Stop::Wrong(
                    crate::finding::Finding::new(
                        &part.at,
                        format!("`Mappings` has no `{key}` here"),
                    )
                    .maybe_help(did_you_mean(&key, known)),
                ));
            };
            found = below;
        }
        Ok(Some(Cow::Borrowed(found)))
    }

    /// The items of a list, or of what makes one.
    fn list(&self, node: &Node, function: &str) -> Result<Vec<Node>, Stop> {
        let value = self.reduce(node)?;
        match value.map(|value| value.into_owned().value) {
            Some(Value::List(items)) => {
                self.spend(items.len(), &node.at)?;
                Ok(items)
            }
            Some(Value::Null | Value::Text(_) | Value::Map(_)) | None => Err(Stop::wrong(
                &node.at,
                format!("`{function}` takes a list here"),
            )),
        }
    }
}
