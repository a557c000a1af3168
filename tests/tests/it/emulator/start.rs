//! What is there once it is ready.

use gatepost_tests::emulator::Emulator;
use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::Socket;
use serde_json::Value;
use serde_json::json;

#[tokio::test]
async fn the_first_line_says_where_everything_is() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let ready = emulator.ready();
    let authority = emulator.authority();
    assert_eq!(ready["event"], "ready");
    assert_eq!(ready["websocket"], format!("ws://{authority}/local"));
    assert_eq!(
        ready["management"],
        format!("http://{authority}/local/@connections")
    );
    assert_eq!(ready["console"], format!("http://{authority}/_gatepost/"));
    assert_eq!(ready["page"], format!("http://{authority}/"));
    assert_eq!(ready["credentials"]["region"], "us-east-1");
    for key in ["access_key_id", "secret_access_key", "session_token"] {
        assert!(
            ready["credentials"][key]
                .as_str()
                .is_some_and(|key| key.len() >= 20),
            "{key}"
        );
    }
    assert_eq!(ready.as_object().map(serde_json::Map::len), Some(9));
    Ok(())
}

#[tokio::test]
async fn health_is_good_when_every_function_is_ready() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let response = emulator.get("/_gatepost/health").await?;
    assert_eq!(response.status(), 200);
    let health: Value = serde_json::from_slice(response.body())?;
    assert_eq!(health["ready"], true);
    assert_eq!(health["functions"]["Echo"], json!({"state": "ready"}));
    Ok(())
}

#[tokio::test]
async fn health_names_functions_that_cannot_run() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let template = folder.path().join("template.yaml");
    std::fs::create_dir(folder.path().join("node"))?;
    std::fs::write(&template, UNSUPPORTED)?;
    let emulator = Launch::template(&template).start().await?;
    let response = emulator.get("/_gatepost/health").await?;
    assert_eq!(response.status(), 503);
    let health: Value = serde_json::from_slice(response.body())?;
    assert_eq!(health["ready"], false);
    assert_eq!(health["functions"]["Node"]["state"], "unsupported");
    let reason = health["functions"]["Node"]["reason"]
        .as_str()
        .unwrap_or_default();
    assert!(
        reason.contains("ruby3.4") && reason.contains("template.yaml:32:16"),
        "{reason}"
    );
    Ok(())
}

#[tokio::test]
async fn a_function_that_does_not_start_is_named_with_its_last_words() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml")
        .env("ECHO_REFUSES", "1")
        .start()
        .await?;
    let response = emulator.get("/_gatepost/health").await?;
    assert_eq!(response.status(), 503);
    let health: Value = serde_json::from_slice(response.body())?;
    assert_eq!(health["functions"]["Echo"]["state"], "failed");
    let reason = health["functions"]["Echo"]["reason"]
        .as_str()
        .unwrap_or_default();
    assert!(reason.contains("echo refuses to start"), "{reason}");
    assert_eq!(health["functions"]["Panics"]["state"], "ready");
    // Its $connect cannot be answered.
    let refused = Socket::handshake(emulator.websocket(), &[]).await?;
    assert_eq!(refused.err().map(|refused| refused.status), Some(502));
    Ok(())
}

#[tokio::test]
async fn the_page_is_served_with_its_endpoint() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let page = emulator.get("/").await?;
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert!(String::from_utf8_lossy(page.body()).contains("fixture page"));
    assert_eq!(
        endpoint(&emulator, emulator.authority()).await?,
        emulator.websocket()
    );
    // A page that was opened under another name of this machine connects under that name.
    let port = emulator.authority().rsplit(':').next().unwrap_or_default();
    let localhost = format!("localhost:{port}");
    assert_eq!(
        endpoint(&emulator, &localhost).await?,
        format!("ws://{localhost}/local")
    );
    assert_eq!(
        endpoint(&emulator, "attacker.example").await?,
        emulator.websocket()
    );
    for path in ["/../rust.yaml", "/%2e%2e/rust.yaml", "/nothing"] {
        assert_eq!(emulator.get(path).await?.status(), 404, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn without_a_page_the_console_is_shown() -> anyhow::Result<()> {
    let emulator = Launch::fixture("python.yaml").start().await?;
    let response = emulator.get("/").await?;
    assert_eq!(response.status(), 307);
    assert_eq!(response.headers()["location"], "/_gatepost/");
    assert_eq!(emulator.ready()["page"], emulator.ready()["console"]);
    Ok(())
}

#[tokio::test]
async fn the_data_folder_is_made_and_log_files_are_written() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (data, logs) = (folder.path().join("a/data"), folder.path().join("logs"));
    let emulator = Launch::fixture("rust.yaml")
        .data_dir(&data)
        .arguments(&["--log-dir", &logs.display().to_string()])
        .start()
        .await?;
    assert!(data.is_dir());
    emulator
        .event("log", |fact| fact["function"] == "Echo")
        .await?;
    emulator.stop().await?;
    let log = std::fs::read_to_string(logs.join("Echo.log"))?;
    assert!(log.contains(" echo starts\n"), "{log}");
    let facts = std::fs::read_to_string(logs.join("facts.ndjson"))?;
    assert!(facts.contains("\"event\":\"stopping\""), "{facts}");
    Ok(())
}

async fn endpoint(emulator: &Emulator, host: &str) -> anyhow::Result<String> {
    let request = http::Request::get("/gatepost.json").header("host", host);
    let response = emulator.http(request.body(String::new())?).await?;
    let body: Value = serde_json::from_slice(response.body())?;
    Ok(body["endpoint"]
        .as_str()
        .map(String::from)
        .unwrap_or_default())
}

const UNSUPPORTED: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties:
      Name: unsupported
      ProtocolType: WEBSOCKET
      RouteSelectionExpression: $request.body.action
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties:
      ApiId: !Ref Api
      StageName: prod
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: $default
      Target: !Sub integrations/${Integration}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Node.Arn}/invocations
  Node:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: node
      Handler: index.handler
      Runtime: ruby3.4
";
