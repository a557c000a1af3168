//! The resources of a template, by logical ID.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::finding::At;
use crate::node::Node;

/// A resource that exists: its condition holds.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    /// Logical ID.
    pub(crate) id: String,
    /// `Type`.
    pub(crate) kind: String,
    /// `Properties`, those of `Globals` merged in.
    pub(crate) properties: Node,
    /// `Metadata`.
    pub(crate) metadata: Option<Node>,
    /// Where its logical ID stands.
    pub(crate) at: At,
}

impl Resource {
    /// Whether it is a function, in either form.
    pub(crate) fn is_function(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "AWS::Lambda::Function" | "AWS::Serverless::Function"
        )
    }
}

/// All resources, in the order of the template.
#[derive(Debug, Default)]
pub(crate) struct Resources {
    all: Vec<Resource>,
    by_id: BTreeMap<String, usize>,
    /// Logical IDs whose condition is false.
    absent: BTreeSet<String>,
}

impl Resources {
    /// Adds one; false if there is one of that logical ID.
    pub(crate) fn add(&mut self, resource: Resource) -> bool {
        if self.by_id.contains_key(&resource.id) {
            return false;
        }
        self.by_id.insert(resource.id.clone(), self.all.len());
        self.all.push(resource);
        true
    }

    /// Notes one that does not exist.
    pub(crate) fn add_absent(&mut self, id: &str) {
        self.absent.insert(id.to_owned());
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Resource> {
        self.by_id.get(id).map(|index| &self.all[*index])
    }

    pub(crate) fn is_absent(&self, id: &str) -> bool {
        self.absent.contains(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.all.iter()
    }

    /// Those of a type.
    pub(crate) fn of(&self, kind: &str) -> impl Iterator<Item = &Resource> {
        self.all
            .iter()
            .filter(move |resource| resource.kind == kind)
    }
}
