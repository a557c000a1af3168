//! `Fn::Sub`.

use crate::eval::Scope;
use crate::eval::Stop;
use crate::eval::arguments;
use crate::finding::At;
use crate::finding::Finding;
use crate::node::Node;

impl Scope {
    /// `Fn::Sub: text` or `Fn::Sub: [text, {variable: value}]`.
    pub(super) fn sub(&self, argument: &Node, at: &At) -> Result<String, Stop> {
        if let Some(text) = argument.as_text() {
            return self.substitute(text, None, at);
        }
        let [text, variables] = arguments(argument, "Fn::Sub")?;
        let Some(text) = text.as_text() else {
            return Err(Stop::wrong(&text.at, "`Fn::Sub` takes a literal text"));
        };
        self.substitute(text, Some(variables), at)
    }

    fn substitute(&self, text: &str, variables: Option<&Node>, at: &At) -> Result<String, Stop> {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, from)) = rest.split_once("${") {
            result.push_str(before);
            let Some((name, after)) = from.split_once('}') else {
                let what = "`${` in `Fn::Sub` has no `}`";
                let help = "a literal `${…}` is written `${!…}`";
                return Err(Stop::Wrong(Finding::new(at, what).help(help)));
            };
            match name.strip_prefix('!') {
                Some(literal) => {
                    result.push_str("${");
                    result.push_str(literal);
                    result.push('}');
                }
                None => result.push_str(&self.variable(name, variables, at)?),
            }
            self.check_length(&result, at)?;
            rest = after;
        }
        result.push_str(rest);
        Ok(result)
    }

    /// The value of `${name}`: a variable, else what `Ref` or `Fn::GetAtt` make of it.
    fn variable(&self, name: &str, variables: Option<&Node>, at: &At) -> Result<String, Stop> {
        if let Some(value) = variables.and_then(|variables| variables.get(name)) {
            return self.needed(value);
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '_' | '-');
        if name.is_empty() || !name.chars().all(is_name) {
            let what = format!("`${{{name}}}` in `Fn::Sub` is no name");
            let help = "a literal `${…}` is written `${!…}`";
            return Err(Stop::Wrong(Finding::new(at, what).help(help)));
        }
        self.spend(1, at)?;
        if let Some((id @ ("stageVariables" | "request" | "context"), _)) = name.split_once('.')
            && self.resources.get(id).is_none()
        {
            let what = format!("`${{{name}}}` in `Fn::Sub` is no parameter and no resource");
            let help = format!("what API Gateway replaces is written `${{!{name}}}`");
            return Err(Stop::Wrong(Finding::new(at, what).help(help)));
        }
        let value = match name.split_once('.') {
            Some((id, attribute)) => self.attribute(id, attribute, at)?,
            None => self.reference(name, at)?,
        };
        let value = value.map(|value| value.into_owned());
        match value.as_ref().map(|value| (value.as_text(), value.kind())) {
            Some((Some(text), _)) => Ok(text.to_owned()),
            Some((None, kind)) => Err(Stop::wrong(
                at,
                format!("`${{{name}}}` in `Fn::Sub` must be text, and is {kind}"),
            )),
            None => Err(Stop::wrong(
                at,
                format!("`${{{name}}}` cannot stand in `Fn::Sub`"),
            )),
        }
    }
}
