//! Route selection: what `RouteSelectionExpression` makes of a message.
//!
//! Developer Guide, "WebSocket selection expressions in API Gateway": a variable begins with `$`,
//! braces delimit it, `\$` is a dollar, anything else is static text; evaluation is one pass. What
//! cannot be resolved is empty; values that are not strings are stringified.

use std::fmt;

use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::Value;

/// A selection expression, parsed once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Static(String),
    /// `$request.body` and a path below it.
    Body(Vec<Step>),
    /// A variable that routes do not have: resolves to nothing.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

impl Expression {
    /// Reads an expression. Every text is one; variables other than `$request.body.…` resolve to
    /// nothing.
    #[must_use]
    pub fn parse(expression: &str) -> Self {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = expression;
        while let Some(c) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("\\$") {
                text.push('$');
                rest = after;
            } else if let Some(after) = rest.strip_prefix('$') {
                if !text.is_empty() {
                    parts.push(Part::Static(std::mem::take(&mut text)));
                }
                let variable;
                (variable, rest) = match after.strip_prefix('{').and_then(|v| v.split_once('}')) {
                    Some(split) => split,
                    None => after.split_at(after.find(ends_a_variable).unwrap_or(after.len())),
                };
                parts.push(variable_part(variable));
            } else {
                text.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
        if !text.is_empty() {
            parts.push(Part::Static(text));
        }
        Self(parts)
    }

    /// What the expression makes of a message; `None` if the message is not JSON and the
    /// expression asks for something in it.
    #[must_use]
    pub fn evaluate(&self, body: &str) -> Option<String> {
        let mut value = String::new();
        for part in &self.0 {
            match part {
                Part::Static(text) => value.push_str(text),
                Part::Body(path) => value.push_str(&look_up(body, path)?),
                Part::Unknown => {}
            }
        }
        Some(value)
    }
}

/// Without braces a variable goes on as far as a JSON path may.
fn ends_a_variable(c: char) -> bool {
    !(c.is_alphanumeric() || "_-.[]'\"*@".contains(c))
}

fn variable_part(variable: &str) -> Part {
    match variable.strip_prefix("request.body").map(steps) {
        Some(Some(path)) => Part::Body(path),
        _ => Part::Unknown,
    }
}

/// `.a.b`, `['a']`, `[0]`; `None` for anything else.
fn steps(mut path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    while !path.is_empty() {
        if let Some(after) = path.strip_prefix('.') {
            let (name, rest) = after.split_at(after.find(['.', '[']).unwrap_or(after.len()));
            if name.is_empty() || name == "*" {
                return None;
            }
            steps.push(Step::Key(name.to_owned()));
            path = rest;
        } else {
            let (inner, rest) = path.strip_prefix('[')?.split_once(']')?;
            path = rest;
            let quoted = |quote: char| inner.strip_prefix(quote)?.strip_suffix(quote);
            match quoted('\'').or_else(|| quoted('"')) {
                Some(name) => steps.push(Step::Key(name.to_owned())),
                None => steps.push(Step::Index(inner.parse().ok()?)),
            }
        }
    }
    Some(steps)
}

/// The value at `path`, as text; `None` if the body is not JSON.
fn look_up(body: &str, path: &[Step]) -> Option<String> {
    let mut json = serde_json::Deserializer::from_str(body);
    let found = LookUp(path).deserialize(&mut json).ok()?;
    json.end().ok()?;
    Some(found.map_or_else(String::new, |value| stringified(&value)))
}

/// A value as API Gateway prints it: an array as `[item1, item2]` (the page above), an object as
/// Java prints a map, null as nothing; the last two are guesses.
fn stringified(value: &Value) -> String {
    let mut text = String::new();
    print(value, &mut text);
    text
}

fn print(value: &Value, text: &mut String) {
    let separate = |text: &mut String, i| {
        if i > 0 {
            text.push_str(", ");
        }
    };
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => text.push_str(&value.to_string()),
        Value::String(s) => text.push_str(s),
        Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                separate(text, i);
                print(item, text);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (i, (key, member)) in members.iter().enumerate() {
                separate(text, i);
                text.push_str(key);
                text.push('=');
                print(member, text);
            }
            text.push('}');
        }
    }
}

/// Reads only what stands at a path; everything else is skipped without being stored.
#[derive(Clone, Copy)]
struct LookUp<'p>(&'p [Step]);

impl<'de> DeserializeSeed<'de> for LookUp<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<Value>, D::Error> {
        match self.0 {
            [] => serde::Deserialize::deserialize(json).map(Some),
            _ => json.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for LookUp<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Value>, A::Error> {
        let mut found = None;
        while let Some(wanted) = map.next_key_seed(IsStep(self.0.first()))? {
            if wanted {
                // Of equal keys the last one counts.
                found = map.next_value_seed(LookUp(&self.0[1..]))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Option<Value>, A::Error> {
        let mut found = None;
        let wanted = match self.0.first() {
            Some(Step::Index(wanted)) => Some(*wanted),
            _ => None,
        };
        for i in 0.. {
            let more = if wanted == Some(i) {
                seq.next_element_seed(LookUp(&self.0[1..]))?
                    .map(|value| found = value)
            } else {
                seq.next_element::<IgnoredAny>()?.map(|_| ())
            };
            if more.is_none() {
                break;
            }
        }
        Ok(found)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Option<Value>, E> {
        Ok(None)
    }
}

/// Compares a key without storing it.
struct IsStep<'p>(Option<&'p Step>);

impl<'de> DeserializeSeed<'de> for IsStep<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for IsStep<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(matches!(self.0, Some(Step::Key(wanted)) if wanted == key))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn expressions() {
        let body = r#"{"action":"join","service":"chat","n":7,"f":1.5,"t":true,"z":null,
            "list":["item1","item2"],"deep":{"er":{"est":"bottom"},"list":[{"a":"x"},{"a":"y"}]},
            "$request.body.action":"odd","a b":"spaced","twice":1,"twice":"last"}"#;
        for (expression, want) in [
            ("$request.body.action", "join"),
            ("${request.body.action}", "join"),
            (
                "${request.body.service}/${request.body.action}",
                "chat/join",
            ),
            ("$request.body.service/$request.body.action", "chat/join"),
            // "WebSocket selection expressions in API Gateway" has these two.
            (
                "${request.body.action}-${request.body.invalidPath}",
                "join-",
            ),
            ("\\$default", "$default"),
            ("$request.body.deep.er.est", "bottom"),
            ("$request.body.deep['er'].est", "bottom"),
            ("${request.body.deep.list[1].a}", "y"),
            ("${request.body.deep.list[2].a}", ""),
            ("${request.body['a b']}", "spaced"),
            ("$request.body.list", "[item1, item2]"),
            ("$request.body.list[0]", "item1"),
            ("$request.body.n", "7"),
            ("$request.body.f", "1.5"),
            ("$request.body.t", "true"),
            ("$request.body.z", ""),
            ("$request.body.deep.er", "{est=bottom}"),
            ("$request.body.action.more", ""),
            ("$request.body.list.x", ""),
            ("$request.body.twice", "last"),
            ("$request.body.missing", ""),
            ("static", "static"),
            ("v1.$request.body.action", "v1.join"),
            ("$request.header.x", ""),
            ("$request.body..action", ""),
            ("$", ""),
            ("", ""),
        ] {
            assert_eq!(
                Expression::parse(expression).evaluate(body).as_deref(),
                Some(want),
                "{expression}"
            );
        }
    }

    #[test]
    fn what_is_not_json_has_no_value() {
        let expression = Expression::parse("$request.body.action");
        for body in [
            "",
            "hello",
            "{",
            r#"{"action":"a"}}"#,
            r#"{"action":"a"} x"#,
            "{'action':'a'}",
        ] {
            assert_eq!(expression.evaluate(body), None, "{body}");
        }
        for body in ["5", "\"text\"", "null", "[]", "{}", "true", "-1.5"] {
            assert_eq!(expression.evaluate(body).as_deref(), Some(""), "{body}");
        }
        assert_eq!(
            Expression::parse("same").evaluate("hello").as_deref(),
            Some("same")
        );
    }

    proptest! {
        #[test]
        fn no_expression_and_no_body_panics(expression in "\\PC{0,40}|[$\\\\{}.\\[\\]a-z'0-9]{0,30}", body in "\\PC{0,60}") {
            let _ = Expression::parse(&expression).evaluate(&body);
        }

        #[test]
        fn a_value_is_found_at_its_path(keys in prop::collection::vec("[a-zA-Z_][a-zA-Z0-9_]{0,8}", 1..5), value in "\\PC{0,20}") {
            let mut body = Value::String(value.clone());
            for key in keys.iter().rev() {
                body = serde_json::json!({ "other": [1, {"x": null}], key: body });
            }
            let expression = Expression::parse(&format!("$request.body.{}", keys.join(".")));
            prop_assert_eq!(expression.evaluate(&body.to_string()), Some(value));
        }
    }
}
