//! Events of the parser → [`Node`]s, with the limits that keep hostile text cheap.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::HashSet;

use saphyr_parser::Event;
use saphyr_parser::ScalarStyle;

use crate::finding::At;
use crate::finding::Finding;
use crate::node::Entry;
use crate::node::Node;
use crate::node::Value;
use crate::yaml::scalar;
use crate::yaml::tag;
use crate::yaml::tag::Meaning;

/// Deepest nesting of values: everything that walks a tree may recurse.
const DEEPEST: usize = 64;
/// Most values in a template, copies by aliases included.
const MOST: usize = 100_000;

/// A tree that is being built.
#[derive(Debug)]
pub(super) struct Builder {
    /// Collections that are open, outermost first.
    open: Vec<Open>,
    /// What anchors name.
    anchors: HashMap<usize, Anchored>,
    /// The finished document.
    root: Option<Node>,
    /// How many values there are.
    values: usize,
}

/// An open collection.
#[derive(Debug)]
struct Open {
    at: At,
    meaning: Meaning,
    anchor: usize,
    /// Values before it, for the size of what its anchor names.
    values_before: usize,
    /// The deepest nesting below it.
    height: usize,
    inside: Inside,
}

/// What an open collection holds.
#[derive(Debug)]
enum Inside {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        /// Lines of keys, to name both places of a duplicate.
        lines: HashMap<String, usize>,
        /// A key that waits for its value.
        key: Option<Key>,
        /// Values of `<<`.
        merged: Vec<Node>,
    },
}

#[derive(Debug)]
struct Key {
    text: String,
    at: At,
    /// `<<`, not in quotes.
    merge: bool,
}

/// What an anchor names, and what a copy of it costs.
#[derive(Debug)]
struct Anchored {
    node: Node,
    values: usize,
    height: usize,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            open: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            values: 0,
        }
    }

    /// The document; `None` if there was none.
    pub(super) fn finish(self) -> Option<Node> {
        self.root
    }

    /// Takes the next event.
    pub(super) fn event(&mut self, event: Event<'_>, at: At) -> Result<(), Finding> {
        match event {
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
            Event::Scalar(text, style, anchor, tag) => {
                let meaning = tag::meaning(tag.as_deref(), &at)?;
                self.scalar(text, style, anchor, meaning, at)
            }
            Event::SequenceStart(anchor, tag) => {
                let meaning = tag::meaning(tag.as_deref(), &at)?;
                self.push(at, meaning, anchor, Inside::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                let meaning = tag::meaning(tag.as_deref(), &at)?;
                let inside = Inside::Map {
                    entries: Vec::new(),
                    lines: HashMap::new(),
                    key: None,
                    merged: Vec::new(),
                };
                self.push(at, meaning, anchor, inside)
            }
            Event::SequenceEnd | Event::MappingEnd => self.pop(),
            Event::Alias(anchor) => self.alias(anchor, &at),
        }
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
        meaning: Meaning,
        at: At,
    ) -> Result<(), Finding> {
        self.count(1, &at)?;
        let is_plain = style == ScalarStyle::Plain && meaning != Meaning::Text;
        if let Some(key) = self.waiting_for_key() {
            if let Meaning::Call(_) = meaning {
                return Err(Finding::new(&at, "a key must be plain text"));
            }
            *key = Some(Key {
                merge: is_plain && text == "<<",
                text: text.into_owned(),
                at: at.clone(),
            });
            return self.check_key(&at);
        }
        let value = match is_plain {
            true => scalar::plain(text),
            false => Value::Text(text.into_owned()),
        };
        let node = tag::apply(meaning, Node { value, at });
        self.place(node, anchor, 1, 0)
    }

    /// The slot of the key, if the innermost collection is a map that waits for one.
    fn waiting_for_key(&mut self) -> Option<&mut Option<Key>> {
        match &mut self.open.last_mut()?.inside {
            Inside::Map { key, .. } if key.is_none() => Some(key),
            Inside::Map { .. } | Inside::List(_) => None,
        }
    }

    /// Refuses a key that the map already has.
    fn check_key(&mut self, at: &At) -> Result<(), Finding> {
        let Some(Open {
            inside:
                Inside::Map {
                    lines,
                    key: Some(key),
                    ..
                },
            ..
        }) = self.open.last_mut()
        else {
            return Ok(());
        };
        match lines.insert(key.text.clone(), at.line) {
            Some(_) if key.merge => Ok(()),
            Some(line) => {
                let what = format!("`{}` is already on line {line}", key.text);
                Err(Finding::new(at, what).help("a key may stand only once in a map"))
            }
            None => Ok(()),
        }
    }

    fn push(
        &mut self,
        at: At,
        meaning: Meaning,
        anchor: usize,
        inside: Inside,
    ) -> Result<(), Finding> {
        if self.waiting_for_key().is_some() {
            return Err(Finding::new(&at, "a key must be plain text"));
        }
        if self.open.len() >= DEEPEST {
            return Err(too_deep(&at));
        }
        let values_before = self.values;
        self.count(1, &at)?;
        self.open.push(Open {
            at,
            meaning,
            anchor,
            values_before,
            height: 0,
            inside,
        });
        Ok(())
    }

    fn pop(&mut self) -> Result<(), Finding> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.inside {
            Inside::List(items) => Value::List(items),
            Inside::Map {
                entries, merged, ..
            } => Value::Map(merge(entries, merged)?),
        };
        let node = tag::apply(open.meaning, Node { value, at: open.at });
        let values = self.values - open.values_before;
        self.place(node, open.anchor, values, open.height + 1)
    }

    /// Copies what an anchor names.
    fn alias(&mut self, anchor: usize, at: &At) -> Result<(), Finding> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(Finding::new(
                at,
                "an alias cannot stand inside of what it names",
            ));
        };
        let (values, height) = (anchored.values, anchored.height);
        if self.open.len() + height > DEEPEST {
            return Err(too_deep(at));
        }
        self.count(values, at)?;
        let node = self.anchors[&anchor].node.clone();
        if let Some(key) = self.waiting_for_key() {
            let Value::Text(text) = node.value else {
                return Err(Finding::new(at, "a key must be plain text"));
            };
            *key = Some(Key {
                text,
                at: at.clone(),
                merge: false,
            });
            return self.check_key(at);
        }
        self.place(node, 0, values, height)
    }

    /// Puts a finished value into the collection that is open, or makes it the document.
    fn place(
        &mut self,
        node: Node,
        anchor: usize,
        values: usize,
        height: usize,
    ) -> Result<(), Finding> {
        if anchor != 0 {
            self.anchors.insert(
                anchor,
                Anchored {
                    node: node.clone(),
                    values,
                    height,
                },
            );
            self.count(values, &node.at)?;
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.height = open.height.max(height);
        match &mut open.inside {
            Inside::List(items) => items.push(node),
            Inside::Map {
                entries,
                key,
                merged,
                ..
            } => match key.take() {
                Some(key) if key.merge => merged.push(node),
                Some(key) => entries.push(Entry {
                    key: key.text,
                    at: key.at,
                    value: node,
                }),
                None => return Err(Finding::new(&node.at, "a key must be plain text")),
            },
        }
        Ok(())
    }

    /// Counts values against the limit.
    fn count(&mut self, values: usize, at: &At) -> Result<(), Finding> {
        self.values += values;
        if self.values <= MOST {
            return Ok(());
        }
        let what = format!("the template has more than {MOST} values");
        let mut finding = Finding::new(at, what);
        if !self.anchors.is_empty() {
            finding = finding.help("every alias (`*name`) is a copy of what it names");
        }
        Err(finding)
    }
}

/// The entries of a map and those of `<<` that it lacks; the first merged map wins.
fn merge(mut entries: Vec<Entry>, merged: Vec<Node>) -> Result<Vec<Entry>, Finding> {
    if merged.is_empty() {
        return Ok(entries);
    }
    let mut known: HashSet<String> = entries.iter().map(|entry| entry.key.clone()).collect();
    for node in merged {
        let maps = match node.value {
            Value::List(maps) => maps,
            Value::Null | Value::Text(_) | Value::Map(_) => vec![node],
        };
        for map in maps {
            let at = map.at.clone();
            let Value::Map(more) = map.value else {
                return Err(Finding::new(&at, "`<<` takes a map or a list of maps"));
            };
            for entry in more {
                if known.insert(entry.key.clone()) {
                    entries.push(entry);
                }
            }
        }
    }
    Ok(entries)
}

fn too_deep(at: &At) -> Finding {
    Finding::new(
        at,
        format!("values are nested deeper than {DEEPEST} levels"),
    )
}
