//! Environment variables of functions.

use std::collections::BTreeMap;

use crate::eval::Resource;
use crate::eval::Stop;
use crate::finding::Finding;
use crate::node::Entry;
use crate::read::Reader;

/// Names that Lambda sets ("Using Lambda environment variables" in its guide, reserved).
const RESERVED: &[&str] = &[
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
];

impl Reader<'_> {
    /// `Environment.Variables`. What cannot be resolved is left out and noted.
    pub(super) fn environment(&mut self, resource: &Resource) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        let scope = self.scope;
        let Some(environment) = resource.properties.get("Environment") else {
            return variables;
        };
        let Some(environment) = self.findings.take(scope.reduce(environment)) else {
            return variables;
        };
        for entry in environment.entries() {
            if entry.key != "Variables" {
                let what = format!("`{}` is no property of Environment", entry.key);
                let finding = Finding::new(&entry.at, what).help("did you mean `Variables`?");
                self.findings.unsupported(finding);
            }
        }
        let Some(map) = environment.get("Variables") else {
            return variables;
        };
        let Some(map) = self.findings.take(scope.reduce(map)) else {
            return variables;
        };
        for entry in map.entries() {
            if let Some(value) = self.variable(entry, &resource.id) {
                variables.insert(entry.key.clone(), value);
            }
        }
        variables
    }

    fn variable(&mut self, entry: &Entry, function: &str) -> Option<String> {
        let name = entry.key.as_str();
        if RESERVED.contains(&name) {
            let what = format!("`{name}` is set by Lambda, and cannot be set by a template");
            self.findings.error(Finding::new(&entry.at, what));
            return None;
        }
        let mut letters = name.chars();
        let is_name = name.len() >= 2
            && letters.next().is_some_and(|c| c.is_ascii_alphabetic())
            && letters.all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name {
            let what = format!("`{name}` cannot name an environment variable of a function");
            let help = "a name is a letter, then letters, digits and `_`, two at least";
            self.findings
                .error(Finding::new(&entry.at, what).help(help));
            return None;
        }
        let value = self.scope.text(&entry.value).map_err(|stop| match stop {
            Stop::Unresolved(finding) => {
                let what = format!("`{name}` of `{function}` is not set: {}", finding.what);
                let help = format!("give it a value: --env {name}=VALUE, or a line in local.env");
                let help = finding.help.clone().unwrap_or(help);
                Stop::Unresolved(Finding::new(&finding.at, what).help(help))
            }
            wrong @ Stop::Wrong(_) => wrong,
        });
        self.findings.take(value)
    }
}
