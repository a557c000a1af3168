//! Text with stage variables in it, as `IntegrationUri` may have.

use std::collections::BTreeMap;

/// Text with `${stageVariables.name}` in it (Developer Guide, "Using Amazon API Gateway stage
/// variables").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedText(String);

/// The stage has no such variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoVariable(pub String);

const OPEN: &str = "${stageVariables.";

impl StagedText {
    /// Any text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether it has variables.
    #[must_use]
    pub fn has_variables(&self) -> bool {
        self.0.contains(OPEN)
    }

    /// The text as it is written.
    #[must_use]
    pub fn as_written(&self) -> &str {
        &self.0
    }

    /// The text with the variables of a stage.
    ///
    /// # Errors
    /// The stage lacks one; its name.
    pub fn with(&self, variables: &BTreeMap<String, String>) -> Result<String, NoVariable> {
        let mut text = String::with_capacity(self.0.len());
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once(OPEN) {
            text.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                text.push_str(OPEN);
                rest = after;
                continue;
            };
            match variables.get(name) {
                Some(value) => text.push_str(value),
                None => return Err(NoVariable(name.to_owned())),
            }
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stage_variables_take_their_places() {
        let variables = [("host", "h.example"), ("v", "1")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let variables = BTreeMap::from(variables);
        for (text, want) in [
            (
                "http://${stageVariables.host}/v${stageVariables.v}",
                Ok("http://h.example/v1"),
            ),
            ("plain {name} ${other}", Ok("plain {name} ${other}")),
            ("${stageVariables.host", Ok("${stageVariables.host")),
            ("${stageVariables.none}", Err("none")),
        ] {
            let got = StagedText::new(text).with(&variables);
            let want = want
                .map(str::to_owned)
                .map_err(|name| NoVariable(name.to_owned()));
            assert_eq!(got, want, "{text}");
        }
    }
}
