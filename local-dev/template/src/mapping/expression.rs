//! Selection expressions: what chooses a route, a template, an integration response.
//!
//! Developer Guide, "WebSocket selection expressions in API Gateway": a variable begins with `$`,
//! braces delimit it, `\$` is a dollar, anything else is static text; evaluation is one pass.

use crate::mapping::JsonPath;

/// A selection expression, parsed once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression(Vec<Part>);

/// A part of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text that stands for itself.
    Static(String),
    /// A variable.
    Variable(Variable),
}

/// What a part of an expression stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// `request.body` and a path below it.
    Body(JsonPath),
    /// `integration.response.statuscode`.
    ResponseStatus,
    /// `integration.response.header.NAME`, and `…multivalueheader.NAME`.
    ResponseHeader(String),
    /// `integration.response.body` and a path below it.
    ResponseBody(JsonPath),
    /// None of these: it resolves to nothing. Why.
    Unknown(String),
}

impl Expression {
    /// Reads an expression. Every text is one; a variable that does not exist resolves to nothing,
    /// see [`Self::unknown`].
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
                let name;
                (name, rest) = match after.strip_prefix('{').and_then(braces) {
                    Some(split) => split,
                    None => after.split_at(after.find(ends_a_variable).unwrap_or(after.len())),
                };
                parts.push(Part::Variable(variable(name)));
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

    /// Its parts, in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// Why the first variable that resolves to nothing does so.
    #[must_use]
    pub fn unknown(&self) -> Option<&str> {
        self.0.iter().find_map(|part| match part {
            Part::Variable(Variable::Unknown(why)) => Some(why.as_str()),
            Part::Static(_) | Part::Variable(_) => None,
        })
    }
}

/// Up to the brace that closes, which is none in quotes; what follows it.
fn braces(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '}') => return Some((&text[..at], &text[at + 1..])),
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    // A quote that is never closed quotes nothing.
    text.split_once('}')
}

/// Without braces a variable goes on as far as a JSON path may.
fn ends_a_variable(c: char) -> bool {
    !(c.is_alphanumeric() || "_-.[]'\"*@:".contains(c))
}

fn variable(name: &str) -> Variable {
    let path = |text: &str| JsonPath::parse(text).map_err(|bad| format!("`${name}`: {bad}"));
    if let Some(rest) = below(name, "request.body") {
        return path(rest).map_or_else(Variable::Unknown, Variable::Body);
    }
    if let Some(rest) = below(name, "integration.response.body") {
        return path(rest).map_or_else(Variable::Unknown, Variable::ResponseBody);
    }
    let header = ["header.", "multivalueheader."].iter().find_map(|kind| {
        name.strip_prefix("integration.response.")?
            .strip_prefix(kind)
    });
    match (name, header) {
        ("integration.response.statuscode" | "response.statuscode", _) => Variable::ResponseStatus,
        (_, Some(header)) if !header.is_empty() => Variable::ResponseHeader(header.to_owned()),
        _ => Variable::Unknown(format!(
            "`${name}` is no variable of a selection expression"
        )),
    }
}

/// What stands below `prefix`, as a path.
fn below<'t>(name: &'t str, prefix: &str) -> Option<&'t str> {
    let rest = name.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with(['.', '['])).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(expression: &str) -> String {
        let parts = Expression::parse(expression).0;
        let parts = parts.iter().map(|part| match part {
            Part::Static(text) => format!("{text:?}"),
            Part::Variable(Variable::Body(path)) => format!("body{}", path.steps().len()),
            Part::Variable(Variable::ResponseStatus) => "status".to_owned(),
            Part::Variable(Variable::ResponseHeader(name)) => format!("header {name}"),
            Part::Variable(Variable::ResponseBody(path)) => {
                format!("response{}", path.steps().len())
            }
            Part::Variable(Variable::Unknown(why)) => why.clone(),
        });
        parts.collect::<Vec<_>>().join(" + ")
    }

    #[test]
    fn expressions_in_parts() {
        for (expression, want) in [
            ("$request.body.action", "body1"),
            ("${request.body.a.b}/x", "body2 + \"/x\""),
            ("$request.body", "body0"),
            ("v1.$request.body.a", "\"v1.\" + body1"),
            ("\\$default", "\"$default\""),
            ("\\\\$request.body.a", "\"\\\\$request.body.a\""),
            ("${request.body['a}b']}", "body1"),
            (
                "${request.body['a}",
                "`$request.body['a`: `['a` is not closed",
            ),
            ("$integration.response.statuscode", "status"),
            ("${response.statuscode}", "status"),
            ("${integration.response.header.x-a}", "header x-a"),
            ("${integration.response.multivalueheader.x}", "header x"),
            ("$integration.response.body.errorMessage", "response1"),
            (
                "$request.bodyguard",
                "`$request.bodyguard` is no variable of a selection expression",
            ),
            (
                "$request.header.x",
                "`$request.header.x` is no variable of a selection expression",
            ),
            (
                "$request.body..",
                "`$request.body..`: a name is missing after `.`",
            ),
            ("$", "`$` is no variable of a selection expression"),
            (
                "${request.body.a",
                "`$` is no variable of a selection expression + \"{request.body.a\"",
            ),
            ("", ""),
        ] {
            assert_eq!(shown(expression), want, "{expression}");
        }
    }
}
