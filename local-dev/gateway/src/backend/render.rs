//! Mapping templates, evaluated.
//!
//! Velocity's "VTL Reference Guide" 1.7 and Developer Guide, "API Gateway mapping template and
//! access logging variable reference". What a known name does not have prints nothing; a name that
//! nobody has set prints itself.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;

use gatepost_template::Access;
use gatepost_template::JsonPath;
use gatepost_template::MappingTemplate;
use gatepost_template::Method;
use gatepost_template::Operand;
use gatepost_template::Operator;
use gatepost_template::Piece;
use gatepost_template::Reference;

use crate::backend::method;
use crate::json::Json;
use crate::json::Reading;
use crate::json::find;
use crate::json::read;

/// Longest result in bytes.
const LONGEST: usize = 1024 * 1024;
/// Most steps of one evaluation.
const MOST: usize = 200_000;
/// Most rounds of a `#foreach` ("Amazon API Gateway quotas": 1,000 iterations of a loop in a mapping
/// template).
const ROUNDS: usize = 1000;

/// What a mapping template may name.
#[derive(Debug)]
pub(crate) struct Names<'a> {
    /// `$input.body`.
    pub(crate) body: &'a str,
    pub(crate) reading: Reading,
    /// `$input.params()`.
    pub(crate) params: &'a Json,
    /// `$context`.
    pub(crate) context: &'a Json,
    pub(crate) stage_variables: &'a BTreeMap<String, String>,
}

/// A template cannot be evaluated; why, for a person.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unrendered(pub(crate) String);

/// Evaluates a mapping template.
pub(crate) fn render(template: &MappingTemplate, names: &Names<'_>) -> Result<String, Unrendered> {
    let variables = names.stage_variables.iter();
    let variables = variables.map(|(name, value)| (name.clone(), Json::String(value.clone())));
    let mut rendering = Rendering {
        names,
        input: OnceCell::new(),
        stage_variables: Json::Object(variables.collect()),
        set: BTreeMap::new(),
        text: String::new(),
        work: 0,
    };
    rendering.pieces(template.pieces())?;
    Ok(rendering.text)
}

struct Rendering<'a> {
    names: &'a Names<'a>,
    /// The body as JSON; null if it is none.
    input: OnceCell<Json>,
    stage_variables: Json,
    /// Names that `#set` and `#foreach` have given.
    set: BTreeMap<String, Json>,
    text: String,
    work: usize,
}

/// A value, or `None` for one that is not defined.
type Value<'v> = Result<Option<Cow<'v, Json>>, Unrendered>;

impl Rendering<'_> {
    fn spend(&mut self, work: usize) -> Result<(), Unrendered> {
        self.work += work;
        if self.work > MOST || self.text.len() > LONGEST {
            return Err(Unrendered("the mapping template takes too much".to_owned()));
        }
        Ok(())
    }

    fn pieces(&mut self, pieces: &[Piece]) -> Result<(), Unrendered> {
        for piece in pieces {
            self.spend(1)?;
            match piece {
                Piece::Text(text) => self.text.push_str(text),
                Piece::Reference(reference) => {
                    let printed = self.print(reference)?;
                    self.text.push_str(&printed);
                }
                Piece::Set(name, operand) => {
                    // Velocity leaves a name as it is if the new value is none.
                    if let Some(value) = self.owned(operand)? {
                        self.set.insert(name.clone(), value);
                    }
                }
                Piece::If(branches, otherwise) => {
                    let mut chosen = otherwise;
                    for (condition, then) in branches {
                        if self.holds(condition)? {
                            chosen = then;
                            break;
                        }
                    }
                    self.pieces(chosen)?;
                }
                Piece::Each(name, operand, body) => self.each(name, operand, body)?,
            }
        }
        Ok(())
    }

    fn each(&mut self, name: &str, operand: &Operand, body: &[Piece]) -> Result<(), Unrendered> {
        let items = match self.owned(operand)? {
            Some(Json::Array(items)) => items,
            Some(Json::Object(members)) => members.into_iter().map(|(_, value)| value).collect(),
            _ => return Ok(()),
        };
        if items.len() > ROUNDS {
            let what = format!("a `#foreach` has more than {ROUNDS} rounds");
            return Err(Unrendered(what));
        }
        let outer = (self.set.remove(name), self.set.remove("foreach"));
        let count = items.len();
        for (index, item) in items.into_iter().enumerate() {
            let number = |number: usize| Json::Number(number.into());
            let state = [
                ("index", number(index)),
                ("count", number(index + 1)),
                ("first", Json::Bool(index == 0)),
                ("last", Json::Bool(index + 1 == count)),
                ("hasNext", Json::Bool(index + 1 < count)),
            ];
            let state = state.map(|(name, value)| (name.to_owned(), value)).to_vec();
            self.set.insert("foreach".to_owned(), Json::Object(state));
            self.set
                .insert("velocityCount".to_owned(), number(index + 1));
            self.set.insert(name.to_owned(), item);
            self.pieces(body)?;
        }
        for (name, value) in [(name, outer.0), ("foreach", outer.1)] {
            match value {
                Some(value) => self.set.insert(name.to_owned(), value),
                None => self.set.remove(name),
            };
        }
        Ok(())
    }

    /// What a reference prints.
    fn print(&mut self, reference: &Reference) -> Result<String, Unrendered> {
        let value = self.reference(reference)?;
        let printed = match value {
            Some(value) => value.to_string(),
            None if reference.quiet => String::new(),
            None => reference.source.clone(),
        };
        self.spend(printed.len() / 64)?;
        Ok(printed)
    }

    fn owned(&mut self, operand: &Operand) -> Result<Option<Json>, Unrendered> {
        let value = self.operand(operand)?.map(Cow::into_owned);
        let value = value.filter(|value| *value != Json::Null);
        self.spend(value.as_ref().map_or(0, weight))?;
        Ok(value)
    }

    fn holds(&mut self, condition: &Operand) -> Result<bool, Unrendered> {
        Ok(match self.operand(condition)?.as_deref() {
            None | Some(Json::Null) => false,
            Some(Json::Bool(value)) => *value,
            Some(Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_)) => true,
        })
    }

    fn operand(&mut self, operand: &Operand) -> Value<'_> {
        self.spend(1)?;
        let value = match operand {
            Operand::Null => return Ok(None),
            Operand::Bool(value) => Json::Bool(*value),
            Operand::Integer(number) => Json::Number((*number).into()),
            Operand::Float(number) => method::number(*number),
            Operand::Text(pieces) => Json::String(self.apart(pieces)?),
            Operand::List(operands) => {
                let mut items = Vec::with_capacity(operands.len());
                for operand in operands {
                    items.push(self.owned(operand)?.unwrap_or(Json::Null));
                }
                Json::Array(items)
            }
            Operand::Map(entries) => {
                let mut members = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let key = self.owned(key)?.unwrap_or(Json::Null).to_string();
                    members.push((key, self.owned(value)?.unwrap_or(Json::Null)));
                }
                Json::Object(members)
            }
            Operand::Range(ends) => self.range(&ends.0, &ends.1)?,
            Operand::Reference(reference) => return self.reference(reference),
            Operand::Not(of) => Json::Bool(!self.holds(of)?),
            Operand::Binary(operator, both) => return self.binary(*operator, &both.0, &both.1),
        };
        Ok(Some(Cow::Owned(value)))
    }

    /// Pieces of a text in double quotes.
    fn apart(&mut self, pieces: &[Piece]) -> Result<String, Unrendered> {
        let outer = std::mem::take(&mut self.text);
        let printed = self.pieces(pieces);
        let inner = std::mem::replace(&mut self.text, outer);
        printed.map(|()| inner)
    }

    fn range(&mut self, from: &Operand, to: &Operand) -> Result<Json, Unrendered> {
        let from = method::integer(self.owned(from)?.as_ref());
        let to = method::integer(self.owned(to)?.as_ref());
        let (Some(from), Some(to)) = (from, to) else {
            return Ok(Json::Array(Vec::new()));
        };
        if from.abs_diff(to) >= ROUNDS as u64 {
            return Err(Unrendered(format!(
                "a range has more than {ROUNDS} numbers"
            )));
        }
        let numbers: Vec<i64> = match from <= to {
            true => (from..=to).collect(),
            false => (to..=from).rev().collect(),
        };
        let numbers = numbers
            .into_iter()
            .map(|number| Json::Number(number.into()));
        Ok(Json::Array(numbers.collect()))
    }

    fn binary(&mut self, operator: Operator, left: &Operand, right: &Operand) -> Value<'_> {
        let value = match operator {
            Operator::And => Json::Bool(self.holds(left)? && self.holds(right)?),
            Operator::Or => Json::Bool(self.holds(left)? || self.holds(right)?),
            _ => {
                let (left, right) = (self.owned(left)?, self.owned(right)?);
                match method::binary(operator, left.as_ref(), right.as_ref()) {
                    Some(value) => value,
                    None => return Ok(None),
                }
            }
        };
        Ok(Some(Cow::Owned(value)))
    }

    fn reference(&mut self, reference: &Reference) -> Value<'_> {
        self.spend(1)?;
        // Arguments first: they may need all of this.
        let mut arguments = Vec::new();
        for step in &reference.steps {
            match step {
                Access::Property(_) => {}
                Access::Index(operand) => {
                    arguments.push(self.owned(operand)?.unwrap_or(Json::Null));
                }
                Access::Call(_, operands) => {
                    for operand in operands {
                        arguments.push(self.owned(operand)?.unwrap_or(Json::Null));
                    }
                }
            }
        }
        let mut arguments = arguments.into_iter();
        let (first, rest) = match reference.steps.split_first() {
            Some((first, rest)) => (Some(first), rest),
            None => (None, &[][..]),
        };
        let mut known = true;
        let (mut value, rest) = match (reference.root.as_str(), first) {
            (root, _) if self.set.contains_key(root) => {
                (self.set.get(root).map(Cow::Borrowed), &reference.steps[..])
            }
            ("input", Some(first)) => {
                let names = self.names;
                let input = self
                    .input
                    .get_or_init(|| read(names.body, names.reading).unwrap_or(Json::Null));
                (of_input(first, &mut arguments, names, input)?, rest)
            }
            ("util", Some(Access::Call(method, _))) => {
                let argument = arguments.next().unwrap_or(Json::Null);
                let value = method::of_util(*method, &argument, self.names.reading);
                (value.map(Cow::Owned), rest)
            }
            ("context", _) => (
                Some(Cow::Borrowed(self.names.context)),
                &reference.steps[..],
            ),
            ("stageVariables", _) => (
                Some(Cow::Borrowed(&self.stage_variables)),
                &reference.steps[..],
            ),
            _ => {
                known = false;
                (None, rest)
            }
        };
        for step in rest {
            let Some(from) = value else {
                break;
            };
            value = method::step(from, step, &mut arguments)?;
        }
        // What a known name does not have is an empty text (seen in many a mapping template).
        Ok(match value {
            None | Some(Cow::Owned(Json::Null) | Cow::Borrowed(Json::Null)) if known => {
                Some(Cow::Owned(Json::String(String::new())))
            }
            value => value,
        })
    }
}

/// `$input.body`, `$input.json(path)`, `$input.path(path)`, `$input.params(…)`.
fn of_input<'v>(
    step: &Access,
    arguments: &mut impl Iterator<Item = Json>,
    names: &'v Names<'_>,
    input: &'v Json,
) -> Value<'v> {
    let at = |arguments: &mut dyn Iterator<Item = Json>| {
        let path = arguments.next().unwrap_or(Json::Null).to_string();
        let path = JsonPath::parse(&path).map_err(|bad| Unrendered(format!("`{path}`: {bad}")))?;
        Ok(find(input, &path))
    };
    Ok(match step {
        Access::Property(name) if name == "body" => {
            Some(Cow::Owned(Json::String(names.body.to_owned())))
        }
        Access::Call(Method::Path, _) => Some(at(arguments)?),
        Access::Call(Method::Json, _) => {
            let json = match at(arguments)?.as_ref() {
                Json::Null => "\"\"".to_owned(),
                json => json.json(),
            };
            Some(Cow::Owned(Json::String(json)))
        }
        Access::Call(Method::Params, operands) => match operands.is_empty() {
            true => Some(Cow::Borrowed(names.params)),
            false => {
                let name = arguments.next().unwrap_or(Json::Null).to_string();
                // In this order (the page above).
                ["path", "querystring", "header"]
                    .iter()
                    .find_map(|place| names.params.get(place)?.get(&name))
                    .map(Cow::Borrowed)
            }
        },
        _ => None,
    })
}

/// About how much work it is to copy a value.
fn weight(value: &Json) -> usize {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => 1,
        Json::String(text) => 1 + text.len() / 64,
        Json::Array(items) => 1 + items.iter().map(weight).sum::<usize>(),
        Json::Object(members) => {
            1 + members
                .iter()
                .map(|(_, value)| weight(value))
                .sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests;
