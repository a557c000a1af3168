//! The template reader beside the judges of templates: AWS's linter and SAM's own transform.

mod deployment;
mod linter;
mod permissions;
mod transform;

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use gatepost_template::Project;

/// A file of the repository.
fn file(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join(path)
}

/// Reads a template without parameters.
fn read(path: &Path) -> Project {
    match gatepost_template::load(path, &BTreeMap::new()) {
        Ok(project) => project,
        Err(refusal) => panic!("{refusal}"),
    }
}

/// A program of Python's that has the packages of `tests/requirements.txt`.
fn python(module: &str) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests/run says where its Python is"
    )]
    let python = std::env::var("GATEPOST_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let found = Command::new(&python)
        .args(["-c", &format!("import {module}")])
        .output();
    assert!(
        found.is_ok_and(|output| output.status.success()),
        "{python} has no module {module}: run ./tests/run, which installs it, or `pip install \
         cfn-lint aws-sam-translator` and name that Python in GATEPOST_TEST_PYTHON"
    );
    Command::new(python)
}

/// What SAM's transform makes of a template.
fn transformed(template: &Path) -> serde_json::Value {
    let output = python("samtranslator")
        .arg(file("tests/fixtures/template/transform.py"))
        .arg(template)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", template.display());
    serde_json::from_slice(&output.stdout).unwrap()
}
