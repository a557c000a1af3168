//! What is right on AWS and not emulated: told with its place, and everything else goes on.

use expect_test::expect;

use crate::read;

/// A template with an API of one route, more properties of its parts, and more resources.
fn template(route: &str, function: &str, resources: &str) -> String {
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
    Properties: {{ApiId: !Ref Api, RouteKey: $connect, Target: !Sub 'integrations/${{Call}}'{route}}}
  Call:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {{ApiId: !Ref Api, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt Fn.Arn}}
  Fn:
    Type: AWS::Serverless::Function
    Properties: {{Runtime: python3.12, Handler: a.b{function}}}
  Permission:
    Type: AWS::Lambda::Permission
    Properties: {{Action: '*', FunctionName: !Ref Fn, Principal: apigateway.amazonaws.com}}
{resources}"
    )
}

/// The lines of a reading that are no plain reading of the template above.
fn told(text: &str) -> String {
    let read = read(text).unwrap();
    let lines = read.lines().filter(|line| {
        line.starts_with("! ") || line.contains('→') || line.starts_with("function")
    });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn code_that_does_not_run_here() {
    let said: Vec<String> = [
        ", CodeUri: src",
        ", InlineCode: x",
        ", CodeUri: s3://bucket/key",
        ", CodeUri: {Bucket: b, Key: k}",
        ", CodeUri: nowhere",
        ", CodeUri: t.yaml",
        ", CodeUri: !ImportValue x",
        ", PackageType: Image",
        ", ImageUri: x.dkr.ecr.us-east-1.amazonaws.com/y",
    ]
    .iter()
    .map(|function| format!("{function}\n{}", told(&template("", function, ""))))
    .collect();
    expect![[r#"
        , CodeUri: src
          $connect → Fn 29s
        function Fn (Fn) python3.12 a.b, folder src

        , InlineCode: x
          $connect → Fn 29s
        function Fn (Fn) python3.12 a.b, 1 bytes inline

        , CodeUri: s3://bucket/key
          $connect → Fn 29s
        function Fn (Fn) python3.12 a.b, no code
        ! not emulated: t.yaml:17:62: `Fn`: its code is in S3 (name the folder with its code)

        , CodeUri: {Bucket: b, Key: k}
          $connect → Fn 29s
        function Fn (Fn) python3.12 a.b, no code
        ! not emulated: t.yaml:17:62: `Fn`: its code is in S3 (name the folder with its code)

        , CodeUri: nowhere
          $connect → Fn 29s
        function Fn (Fn) python3.12 a.b, no code
        ! not emulated: t.yaml:17:62: `Fn`: there is no code in nowhere: No such file or directory (os error 2)

        , CodeUri: t.yaml
          $connect → Fn 29s
        function Fn (Fn) python3.12 a.b, no code
        ! not emulated: t.yaml:17:62: `Fn`: `t.yaml` is no folder; unpack it, and name that

        , CodeUri: !ImportValue x
          $connect → Fn 29s
        function Fn (Fn) python3.12 a.b, no code
        ! not emulated: t.yaml:17:62: `Fn` has no code here: `Fn::ImportValue` is a value of another stack

        , PackageType: Image
          $connect → Fn 29s
        function Fn (Fn) python3.12 a.b, no code
        ! not emulated: t.yaml:15:3: `Fn` is a container image, and those do not run here

        , ImageUri: x.dkr.ecr.us-east-1.amazonaws.com/y
          $connect → Fn 29s
        function Fn (Fn) python3.12 a.b, no code
        ! not emulated: t.yaml:15:3: `Fn` is a container image, and those do not run here
    "#]]
    .assert_eq(&said.join("\n"));
}

#[test]
fn a_route_whose_caller_cannot_be_told_stays_closed() {
    let said: Vec<String> = [
        ", AuthorizationType: NONE",
        ", AuthorizationType: AWS_IAM",
        ", AuthorizationType: CUSTOM, AuthorizerId: !ImportValue x",
        ", AuthorizationType: CUSTOM, AuthorizerId: !Ref Auth",
        ", AuthorizationType: !ImportValue x",
        ", ApiKeyRequired: true",
        ", ApiKeyRequired: false",
    ]
    .iter()
    .map(|route| {
        let authorizer = "  Auth:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties: {ApiId: !Ref Api, Name: a, AuthorizerType: REQUEST, AuthorizerUri: !Sub 'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:far/invocations'}
";
        format!("{route}\n{}", told(&template(route, ", CodeUri: src", authorizer)))
    })
    .collect();
    expect![[r#"
        , AuthorizationType: NONE
          $connect → Fn 29s
        function Fn (Fn) python3.12 a.b, folder src

        , AuthorizationType: AWS_IAM
          $connect → Fn 29s if signed
        function Fn (Fn) python3.12 a.b, folder src

        , AuthorizationType: CUSTOM, AuthorizerId: !ImportValue x
          $connect → not emulated
        function Fn (Fn) python3.12 a.b, folder src
        ! not emulated: t.yaml:11:133: nobody can connect: `Fn::ImportValue` is a value of another stack

        , AuthorizationType: CUSTOM, AuthorizerId: !Ref Auth
          $connect → not emulated
        function Fn (Fn) python3.12 a.b, folder src
        ! not emulated: t.yaml:23:84: nobody can connect: the function `far` is not in this template

        , AuthorizationType: !ImportValue x
          $connect → not emulated
        function Fn (Fn) python3.12 a.b, folder src
        ! not emulated: t.yaml:11:111: nobody can connect: `Fn::ImportValue` is a value of another stack

        , ApiKeyRequired: true
          $connect → Fn 29s with a key
        function Fn (Fn) python3.12 a.b, folder src
        ! fails on AWS: t.yaml:9:3: nobody can connect to `s`: no usage plan has a key for it (add an AWS::ApiGateway::ApiKey, UsagePlan and UsagePlanKey)

        , ApiKeyRequired: false
          $connect → Fn 29s
        function Fn (Fn) python3.12 a.b, folder src
    "#]]
    .assert_eq(&said.join("\n"));
}

#[test]
fn integrations_and_resources_that_are_not_emulated() {
    let resources = "  Far:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Api, IntegrationType: AWS_PROXY, IntegrationUri: 'arn:aws:lambda:us-east-1:123456789012:function:far'}
  FarRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: far, Target: !Sub 'integrations/${Far}'}
  Http:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Api, IntegrationType: HTTP_PROXY, IntegrationMethod: POST, ConnectionType: VPC_LINK, IntegrationUri: 'https://example.com', TimeoutInMillis: 100}
  Sqs:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Api, IntegrationType: AWS, IntegrationUri: 'arn:aws:apigateway:us-east-1:sqs:action/SendMessage'}
  SqsRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: sqs, Target: !Sub 'integrations/${Sqs}'}
  Macro:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Api, IntegrationType: MOCK, RequestTemplates: {$default: '#macro(x)#end'}}
  MacroRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: macro, Target: !Sub 'integrations/${Macro}'}
  HttpRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: http, Target: !Sub 'integrations/${Http}'}
  Rest:
    Type: AWS::ApiGatewayV2::Api
    Properties: {ProtocolType: HTTP, Name: rest}
  RestRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Rest, RouteKey: GET /}
  Queue:
    Type: AWS::SQS::Queue
  Bucket:
    Type: AWS::S3::Bucket
  Typo:
    Type: AWS::ApiGatewayV2::Rote
";
    expect![[r#"
          $connect → Fn 29s
          far → not emulated
          http → not emulated
          macro → not emulated
          sqs → not emulated
        function Fn (Fn) python3.12 a.b, folder src
        ! not emulated: t.yaml:23:79: the function `far` is not in this template
        ! not emulated: t.yaml:27:3: `Http`: VPC links are not emulated
        ! not emulated: t.yaml:32:73: `Sqs`: of AWS services only Lambda is emulated
        ! not emulated: t.yaml:38:87: `RequestTemplates`: line 1 of the mapping template: the directive `#macro` is not emulated
        ! not emulated: t.yaml:45:3: `Rest` is an HTTP API, and those are not emulated
        ! not emulated: t.yaml:52:11: `Queue`: AWS::SQS::Queue is not emulated
        ! fails on AWS: t.yaml:56:11: `Typo`: AWS::ApiGatewayV2::Rote is no type that is known here (did you mean `AWS::ApiGatewayV2::Route`?)
    "#]].assert_eq(&told(&template("", ", CodeUri: src", resources)));
}

#[test]
fn properties_that_nobody_knows() {
    let text = template(
        ", OperatonName: x",
        ", CodeUri: src, Enviroment: {}, Timeuot: 3",
        "",
    )
    .replace("AutoDeploy", "Auto_Deploy")
    .replace("  Fn:\n", "  Fn:\n    DependsUpon: Api\n");
    expect![[r#"
          $connect → Fn 29s
        function Fn (Fn) python3.12 a.b, folder src
        ! fails on AWS: t.yaml:6:3: the stage `s` is never deployed: on AWS it has no routes (add `AutoDeploy: true`)
        ! fails on AWS: t.yaml:8:49: `Auto_Deploy` is no property of AWS::ApiGatewayV2::Stage (did you mean `AutoDeploy`?)
        ! fails on AWS: t.yaml:11:92: `OperatonName` is no property of AWS::ApiGatewayV2::Route (did you mean `OperationName`?)
        ! fails on AWS: t.yaml:16:5: `DependsUpon` is no property of a resource
        ! fails on AWS: t.yaml:18:67: `Enviroment` is no property of AWS::Serverless::Function (did you mean `Environment`?)
        ! fails on AWS: t.yaml:18:83: `Timeuot` is no property of AWS::Serverless::Function (did you mean `Timeout`?)
    "#]].assert_eq(&told(&text));
}

#[test]
fn what_would_fail_on_aws_only() {
    let two_way = ", RouteResponseSelectionExpression: $default";
    let text = template(two_way, ", CodeUri: src", "")
        .replace("Principal: apigateway", "Principal: events")
        .replace(
            "AutoDeploy: true",
            "DefaultRouteSettings: {ThrottlingRateLimit: 0}",
        );
    expect![[r#"
          $connect → Fn 29s
        function Fn (Fn) python3.12 a.b, folder src
        ! fails on AWS: t.yaml:6:3: the stage `s` is never deployed: on AWS it has no routes (add `AutoDeploy: true`)
        ! note: t.yaml:8:93: `ThrottlingRateLimit: 0` refuses everything: every call gets 429
        ! fails on AWS: t.yaml:9:3: API Gateway may not call `Fn` for `$connect`, and answers 500 (add an AWS::Lambda::Permission for apigateway.amazonaws.com whose `SourceArn` fits)
        ! fails on AWS: t.yaml:11:126: the route `$connect` has no route response: it never answers (add an AWS::ApiGatewayV2::RouteResponse with `RouteResponseKey: $default`)
    "#]].assert_eq(&told(&text));
}

#[test]
fn what_is_written_as_nobody_means_it() {
    let said: Vec<String> = [
        ("$request.body.action", "request.body.type"),
        ("$request.body.action", "$request.body.type"),
        ("$request.body.action", "\\$default"),
        ("$request.body.action", "'{request.body.action}'"),
        (
            "!GetAtt Fn.Arn",
            "!Sub 'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${Fn}/invocations'",
        ),
        ("Handler: a.b", "Handler: a.b, Environment: {Variables: {API: 'https://${Api}/${x}'}}"),
        ("Runtime: python3.12", "Runtime: nodejs20"),
        ("Runtime: python3.12", "Runtime: java21"),
        ("Runtime: python3.12", "Runtime: rust"),
    ]
    .iter()
    .map(|(right, wrong)| {
        let text = template("", ", CodeUri: src", "");
        assert!(text.contains(right), "{right}");
        let told = told(&text.replacen(right, wrong, 1));
        let told = told.lines().filter(|line| line.starts_with('!'));
        format!("{wrong}\n{}", told.map(|line| format!("{line}\n")).collect::<String>())
    })
    .collect();
    expect![[r#"
        request.body.type
        ! fails on AWS: t.yaml:5:69: `RouteSelectionExpression`: `request.body.type` is the same for every message (write `$request.body.type`)

        $request.body.type

        \$default

        '{request.body.action}'
        ! fails on AWS: t.yaml:5:69: `RouteSelectionExpression`: `{request.body.action}` is the same for every message (write `$request.body.NAME`)

        !Sub 'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${Fn}/invocations'
        ! fails on AWS: t.yaml:14:79: `Fn` is a function's name, and API Gateway calls ARNs (write `functions/${Fn.Arn}/invocations`)

        Handler: a.b, Environment: {Variables: {API: 'https://${Api}/${x}'}}
        ! fails on AWS: t.yaml:17:84: `${Api}` stays as it is in this text (write `!Sub` in front of the text)

        Runtime: nodejs20
        ! fails on AWS: t.yaml:17:27: `nodejs20` is no runtime of Lambda (did you mean `nodejs20.x`?)

        Runtime: java21
        ! not emulated: t.yaml:17:27: the runtime java21 is not emulated (nodejs…, python3… and provided… are; whatever you start yourself runs with --attach FUNCTION)

        Runtime: rust
        ! fails on AWS: t.yaml:17:27: `rust` is no runtime of Lambda (write for example `nodejs22.x` or `python3.13`)
    "#]].assert_eq(&said.join("\n"));
}

#[test]
fn outputs_are_looked_at_as_cloudformation_does() {
    let outputs = "Outputs:
  Right: {Value: !Sub 'wss://${Api}.execute-api.${AWS::Region}.amazonaws.com/s'}
  OnAws: {Value: !GetAtt FnRole.Arn}
  Wrong: {Value: !Sub '${Apii}/s'}
  Export: {Value: x, Export: {Name: !Ref Nobody}}
  Forgotten: {Value: '${Api}/s'}
  Empty: {Description: x}
  Conditional: {Condition: Nope, Value: x}
";
    expect![[r#"
          $connect → Fn 29s
        function Fn (Fn) python3.12 a.b, folder src
        ! fails on AWS: t.yaml:24:18: the template has no parameter and no resource `Apii` (did you mean `Api`?)
        ! fails on AWS: t.yaml:25:37: the template has no parameter and no resource `Nobody`
        ! fails on AWS: t.yaml:26:22: `${Api}` stays as it is in this text (write `!Sub` in front of the text)
        ! fails on AWS: t.yaml:27:3: the output `Empty` has no `Value`
        ! fails on AWS: t.yaml:28:28: the template has no condition `Nope`
    "#]].assert_eq(&told(&template("", ", CodeUri: src", outputs)));
}

/// A value of `Globals` is met with every function.
#[test]
fn a_variable_of_globals_that_aws_knows_is_told_once() {
    let function = |id: &str| {
        format!("  {id}: {{Type: 'AWS::Serverless::Function', Properties: {{CodeUri: src}}}}\n")
    };
    let functions: String = ["A", "B", "C", "D"].map(function).concat();
    let globals = "Globals: {Function: {Runtime: java21, Handler: a.b, Environment: {Variables: {TABLE: !ImportValue x}}}}\n";
    let text = template("", ", CodeUri: src", &functions);
    let said = told(&format!("{globals}{text}"));
    let said = said.lines().filter(|line| line.starts_with('!'));
    expect![[r#"
        ! not emulated: t.yaml:1:31: the runtime java21 is not emulated (nodejs…, python3… and provided… are; whatever you start yourself runs with --attach FUNCTION)
        ! not emulated: t.yaml:1:86: `TABLE` of `Fn`, `A`, `B` and 2 more is not set: `Fn::ImportValue` is a value of another stack (give it a value: --env TABLE=VALUE, or a line in local.env)"#]].assert_eq(&said.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_permission_counts_if_its_source_fits() {
    for (source, is_told) in [
        (
            "!Sub 'arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*'",
            false,
        ),
        (
            "!Sub 'arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/s/$connect'",
            false,
        ),
        (
            "!Sub 'arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/$connect'",
            false,
        ),
        ("!ImportValue x", false),
        (
            "!Sub 'arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/s/$default'",
            true,
        ),
        (
            "!Sub 'arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/t/*'",
            true,
        ),
        (
            "!Sub 'arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:other/*'",
            true,
        ),
    ] {
        let principal = "Principal: apigateway.amazonaws.com";
        let text = template("", ", CodeUri: src", "")
            .replace(principal, &format!("{principal}, SourceArn: {source}"));
        let told = told(&text);
        assert_eq!(told.contains("may not call"), is_told, "{source}\n{told}");
    }
}

#[test]
fn the_page_is_a_folder_beside_the_template() {
    let metadata = |page: &str| {
        format!(
            "Metadata: {{Gatepost: {{{page}}}}}\n{}",
            template("", ", CodeUri: src", "")
        )
    };
    assert!(read(&metadata("Page: web")).unwrap().contains("page web"));
    let gone = read(&metadata("Page: gone, Pages: x")).unwrap();
    assert!(
        gone.contains("! note: t.yaml:1:29: there is no folder gone"),
        "{gone}"
    );
    assert!(
        gone.contains("`Pages` is no setting of Gatepost (did you mean `Page`?)"),
        "{gone}"
    );
}

#[test]
fn what_sam_build_made_is_not_built_again() {
    let folder = tempfile::TempDir::new().unwrap();
    let build = folder.path().join(".aws-sam/build");
    std::fs::create_dir_all(build.join("Fn")).unwrap();
    let text = template("", ", CodeUri: Fn", "")
        .replace("  Fn:\n", "  Fn:\n    Metadata: {BuildMethod: makefile}\n");
    std::fs::write(build.join("template.yaml"), text).unwrap();
    let project =
        gatepost_template::load(&build.join("template.yaml"), &Default::default()).unwrap();
    let code = gatepost_template::Code::Folder(build.join("Fn").canonicalize().unwrap());
    assert_eq!(project.functions["Fn"].code, code);
}

/// Developer Guide, "Quotas for configuring and running a WebSocket API": 300 routes, 300
/// integrations, 10 stages and 10 authorizers of an API, each of which AWS raises on request.
#[test]
fn more_than_the_quotas_of_an_api_is_told_and_runs() {
    let stages = |count: usize| {
        let stage = |number| {
            format!(
                "  Stage{number}:\n    Type: AWS::ApiGatewayV2::Stage\n    Properties: \
                 {{ApiId: !Ref Api, StageName: s{number}, AutoDeploy: true}}\n"
            )
        };
        (1..count).map(stage).collect::<String>()
    };
    let read = |count| read(&template("", ", InlineCode: x", &stages(count))).unwrap();
    assert!(!read(10).contains("more than"));
    let eleven = read(11);
    assert!(
        eleven.contains("`Api` has more than 10 stages") && eleven.contains("s10"),
        "{eleven}"
    );
}
