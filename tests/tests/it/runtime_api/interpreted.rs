//! A function of a few lines of Node or Python, run by the emulator's own client.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use gatepost_runtime_api::FactEvent;
use gatepost_runtime_api::FunctionSpec;
use gatepost_runtime_api::Lambda;
use gatepost_runtime_api::Outcome;
use gatepost_tests::machine::function;
use serde_json::Value;
use tempfile::TempDir;

use super::facts::Facts;
use super::stage::config;

/// A function of a few lines.
pub(super) struct Interpreted {
    pub(super) lambda: Lambda,
    pub(super) facts: Facts,
    folder: TempDir,
}

/// The language of a function.
#[derive(Debug, Clone, Copy)]
pub(super) enum Language {
    Node,
    Python,
}

impl Interpreted {
    /// `files`, their names and texts, with this handler.
    pub(super) fn new(language: Language, handler: &str, files: &[(&str, &str)]) -> Self {
        Self::with(language, handler, files, |_| {})
    }

    /// The same, changed.
    pub(super) fn with(
        language: Language,
        handler: &str,
        files: &[(&str, &str)],
        specify: impl FnOnce(&mut FunctionSpec),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let mut spec = spec(language, handler, folder.path());
        specify(&mut spec);
        let facts = Facts::new();
        let lambda = Lambda::new(config(&facts), vec![spec]).unwrap();
        Self {
            lambda,
            facts,
            folder,
        }
    }

    /// Invokes it: its response, or the error that it reports.
    pub(super) async fn invoke(&self, event: &str) -> Result<Value, Value> {
        let json = |bytes: bytes::Bytes| serde_json::from_slice(&bytes).unwrap();
        match self.lambda.invoke("f", event.to_owned().into()).await {
            Ok(Outcome::Response(body)) => Ok(json(body)),
            Ok(Outcome::FunctionError(error)) => Err(json(error)),
            Err(error) => panic!("{error}"),
        }
    }

    /// `errorType` and `errorMessage` of an invocation that fails.
    pub(super) async fn error(&self, event: &str) -> (String, String) {
        let error = self.invoke(event).await.unwrap_err();
        let text = |name: &str| error[name].as_str().unwrap().to_owned();
        (text("errorType"), text("errorMessage"))
    }

    /// Waits for a line that it prints, and returns it.
    pub(super) async fn line(&self, of: impl Fn(&str) -> bool) -> String {
        let fact = self
            .facts
            .wait(|fact| matches!(fact, FactEvent::Printed { line, .. } if of(line)));
        match fact.await {
            FactEvent::Printed { line, .. } => line,
            other => panic!("{other:?}"),
        }
    }

    /// A file of it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// What the client of a language says to these arguments and variables, and its exit code.
pub(super) async fn client(
    language: Language,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> (Option<i32>, String) {
    let mut spec = spec(language, "", Path::new("/"));
    spec.command.arguments.pop();
    let output = tokio::process::Command::new(&spec.command.program)
        .args(&spec.command.arguments)
        .args(arguments)
        .env_remove("LAMBDA_TASK_ROOT")
        .env_remove("AWS_LAMBDA_RUNTIME_API")
        .envs(variables.iter().copied())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

fn spec(language: Language, handler: &str, folder: &Path) -> FunctionSpec {
    let runtimes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../local-dev/runtimes");
    let (program, arguments, runtime) = match language {
        Language::Node => ("/usr/bin/env", vec!["node", "node/main.mjs"], "nodejs20.x"),
        Language::Python => (
            "/usr/bin/env",
            vec!["python3", "-u", "python"],
            "python3.12",
        ),
    };
    let mut spec = function("f", program.into());
    let last = arguments.len() - 1;
    spec.command.arguments = arguments.iter().map(|&text| text.to_owned()).collect();
    spec.command.arguments[last] = runtimes.join(arguments[last]).display().to_string();
    spec.command.arguments.push(handler.to_owned());
    spec.command.folder = folder.to_owned();
    spec.runtime = runtime.to_owned();
    spec.handler = handler.to_owned();
    // A cold start on a busy machine.
    spec.timeout = Duration::from_secs(20);
    spec
}
