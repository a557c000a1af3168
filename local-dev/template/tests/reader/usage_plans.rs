//! API keys and usage plans.

use expect_test::expect;

use crate::read;

/// A template with a `$connect` that asks for a key, and these resources.
fn told(api: &str, resources: &str) -> String {
    let text = format!(
        "Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {{ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action{api}}}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {{ApiId: !Ref Api, StageName: s, AutoDeploy: true}}
  Connect:
    Type: AWS::ApiGatewayV2::Route
    Properties: {{ApiId: !Ref Api, RouteKey: $connect, ApiKeyRequired: true}}
{resources}"
    );
    match read(&text) {
        Ok(read) => read,
        Err(refused) => refused,
    }
}

#[test]
fn the_keys_of_a_stage() {
    let resources = "  Good:
    Type: AWS::ApiGateway::ApiKey
    Properties: {Enabled: true, Value: a-good-key-of-20-letters}
  MadeUp:
    Type: AWS::ApiGateway::ApiKey
    Properties: {Enabled: true}
  Closed:
    Type: AWS::ApiGateway::ApiKey
    Properties: {Value: another-key-of-20-letters}
  Plan:
    Type: AWS::ApiGateway::UsagePlan
    DependsOn: Stage
    Properties:
      ApiStages: [{ApiId: !Ref Api, Stage: !Ref Stage}, {ApiId: !Ref Api, Stage: other}]
      Quota: {Limit: 100, Offset: 2, Period: WEEK}
      Throttle: {BurstLimit: 5, RateLimit: 0.5}
  GoodInPlan:
    Type: AWS::ApiGateway::UsagePlanKey
    Properties: {KeyId: !Ref Good, KeyType: API_KEY, UsagePlanId: !Ref Plan}
  MadeUpInPlan:
    Type: AWS::ApiGateway::UsagePlanKey
    Properties: {KeyId: !GetAtt MadeUp.APIKeyId, KeyType: API_KEY, UsagePlanId: !GetAtt Plan.Id}
  ClosedInPlan:
    Type: AWS::ApiGateway::UsagePlanKey
    Properties: {KeyId: !Ref Closed, KeyType: API_KEY, UsagePlanId: !Ref Plan}
";
    expect![[r#"
        api Api by $request.body.action
          stage s {}
            opened by UsagePlan { id: "Plan", throttle: Some(Throttle { rate: Some(0.5), burst: Some(5) }), quota: Some(Quota { limit: 100, offset: 2, period: Week }), keys: [ApiKey { id: "iaos9erm38", value: "a-good-key-of-20-letters", enabled: true }, ApiKey { id: "drv0wx8e0u", value: "ulh92255a6d3bctglpb6cns3mbb395l4m6cpqma6", enabled: true }, ApiKey { id: "dbj3bacoes", value: "another-key-of-20-letters", enabled: false }] }
          $connect → nothing with a key
        ! note: t.yaml:14:3: `MadeUp` has no `Value`: here it is `ulh92255a6d3bctglpb6cns3mbb395l4m6cpqma6` (AWS makes one up)
    "#]].assert_eq(&told("", resources));
}

#[test]
fn keys_that_nobody_can_have() {
    let by_authorizer = ", ApiKeySelectionExpression: $context.authorizer.usageIdentifierKey";
    let said = [
        told("", ""),
        told(by_authorizer, ""),
        told(", ApiKeySelectionExpression: $request.header.key", ""),
        told(
            "",
            "  Plan:
    Type: AWS::ApiGateway::UsagePlan
    Properties: {ApiStages: [{ApiId: !Ref Api, Stage: s}], Quota: {Limit: many, Period: YEAR}}
",
        ),
    ];
    expect![[r#"
        api Api by $request.body.action
          stage s {}
          $connect → nothing with a key
        ! fails on AWS: t.yaml:8:3: nobody can connect to `s`: no usage plan has a key for it (add an AWS::ApiGateway::ApiKey, UsagePlan and UsagePlanKey)

        api Api by $request.body.action
          stage s {}
          $connect → nothing with a key
        ! fails on AWS: t.yaml:8:3: nobody can connect: an authorizer names the API key, and there is none
        ! fails on AWS: t.yaml:8:3: nobody can connect to `s`: no usage plan has a key for it (add an AWS::ApiGateway::ApiKey, UsagePlan and UsagePlanKey)

        `ApiKeySelectionExpression` cannot be `$request.header.key`
         --> t.yaml:4:118
          |
        4 | xpression: $request.body.action, ApiKeySelectionExpression: $request.header.key}
          |                                                             ^^^^^^^^^^^^^^^^^^^
          = help: it is `$request.header.x-api-key` or `$context.authorizer.usageIdentifierKey`

        `Limit` is a whole number from 0 to 2147483647, and not `many`
          --> t.yaml:13:75
           |
        13 | : {ApiStages: [{ApiId: !Ref Api, Stage: s}], Quota: {Limit: many, Period: YEAR}}
           |                                                             ^^^^
    "#]].assert_eq(&said.join("\n"));
}
