//! Code that stands in a template.

use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::Socket;

const TEMPLATE: &str = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Chat:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      Routes:
        $default:
          FunctionArn: !GetAtt InPython.Arn
          RouteResponseSelectionExpression: $default
        node:
          FunctionArn: !GetAtt InNode.Arn
          RouteResponseSelectionExpression: $default
  PythonResponse:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: { ApiId: !Ref Chat, RouteId: !Ref ChatDefaultRoute, RouteResponseKey: $default }
  NodeResponse:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: { ApiId: !Ref Chat, RouteId: !Ref ChatNodeRoute, RouteResponseKey: $default }
  InPython:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Timeout: 20
      Role: arn:aws:iam::000000000000:role/any
      Code:
        ZipFile: |
          def handler(event, context):
              return {'statusCode': 200, 'body': 'python got ' + event['body']}
  InNode:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs22.x
      Handler: index.handler
      Timeout: 20
      InlineCode: |
        exports.handler = async (event) => ({ statusCode: 200, body: `node got ${event.body}` });
";

#[tokio::test]
async fn code_that_stands_in_a_template_runs() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let template = folder.path().join("template.yaml");
    std::fs::write(&template, TEMPLATE)?;
    let emulator = Launch::template(&template).start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    socket.send("hello").await?;
    assert_eq!(socket.text().await?, "python got hello");
    socket.send(r#"{"action":"node"}"#).await?;
    assert_eq!(socket.text().await?, r#"node got {"action":"node"}"#);
    Ok(())
}
