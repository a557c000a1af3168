//! Runtimes as AWS publishes them, unmodified.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use gatepost_runtime_api::Lambda;
use gatepost_runtime_api::Outcome;
use gatepost_tests::machine::function;

use super::facts::Facts;
use super::stage::config;

fn text(outcome: Outcome) -> Result<String, String> {
    let text = |bytes: bytes::Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    match outcome {
        Outcome::Response(body) => Ok(text(body)),
        Outcome::FunctionError(json) => Err(text(json)),
    }
}

#[tokio::test]
async fn lambda_runtime_answers_and_reports_errors() {
    let facts = Facts::new();
    let echo = function("f", env!("CARGO_BIN_EXE_echo").into());
    let lambda = Lambda::new(config(&facts), vec![echo]).unwrap();
    let outcome = lambda
        .invoke("f", r#"{"body":"hello"}"#.into())
        .await
        .unwrap();
    assert_eq!(
        text(outcome).unwrap(),
        r#"{"body":"hello","statusCode":200}"#
    );
    // What is not the event that it takes.
    let outcome = lambda.invoke("f", "7".into()).await.unwrap();
    let error = text(outcome).unwrap_err();
    assert!(error.contains("errorType"), "{error}");
    lambda.shutdown().await;
}

#[tokio::test]
async fn awslambdaric_answers_and_its_lines_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let handler = "import os\n\
                   def handler(event, context):\n\
                   \x20   print('asked', context.aws_request_id)\n\
                   \x20   if event.get('fail'):\n\
                   \x20       raise ValueError('no')\n\
                   \x20   return {'arn': context.invoked_function_arn, 'got': event}\n";
    std::fs::write(folder.path().join("app.py"), handler).unwrap();
    let python = python();
    let mut spec = function("f", python);
    spec.command.arguments = ["-m", "awslambdaric", "app.handler"]
        .map(str::to_owned)
        .into();
    spec.command.folder = folder.path().to_owned();
    spec.runtime = "python3.12".to_owned();
    spec.handler = "app.handler".to_owned();
    // A cold start of Python on a busy machine.
    spec.timeout = Duration::from_secs(20);
    let facts = Facts::new();
    let lambda = Lambda::new(config(&facts), vec![spec]).unwrap();
    let outcome = lambda.invoke("f", r#"{"a":[1,2]}"#.into()).await.unwrap();
    assert_eq!(
        text(outcome).unwrap(),
        r#"{"arn": "arn:aws:lambda:us-east-1:000000000000:function:f", "got": {"a": [1, 2]}}"#
    );
    let outcome = lambda.invoke("f", r#"{"fail":true}"#.into()).await.unwrap();
    let error: serde_json::Value = serde_json::from_str(&text(outcome).unwrap_err()).unwrap();
    assert_eq!(
        (&error["errorType"], &error["errorMessage"]),
        (&"ValueError".into(), &"no".into())
    );
    lambda.shutdown().await;
    let asked = facts.count(|fact| {
        matches!(fact, gatepost_runtime_api::FactEvent::Printed { line, request_id: Some(id), .. }
            if *line == format!("asked {id}"))
    });
    assert_eq!(asked, 2);
}

/// The Python that has the packages of `tests/requirements.txt`.
fn python() -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests/run says where its Python is"
    )]
    let python =
        std::env::var("GATEPOST_TEST_PYTHON").unwrap_or_else(|_| "/usr/bin/python3".into());
    let found = Command::new(&python)
        .args(["-c", "import awslambdaric"])
        .output();
    assert!(
        found.is_ok_and(|output| output.status.success()),
        "{python} has no module awslambdaric: run ./tests/run, which installs it, or `pip install \
         -r tests/requirements.txt` and name that Python in GATEPOST_TEST_PYTHON"
    );
    python.into()
}
