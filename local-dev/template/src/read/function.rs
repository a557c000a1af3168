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
use crate::read::api::function_of;
use crate::read::invoke_config::InvokeConfig;

/// `MemorySize` in MB (Lambda quotas) and its default.
const MEMORY: std::ops::RangeInclusive<u32> = 128..=10_240;
/// `EphemeralStorage.Size` in MB (Lambda quotas) and its default.
const TMP: std::ops::RangeInclusive<u32> = 512..=10_240;
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
        let mut configs = Vec::new();
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
            let config = resource.properties.get("EventInvokeConfig");
            configs.push((resource.id.clone(), self.invoke_config(config)));
            functions.insert(resource.id.clone(), function);
        }
        self.invoke_configs(&functions, &mut configs);
        for (id, config) in configs {
            self.configure(&id, config, &mut functions);
        }
        self.aliases(&mut functions);
        self.tell_unset();
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
        let no_runtime = runtime
            .as_deref()
            .filter(|_| !is_image)
            .and_then(|runtime| self.no_runtime(resource, runtime));
        let handler = self.of_zip(resource, "Handler", is_image);
        let code = self.code(resource, is_image, handler.as_deref().unwrap_or_default());
        if let Code::Unsupported(finding) = &code {
            self.findings.unsupported(finding.clone());
        }
        let defaults = self.invoke_config(None);
        let alias = self.text(properties, "AutoPublishAlias");
        let loops = self.text(properties, "RecursiveLoop");
        Some(Function {
            id: resource.id.clone(),
            name,
            code,
            runtime: runtime.unwrap_or_default(),
            no_runtime,
            handler: handler.unwrap_or_default(),
            environment: self.environment(resource),
            memory_mb: self
                .number(properties, "MemorySize", MEMORY)
                .unwrap_or(*MEMORY.start()),
            tmp_mb: properties
                .get("EphemeralStorage")
                .and_then(|storage| self.number(storage, "Size", TMP))
                .unwrap_or(*TMP.start()),
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
            retry_attempts: defaults.retry_attempts,
            maximum_event_age: defaults.maximum_event_age,
            on_success: None,
            on_failure: None,
            aliases: alias.into_iter().collect(),
            may_recurse: loops.as_deref() == Some("Allow"),
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

    /// `AWS::Lambda::EventInvokeConfig` resources, with the function that each is for.
    fn invoke_configs(
        &mut self,
        functions: &BTreeMap<String, Function>,
        configs: &mut Vec<(String, InvokeConfig)>,
    ) {
        let scope = self.scope;
        for resource in scope.resources.of("AWS::Lambda::EventInvokeConfig") {
            if let Some(id) = self.function_named(resource, functions) {
                configs.push((id, self.invoke_config(Some(&resource.properties))));
            }
        }
    }

    /// `AWS::Lambda::Alias` resources.
    fn aliases(&mut self, functions: &mut BTreeMap<String, Function>) {
        let scope = self.scope;
        for resource in scope.resources.of("AWS::Lambda::Alias") {
            let (function, name) = (
                self.function_named(resource, functions),
                self.required(resource, "Name"),
            );
            if let (Some(id), Some(name)) = (function, name)
                && let Some(function) = functions.get_mut(&id)
            {
                function.aliases.insert(name);
            }
        }
    }

    /// The function that `FunctionName` of a resource means.
    fn function_named(
        &mut self,
        resource: &Resource,
        functions: &BTreeMap<String, Function>,
    ) -> Option<String> {
        let name = self.required(resource, "FunctionName")?;
        let function = function_of(&name, functions);
        if function.is_none() {
            let name = local::function_name(&name);
            let what = format!("the function `{name}` is not in this template");
            let at = resource
                .properties
                .get("FunctionName")
                .map(|node: &Node| &node.at);
            self.findings
                .unsupported(Finding::new(at.unwrap_or(&resource.at), what));
        }
        function
    }
}
