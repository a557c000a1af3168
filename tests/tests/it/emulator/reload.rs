//! What changes on disk takes over while a client stays connected.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;
use gatepost_tests::emulator::Emulator;
use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::Socket;
use http::Request;
use serde_json::Value;
use tempfile::TempDir;

/// A template with one Python function, `app.py`, that answers with its `ANSWER`.
struct Project {
    folder: TempDir,
}

const TEMPLATE: &str = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Chat:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      Routes:
        $default:
          FunctionArn: !GetAtt Answers.Arn
          RouteResponseSelectionExpression: $default
  ChatResponse:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties:
      ApiId: !Ref Chat
      RouteId: !Ref ChatDefaultRoute
      RouteResponseKey: $default
  Answers:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.handler
      Runtime: python3.12
      Timeout: 20
      Environment:
        Variables:
          FROM_TEMPLATE: first
";

/// A second function with a route of its own.
const MORE: &str = "  Later:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: later
      Handler: app.handler
      Runtime: python3.12
      Timeout: 20
  LaterRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Chat
      RouteKey: later
      RouteResponseSelectionExpression: $default
      Target: !Sub integrations/${LaterIntegration}
  LaterIntegration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Chat
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Later.Arn}/invocations
  LaterResponse:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties:
      ApiId: !Ref Chat
      RouteId: !Ref LaterRoute
      RouteResponseKey: $default
";

fn answers(text: &str) -> String {
    format!(
        "import os\n\n\ndef handler(event, context):\n    \
         variables = ' '.join(os.environ.get(n, '-') for n in ('FROM_TEMPLATE', 'FROM_FILE'))\n    \
         return {{'statusCode': 200, 'body': f'{text} {{variables}}'}}\n"
    )
}

impl Project {
    fn new() -> anyhow::Result<Self> {
        let project = Self {
            folder: tempfile::tempdir()?,
        };
        project.write("template.yaml", TEMPLATE)?;
        project.write("code/app.py", &answers("one"))?;
        project.write("later/app.py", &answers("later"))?;
        Ok(project)
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn write(&self, file: &str, text: &str) -> anyhow::Result<()> {
        let path = self.path(file);
        fs::create_dir_all(path.parent().context("a folder")?)?;
        Ok(fs::write(path, text)?)
    }

    async fn start(&self) -> anyhow::Result<Emulator> {
        let template = self.path("template.yaml");
        Launch::template(&template)
            .arguments(&["--watch"])
            .start()
            .await
    }
}

/// The next fact with this event after the first `seen`.
async fn next(emulator: &Emulator, event: &str, seen: usize) -> anyhow::Result<Value> {
    let is_next = |fact: &Value| {
        let number = fact["number"]
            .as_u64()
            .and_then(|n| usize::try_from(n).ok());
        fact["event"] == event && number.is_some_and(|number| number > seen)
    };
    emulator.fact(is_next).await
}

/// How many facts there are.
fn seen(emulator: &Emulator) -> usize {
    // The first line is not one.
    emulator.facts().len() - 1
}

async fn ask(socket: &mut Socket, text: &str) -> anyhow::Result<String> {
    socket.send(text).await?;
    socket.text().await
}

#[tokio::test]
async fn changed_code_takes_over_while_a_client_stays_connected() -> anyhow::Result<()> {
    let project = Project::new()?;
    let emulator = project.start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    assert_eq!(ask(&mut socket, "?").await?, "one first -");

    let before = seen(&emulator);
    project.write("code/app.py", &answers("two"))?;
    let reloaded = next(&emulator, "reloaded", before).await?;
    assert_eq!(reloaded["functions"], serde_json::json!(["Answers"]));
    assert_eq!(ask(&mut socket, "?").await?, "two first -");

    // Broken code is what it would be on AWS: the function fails, its callers are told.
    let before = seen(&emulator);
    project.write("code/app.py", "def handler(event, context:\n")?;
    next(&emulator, "reloaded", before).await?;
    next(&emulator, "function_failed", before).await?;
    let answer = ask(&mut socket, "?").await?;
    assert!(answer.contains("Internal server error"), "{answer}");

    let before = seen(&emulator);
    project.write("code/app.py", &answers("three"))?;
    next(&emulator, "reloaded", before).await?;
    assert_eq!(ask(&mut socket, "?").await?, "three first -");
    Ok(())
}

#[tokio::test]
async fn a_changed_template_brings_and_takes_routes_functions_and_variables() -> anyhow::Result<()>
{
    let project = Project::new()?;
    let emulator = project.start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    let later = r#"{"action":"later"}"#;
    assert_eq!(ask(&mut socket, later).await?, "one first -");

    let before = seen(&emulator);
    project.write("template.yaml", &format!("{TEMPLATE}{MORE}"))?;
    let reloaded = next(&emulator, "reloaded", before).await?;
    // The other function goes on in its processes.
    assert_eq!(reloaded["functions"], serde_json::json!(["Later"]));
    assert_eq!(ask(&mut socket, later).await?, "later - -");

    let before = seen(&emulator);
    let template = TEMPLATE.replace("FROM_TEMPLATE: first", "FROM_TEMPLATE: second");
    project.write("template.yaml", &template)?;
    let reloaded = next(&emulator, "reloaded", before).await?;
    assert_eq!(
        (&reloaded["functions"], &reloaded["removed"]),
        (
            &serde_json::json!(["Answers"]),
            &serde_json::json!(["Later"])
        )
    );
    next(&emulator, "environment_stopped", before).await?;
    assert_eq!(ask(&mut socket, later).await?, "one second -");
    let health = emulator.get("/_gatepost/health").await?;
    let health: Value = serde_json::from_slice(health.body())?;
    assert_eq!(
        health["functions"].as_object().map(serde_json::Map::len),
        Some(1)
    );

    // The file of variables may come later.
    let before = seen(&emulator);
    project.write("local.env", "FROM_FILE=file\n")?;
    next(&emulator, "reloaded", before).await?;
    assert_eq!(ask(&mut socket, later).await?, "one second file");
    Ok(())
}

#[tokio::test]
async fn a_broken_template_changes_nothing_and_says_why() -> anyhow::Result<()> {
    let project = Project::new()?;
    let emulator = project.start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    let before = seen(&emulator);
    project.write(
        "template.yaml",
        &TEMPLATE.replace("Answers.Arn", "Answer.Arn"),
    )?;
    let failed = next(&emulator, "reload_failed", before).await?;
    let reason = failed["reason"].as_str().context("a reason")?;
    assert!(reason.contains("template.yaml:9:"), "{reason}");
    assert!(reason.contains("did you mean `Answers`?"), "{reason}");
    assert_eq!(ask(&mut socket, "?").await?, "one first -");
    let not_reloaded = |state: &Value| state["not_reloaded"].clone();
    let state = state(&emulator).await?;
    assert_eq!(not_reloaded(&state), reason);

    let before = seen(&emulator);
    project.write("template.yaml", TEMPLATE)?;
    next(&emulator, "reloaded", before).await?;
    assert_eq!(ask(&mut socket, "?").await?, "one first -");
    assert_eq!(not_reloaded(&self::state(&emulator).await?), Value::Null);
    Ok(())
}

async fn state(emulator: &Emulator) -> anyhow::Result<Value> {
    let asked = Request::get("/_gatepost/api/state").body(String::new())?;
    Ok(serde_json::from_slice(emulator.api(asked).await?.body())?)
}

/// A function of Rust in a folder of its own, whose binary nobody else builds.
fn rust_project() -> anyhow::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/emulator/rust");
    fs::create_dir_all(folder.path().join("rust/src"))?;
    fs::copy(
        fixture.join("src/lib.rs"),
        folder.path().join("rust/src/lib.rs"),
    )?;
    let manifest = fs::read_to_string(fixture.join("Cargo.toml"))?;
    let manifest = manifest.replace("fixture-functions", "reloaded");
    fs::write(folder.path().join("rust/Cargo.toml"), manifest)?;
    write_rust(folder.path(), "one")?;
    let template = TEMPLATE
        .replace("CodeUri: code", "CodeUri: rust")
        .replace("Handler: app.handler", "Handler: bootstrap")
        .replace("Runtime: python3.12", "Runtime: provided.al2023")
        .replace(
            "  Answers:\n",
            "  Answers:\n    Metadata:\n      BuildMethod: rust-cargolambda\n",
        );
    fs::write(folder.path().join("template.yaml"), template)?;
    Ok(folder)
}

fn write_rust(folder: &Path, answer: &str) -> anyhow::Result<()> {
    let source = format!(
        "fn main() {{ reloaded::run(|_| r#\"{{\"statusCode\":200,\"body\":\"{answer}\"}}\"#.into()) }}\n"
    );
    Ok(fs::write(folder.join("rust/src/main.rs"), source)?)
}

#[tokio::test]
async fn a_changed_rust_function_is_built_and_a_failed_build_keeps_the_old_one()
-> anyhow::Result<()> {
    let folder = rust_project()?;
    let emulator = Launch::template(&folder.path().join("template.yaml"))
        .target_dir(&folder.path().join("target"))
        .arguments(&["--watch"])
        .start()
        .await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    assert_eq!(ask(&mut socket, "?").await?, "one");

    let before = seen(&emulator);
    write_rust(folder.path(), "two")?;
    let reloaded = next(&emulator, "reloaded", before).await?;
    assert_eq!(reloaded["functions"], serde_json::json!(["Answers"]));
    assert_eq!(ask(&mut socket, "?").await?, "two");

    let before = seen(&emulator);
    fs::write(
        folder.path().join("rust/src/main.rs"),
        "fn main() { nonsense }\n",
    )?;
    let failed = next(&emulator, "reload_failed", before).await?;
    let reason = failed["reason"].as_str().context("a reason")?;
    assert!(reason.contains("cargo build failed"), "{reason}");
    assert_eq!(ask(&mut socket, "?").await?, "two");

    let before = seen(&emulator);
    write_rust(folder.path(), "three")?;
    next(&emulator, "reloaded", before).await?;
    assert_eq!(ask(&mut socket, "?").await?, "three");
    Ok(())
}

#[tokio::test]
async fn a_binary_that_somebody_else_built_takes_over() -> anyhow::Result<()> {
    let folder = rust_project()?;
    let launch = || {
        Launch::template(&folder.path().join("template.yaml"))
            .target_dir(&folder.path().join("target"))
    };
    // It builds, and another one runs what was built.
    drop(launch().start().await?);
    let emulator = launch()
        .arguments(&["--no-build", "--watch"])
        .start()
        .await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    assert_eq!(ask(&mut socket, "?").await?, "one");

    write_rust(folder.path(), "two")?;
    let before = seen(&emulator);
    let built = tokio::process::Command::new("cargo")
        .args(["build", "--offline"])
        .current_dir(folder.path().join("rust"))
        .env("CARGO_TARGET_DIR", folder.path().join("target"))
        .output()
        .await?;
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    next(&emulator, "reloaded", before).await?;
    assert_eq!(ask(&mut socket, "?").await?, "two");
    Ok(())
}
