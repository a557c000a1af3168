//! From a file to a project.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::finding::At;
use crate::finding::Finding;
use crate::finding::render;
use crate::project::Project;
use crate::read;
use crate::yaml;

/// A template that cannot be read, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Everything that is wrong, in the order of the template; never empty.
    pub findings: Vec<Finding>,
    /// The text of the template, for [`render`]; empty if there is none.
    pub source: String,
}

impl fmt::Display for Refusal {
    /// Every finding with the line it is about.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.findings.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", render(finding, &self.source))?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

/// Reads a template. `parameters` are values of its `Parameters`, by name.
///
/// # Errors
/// Everything that is wrong with the template or the parameters, in the order of the template.
pub fn load(path: &Path, parameters: &BTreeMap<String, String>) -> Result<Project, Refusal> {
    let file = Arc::new(path.to_owned());
    let start = At {
        file: Arc::clone(&file),
        line: 1,
        column: 1,
    };
    let unreadable = |what: String, help: Option<&str>| Refusal {
        findings: vec![Finding {
            at: start.clone(),
            what,
            help: help.map(str::to_owned),
        }],
        source: String::new(),
    };
    let bytes = std::fs::read(path).map_err(|error| {
        let what = format!("the template cannot be read: {error}");
        unreadable(what, Some("name another one with --template"))
    })?;
    let source = String::from_utf8(bytes)
        .map_err(|_| unreadable("the template is not text in UTF-8".to_owned(), None))?;
    let absolute = std::path::absolute(path)
        .map_err(|error| unreadable(format!("the template's folder is unknown: {error}"), None))?;
    let folder = absolute.parent().unwrap_or(&absolute);
    yaml::parse(&source, &file)
        .map_err(|finding| vec![finding])
        .and_then(|document| read::project(&document, folder, parameters))
        .map_err(|findings| Refusal { findings, source })
}
