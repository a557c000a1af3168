//! Custom domains and their mappings.

use expect_test::expect;

use crate::read;

/// A template with one API, more properties of it, and more resources.
fn template(api: &str, resources: &str) -> String {
    format!(
        "Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {{ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action{api}}}
  Prod:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {{ApiId: !Ref Api, StageName: prod, AutoDeploy: true}}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {{ApiId: !Ref Api, RouteKey: $default}}
{resources}"
    )
}

const DOMAIN: &str = "  Domain:
    Type: AWS::ApiGatewayV2::DomainName
    Properties: {DomainName: Chat.Example.com, DomainNameConfigurations: [{CertificateArn: x}]}
";

fn mapping(id: &str, properties: &str) -> String {
    format!(
        "  {id}:
    Type: AWS::ApiGatewayV2::ApiMapping
    Properties: {{ApiId: !Ref Api, {properties}}}
"
    )
}

/// Resource reference, `AWS::ApiGatewayV2::ApiMapping`: the key is optional.
#[test]
fn stages_are_mapped_to_domains() {
    let root = mapping("Root", "DomainName: !Ref Domain, Stage: !Ref Prod");
    let keyed = mapping(
        "Keyed",
        "DomainName: chat.example.com, Stage: prod, ApiMappingKey: v1",
    );
    let text = template(
        ", DisableExecuteApiEndpoint: true",
        &format!("{DOMAIN}{root}{keyed}"),
    );
    expect![[r#"
        api Api by $request.body.action
          stage prod {}
          $default → nothing
          at chat.example.com/ → prod
          at chat.example.com/v1 → prod
          at no other address
    "#]]
    .assert_eq(&read(&text).unwrap());
}

/// A template whose mappings are elsewhere still runs; that is told.
#[test]
fn an_api_that_only_its_domain_reaches_is_reached_here_all_the_same() {
    let text = template(", DisableExecuteApiEndpoint: true", DOMAIN);
    expect![[r#"
        api Api by $request.body.action
          stage prod {}
          $default → nothing
        ! note: t.yaml:4:118: `DisableExecuteApiEndpoint` is not obeyed: no AWS::ApiGatewayV2::ApiMapping of this template says at which domain the API is reached
        ! note: t.yaml:11:3: no WebSocket API is mapped to `Chat.Example.com` here (add an AWS::ApiGatewayV2::ApiMapping)
    "#]]
    .assert_eq(&read(&text).unwrap());
}

/// Developer Guide, "Map WebSocket API stages to a custom domain name": what a key is made of.
#[test]
fn what_is_wrong_with_a_mapping_is_told_with_its_place() {
    let mappings = [
        mapping("A", "DomainName: 'https://x.y', Stage: prod"),
        mapping("B", "DomainName: x.y, Stage: prd"),
        mapping("C", "DomainName: x.y, Stage: prod, ApiMappingKey: a/b"),
        mapping("D", "DomainName: x.y, Stage: prod, ApiMappingKey: k"),
        mapping("E", "DomainName: x.y, Stage: prod, ApiMappingKey: k"),
        mapping("F", "Stage: prod"),
    ];
    let said = read(&template("", &mappings.concat())).unwrap_err();
    expect![[r#"
        `https://x.y` is no domain name
          --> t.yaml:13:47
           |
        13 |     Properties: {ApiId: !Ref Api, DomainName: 'https://x.y', Stage: prod}
           |                                               ^^^^^^^^^^^^^
           = help: write a name such as chat.example.com, without https:// and a path

        this API has no stage `prd`
          --> t.yaml:16:59
           |
        16 |     Properties: {ApiId: !Ref Api, DomainName: x.y, Stage: prd}
           |                                                           ^^^
           = help: did you mean `prod`?

        `a/b` cannot be the mapping key of a WebSocket API
          --> t.yaml:19:80
           |
        19 | iId: !Ref Api, DomainName: x.y, Stage: prod, ApiMappingKey: a/b}
           |                                                             ^^^
           = help: a key has at most 300 letters, digits and $-_.+!*'(), and no `/`

        `x.y` has the mapping key `k` already, on line 20
          --> t.yaml:23:3
           |
        23 |   E:
           |   ^

        `F` (AWS::ApiGatewayV2::ApiMapping) has no `DomainName`
          --> t.yaml:26:3
           |
        26 |   F:
           |   ^
    "#]]
    .assert_eq(&said);
}

/// SAM, `Domain` of a WebSocket API: a mapping for each `BasePath`.
#[test]
fn sam_makes_a_domain_and_its_mappings() {
    let sam = |base_path: &str| {
        format!(
            "Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      StageName: prod
      Domain: {{DomainName: chat.example.com, CertificateArn: x{base_path}}}
      Routes:
        $default: {{FunctionArn: !GetAtt Fn.Arn}}
  Fn:
    Type: AWS::Serverless::Function
    Properties: {{Runtime: python3.12, Handler: a.b, CodeUri: src}}
"
        )
    };
    for (base_path, want) in [
        ("", vec!["  at chat.example.com/ → prod"]),
        (
            ", BasePath: [/, /v1]",
            vec![
                "  at chat.example.com/ → prod",
                "  at chat.example.com/v1 → prod",
            ],
        ),
    ] {
        let read = read(&sam(base_path)).unwrap();
        let at: Vec<_> = read
            .lines()
            .filter(|line| line.starts_with("  at"))
            .collect();
        assert_eq!(at, want, "{read}");
        assert!(!read.contains('!'), "{read}");
    }
}
