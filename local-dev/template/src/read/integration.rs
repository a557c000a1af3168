//! Integrations.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::eval::Resource;
use crate::eval::Stop;
use crate::eval::local;
use crate::finding::Finding;
use crate::integration::Callee;
use crate::integration::Calls;
use crate::mapping::StagedText;
use crate::node::Node;
use crate::project::Function;
use crate::project::Integration;
use crate::read::Reader;
use crate::read::api::Parts;
use crate::read::api::function_of;
use crate::read::property::unreplaced;

/// Types of integrations (`IntegrationType` on the page of `AWS::ApiGatewayV2::Integration`).
const TYPES: &[&str] = &["AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"];

/// Properties that proxy integrations with a function do not have.
const MAPPINGS: &[&str] = &[
    "RequestParameters",
    "RequestTemplates",
    "ResponseParameters",
    "TemplateSelectionExpression",
];

/// `TimeoutInMillis` in ms: its bounds, the greater of which is the default.
const TIMEOUT: std::ops::RangeInclusive<u32> = 50..=29_000;

impl<'s> Reader<'s> {
    /// What an integration calls; `None` if it is wrong, which is noted.
    pub(super) fn integration(
        &mut self,
        resource: &'s Resource,
        parts: &Parts<'s>,
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
        let timeout = Duration::from_millis(u64::from(timeout));
        let connection = self.text(&resource.properties, "ConnectionType");
        if connection.as_deref() == Some("VPC_LINK") {
            let what = format!("`{}`: VPC links are not emulated", resource.id);
            return Some(self.not_emulated(Finding::new(&resource.at, what)));
        }
        let calls = match kind.as_str() {
            "MOCK" => Calls::Nothing,
            "HTTP" | "HTTP_PROXY" => self.http(resource, kind == "HTTP_PROXY")?,
            kind => match self.callee(resource, functions, kind)? {
                Err(unsupported) => return Some(unsupported),
                Ok(callee) if kind == "AWS" => Calls::Function(callee),
                Ok(Callee::Function(function)) => {
                    self.check_proxy(resource);
                    return Some(Integration::Lambda { function, timeout });
                }
                Ok(named) => {
                    self.check_proxy(resource);
                    Calls::ProxyFunction(named)
                }
            },
        };
        match self.backend(resource, parts, calls, timeout) {
            Ok(backend) => Some(Integration::Backend(Box::new(backend))),
            Err(finding) => Some(self.not_emulated(finding)),
        }
    }

    /// Notes mappings of a proxy integration.
    fn check_proxy(&mut self, resource: &Resource) {
        for name in MAPPINGS {
            if let Some(entry) = resource.properties.entry(name) {
                let what = format!("`{name}` of a proxy integration: the event stays as it is");
                self.findings.note(Finding::new(&entry.at, what));
            }
        }
    }

    fn http(&mut self, resource: &Resource, proxy: bool) -> Option<Calls> {
        let url = self.required(resource, "IntegrationUri")?;
        let method = self.required(resource, "IntegrationMethod")?;
        let at = |name: &str| {
            resource
                .properties
                .get(name)
                .map_or(&resource.at, |n| &n.at)
        };
        let is_http = ["http://", "https://", "${stageVariables."];
        if !is_http.iter().any(|scheme| url.starts_with(scheme)) {
            let what = format!("`{url}` is no URL of an HTTP endpoint");
            self.findings
                .error(Finding::new(at("IntegrationUri"), what).help("write `https://…`"));
            return None;
        }
        if !method.chars().all(|c| c.is_ascii_uppercase()) {
            let what = format!("`{method}` is no HTTP method");
            self.findings
                .error(Finding::new(at("IntegrationMethod"), what));
            return None;
        }
        Some(Calls::Http {
            method,
            url: StagedText::new(url),
            proxy,
        })
    }

    /// The function that an integration calls, or that it is not emulated.
    fn callee(
        &mut self,
        resource: &Resource,
        functions: &BTreeMap<String, Function>,
        kind: &str,
    ) -> Option<Result<Callee, Integration>> {
        let Some(node) = resource.properties.get("IntegrationUri") else {
            self.missing(resource, "IntegrationUri");
            return None;
        };
        let uri = match self.scope.text(node) {
            Ok(uri) => uri.unwrap_or_default(),
            // Told below.
            Err(_) => String::new(),
        };
        if uri.contains("${stageVariables.") {
            return Some(Ok(Callee::Named {
                name: StagedText::new(local::invoked_arn(&uri).unwrap_or(&uri)),
                functions: functions
                    .values()
                    .map(|function| (function.name.clone(), function.id.clone()))
                    .collect(),
            }));
        }
        if kind == "AWS" && uri.contains(":apigateway:") && !uri.contains(":lambda:path/") {
            let what = format!("`{}`: of AWS services only Lambda is emulated", resource.id);
            return Some(Err(self.not_emulated(Finding::new(&node.at, what))));
        }
        match self.called(node, functions) {
            Ok(function) => Some(Ok(Callee::Function(function))),
            Err(Stop::Unresolved(finding)) => Some(Err(self.not_emulated(finding))),
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
        &mut self,
        node: &Node,
        functions: &BTreeMap<String, Function>,
    ) -> Result<String, Stop> {
        let finding = |what: String| Finding::new(&node.at, what);
        let Some(uri) = self.scope.text(node)? else {
            return Err(Stop::Wrong(finding("a URI must be here".to_owned())));
        };
        if uri.contains("${stageVariables.") {
            let what = "an authorizer that a stage variable names is not emulated".to_owned();
            return Err(Stop::Unresolved(finding(what)));
        }
        if let Some(finding) = unreplaced(&uri, &node.at) {
            return Err(Stop::Wrong(finding));
        }
        let Some(arn) = local::invoked_arn(&uri) else {
            let what = format!("`{uri}` does not call a function");
            let help = "write `!Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/\
                        functions/${Function.Arn}/invocations`";
            return Err(Stop::Wrong(finding(what).help(help)));
        };
        let Some(id) = function_of(arn, functions) else {
            let what = format!(
                "the function `{}` is not in this template",
                local::function_name(arn)
            );
            return Err(Stop::Unresolved(finding(what)));
        };
        if !arn.starts_with("arn:") {
            let what = format!("`{arn}` is a function's name, and API Gateway calls ARNs");
            let help = format!("write `functions/${{{id}.Arn}}/invocations`");
            self.findings.fails_on_aws(finding(what).help(help));
        }
        Ok(id)
    }
}
