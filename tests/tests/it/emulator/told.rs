//! What somebody who wrote a wrong message or a wrong template is told of it.

use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::Socket;

#[tokio::test]
async fn a_message_that_comes_to_nothing_is_told_with_its_reason() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let template = folder.path().join("template.yaml");
    std::fs::write(&template, TEMPLATE)?;
    let emulator = Launch::template(&template).start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    let emulated = "its integration is not emulated: ";
    for (message, cause, why) in [
        (
            r#"{"action":"echo"}"#,
            "no_route",
            r#"no route for "" ($request.body.type) and no $default"#,
        ),
        ("hello", "no_route", "the message is no JSON"),
        (
            r#"{"type":"idle"}"#,
            "no_target",
            "the route has no Target in the template",
        ),
        (r#"{"type":"echo"}"#, "not_emulated", emulated),
    ] {
        socket.send(message).await?;
        let frame = socket.text().await?;
        let told = emulator.event("error_sent", |fact| {
            let request = fact["request"].as_str().unwrap_or_default();
            frame.contains(request)
        });
        let told = told.await?;
        let frame: serde_json::Value = serde_json::from_str(&frame)?;
        assert_eq!(told["message"], frame["message"], "{told}");
        assert_eq!(told["cause"], cause, "{told}");
        let reason = told["why"].as_str().unwrap_or_default();
        assert!(reason.starts_with(why), "{told}");
        let is_placed = reason.contains("template.yaml:");
        assert_eq!(is_placed, cause == "not_emulated", "{told}");
    }
    Ok(())
}

const TEMPLATE: &str = "
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties:
      Name: told
      ProtocolType: WEBSOCKET
      RouteSelectionExpression: $request.body.type
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties:
      ApiId: !Ref Api
      StageName: prod
  Idle:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: idle
  Echo:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: echo
      Target: !Sub integrations/${Integration}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS
      IntegrationUri: arn:aws:apigateway:us-east-1:sqs:path/1/queue
";
