//! `Conditions` and `Fn::If`.

use crate::eval::Outcome;
use crate::eval::Scope;
use crate::eval::Stop;
use crate::eval::arguments;
use crate::eval::literal;
use crate::finding::At;
use crate::finding::Finding;
use crate::node::Node;
use crate::suggest::did_you_mean;

impl Scope {
    /// Whether a condition of the template holds.
    pub(crate) fn decide(&self, name: &str, at: &At) -> Result<bool, Stop> {
        let Some(condition) = self.conditions.get(name) else {
            return Err(Stop::Wrong(
                Finding::new(at, format!("the template has no condition `{name}`")).maybe_help(
                    did_you_mean(name, self.conditions.keys().map(String::as_str)),
                ),
            ));
        };
        self.visit(format!("the condition `{name}`"), at, || {
            self.holds(condition)
        })
    }

    /// `Fn::If: [condition, value, value]`.
    pub(super) fn choose<'n>(&'n self, argument: &'n Node, _at: &At) -> Outcome<'n> {
        let [condition, yes, no] = arguments(argument, "Fn::If")?;
        // `Fn::If: [!Condition Name, …]` is taken by CloudFormation as well.
        let name = condition.get("Condition").unwrap_or(condition);
        let name = literal(name, "Fn::If")?;
        match self.decide(name, &condition.at)? {
            true => self.reduce(yes),
            false => self.reduce(no),
        }
    }

    /// Whether a condition's expression holds.
    fn holds(&self, node: &Node) -> Result<bool, Stop> {
        self.spend(1, &node.at)?;
        let [entry] = node.entries() else {
            return Err(no_condition(node));
        };
        let argument = &entry.value;
        match entry.key.as_str() {
            "Condition" => self.decide(literal(argument, "Condition")?, &argument.at),
            "Fn::Equals" => {
                let [a, b] = arguments(argument, "Fn::Equals")?;
                Ok(self.needed(a)? == self.needed(b)?)
            }
            "Fn::Not" => {
                let [inner] = arguments(argument, "Fn::Not")?;
                Ok(!self.holds(inner)?)
            }
            "Fn::And" => self
                .count(argument, &entry.key)
                .map(|(held, of)| held == of),
            "Fn::Or" => self.count(argument, &entry.key).map(|(held, _)| held > 0),
            _ => Err(no_condition(node)),
        }
    }

    /// How many of a list of conditions hold, and how many there are.
    fn count(&self, argument: &Node, function: &str) -> Result<(usize, usize), Stop> {
        let of = argument.items().len();
        if !(2..=10).contains(&of) {
            let what = format!("`{function}` takes a list of two to ten conditions");
            return Err(Stop::wrong(&argument.at, what));
        }
        let mut held = 0;
        for inner in argument.items() {
            held += usize::from(self.holds(inner)?);
        }
        Ok((held, of))
    }
}

fn no_condition(node: &Node) -> Stop {
    let what = "this is no condition";
    let help = "a condition is `Fn::Equals`, `Fn::And`, `Fn::Or`, `Fn::Not` or `Condition: Name`";
    Stop::Wrong(Finding::new(&node.at, what).help(help))
}
