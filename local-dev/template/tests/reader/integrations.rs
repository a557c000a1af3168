//! Integrations beside `AWS_PROXY`, and models.

use expect_test::expect;

use crate::read;

/// A template whose only route calls this integration, with more resources.
fn template(integration: &str, resources: &str) -> String {
    format!(
        "Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {{ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {{ApiId: !Ref Api, StageName: s, AutoDeploy: true}}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {{ApiId: !Ref Api, RouteKey: go, Target: !Sub 'integrations/${{Call}}'}}
  Call:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {{ApiId: !Ref Api, {integration}}}
  Fn:
    Type: AWS::Serverless::Function
    Properties: {{Runtime: python3.12, Handler: a.b, CodeUri: src}}
  Permission:
    Type: AWS::Lambda::Permission
    Properties: {{Action: '*', FunctionName: !Ref Fn, Principal: apigateway.amazonaws.com}}
{resources}"
    )
}

/// The route and the findings.
fn told(integration: &str, resources: &str) -> String {
    let read = match read(&template(integration, resources)) {
        Ok(read) => read,
        Err(refused) => return format!("{integration}\n{refused}"),
    };
    let lines = read.lines();
    let lines = lines.filter(|line| line.starts_with("! ") || line.contains('→'));
    let lines: String = lines.map(|line| format!("{line}\n")).collect();
    format!("{integration}\n{lines}")
}

#[test]
fn integrations_of_every_type() {
    let response = "  Good:
    Type: AWS::ApiGatewayV2::IntegrationResponse
    Properties: {ApiId: !Ref Api, IntegrationId: !Ref Call, IntegrationResponseKey: '/2\\d\\d/', ResponseTemplates: {$default: $input.body}}
  Other:
    Type: AWS::ApiGatewayV2::IntegrationResponse
    Properties: {ApiId: !Ref Api, IntegrationId: !Ref Call, IntegrationResponseKey: $default, ResponseParameters: {route.response.header.x: integration.response.header.y}}
";
    let uri = "IntegrationUri: !Sub 'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${Fn.Arn}/invocations'";
    let said: Vec<String> = [
        "IntegrationType: MOCK, RequestTemplates: {$default: '{\"statusCode\": 200}'}, IntegrationResponseSelectionExpression: $integration.response.statuscode",
        "IntegrationType: HTTP_PROXY, IntegrationMethod: POST, IntegrationUri: 'https://example.com/{id}', RequestParameters: {integration.request.path.id: route.request.body.id}",
        "IntegrationType: HTTP, IntegrationMethod: ANY, IntegrationUri: !Sub 'http://${!stageVariables.host}', TimeoutInMillis: 50, ContentHandlingStrategy: CONVERT_TO_TEXT, PassthroughBehavior: NEVER",
        &format!("IntegrationType: AWS, {uri}, RequestParameters: {{integration.request.header.X-Amz-Invocation-Type: \"'Event'\"}}, TemplateSelectionExpression: '\\$default'"),
    ]
    .iter()
    .map(|integration| told(integration, response))
    .collect();
    expect![[r#"
        IntegrationType: MOCK, RequestTemplates: {$default: '{"statusCode": 200}'}, IntegrationResponseSelectionExpression: $integration.response.statuscode
          go → a mock 29s, templates ["$default"], 0 mappings, responses [Matching(Regex("^(?:2\\d\\d)$")), Default]

        IntegrationType: HTTP_PROXY, IntegrationMethod: POST, IntegrationUri: 'https://example.com/{id}', RequestParameters: {integration.request.path.id: route.request.body.id}
          go → POST https://example.com/{id} 29s, templates [], 1 mappings, responses [Matching(Regex("^(?:2\\d\\d)$")), Default]

        IntegrationType: HTTP, IntegrationMethod: ANY, IntegrationUri: !Sub 'http://${!stageVariables.host}', TimeoutInMillis: 50, ContentHandlingStrategy: CONVERT_TO_TEXT, PassthroughBehavior: NEVER
          go → ANY http://${stageVariables.host} 50ms, templates [], 0 mappings, responses [Matching(Regex("^(?:2\\d\\d)$")), Default]

        IntegrationType: AWS, IntegrationUri: !Sub 'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${Fn.Arn}/invocations', RequestParameters: {integration.request.header.X-Amz-Invocation-Type: "'Event'"}, TemplateSelectionExpression: '\$default'
          go → Fn without proxy 29s, templates [], 1 mappings, responses [Matching(Regex("^(?:2\\d\\d)$")), Default]
    "#]].assert_eq(&said.join("\n"));
}

#[test]
fn what_is_wrong_with_an_integration() {
    let said: Vec<String> = [
        "IntegrationType: HTTP, IntegrationMethod: POST, IntegrationUri: ftp://x",
        "IntegrationType: HTTP, IntegrationMethod: get it, IntegrationUri: http://x",
        "IntegrationType: HTTP, IntegrationUri: http://x",
        "IntegrationType: MOCK, PassthroughBehavior: SOMETIMES",
        "IntegrationType: MOCK, ContentHandlingStrategy: CONVERT",
        "IntegrationType: MOCK, RequestParameters: {integration.request.header.x: plain}",
        "IntegrationType: MOCK, RequestTemplates: {a: \"x\\n#if(\"}",
        "IntegrationType: MOCK, TemplateSelectionExpression: $request.header.x",
        "IntegrationType: MOCK, IntegrationResponseSelectionExpression: $integration.response.body.x",
    ]
    .iter()
    .map(|integration| told(integration, ""))
    .collect();
    expect![[r#"
        IntegrationType: HTTP, IntegrationMethod: POST, IntegrationUri: ftp://x
        `ftp://x` is no URL of an HTTP endpoint
          --> t.yaml:14:99
           |
        14 | grationType: HTTP, IntegrationMethod: POST, IntegrationUri: ftp://x}
           |                                                             ^^^^^^^
           = help: write `https://…`

        IntegrationType: HTTP, IntegrationMethod: get it, IntegrationUri: http://x
        `get it` is no HTTP method
          --> t.yaml:14:77
           |
        14 | {ApiId: !Ref Api, IntegrationType: HTTP, IntegrationMethod: get it, IntegrationUri: http://x}
           |                                                             ^^^

        IntegrationType: HTTP, IntegrationUri: http://x
        `Call` (AWS::ApiGatewayV2::Integration) has no `IntegrationMethod`
          --> t.yaml:12:3
           |
        12 |   Call:
           |   ^^^^

        IntegrationType: MOCK, PassthroughBehavior: SOMETIMES
        `PassthroughBehavior` cannot be `SOMETIMES`
          --> t.yaml:14:79
           |
        14 | piId: !Ref Api, IntegrationType: MOCK, PassthroughBehavior: SOMETIMES}
           |                                                             ^^^^^^^^^
           = help: it is WHEN_NO_MATCH, WHEN_NO_TEMPLATES or NEVER

        IntegrationType: MOCK, ContentHandlingStrategy: CONVERT
        `ContentHandlingStrategy` cannot be `CONVERT`
          --> t.yaml:14:83
           |
        14 | : !Ref Api, IntegrationType: MOCK, ContentHandlingStrategy: CONVERT}
           |                                                             ^^^^^^^
           = help: it is CONVERT_TO_BINARY or CONVERT_TO_TEXT

        IntegrationType: MOCK, RequestParameters: {integration.request.header.x: plain}
        `RequestParameters`: `plain` is no source of a mapping (a text stands in single quotes)
          --> t.yaml:14:78
           |
        14 | ApiId: !Ref Api, IntegrationType: MOCK, RequestParameters: {integration.request.header.x: plain}}
           |                                                             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^

        IntegrationType: MOCK, RequestTemplates: {a: "x\n#if("}
          go → not emulated
        ! not emulated: t.yaml:14:80: `RequestTemplates`: line 2 of the mapping template: a value is missing here

        IntegrationType: MOCK, TemplateSelectionExpression: $request.header.x
          go → a mock 29s, templates [], 0 mappings, responses []
        ! fails on AWS: t.yaml:14:87: `TemplateSelectionExpression`: `$request.header.x` is no variable of a selection expression: it resolves to nothing

        IntegrationType: MOCK, IntegrationResponseSelectionExpression: $integration.response.body.x
          go → a mock 29s, templates [], 0 mappings, responses []
        ! fails on AWS: t.yaml:14:98: `IntegrationResponseSelectionExpression` is `$integration.response.statuscode` here, and not `$integration.response.body.x`
    "#]].assert_eq(&said.join("\n"));
}

#[test]
fn models_of_routes() {
    let models = "  Model:
    Type: AWS::ApiGatewayV2::Model
    Properties:
      ApiId: !Ref Api
      Name: Add
      Schema:
        type: object
        required: [a]
        properties:
          a: {type: integer, maximum: 9, exclusiveMaximum: true, enum: [1, 2]}
          b: {type: array, items: {type: string, maxLength: 3}, uniqueItems: true}
        additionalProperties: false
  Text:
    Type: AWS::ApiGatewayV2::Model
    Properties: {ApiId: !Ref Api, Name: Text, Schema: '{\"type\": \"string\"}'}
  Broken:
    Type: AWS::ApiGatewayV2::Model
    Properties: {ApiId: !Ref Api, Name: Broken, Schema: {type: thing}}
  Named:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: named, Target: !Sub 'integrations/${Call}', ModelSelectionExpression: $request.body.kind, RequestModels: {add: Add, $default: !Ref Text}}
";
    let unknown = "  Unknown:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: unknown, ModelSelectionExpression: $request.body.kind, RequestModels: {a: Ad, b: Broken}}
";
    let mock = "IntegrationType: MOCK";
    let said = [
        told(mock, models),
        told(mock, &format!("{models}{unknown}")),
    ];
    expect![[r#"
        IntegrationType: MOCK
          go → a mock 29s, templates [], 0 mappings, responses []
          named → a mock 29s, templates [], 0 mappings, responses [] fitting ["$default", "add"]

        IntegrationType: MOCK
        the schema of `Broken` is none: "thing" is not valid under any of the schemas listed in the 'anyOf' keyword at `/type`
          --> t.yaml:38:57
           |
        38 |     Properties: {ApiId: !Ref Api, Name: Broken, Schema: {type: thing}}
           |                                                         ^

        this API has no model `Ad`
          --> t.yaml:44:119
           |
        44 | SelectionExpression: $request.body.kind, RequestModels: {a: Ad, b: Broken}}
           |                                                             ^^
           = help: did you mean `Add`?
    "#]].assert_eq(&said.join("\n"));
}

#[test]
fn a_route_selection_expression_that_asks_in_vain() {
    let text = template("IntegrationType: MOCK", "");
    let text = text.replace("$request.body.action", "$request.headers.x");
    let read = read(&text).unwrap();
    let told = read.lines().find(|line| line.starts_with("! "));
    expect!["! fails on AWS: t.yaml:5:69: `RouteSelectionExpression`: `$request.headers.x` is no variable of a selection expression: it resolves to nothing (write `$request.body.NAME`)"].assert_eq(told.unwrap_or_default());
}
