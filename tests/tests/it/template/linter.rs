//! cfn-lint, AWS's own linter, agrees with the reader on what is right and what is wrong.

use std::path::Path;
use std::path::PathBuf;

use tempfile::TempDir;

use super::file;
use super::python;

/// What cfn-lint says of templates: the file, and the rule with its message.
fn linted(templates: &[PathBuf]) -> Vec<(PathBuf, String)> {
    let output = python("cfnlint")
        .args([
            "-c",
            "import sys, cfnlint.runner; sys.exit(cfnlint.runner.main())",
            "--format",
            "json",
            "--regions",
            "us-east-1",
            "--",
        ])
        .args(templates)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let findings: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("cfn-lint failed: {error}\n{said}"));
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let findings = findings.as_array().unwrap().iter();
    findings
        .map(|finding| {
            let rule = format!(
                "{} {}",
                text(&finding["Rule"]["Id"]),
                text(&finding["Message"])
            );
            (PathBuf::from(text(&finding["Filename"])), rule)
        })
        .collect()
}

#[test]
fn finds_nothing_in_what_is_deployed_and_in_right_templates() {
    let templates = [
        "infra/template.yaml",
        "tests/fixtures/template/plain.yaml",
        "tests/fixtures/template/websocket-api.yaml",
    ];
    assert_eq!(linted(&templates.map(file)), []);
}

/// Changes that make `plain.yaml` wrong, in ways that a linter can see.
const WRONG: &[(&str, &str)] = &[
    ("RouteKey: $default, ", ""),
    ("StageName: dev, ", ""),
    ("!GetAtt Chat.Arn", "!GetAtt Cha.Arn"),
    ("${Call}", "${Cal}"),
    ("!Ref Api", "!Ref Ap"),
    ("TimeoutInMillis: 29000", "TimeoutInMillis: soon"),
    ("Resources:", "Recources:"),
    ("Transform: AWS::Serverless-2016-10-31\n", ""),
    ("  Chat:\n", "  Chat:\n    Condition: IsProd\n"),
    ("!GetAtt Chat.Arn", "!GetAttr Chat.Arn"),
    ("StageName: dev", "StageName: dev, StageName: prod"),
    ("Handler: app.handler", "Handler: [app.handler]"),
];

#[test]
fn refuses_what_the_reader_refuses() {
    let right = std::fs::read_to_string(file("tests/fixtures/template/plain.yaml")).unwrap();
    let folder = TempDir::new().unwrap();
    let templates: Vec<PathBuf> = WRONG
        .iter()
        .enumerate()
        .map(|(i, (part, wrong))| {
            assert!(right.contains(part), "{part}");
            let path = folder.path().join(format!("wrong-{i}.yaml"));
            std::fs::write(&path, right.replacen(part, wrong, 1)).unwrap();
            path
        })
        .collect();
    let said = linted(&templates);
    let is_refused = |path: &Path| {
        // Rules with E are errors; those with W and I are advice.
        said.iter()
            .any(|(file, rule)| file == path && rule.starts_with('E'))
    };
    for (path, (part, wrong)) in templates.iter().zip(WRONG) {
        assert!(
            is_refused(path),
            "cfn-lint takes {wrong:?} for {part:?}: {said:?}"
        );
        let read = gatepost_template::load(path, &Default::default());
        assert!(read.is_err(), "the reader takes {wrong:?} for {part:?}");
    }
}
