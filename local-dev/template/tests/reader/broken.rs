//! Templates that are wrong: what is said about them.

mod function;

use expect_test::expect;

use crate::read;

/// A right template, to be made wrong by replacing text.
const RIGHT: &str = "\
Transform: AWS::Serverless-2016-10-31
Conditions:
  Never: !Equals [a, b]
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties:
      ProtocolType: WEBSOCKET
      RouteSelectionExpression: $request.body.action
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties:
      ApiId: !Ref Api
      StageName: dev
      AutoDeploy: true
  Connect:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: $connect
      AuthorizationType: CUSTOM
      AuthorizerId: !Ref Auth
      Target: !Sub integrations/${Call}
  Call:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS_PROXY
      IntegrationUri: !GetAtt Chat.Arn
      TimeoutInMillis: 29000
  Auth:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !Ref Api
      Name: auth
      AuthorizerType: REQUEST
      AuthorizerUri: !GetAtt Chat.Arn
  Chat:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src
      Runtime: python3.12
      Handler: app.handler
      Timeout: 3
      MemorySize: 128
      Environment: {Variables: {LEVEL: info}}
      Events:
        Tick: {Type: Schedule, Properties: {Schedule: rate(1 minute)}}
  Permission:
    Type: AWS::Lambda::Permission
    Properties: {Action: '*', FunctionName: !Ref Chat, Principal: '*'}
";

/// What is said when each text is replaced by another.
fn refusals(template: &str, changes: &[(&str, &str)]) -> String {
    let said: Vec<String> = changes
        .iter()
        .map(|(right, wrong)| {
            assert!(template.contains(right), "{right}");
            match read(&template.replacen(right, wrong, 1)) {
                Ok(project) => panic!("{wrong} was taken:\n{project}"),
                Err(refusal) => refusal,
            }
        })
        .collect();
    said.join("----\n")
}

#[test]
fn the_template_itself_is_right() {
    let read = read(RIGHT).unwrap();
    assert!(!read.contains('!'), "{read}");
}

#[test]
fn a_template_that_is_none() {
    let said = refusals(
        RIGHT,
        &[
            (
                "Transform: AWS::Serverless-2016-10-31",
                "Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]",
            ),
            ("  Chat:\n", "  Fn::ForEach::Functions: []\n  Chat:\n"),
            (
                "Handler: app.handler",
                "Handler: {Fn::Transform: {Name: X}}",
            ),
            ("Transform: AWS::Serverless-2016-10-31\n", ""),
            ("Conditions:", "Condition:"),
            (
                "Resources:",
                "Globals: {Functions: {Timeout: 3}}\nResources:",
            ),
            (
                "      StageName: dev\n",
                "      StageName: dev\n      StageName: prod\n",
            ),
            ("!GetAtt Chat.Arn", "!GetAttr Chat.Arn"),
            ("  Chat:\n", "  Chat:\n    Condition: Nope\n"),
            ("  Chat:\n", "  Chat:\n    Condition: Never\n"),
            ("!GetAtt Chat.Arn", "!GetAtt Cha.Arn"),
        ],
    );
    expect![[r#"
        the transform `AWS::LanguageExtensions` runs on AWS only
         --> t.yaml:1:13
          |
        1 | Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
          |             ^^^^^^^^^^^^^^^^^^^^^^^
          = help: read the template that CloudFormation made: aws cloudformation get-template --template-stage Processed
        ----
        `Fn::ForEach::Functions` needs the transform AWS::LanguageExtensions
          --> t.yaml:38:3
           |
        38 |   Fn::ForEach::Functions: []
           |   ^^^^^^^^^^^^^^^^^^^^^^
           = help: it runs on AWS only: write out what it makes
        ----
        `Fn::Transform` calls a macro, and macros run on AWS only
          --> t.yaml:43:17
           |
        43 |       Handler: {Fn::Transform: {Name: X}}
           |                 ^^^^^^^^^^^^^
        ----
        `Chat` is SAM's, but the template has no transform
          --> t.yaml:38:11
           |
        38 |     Type: AWS::Serverless::Function
           |           ^^^^^^^^^^^^^^^^^^^^^^^^^
           = help: add `Transform: AWS::Serverless-2016-10-31`
        ----
        `Condition` is no section of a template
         --> t.yaml:2:1
          |
        2 | Condition:
          | ^^^^^^^^^
          = help: did you mean `Conditions`?
        ----
        `Functions` is no section of `Globals`
         --> t.yaml:4:11
          |
        4 | Globals: {Functions: {Timeout: 3}}
          |           ^^^^^^^^^
          = help: did you mean `Function`?
        ----
        `StageName` is already on line 14
          --> t.yaml:15:7
           |
        15 |       StageName: prod
           |       ^^^^^^^^^
           = help: a key may stand only once in a map
        ----
        `!GetAttr` is no intrinsic function of CloudFormation
          --> t.yaml:29:23
           |
        29 |       IntegrationUri: !GetAttr Chat.Arn
           |                       ^^^^^^^^^^^^^^^^^
           = help: did you mean `!GetAtt`?
        ----
        the template has no condition `Nope`
          --> t.yaml:39:16
           |
        39 |     Condition: Nope
           |                ^^^^
        ----
        `Chat` does not exist: its condition is false
          --> t.yaml:29:23
           |
        29 |       IntegrationUri: !GetAtt Chat.Arn
           |                       ^^^^^^^^^^^^^^^^

        `Chat` does not exist: its condition is false
          --> t.yaml:37:22
           |
        37 |       AuthorizerUri: !GetAtt Chat.Arn
           |                      ^^^^^^^^^^^^^^^^

        `Chat` does not exist: its condition is false
          --> t.yaml:52:45
           |
        52 |     Properties: {Action: '*', FunctionName: !Ref Chat, Principal: '*'}
           |                                             ^^^^^^^^^
        ----
        the template has no parameter and no resource `Cha`
          --> t.yaml:29:23
           |
        29 |       IntegrationUri: !GetAtt Cha.Arn
           |                       ^^^^^^^^^^^^^^^
           = help: did you mean `Chat`?
    "#]].assert_eq(&said);
}

#[test]
fn an_api_or_stage_that_is_wrong() {
    let said = refusals(
        RIGHT,
        &[
            (
                "      RouteSelectionExpression:",
                "      RouteSelectionExpresion:",
            ),
            ("      RouteSelectionExpression: $request.body.action\n", ""),
            ("$request.body.action", "!Sub '${request.body.action}'"),
            ("WEBSOCKET", "MQTT"),
            ("ProtocolType: WEBSOCKET", "ProtocolType: HTTP"),
            (
                "  Stage:\n    Type: AWS::ApiGatewayV2::Stage",
                "  Stage:\n    Condition: Never\n    Type: AWS::ApiGatewayV2::Stage",
            ),
            ("StageName: dev", "StageName: $default"),
            (
                "StageName: dev\n      AutoDeploy: true",
                "StagName: dev\n      AutoDeploy: maybe",
            ),
        ],
    );
    expect![[r#"
        `Api` (AWS::ApiGatewayV2::Api) has no `RouteSelectionExpression`, but `RouteSelectionExpresion`
         --> t.yaml:9:7
          |
        9 |       RouteSelectionExpresion: $request.body.action
          |       ^^^^^^^^^^^^^^^^^^^^^^^
          = help: did you mean `RouteSelectionExpression`?
        ----
        `Api` (AWS::ApiGatewayV2::Api) has no `RouteSelectionExpression`
         --> t.yaml:5:3
          |
        5 |   Api:
          |   ^^^
          = help: write for example `RouteSelectionExpression: $request.body.action`
        ----
        `${request.body.action}` in `Fn::Sub` is no parameter and no resource
         --> t.yaml:9:33
          |
        9 |       RouteSelectionExpression: !Sub '${request.body.action}'
          |                                 ^^^^^^^
          = help: what API Gateway replaces is written `${!request.body.action}`
        ----
        `ProtocolType` is WEBSOCKET or HTTP, and not `MQTT`
         --> t.yaml:8:21
          |
        8 |       ProtocolType: MQTT
          |                     ^^^^
        ----
        the template has no WebSocket API
         --> t.yaml:5:3
          |
        5 |   Api:
          |   ^^^
          = help: one is an AWS::ApiGatewayV2::Api with `ProtocolType: WEBSOCKET`, or an AWS::Serverless::WebSocketApi
        ----
        `Api` has no stage, so that nobody reaches it
         --> t.yaml:5:3
          |
        5 |   Api:
          |   ^^^
          = help: add an AWS::ApiGatewayV2::Stage with `AutoDeploy: true`
        ----
        `$default` cannot name a stage of a WebSocket API
          --> t.yaml:14:18
           |
        14 |       StageName: $default
           |                  ^^^^^^^^
           = help: a name is 1 to 128 letters, digits, `-` and `_`
        ----
        `Stage` (AWS::ApiGatewayV2::Stage) has no `StageName`, but `StagName`
          --> t.yaml:14:7
           |
        14 |       StagName: dev
           |       ^^^^^^^^
           = help: did you mean `StageName`?
    "#]].assert_eq(&said);
}

#[test]
fn a_route_that_is_wrong() {
    let said = refusals(
        RIGHT,
        &[
            ("      RouteKey: $connect\n", ""),
            (
                "  Call:\n",
                "  Again:\n    Type: AWS::ApiGatewayV2::Route\n    Properties: {ApiId: !Ref Api, RouteKey: $connect}\n  Call:\n",
            ),
            ("$connect", "$conect"),
            ("integrations/${Call}", "integrations/Cal"),
            ("integrations/${Call}", "integrations/${Cal}"),
            ("!Sub integrations/${Call}", "integrations/${Call}"),
            ("integrations/${Call}", "${Call}"),
            (
                "IntegrationUri: !GetAtt Chat.Arn",
                "IntegrationUri: arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${Chat.Arn}/invocations",
            ),
            (
                "IntegrationUri: !GetAtt Chat.Arn",
                "IntegrationUri: !Sub arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${Chatt.Arn}/invocations",
            ),
        ],
    );
    expect![[r#"
        `Connect` (AWS::ApiGatewayV2::Route) has no `RouteKey`
          --> t.yaml:16:3
           |
        16 |   Connect:
           |   ^^^^^^^
        ----
        `Api` has the route `$connect` already, on line 16
          --> t.yaml:24:3
           |
        24 |   Again:
           |   ^^^^^
        ----
        `$conect` cannot be a route key
          --> t.yaml:20:17
           |
        20 |       RouteKey: $conect
           |                 ^^^^^^^
           = help: did you mean `$connect`?
        ----
        this API has no integration `Cal`
          --> t.yaml:23:15
           |
        23 |       Target: !Sub integrations/Cal
           |               ^^^^^^^^^^^^^^^^^^^^^
           = help: did you mean `Call`?
        ----
        the template has no parameter and no resource `Cal`
          --> t.yaml:23:15
           |
        23 |       Target: !Sub integrations/${Cal}
           |               ^^^^^^^^^^^^^^^^^^^
           = help: did you mean `Call`?
        ----
        `${Call}` stays as it is in this text
          --> t.yaml:23:15
           |
        23 |       Target: integrations/${Call}
           |               ^^^^^^^^^^^^^^
           = help: write `!Sub` in front of the text
        ----
        `Target` is `integrations/…`, and not `Call`
          --> t.yaml:23:15
           |
        23 |       Target: !Sub ${Call}
           |               ^^^^^^
           = help: write `Target: !Sub integrations/${Integration}`
        ----
        `${Chat.Arn}` stays as it is in this text
          --> t.yaml:29:23
           |
        29 |       IntegrationUri: arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${Chat.Arn}/invocations
           |                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
           = help: write `!Sub` in front of the text
        ----
        the template has no parameter and no resource `Chatt`
          --> t.yaml:29:23
           |
        29 |       IntegrationUri: !Sub arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${Chatt.Arn}/invocations
           |                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
           = help: did you mean `Chat`?
    "#]]
    .assert_eq(&said);
}

#[test]
fn an_authorizer_that_is_wrong() {
    let said = refusals(
        RIGHT,
        &[
            ("$connect", "$default"),
            ("!Ref Auth\n", "Auht\n"),
            ("      AuthorizationType: CUSTOM\n", ""),
            ("      AuthorizerId: !Ref Auth\n", ""),
            ("AuthorizationType: CUSTOM", "AuthorizationType: JWT"),
            ("AuthorizerType: REQUEST", "AuthorizerType: TOKEN"),
            (
                "AuthorizerType: REQUEST",
                "AuthorizerType: REQUEST\n      IdentitySource: [$request.header.Auth]",
            ),
            (
                "AuthorizerType: REQUEST",
                "AuthorizerType: REQUEST\n      IdentitySource: route.request.header.Auth",
            ),
        ],
    );
    expect![[r#"
        the route `$default` cannot have an authorizer
          --> t.yaml:21:26
           |
        21 |       AuthorizationType: CUSTOM
           |                          ^^^^^^
           = help: only `$connect` is authorized; it stands for the whole connection
        ----
        this API has no authorizer `Auht`
          --> t.yaml:22:21
           |
        22 |       AuthorizerId: Auht
           |                     ^^^^
           = help: did you mean `Auth`?
        ----
        `AuthorizerId` without `AuthorizationType: CUSTOM`: it is never called
          --> t.yaml:21:21
           |
        21 |       AuthorizerId: !Ref Auth
           |                     ^^^^^^^^^
        ----
        `AuthorizationType: CUSTOM` needs an `AuthorizerId`
          --> t.yaml:21:26
           |
        21 |       AuthorizationType: CUSTOM
           |                          ^^^^^^
        ----
        `JWT` is no `AuthorizationType` of a WebSocket API
          --> t.yaml:21:26
           |
        21 |       AuthorizationType: JWT
           |                          ^^^
           = help: the types are NONE, AWS_IAM and CUSTOM
        ----
        a WebSocket API has no `TOKEN` authorizer
          --> t.yaml:36:23
           |
        36 |       AuthorizerType: TOKEN
           |                       ^^^^^
           = help: the only `AuthorizerType` is REQUEST
        ----
        `$request.header.Auth` is no identity source
          --> t.yaml:37:23
           |
        37 |       IdentitySource: [$request.header.Auth]
           |                       ^
           = help: write `route.request.header.NAME` or `route.request.querystring.NAME`
        ----
        `IdentitySource` is a list, and this is text
          --> t.yaml:37:23
           |
        37 |       IdentitySource: route.request.header.Auth
           |                       ^^^^^^^^^^^^^^^^^^^^^^^^^
    "#]]
    .assert_eq(&said);
}

#[test]
fn a_file_that_is_not_there() {
    let path = std::path::Path::new("nowhere/template.yaml");
    let refusal = gatepost_template::load(path, &Default::default()).unwrap_err();
    expect![[r#"
        the template cannot be read: No such file or directory (os error 2)
         --> nowhere/template.yaml:1:1
          = help: name another one with --template
    "#]]
    .assert_eq(&refusal.to_string());
}
