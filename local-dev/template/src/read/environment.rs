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

/// A variable whose value is known on AWS only.
#[derive(Debug)]
pub(super) struct Unset {
    name: String,
    /// Why.
    why: Finding,
    /// Logical IDs of the functions that would get it.
    functions: Vec<String>,
}

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
                self.findings.fails_on_aws(finding);
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
        self.check_forgotten_sub(&entry.value);
        match self.scope.text(&entry.value) {
            Err(Stop::Unresolved(why)) => {
                self.unset(name, why, function);
                None
            }
            value => self.findings.take(value),
        }
    }

    /// Remembers a variable that has no value here. One of `Globals` is met with every function.
    fn unset(&mut self, name: &str, why: Finding, function: &str) {
        let mut known = self.unset.iter_mut();
        match known.find(|unset| unset.name == name && unset.why == why) {
            Some(unset) => unset.functions.push(function.to_owned()),
            None => self.unset.push(Unset {
                name: name.to_owned(),
                why,
                functions: vec![function.to_owned()],
            }),
        }
    }

    /// Notes the variables that have no value here.
    pub(super) fn tell_unset(&mut self) {
        for Unset {
            name,
            why,
            functions,
        } in std::mem::take(&mut self.unset)
        {
            let (shown, rest) = functions.split_at(functions.len().min(3));
            let more = match rest.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let shown = shown.join("`, `");
            let what = format!("`{name}` of `{shown}`{more} is not set: {}", why.what);
            let help = format!("give it a value: --env {name}=VALUE, or a line in local.env");
            let help = why.help.unwrap_or(help);
            self.findings
                .unsupported(Finding::new(&why.at, what).help(help));
        }
    }
}
