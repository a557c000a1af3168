//! Intrinsic functions, evaluated where a value is wanted.

mod attribute;
mod condition;
mod function;
pub(crate) mod local;
mod made;
pub(crate) mod parameter;
mod reference;
mod resource;
mod substitute;

use std::borrow::Cow;
use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::finding::At;
use crate::finding::Finding;
use crate::node::Node;
use crate::node::Value;

use parameter::Parameter;
pub(crate) use resource::Resource;
pub(crate) use resource::Resources;

/// Deepest nesting of evaluations; chains through names of other resources count as well.
const DEEPEST: usize = 100;
/// Most evaluations for one template. A kilobyte of result counts as sixteen.
const MOST: usize = 200_000;
/// Longest result of a function in bytes; no property that is read takes more.
const LONGEST: usize = 64 * 1024;

/// Why a value cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It exists on AWS only.
    Unresolved(Finding),
    /// The template is wrong.
    Wrong(Finding),
}

impl Stop {
    fn wrong(at: &At, what: impl Into<String>) -> Self {
        Self::Wrong(Finding::new(at, what))
    }
}

/// A value; `None` for `AWS::NoValue`, which removes the property.
pub(crate) type Outcome<'n> = Result<Option<Cow<'n, Node>>, Stop>;

/// What names mean in a template.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) parameters: BTreeMap<String, Parameter>,
    pub(crate) mappings: Option<Node>,
    pub(crate) conditions: BTreeMap<String, Node>,
    pub(crate) resources: Resources,
    /// Conditions and names that are being evaluated, to notice circles.
    visiting: RefCell<Vec<String>>,
    depth: Cell<usize>,
    spent: Cell<usize>,
}

impl Scope {
    /// A scope without resources, in which conditions can be decided.
    pub(crate) fn new(
        parameters: BTreeMap<String, Parameter>,
        mappings: Option<Node>,
        conditions: BTreeMap<String, Node>,
    ) -> Self {
        Self {
            parameters,
            mappings,
            conditions,
            resources: Resources::default(),
            visiting: RefCell::new(Vec::new()),
            depth: Cell::new(0),
            spent: Cell::new(0),
        }
    }

    /// The value of a node: its call evaluated, or itself with its parts as they are.
    pub(crate) fn reduce<'n>(&'n self, node: &'n Node) -> Outcome<'n> {
        let Some((name, argument)) = node.call() else {
            return Ok(Some(Cow::Borrowed(node)));
        };
        self.spend(1, &node.at)?;
        if self.depth.get() >= DEEPEST {
            let what = format!("functions are nested deeper than {DEEPEST} levels");
            return Err(Stop::wrong(&node.at, what));
        }
        self.depth.set(self.depth.get() + 1);
        let outcome = self.call(name, argument, &node.at);
        self.depth.set(self.depth.get() - 1);
        outcome
    }

    fn call<'n>(&'n self, name: &str, argument: &'n Node, at: &'n At) -> Outcome<'n> {
        match name {
            "Ref" => self.reference(literal(argument, "Ref")?, at),
            "Fn::GetAtt" => self.get_att(argument, at),
            "Fn::If" => self.choose(argument, at),
            "Fn::Sub" => self.sub(argument, at).map(text(at)),
            "Fn::Join" => self.join(argument, at).map(text(at)),
            "Fn::Base64" => self.base64(argument, at).map(text(at)),
            "Fn::Select" => self.select(argument, at),
            "Fn::Split" => self.split(argument, at),
            "Fn::FindInMap" => self.find_in_map(argument, at),
            "Fn::ImportValue" => Err(unresolved(
                at,
                "`Fn::ImportValue` is a value of another stack",
            )),
            "Fn::GetAZs" | "Fn::Cidr" => Err(unresolved(at, format!("`{name}` is not emulated"))),
            "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" => Err(Stop::wrong(
                at,
                format!("`{name}` may stand in `Conditions` only"),
            )),
            _ => Err(Stop::wrong(
                at,
                format!("`{name}` is no intrinsic function of CloudFormation"),
            )),
        }
    }

    /// The text of a node; `None` for `AWS::NoValue`.
    pub(crate) fn text(&self, node: &Node) -> Result<Option<String>, Stop> {
        let Some(value) = self.reduce(node)? else {
            return Ok(None);
        };
        let Some(text) = value.as_text() else {
            if value.value == Value::Null {
                let finding = Finding::new(&node.at, "there is no value here");
                return Err(Stop::Wrong(finding.help("an empty text is written `''`")));
            }
            let what = format!("this must be text, and is {}", value.kind());
            return Err(Stop::wrong(&node.at, what));
        };
        if text.contains("{{resolve:") {
            let what = "a dynamic reference (`{{resolve:…}}`) is resolved by CloudFormation only";
            return Err(unresolved(&node.at, what));
        }
        Ok(Some(text.to_owned()))
    }

    /// A text that a function needs.
    fn needed(&self, node: &Node) -> Result<String, Stop> {
        self.text(node)?.ok_or_else(|| {
            Stop::wrong(
                &node.at,
                "`AWS::NoValue` cannot stand in a function's argument",
            )
        })
    }

    /// Counts work against the limit.
    fn spend(&self, work: usize, at: &At) -> Result<(), Stop> {
        self.spent.set(self.spent.get() + work);
        if self.spent.get() > MOST {
            return Err(Stop::wrong(at, "the template takes too many evaluations"));
        }
        Ok(())
    }

    /// Refuses a result that is too long.
    fn check_length(&self, text: &str, at: &At) -> Result<(), Stop> {
        if text.len() > LONGEST {
            let what = format!("this becomes longer than {LONGEST} bytes");
            return Err(Stop::wrong(at, what));
        }
        self.spend(text.len() / 64, at)
    }

    /// Evaluates something that has a name, and refuses circles.
    fn visit<T>(
        &self,
        name: String,
        at: &At,
        evaluate: impl FnOnce() -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        if self.visiting.borrow().contains(&name) {
            return Err(Stop::wrong(at, format!("{name} refers to itself")));
        }
        if self.visiting.borrow().len() >= DEEPEST {
            return Err(Stop::wrong(at, "names refer to each other too deeply"));
        }
        self.visiting.borrow_mut().push(name);
        let outcome = evaluate();
        self.visiting.borrow_mut().pop();
        outcome
    }
}

/// An argument that may not be a call.
fn literal<'n>(node: &'n Node, function: &str) -> Result<&'n str, Stop> {
    match node.as_text() {
        Some(text) if !text.is_empty() => Ok(text),
        Some(_) => Err(Stop::wrong(
            &node.at,
            format!("`{function}` takes a name, and there is none"),
        )),
        None => Err(Stop::wrong(
            &node.at,
            format!("`{function}` takes a name, and this is {}", node.kind()),
        )),
    }
}

/// The arguments of a function that takes exactly `N`.
fn arguments<'n, const N: usize>(
    argument: &'n Node,
    function: &str,
) -> Result<[&'n Node; N], Stop> {
    let items: Vec<&Node> = argument.items().iter().collect();
    items.try_into().map_err(|_| {
        let what = format!("`{function}` takes a list of {N}");
        Stop::wrong(&argument.at, what)
    })
}

/// What makes a value of a text.
fn text<'n>(at: &At) -> impl FnOnce(String) -> Option<Cow<'n, Node>> {
    let at = at.clone();
    move |text| Some(Cow::Owned(Node::text(text, &at)))
}

/// A value that exists on AWS only.
fn unresolved(at: &At, what: impl Into<String>) -> Stop {
    Stop::Unresolved(Finding::new(at, what))
}

#[cfg(test)]
mod tests;
