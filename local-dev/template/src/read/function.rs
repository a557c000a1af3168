//! Functions.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::eval::Resource;
use crate::eval::local;
use crate::finding::Finding;
use crate::node::Node;
use crate::project::Code;
use crate::project::Function;
use crate::read::Reader;

/// `MemorySize` in MB (Lambda quotas) and its default.
const MEMORY: std::ops::RangeInclusive<u32> = 128..=10_240;
/// `Timeout` in seconds (Lambda quotas).
const TIMEOUT: std::ops::RangeInclusive<u32> = 1..=900;
/// `Timeout` if none is given, in seconds.
const DEFAULT_TIMEOUT: u32 = 3;

impl Reader<'_> {
    /// All functions, by logical ID.
    pub(super) fn functions(&mut self) -> BTreeMap<String, Function> {
        let scope = self.scope;
        let mut functions: BTreeMap<String, Function> = BTreeMap::new();
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        for resource in scope.resources.iter().filter(|r| r.is_function()) {
            let Some(function) = self.function(resource) else {
                continue;
            };
            if let Some(line) = names.insert(function.name.clone(), resource.at.line) {
                let what = format!(
                    "the function on line {line} is named `{}` too",
                    function.name
                );
                self.findings.error(Finding::new(&resource.at, what));
            }
            functions.insert(resource.id.clone(), function);
        }
        self.invoke_configs(&mut functions);
        functions
    }

    fn function(&mut self, resource: &Resource) -> Option<Function> {
        let properties = &resource.properties;
        let name = match self.scope.function_name(resource) {
            Ok(name) => name,
            stopped @ Err(_) => {
                self.findings.take(stopped.map(Some));
                resource.id.clone()
            }
        };
        self.check_name(resource, &name);
        let is_image = self.is_image(resource);
        let runtime = self.of_zip(resource, "Runtime", is_image);
        let handler = self.of_zip(resource, "Handler", is_image);
        let code = self.code(resource, is_image, handler.as_deref().unwrap_or_default());
        if let Code::Unsupported(finding) = &code {
            self.findings.unsupported(finding.clone());
        }
        let invocation = properties.get("EventInvokeConfig");
        let (retry_attempts, maximum_event_age) = self.invoke_config(invocation);
        Some(Function {
            id: resource.id.clone(),
            name,
            code,
            runtime: runtime.unwrap_or_default(),
            handler: handler.unwrap_or_default(),
            environment: self.environment(resource),
            memory_mb: self
                .number(properties, "MemorySize", MEMORY)
                .unwrap_or(*MEMORY.start()),
            timeout: Duration::from_secs(u64::from(
                self.number(properties, "Timeout", TIMEOUT)
                    .unwrap_or(DEFAULT_TIMEOUT),
            )),
            reserved_concurrency: self.number(
                properties,
                "ReservedConcurrentExecutions",
                0..=u32::MAX,
            ),
            schedules: self.schedules(resource),
            retry_attempts,
            maximum_event_age,
            at: resource.at.clone(),
        })
    }

    /// A text that a function needs if it is no image.
    fn of_zip(&mut self, resource: &Resource, name: &str, is_image: bool) -> Option<String> {
        match is_image {
            true => self.text(&resource.properties, name),
            false => self.required(resource, name),
        }
    }

    /// Whether a function's code is a container image.
    fn is_image(&mut self, resource: &Resource) -> bool {
        let properties = &resource.properties;
        let code = properties.get("Code");
        self.text(properties, "PackageType").as_deref() == Some("Image")
            || properties.get("ImageUri").is_some()
            || code.and_then(|code| code.get("ImageUri")).is_some()
    }

    /// `FunctionName` as Lambda takes it.
    fn check_name(&mut self, resource: &Resource, name: &str) {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !name.is_empty() && name.len() <= 64 && name.chars().all(is_allowed) {
            return;
        }
        // CloudFormation makes a name of the logical ID, which it shortens.
        let Some(node) = resource.properties.get("FunctionName") else {
            return;
        };
        let what = format!("`{name}` cannot name a function");
        let help = "a name is 1 to 64 letters, digits, `-` and `_`";
        self.findings.error(Finding::new(&node.at, what).help(help));
    }

    /// `AWS::Lambda::EventInvokeConfig` resources.
    fn invoke_configs(&mut self, functions: &mut BTreeMap<String, Function>) {
        let scope = self.scope;
        for resource in scope.resources.of("AWS::Lambda::EventInvokeConfig") {
            let Some(name) = self.required(resource, "FunctionName") else {
                continue;
            };
            let name = local::function_name(&name);
            let configured = self.invoke_config(Some(&resource.properties));
            match functions
                .values_mut()
                .find(|function| function.name == name)
            {
                Some(function) => {
                    (function.retry_attempts, function.maximum_event_age) = configured;
                }
                None => {
                    let what = format!("the function `{name}` is not in this template");
                    let at = resource
                        .properties
                        .get("FunctionName")
                        .map(|n: &Node| &n.at);
                    self.findings
                        .unsupported(Finding::new(at.unwrap_or(&resource.at), what));
                }
            }
        }
    }
}
