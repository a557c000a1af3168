//! Templates that the Serverless Framework makes.

use std::collections::BTreeMap;

use gatepost_template::Code;
use gatepost_template::Integration;
use gatepost_template::load;

/// A service in its shape: logical IDs that it derives, code in a bucket, one deployment, versions,
/// a REQUEST authorizer, and a two-way route.
const TEMPLATE: &str = r#"{
  "AWSTemplateFormatVersion": "2010-09-09",
  "Description": "The AWS CloudFormation template for this Serverless application",
  "Resources": {
    "ServerlessDeploymentBucket": { "Type": "AWS::S3::Bucket", "Properties": {} },
    "EchoLogGroup": { "Type": "AWS::Logs::LogGroup", "Properties": { "LogGroupName": "/aws/lambda/chat-dev-echo" } },
    "IamRoleLambdaExecution": { "Type": "AWS::IAM::Role", "Properties": {} },
    "EchoLambdaFunction": {
      "Type": "AWS::Lambda::Function",
      "Properties": {
        "Code": {
          "S3Bucket": { "Ref": "ServerlessDeploymentBucket" },
          "S3Key": "serverless/chat/dev/1700000000000-2023-11-14T22:13:20.000Z/chat.zip"
        },
        "Handler": "src/echo.handler",
        "Runtime": "python3.12",
        "FunctionName": "chat-dev-echo",
        "MemorySize": 1024,
        "Timeout": 6,
        "Environment": { "Variables": { "WS": { "Fn::Join": ["", ["wss://", { "Ref": "WebsocketsApi" }, ".execute-api.", { "Ref": "AWS::Region" }, ".", { "Ref": "AWS::URLSuffix" }, "/dev"]] } } },
        "Role": { "Fn::GetAtt": ["IamRoleLambdaExecution", "Arn"] }
      },
      "DependsOn": ["EchoLogGroup"]
    },
    "EchoLambdaVersionK3bD": {
      "Type": "AWS::Lambda::Version",
      "DeletionPolicy": "Retain",
      "Properties": { "FunctionName": { "Ref": "EchoLambdaFunction" }, "CodeSha256": "x" }
    },
    "WebsocketsApi": {
      "Type": "AWS::ApiGatewayV2::Api",
      "Properties": { "Name": "dev-chat-websockets", "RouteSelectionExpression": "$request.body.action", "Description": "Serverless Websockets", "ProtocolType": "WEBSOCKET" }
    },
    "EchoWebsocketsIntegration": {
      "Type": "AWS::ApiGatewayV2::Integration",
      "Properties": {
        "ApiId": { "Ref": "WebsocketsApi" },
        "IntegrationType": "AWS_PROXY",
        "IntegrationUri": { "Fn::Join": ["", ["arn:", { "Ref": "AWS::Partition" }, ":apigateway:", { "Ref": "AWS::Region" }, ":lambda:path/2015-03-31/functions/", { "Fn::GetAtt": ["EchoLambdaFunction", "Arn"] }, "/invocations"]] }
      }
    },
    "EchoLambdaPermissionWebsockets": {
      "Type": "AWS::Lambda::Permission",
      "DependsOn": ["WebsocketsApi", "EchoLambdaFunction"],
      "Properties": { "FunctionName": { "Fn::GetAtt": ["EchoLambdaFunction", "Arn"] }, "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com" }
    },
    "SconnectWebsocketsRoute": {
      "Type": "AWS::ApiGatewayV2::Route",
      "Properties": {
        "ApiId": { "Ref": "WebsocketsApi" }, "RouteKey": "$connect", "AuthorizationType": "NONE",
        "Target": { "Fn::Join": ["/", ["integrations", { "Ref": "EchoWebsocketsIntegration" }]] }
      }
    },
    "SdefaultWebsocketsRoute": {
      "Type": "AWS::ApiGatewayV2::Route",
      "Properties": {
        "ApiId": { "Ref": "WebsocketsApi" }, "RouteKey": "$default", "AuthorizationType": "NONE",
        "RouteResponseSelectionExpression": "$default",
        "Target": { "Fn::Join": ["/", ["integrations", { "Ref": "EchoWebsocketsIntegration" }]] }
      }
    },
    "SdefaultWebsocketsRouteResponse": {
      "Type": "AWS::ApiGatewayV2::RouteResponse",
      "Properties": { "ApiId": { "Ref": "WebsocketsApi" }, "RouteId": { "Ref": "SdefaultWebsocketsRoute" }, "RouteResponseKey": "$default" }
    },
    "WebsocketsDeploymentStage": {
      "Type": "AWS::ApiGatewayV2::Stage",
      "Properties": { "ApiId": { "Ref": "WebsocketsApi" }, "DeploymentId": { "Ref": "WebsocketsDeploymentAbC" }, "StageName": "dev", "Description": "Serverless Websockets" }
    },
    "WebsocketsDeploymentAbC": {
      "Type": "AWS::ApiGatewayV2::Deployment",
      "DependsOn": ["SconnectWebsocketsRoute", "SdefaultWebsocketsRoute"],
      "Properties": { "ApiId": { "Ref": "WebsocketsApi" }, "Description": "Serverless Websockets" }
    }
  },
  "Outputs": { "ServerlessDeploymentBucketName": { "Value": { "Ref": "ServerlessDeploymentBucket" } } }
}"#;

#[test]
fn a_service_of_the_serverless_framework_runs_from_its_own_folder() {
    let service = tempfile::tempdir().unwrap();
    let folder = service.path().join(".serverless");
    std::fs::create_dir(&folder).unwrap();
    let template = folder.join("cloudformation-template-update-stack.json");
    std::fs::write(&template, TEMPLATE).unwrap();
    let project = load(&template, &BTreeMap::new()).unwrap();
    let unsupported: Vec<_> = project.findings.iter().map(ToString::to_string).collect();
    assert!(unsupported.is_empty(), "{unsupported:?}");
    let function = &project.functions["EchoLambdaFunction"];
    let service = service.path().canonicalize().unwrap();
    assert_eq!(function.code, Code::Folder(service));
    assert_eq!(function.handler, "src/echo.handler");
    let [api] = &project.apis[..] else {
        panic!("one API");
    };
    assert!(api.routes["$default"].route_response);
    assert!(matches!(
        &api.routes["$connect"].integration,
        Some(Integration::Lambda { function, .. }) if function == "EchoLambdaFunction"
    ));
}

#[test]
fn code_in_a_bucket_is_told_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let template = folder.path().join("t.json");
    std::fs::write(&template, TEMPLATE).unwrap();
    let project = load(&template, &BTreeMap::new()).unwrap();
    let code = &project.functions["EchoLambdaFunction"].code;
    assert!(
        matches!(code, Code::Unsupported(finding) if finding.what.contains("its code is in S3"))
    );
}
