//! Integrations beside `AWS_PROXY`: what is sent where, and what becomes of the answer.

use std::collections::BTreeMap;
use std::time::Duration;

use regex_lite::Regex;

use crate::mapping::Expression;
use crate::mapping::MappingTemplate;
use crate::mapping::ParameterMapping;
use crate::mapping::StagedText;

/// An integration of the type `AWS`, `HTTP`, `HTTP_PROXY` or `MOCK`, or one of `AWS_PROXY` whose
/// function a stage variable names.
#[derive(Debug, Clone)]
pub struct Backend {
    /// What is called.
    pub calls: Calls,
    /// `TimeoutInMillis`: 50 to 29,000, 29,000 by default.
    pub timeout: Duration,
    /// `RequestParameters`.
    pub parameters: Vec<ParameterMapping>,
    /// `RequestTemplates` and their `TemplateSelectionExpression`.
    pub templates: Templates,
    /// `PassthroughBehavior`.
    pub passthrough: Passthrough,
    /// `ContentHandlingStrategy` of the request.
    pub content_handling: Option<ContentHandling>,
    /// `AWS::ApiGatewayV2::IntegrationResponse`s, in the order of the template.
    pub responses: Vec<IntegrationResponse>,
}

/// What an integration calls.
#[derive(Debug, Clone)]
pub enum Calls {
    /// `MOCK`: nothing; the request becomes the answer.
    Nothing,
    /// `AWS`: a function; the request is its event as it is.
    Function(Callee),
    /// `AWS_PROXY`: a function; its event and answer are those of a proxy integration.
    ProxyFunction(Callee),
    /// `HTTP`, or `HTTP_PROXY`.
    Http {
        /// `IntegrationMethod`.
        method: String,
        /// `IntegrationUri`, with `{name}` where `integration.request.path.name` goes.
        url: StagedText,
        /// `HTTP_PROXY`: request and answer are passed through.
        proxy: bool,
    },
}

/// The function that an integration calls.
#[derive(Debug, Clone)]
pub enum Callee {
    /// By logical ID.
    Function(String),
    /// By a name with stage variables in it.
    Named {
        /// The name, a partial or a whole ARN.
        name: StagedText,
        /// Logical IDs of the template's functions, by name.
        functions: BTreeMap<String, String>,
    },
}

/// Mapping templates, and which of them is used.
#[derive(Debug, Clone, Default)]
pub struct Templates {
    /// `TemplateSelectionExpression`: comes to a key.
    pub selection: Option<Expression>,
    /// The templates by key.
    pub by_key: BTreeMap<String, MappingTemplate>,
}

/// What becomes of a request for which there is no template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passthrough {
    /// It is passed on as it is; the default.
    WhenNoMatch,
    /// It is refused if there are templates for others.
    WhenNoTemplates,
    /// It is refused.
    Never,
}

/// What becomes of a payload between text and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentHandling {
    /// `CONVERT_TO_BINARY`: base64 text becomes the bytes it stands for.
    ConvertToBinary,
    /// `CONVERT_TO_TEXT`: bytes become base64 text.
    ConvertToText,
}

/// `AWS::ApiGatewayV2::IntegrationResponse`.
#[derive(Debug, Clone)]
pub struct IntegrationResponse {
    /// `IntegrationResponseKey`.
    pub key: ResponseKey,
    /// `ResponseTemplates` and their `TemplateSelectionExpression`.
    pub templates: Templates,
    /// `ResponseParameters`.
    pub parameters: Vec<ParameterMapping>,
    /// `ContentHandlingStrategy`.
    pub content_handling: Option<ContentHandling>,
}

/// Which answers of an integration a response is for.
#[derive(Debug, Clone)]
pub enum ResponseKey {
    /// `$default`: those that no other is for.
    Default,
    /// A text: the same status or error message.
    Exactly(String),
    /// `/expression/`: those that a regular expression matches whole.
    Matching(Regex),
}

impl ResponseKey {
    /// Reads a key.
    ///
    /// # Errors
    /// The regular expression is none, or of a kind that is not emulated; why.
    pub fn parse(key: &str) -> Result<Self, String> {
        let pattern = key.strip_prefix('/').and_then(|key| key.strip_suffix('/'));
        match (key, pattern) {
            ("$default", _) => Ok(Self::Default),
            (_, Some(pattern)) => Regex::new(&format!("^(?:{pattern})$"))
                .map(Self::Matching)
                .map_err(|error| error.to_string()),
            (key, None) => Ok(Self::Exactly(key.to_owned())),
        }
    }

    /// Whether an answer's status or error message is what this key names.
    #[must_use]
    pub fn names(&self, value: &str) -> bool {
        match self {
            Self::Default => false,
            Self::Exactly(key) => key == value,
            Self::Matching(pattern) => pattern.is_match(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_integration_responses() {
        for (key, value, named) in [
            ("200", "200", true),
            ("200", "201", false),
            ("/2\\d\\d/", "204", true),
            ("/2\\d\\d/", "2044", false),
            ("/.*Bad.*/", "a Bad request", true),
            ("/a|b/", "b", true),
            ("/a|b/", "bb", false),
            ("$default", "200", false),
            ("/", "/", true),
        ] {
            assert_eq!(
                ResponseKey::parse(key).unwrap().names(value),
                named,
                "{key} {value}"
            );
        }
        assert!(ResponseKey::parse("/(/").is_err());
    }
}
