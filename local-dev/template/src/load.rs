//! From a file to a project.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;
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
        findings: vec![Finding::new(&start, what).maybe_help(help.map(str::to_owned))],
        source: String::new(),
    };
    let bytes = std::fs::read(path).map_err(|error| {
        let what = format!("the template cannot be read: {error}");
        let help = match instead_of(path) {
            Some(other) => format!("there is {0}: --template {0}", other.display()),
            None => "name another one with --template".to_owned(),
        };
        unreadable(what, Some(&help))
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

/// Where the templates of SAM, its build, the Serverless Framework and the CDK lie in a project.
const USUAL: [&str; 6] = [
    "template.yaml",
    "template.yml",
    "template.json",
    ".aws-sam/build/template.yaml",
    ".serverless/cloudformation-template-update-stack.json",
    "cdk.out",
];

/// A template where one usually lies: in the folder of `path`, or the one that it begins in.
fn instead_of(path: &Path) -> Option<PathBuf> {
    let folders = [Path::new(""), path.parent()?];
    let folders = folders.iter().skip(usize::from(path.is_absolute()));
    let usual = folders.flat_map(|folder| USUAL.iter().map(|usual| folder.join(usual)));
    let mut found = usual.filter(|found| found != path);
    found.find_map(|found| match found.ends_with("cdk.out") {
        true => stack_in(&found),
        false => found.is_file().then_some(found),
    })
}

/// The first stack's template in an assembly of the CDK.
fn stack_in(assembly: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(assembly).ok()?;
    let files = files.filter_map(|file| Some(file.ok()?.path()));
    files
        .filter(|file| file.to_string_lossy().ends_with(".template.json"))
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_is_not_there_is_answered_with_one_that_is() {
        let project = tempfile::tempdir().unwrap();
        let missing = project.path().join("missing.yaml");
        let help = || {
            let refusal = load(&missing, &BTreeMap::new()).unwrap_err();
            refusal.findings[0].help.clone().unwrap()
        };
        assert_eq!(help(), "name another one with --template");
        // From the one that is looked for last to the first.
        for file in [
            "cdk.out/b.template.json",
            "cdk.out/a.template.json",
            "template.yml",
        ] {
            let file = project.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, "{}").unwrap();
            let shown = file.display();
            assert_eq!(help(), format!("there is {shown}: --template {shown}"));
        }
    }
}
