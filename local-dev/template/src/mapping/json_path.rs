//! JSON paths, as selection expressions and mapping templates write them.
//!
//! Developer Guide, "API Gateway mapping template and access logging variable reference", names
//! `JSONPath` for Java as the reference. Filters and functions are not read.

use std::fmt;

/// Longest path, in steps.
const LONGEST: usize = 64;

/// A path to values in a JSON document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath(Vec<JsonStep>);

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonStep {
    /// `.name` or `['name']`.
    Key(String),
    /// `[0]`; a negative one counts from the end.
    Index(i64),
    /// `.*` or `[*]`: every member or item.
    Every,
    /// `[from:to]`, either of which may be absent; negative ones count from the end.
    Slice(Option<i64>, Option<i64>),
    /// `..`: what follows is looked for at every depth.
    Anywhere,
}

/// Why a text is no path that is read here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPath(String);

impl fmt::Display for BadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadPath {}

impl JsonPath {
    /// Reads `$.a['b'][0]`, or the same without `$`.
    ///
    /// # Errors
    /// It is no JSON path, or has a filter, a function or a list of names.
    pub fn parse(text: &str) -> Result<Self, BadPath> {
        let mut steps = Vec::new();
        let mut rest = text.strip_prefix('$').unwrap_or(text);
        while !rest.is_empty() {
            if steps.len() >= LONGEST {
                return Err(BadPath(format!("a path has at most {LONGEST} steps")));
            }
            rest = if let Some(after) = rest.strip_prefix("..") {
                steps.push(JsonStep::Anywhere);
                match after.starts_with('[') {
                    true => after,
                    false => name(after, &mut steps)?,
                }
            } else if let Some(after) = rest.strip_prefix('.') {
                name(after, &mut steps)?
            } else if let Some(after) = rest.strip_prefix('[') {
                bracket(after, &mut steps)?
            } else {
                return Err(BadPath(format!("`{rest}` does not begin with `.` or `[`")));
            };
        }
        Ok(Self(steps))
    }

    /// Its steps, from the outermost.
    #[must_use]
    pub fn steps(&self) -> &[JsonStep] {
        &self.0
    }

    /// Whether it names one value at most. Others come to the list of what they find.
    #[must_use]
    pub fn is_definite(&self) -> bool {
        self.0
            .iter()
            .all(|step| matches!(step, JsonStep::Key(_) | JsonStep::Index(_)))
    }
}

/// A name after a dot; what follows it.
fn name<'t>(text: &'t str, steps: &mut Vec<JsonStep>) -> Result<&'t str, BadPath> {
    let (name, rest) = text.split_at(text.find(['.', '[', '(']).unwrap_or(text.len()));
    if rest.starts_with('(') {
        return Err(BadPath(format!("the function `{name}()` is not emulated")));
    }
    steps.push(match name {
        "" => return Err(BadPath("a name is missing after `.`".to_owned())),
        "*" => JsonStep::Every,
        name => JsonStep::Key(name.to_owned()),
    });
    Ok(rest)
}

/// What is in brackets; what follows them.
fn bracket<'t>(text: &'t str, steps: &mut Vec<JsonStep>) -> Result<&'t str, BadPath> {
    let unclosed = || BadPath(format!("`[{text}` is not closed"));
    if let Some(quote @ ('\'' | '"')) = text.chars().next() {
        let (name, after) = text[1..].split_once(quote).ok_or_else(unclosed)?;
        if after.starts_with(',') {
            return Err(BadPath(
                "lists of names in brackets are not emulated".to_owned(),
            ));
        }
        steps.push(JsonStep::Key(name.to_owned()));
        return after.strip_prefix(']').ok_or_else(unclosed);
    }
    let (inner, rest) = text.split_once(']').ok_or_else(unclosed)?;
    let number = |text: &str| text.trim().parse::<i64>().ok();
    let bound = |text: &str| match text.trim() {
        "" => Some(None),
        text => number(text).map(Some),
    };
    let step = match (inner.trim(), inner.split_once(':')) {
        ("*", _) => Some(JsonStep::Every),
        (_, Some((from, to))) => bound(from)
            .zip(bound(to))
            .map(|(from, to)| JsonStep::Slice(from, to)),
        (index, None) => number(index).map(JsonStep::Index),
    };
    match step {
        Some(step) => steps.push(step),
        None if inner.starts_with('?') => {
            return Err(BadPath(format!("the filter `[{inner}]` is not emulated")));
        }
        None => {
            return Err(BadPath(format!(
                "`[{inner}]` is no index, slice or quoted name"
            )));
        }
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let key = |name: &str| JsonStep::Key(name.to_owned());
        for (text, want) in [
            ("", Ok(vec![])),
            ("$", Ok(vec![])),
            ("$.a", Ok(vec![key("a")])),
            (".a.b-c", Ok(vec![key("a"), key("b-c")])),
            ("$['a b'][\"c.d\"]", Ok(vec![key("a b"), key("c.d")])),
            ("$['a]b']", Ok(vec![key("a]b")])),
            (
                "$.a[0][-1]",
                Ok(vec![key("a"), JsonStep::Index(0), JsonStep::Index(-1)]),
            ),
            ("$.*[*]", Ok(vec![JsonStep::Every, JsonStep::Every])),
            ("$..a", Ok(vec![JsonStep::Anywhere, key("a")])),
            ("$..[0]", Ok(vec![JsonStep::Anywhere, JsonStep::Index(0)])),
            ("$[1:3]", Ok(vec![JsonStep::Slice(Some(1), Some(3))])),
            ("$[:-1]", Ok(vec![JsonStep::Slice(None, Some(-1))])),
            ("a", Err("`a` does not begin with `.` or `[`")),
            ("$.", Err("a name is missing after `.`")),
            ("$..", Err("a name is missing after `.`")),
            ("$.a..", Err("a name is missing after `.`")),
            ("$[", Err("`[` is not closed")),
            ("$['a", Err("`['a` is not closed")),
            ("$['a'b]", Err("`['a'b]` is not closed")),
            ("$[x]", Err("`[x]` is no index, slice or quoted name")),
            ("$[]", Err("`[]` is no index, slice or quoted name")),
            ("$[?(@.a)]", Err("the filter `[?(@.a)]` is not emulated")),
            (
                "$['a','b']",
                Err("lists of names in brackets are not emulated"),
            ),
            (
                "$.a.length()",
                Err("the function `length()` is not emulated"),
            ),
        ] {
            let got = JsonPath::parse(text)
                .map(|path| path.0)
                .map_err(|bad| bad.0);
            assert_eq!(got, want.map_err(str::to_owned), "{text}");
        }
    }
}
