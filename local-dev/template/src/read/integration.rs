//! Integrations.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::eval::Resource;
use crate::eval::Stop;
use crate::eval::local;
use crate::finding::Finding;
use crate::node::Node;
use crate::project::Function;
use crate::project::Integration;
use crate::read::Reader;
use crate::read::api::function_of;

/// Types of integrations (`IntegrationType` on the page of `AWS::ApiGatewayV2::Integration`).
const TYPES: &[&str] = &["AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"];

/// Properties that change what a proxy integration is called with.
const MAPPINGS: &[&str] = &[
    "RequestParameters",
    "RequestTemplates",
    "ResponseParameters",
    "TemplateSelectionExpression",
];

/// `TimeoutInMillis` in ms: its bounds, the greater of which is the default.
const TIMEOUT: std::ops::RangeInclusive<u32> = 50..=29_000;

impl Reader<'_> {
    /// What an integration calls; `None` if it is wrong, which is noted.
    pub(super) fn integration(
        &mut self,
        resource: &Resource,
        functions: &BTreeMap<String, Function>,
    ) -> Option<Integration> {
        let kind = self.required(resource, "IntegrationType")?;
        if !TYPES.contains(&kind.as_str()) {
            let at = resource
                .properties
                .get("IntegrationType")
                .map(|node| &node.at);
            let what = format!("`{kind}` is no `IntegrationType`");
            let help = format!("the types are {}", TYPES.join(", "));
            self.findings
                .error(Finding::new(at.unwrap_or(&resource.at), what).help(help));
            return None;
        }
        let timeout = self
            .number(&resource.properties, "TimeoutInMillis", TIMEOUT)
            .unwrap_or(*TIMEOUT.end());
        if kind != "AWS_PROXY" {
            let what = format!("`{}`: {kind} integrations are not emulated", resource.id);
            return Some(self.not_emulated(Finding::new(&resource.at, what)));
        }
        for name in MAPPINGS {
            if let Some(entry) = resource.properties.entry(name) {
                let what = format!("`{name}` is not emulated: the event stays as it is");
                self.findings.unsupported(Finding::new(&entry.at, what));
            }
        }
        let Some(node) = resource.properties.get("IntegrationUri") else {
            self.missing(resource, "IntegrationUri");
            return None;
        };
        match self.called(node, functions) {
            Ok(function) => Some(Integration::Lambda {
                function,
                timeout: Duration::from_millis(u64::from(timeout)),
            }),
            Err(Stop::Unresolved(finding)) => Some(self.not_emulated(finding)),
            Err(Stop::Wrong(finding)) => {
                self.findings.error(finding);
                None
            }
        }
    }

    fn not_emulated(&mut self, finding: Finding) -> Integration {
        self.findings.unsupported(finding.clone());
        Integration::Unsupported(finding)
    }

    /// The function that a URI calls.
    pub(super) fn called(
        &self,
        node: &Node,
        functions: &BTreeMap<String, Function>,
    ) -> Result<String, Stop> {
        let finding = |what: String| Finding::new(&node.at, what);
        let Some(uri) = self.scope.text(node)? else {
            return Err(Stop::Wrong(finding("a URI must be here".to_owned())));
        };
        if uri.contains("${stageVariables.") {
            let what = "a function that a stage variable names is not emulated".to_owned();
            return Err(Stop::Unresolved(finding(what)));
        }
        let Some(arn) = local::invoked_arn(&uri) else {
            let what = format!("`{uri}` does not call a function");
            let help = "write `!Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/\
                        functions/${Function.Arn}/invocations`";
            return Err(Stop::Wrong(finding(what).help(help)));
        };
        function_of(arn, functions).ok_or_else(|| {
            let what = format!(
                "the function `{}` is not in this template",
                local::function_name(arn)
            );
            Stop::Unresolved(finding(what))
        })
    }
}
