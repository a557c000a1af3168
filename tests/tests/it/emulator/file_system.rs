//! What functions find of the machine's files. Lambda guide, "Understanding the Lambda execution
//! environment lifecycle".

use std::path::Path;

use gatepost_tests::emulator::Emulator;
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
          FunctionArn: !GetAtt Writer.Arn
          RouteResponseSelectionExpression: $default
  Response:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: { ApiId: !Ref Chat, RouteId: !Ref ChatDefaultRoute, RouteResponseKey: $default }
  Writer:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: ., Runtime: python3.12, Handler: app.handler, Timeout: 20 }
";

/// Writes to the file that a message names, and answers what happened.
const CODE: &str = "\
def handler(event, context):
    try:
        with open(event['body'], 'a') as file:
            file.write('x')
        return {'statusCode': 200, 'body': 'written %d' % len(open(event['body']).read())}
    except OSError as error:
        return {'statusCode': 200, 'body': error.strerror}
";

/// The code lies beside the template, and the data folder among it, as in a small project.
async fn started(project: &Path, arguments: &[&str]) -> anyhow::Result<(Emulator, Socket)> {
    let template = project.join("template.yaml");
    std::fs::write(&template, TEMPLATE)?;
    std::fs::write(project.join("app.py"), CODE)?;
    let emulator = Launch::template(&template).arguments(arguments);
    let emulator = emulator.start().await?;
    let socket = Socket::open(emulator.websocket()).await?;
    Ok((emulator, socket))
}

#[tokio::test]
async fn a_function_writes_to_its_tmp_and_nowhere_among_its_code() -> anyhow::Result<()> {
    let project = tempfile::tempdir()?;
    let (_emulator, mut socket) = started(project.path(), &[]).await?;
    socket.send("note.txt").await?;
    assert_eq!(socket.text().await?, "Read-only file system");
    assert!(!project.path().join("note.txt").exists());
    let name = format!("/tmp/gatepost-{}", uuid::Uuid::new_v4());
    for written in ["written 1", "written 2"] {
        // What is warm finds what it left.
        socket.send(&name).await?;
        assert_eq!(socket.text().await?, written);
    }
    assert!(!Path::new(&name).exists());
    Ok(())
}

#[tokio::test]
async fn on_request_a_function_finds_the_machines_files() -> anyhow::Result<()> {
    let project = tempfile::tempdir()?;
    let arguments = ["--file-system", "machine"];
    let (_emulator, mut socket) = started(project.path(), &arguments).await?;
    socket.send("note.txt").await?;
    assert_eq!(socket.text().await?, "written 1");
    assert_eq!(std::fs::read(project.path().join("note.txt"))?, b"x");
    Ok(())
}
