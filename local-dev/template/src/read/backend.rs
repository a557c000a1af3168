//! Integrations beside `AWS_PROXY`: their templates, mappings and responses.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::eval::Resource;
use crate::finding::Finding;
use crate::integration::Backend;
use crate::integration::Calls;
use crate::integration::ContentHandling;
use crate::integration::IntegrationResponse;
use crate::integration::Passthrough;
use crate::integration::ResponseKey;
use crate::integration::Templates;
use crate::mapping::Expression;
use crate::mapping::MappingTemplate;
use crate::mapping::ParameterMapping;
use crate::node::Node;
use crate::read::Reader;
use crate::read::api::Parts;

impl<'s> Reader<'s> {
    /// An integration that calls this. An error is a finding for which it is not emulated.
    pub(super) fn backend(
        &mut self,
        resource: &'s Resource,
        parts: &Parts<'s>,
        calls: Calls,
        timeout: Duration,
    ) -> Result<Backend, Finding> {
        let properties = &resource.properties;
        let responses = parts
            .iter()
            .filter(|part| part.kind == "AWS::ApiGatewayV2::IntegrationResponse");
        let mut own = Vec::new();
        for response in responses {
            if self.required(response, "IntegrationId").as_deref() == Some(&resource.id) {
                own.extend(self.integration_response(response)?);
            }
        }
        self.check_response_selection(properties, &calls);
        Ok(Backend {
            calls,
            timeout,
            parameters: self.parameter_mappings(
                properties,
                "RequestParameters",
                ParameterMapping::of_request,
            ),
            templates: self.templates(properties, "RequestTemplates")?,
            passthrough: self.passthrough(properties),
            content_handling: self.content_handling(properties),
            responses: own,
        })
    }

    fn integration_response(
        &mut self,
        resource: &'s Resource,
    ) -> Result<Option<IntegrationResponse>, Finding> {
        let properties = &resource.properties;
        let Some(key) = self.required(resource, "IntegrationResponseKey") else {
            return Ok(None);
        };
        let at = properties
            .get("IntegrationResponseKey")
            .map_or(&resource.at, |node| &node.at);
        let key = ResponseKey::parse(&key)
            .map_err(|why| Finding::new(at, format!("`{key}` cannot be matched: {why}")))?;
        Ok(Some(IntegrationResponse {
            key,
            templates: self.templates(properties, "ResponseTemplates")?,
            parameters: self.parameter_mappings(
                properties,
                "ResponseParameters",
                ParameterMapping::of_response,
            ),
            content_handling: self.content_handling(properties),
        }))
    }

    /// Mapping templates and the expression that selects one.
    fn templates(&mut self, of: &'s Node, name: &str) -> Result<Templates, Finding> {
        let mut by_key = BTreeMap::new();
        let map = self.value(of, name);
        for entry in map.as_ref().map_or(&[][..], Node::entries) {
            let text = self.scope.text(&entry.value);
            let Some(text) = self.findings.take(text) else {
                continue;
            };
            let template = MappingTemplate::parse(&text)
                .map_err(|bad| Finding::new(&entry.value.at, format!("`{name}`: {bad}")))?;
            by_key.insert(entry.key.clone(), template);
        }
        Ok(Templates {
            selection: self.selection(of, "TemplateSelectionExpression"),
            by_key,
        })
    }

    /// A selection expression; what it asks for in vain is noted.
    fn selection(&mut self, of: &Node, name: &str) -> Option<Expression> {
        let expression = Expression::parse(&self.text(of, name)?);
        if let (Some(why), Some(node)) = (expression.unknown(), of.get(name)) {
            let what = format!("`{name}`: {why}: it resolves to nothing");
            self.findings.fails_on_aws(Finding::new(&node.at, what));
        }
        Some(expression)
    }

    fn parameter_mappings(
        &mut self,
        of: &'s Node,
        name: &str,
        read: impl Fn(&str, &str) -> Result<ParameterMapping, String>,
    ) -> Vec<ParameterMapping> {
        let Some(map) = self.value(of, name) else {
            return Vec::new();
        };
        let mut mappings = Vec::new();
        for entry in map.entries() {
            let text = self.scope.text(&entry.value);
            let Some(text) = self.findings.take(text) else {
                continue;
            };
            match read(&entry.key, &text) {
                Ok(mapping) => mappings.push(mapping),
                Err(why) => {
                    let what = format!("`{name}`: {why}");
                    self.findings.error(Finding::new(&entry.at, what));
                }
            }
        }
        mappings
    }

    fn passthrough(&mut self, of: &Node) -> Passthrough {
        let name = "PassthroughBehavior";
        match self.text(of, name).as_deref() {
            None | Some("WHEN_NO_MATCH") => Passthrough::WhenNoMatch,
            Some("WHEN_NO_TEMPLATES") => Passthrough::WhenNoTemplates,
            Some("NEVER") => Passthrough::Never,
            Some(other) => {
                let help = "it is WHEN_NO_MATCH, WHEN_NO_TEMPLATES or NEVER";
                self.refuse_value(of, name, other, help);
                Passthrough::WhenNoMatch
            }
        }
    }

    fn content_handling(&mut self, of: &Node) -> Option<ContentHandling> {
        let name = "ContentHandlingStrategy";
        match self.text(of, name)?.as_str() {
            "CONVERT_TO_BINARY" => Some(ContentHandling::ConvertToBinary),
            "CONVERT_TO_TEXT" => Some(ContentHandling::ConvertToText),
            other => {
                let help = "it is CONVERT_TO_BINARY or CONVERT_TO_TEXT";
                self.refuse_value(of, name, other, help);
                None
            }
        }
    }

    fn refuse_value(&mut self, of: &Node, name: &str, value: &str, help: &str) {
        if let Some(node) = of.get(name) {
            let what = format!("`{name}` cannot be `{value}`");
            self.findings.error(Finding::new(&node.at, what).help(help));
        }
    }

    /// Notes an `IntegrationResponseSelectionExpression` that is not the one of its type ("Data
    /// transformations for WebSocket APIs": its value is fixed).
    fn check_response_selection(&mut self, of: &Node, calls: &Calls) {
        let name = "IntegrationResponseSelectionExpression";
        let Some(expression) = self.text(of, name) else {
            return;
        };
        let bare: String = expression
            .chars()
            .filter(|c| !"${}\\".contains(*c))
            .collect();
        let fixed = match calls {
            Calls::Function(_) | Calls::ProxyFunction(_) => {
                "integration.response.body.errorMessage"
            }
            Calls::Nothing | Calls::Http { .. } => "integration.response.statuscode",
        };
        // The guide's own example has the second form.
        let is_fixed = bare == fixed || fixed.strip_prefix("integration.") == Some(&bare);
        if let (false, Some(node)) = (is_fixed, of.get(name)) {
            let what = format!("`{name}` is `${fixed}` here, and not `{expression}`");
            self.findings.fails_on_aws(Finding::new(&node.at, what));
        }
    }
}
