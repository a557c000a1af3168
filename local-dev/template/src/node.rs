//! The tree of a template: values with the places where they stand.

use crate::finding::At;

/// A value and where it stands. Short forms of intrinsic functions are already long ones:
/// `!Ref X` is `{Ref: X}`, `!Sub X` is `{Fn::Sub: X}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) at: At,
}

/// A value. Numbers and booleans are text: everything that is read is text in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// An entry of a map, in the order of the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// Where the key stands.
    pub(crate) at: At,
    pub(crate) value: Node,
}

impl Node {
    /// A text.
    pub(crate) fn text(text: impl Into<String>, at: &At) -> Self {
        Self {
            value: Value::Text(text.into()),
            at: at.clone(),
        }
    }

    /// A list.
    pub(crate) fn list(items: Vec<Self>, at: &At) -> Self {
        Self {
            value: Value::List(items),
            at: at.clone(),
        }
    }

    /// A map whose keys stand where their values do.
    pub(crate) fn map(entries: Vec<(&str, Self)>, at: &At) -> Self {
        let entry = |(key, value): (&str, Self)| Entry {
            key: key.to_owned(),
            at: value.at.clone(),
            value,
        };
        Self {
            value: Value::Map(entries.into_iter().map(entry).collect()),
            at: at.clone(),
        }
    }

    /// Its text, if it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The entries of a map; empty for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Null | Value::Text(_) | Value::List(_) => &[],
        }
    }

    /// The items of a list; empty for anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Null | Value::Text(_) | Value::Map(_) => &[],
        }
    }

    /// The value of a key of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of a key of a map.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The name and the argument, if this is a call of an intrinsic function.
    pub(crate) fn call(&self) -> Option<(&str, &Self)> {
        match self.entries() {
            [entry] if entry.key == "Ref" || entry.key.starts_with("Fn::") => {
                Some((&entry.key, &entry.value))
            }
            _ => None,
        }
    }

    /// How many values it holds, itself included.
    pub(crate) fn size(&self) -> usize {
        let items: usize = self.items().iter().map(Self::size).sum();
        let entries = self.entries().iter();
        1 + items + entries.map(|entry| entry.value.size()).sum::<usize>()
    }

    /// What it is, for a message.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}
