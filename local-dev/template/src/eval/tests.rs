//! What intrinsic functions make.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use expect_test::expect;
use proptest::prelude::*;

use crate::eval::Resource;
use crate::eval::Scope;
use crate::eval::Stop;
use crate::eval::parameter::Parameter;
use crate::node::Node;
use crate::node::Value;
use crate::yaml::parse;

fn node(text: &str) -> Node {
    parse(text, &Arc::new(PathBuf::from("t.yaml"))).expect("the test's own YAML")
}

const CONDITIONS: &str = "
IsProd: !Equals [!Ref Stage, prod]
IsDev: !Not [!Condition IsProd]
Both: !And [!Condition IsProd, !Condition IsDev]
Either: !Or [!Condition IsProd, !Condition IsDev]
Nested: !Not [!Or [!Equals [a, b], !Equals [!Join ['', [a, b]], ba]]]
Circle: !Not [!Condition Circle]
Unknown: !Equals [!Ref Looked, x]
";

const RESOURCES: &str = "
Fn: {Type: 'AWS::Serverless::Function', Properties: {FunctionName: !Sub '${Stage}-fn', AutoPublishAlias: live-1, Events: {Tick: {Type: Schedule}}}}
Plain: {Type: 'AWS::Lambda::Function'}
Alias: {Type: 'AWS::Lambda::Alias', Properties: {FunctionName: !Ref Plain, Name: v}}
Version: {Type: 'AWS::Lambda::Version', Properties: {FunctionName: !GetAtt Plain.Arn}}
Api: {Type: 'AWS::ApiGatewayV2::Api'}
ApiStage: {Type: 'AWS::ApiGatewayV2::Stage', Properties: {ApiId: !Ref Api, StageName: !Ref Stage}}
Integration: {Type: 'AWS::ApiGatewayV2::Integration'}
Table: {Type: 'AWS::DynamoDB::Table'}
Named: {Type: 'AWS::DynamoDB::Table', Properties: {TableName: !Sub '${Stage}-table'}}
Db: {Type: 'AWS::RDS::DBCluster'}
Me: {Type: 'AWS::Lambda::Function', Properties: {FunctionName: !Sub '${You}-me'}}
You: {Type: 'AWS::Lambda::Function', Properties: {FunctionName: !Sub '${Me}-you'}}
";

fn scope() -> Scope {
    let text = |text: &str| Parameter::Text(text.to_owned());
    let parameters = BTreeMap::from([
        ("Stage".to_owned(), text("prod")),
        ("Empty".to_owned(), text("")),
        (
            "Subnets".to_owned(),
            Parameter::List(vec!["a".to_owned(), "b".to_owned()]),
        ),
        (
            "Looked".to_owned(),
            Parameter::Unresolved {
                why: "`Looked` is looked up".to_owned(),
                help: "pass it".to_owned(),
            },
        ),
    ]);
    let mappings =
        node("Regions: {us-east-1: {Bucket: us, Zones: [a, b]}, eu-west-1: {Bucket: eu}}");
    let conditions = node(CONDITIONS);
    let conditions = conditions.entries().iter();
    let conditions = conditions.map(|entry| (entry.key.clone(), entry.value.clone()));
    let mut scope = Scope::new(parameters, Some(mappings), conditions.collect());
    for entry in node(RESOURCES).entries() {
        scope.resources.add(Resource {
            id: entry.key.clone(),
            kind: entry
                .value
                .get("Type")
                .unwrap()
                .as_text()
                .unwrap()
                .to_owned(),
            properties: entry
                .value
                .get("Properties")
                .cloned()
                .unwrap_or_else(|| Node::map(Vec::new(), &entry.at)),
            metadata: None,
            at: entry.at.clone(),
        });
    }
    scope.resources.add_absent("Gone");
    scope
}

/// A value in one line, or why there is none.
fn evaluated(scope: &Scope, text: &str) -> String {
    fn shown(node: &Node) -> String {
        match &node.value {
            Value::Text(text) => format!("{text:?}"),
            Value::Null => "null".to_owned(),
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(shown).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Map(_) => "a map".to_owned(),
        }
    }
    match scope.reduce(&node(text)) {
        Ok(Some(value)) => shown(&value),
        Ok(None) => "no value".to_owned(),
        Err(Stop::Unresolved(finding)) => format!("unresolved {finding}"),
        Err(Stop::Wrong(finding)) => format!("wrong {finding}"),
    }
}

#[test]
fn functions_make_what_cloudformation_makes() {
    let scope = scope();
    let api = crate::eval::local::api_id("Api");
    let api = format!("{api:?}");
    let arn = |name: &str| format!("\"arn:aws:lambda:us-east-1:000000000000:function:{name}\"");
    for (text, value) in [
        ("plain", "\"plain\"".to_owned()),
        ("[a, b]", "[\"a\", \"b\"]".to_owned()),
        ("!Ref Stage", "\"prod\"".to_owned()),
        ("{Ref: Stage}", "\"prod\"".to_owned()),
        ("!Ref Subnets", "[\"a\", \"b\"]".to_owned()),
        ("!Ref AWS::Region", "\"us-east-1\"".to_owned()),
        ("!Ref AWS::AccountId", "\"000000000000\"".to_owned()),
        ("!Ref AWS::Partition", "\"aws\"".to_owned()),
        ("!Ref AWS::URLSuffix", "\"amazonaws.com\"".to_owned()),
        ("!Ref AWS::StackName", "\"local\"".to_owned()),
        ("!Ref AWS::NoValue", "no value".to_owned()),
        ("!Ref AWS::NotificationARNs", "[]".to_owned()),
        // Resources.
        ("!Ref Fn", "\"prod-fn\"".to_owned()),
        ("!GetAtt Fn.Arn", arn("prod-fn")),
        ("!GetAtt [Fn, Arn]", arn("prod-fn")),
        ("{'Fn::GetAtt': [Fn, Arn]}", arn("prod-fn")),
        ("!GetAtt [Fn, !Sub Arn]", arn("prod-fn")),
        ("!Ref Fn.Alias", arn("prod-fn:live-1")),
        ("!Ref Fn.Version", arn("prod-fn:1")),
        ("!Ref Plain", "\"Plain\"".to_owned()),
        ("!Ref Named", "\"prod-table\"".to_owned()),
        ("!Ref Alias", arn("Plain:v")),
        ("!Ref Version", arn("Plain:1")),
        ("!Ref Api", api.clone()),
        ("!GetAtt Api.ApiId", api),
        ("!Ref ApiStage", "\"prod\"".to_owned()),
        ("!Ref Api.Stage", "\"prod\"".to_owned()),
        ("!Ref Integration", "\"Integration\"".to_owned()),
        // Text.
        ("!Sub 'a-${Stage}-b'", "\"a-prod-b\"".to_owned()),
        ("!Sub '${!Stage}${Stage}'", "\"${Stage}prod\"".to_owned()),
        ("!Sub '$connect $ {x} }'", "\"$connect $ {x} }\"".to_owned()),
        ("!Sub '${Fn.Arn}'", arn("prod-fn")),
        ("!Sub '${Fn.Alias}'", arn("prod-fn:live-1")),
        ("!Sub '${AWS::Region}'", "\"us-east-1\"".to_owned()),
        (
            "!Sub ['${A}${Stage}', {A: !Ref Stage}]",
            "\"prodprod\"".to_owned(),
        ),
        ("!Sub ['${Stage}', {Stage: x}]", "\"x\"".to_owned()),
        (
            "!Join ['-', [a, !Ref Stage, !Ref AWS::NoValue, c]]",
            "\"a-prod-c\"".to_owned(),
        ),
        ("!Join ['', []]", "\"\"".to_owned()),
        ("!Join [',', !Ref Subnets]", "\"a,b\"".to_owned()),
        ("!Split ['-', 'a-b-']", "[\"a\", \"b\", \"\"]".to_owned()),
        ("!Select [1, [a, b]]", "\"b\"".to_owned()),
        ("!Select ['0', !Split [',', 'x,y']]", "\"x\"".to_owned()),
        ("!Select [0, [!Ref Stage]]", "\"prod\"".to_owned()),
        ("!Select [1, !Ref Subnets]", "\"b\"".to_owned()),
        ("!Base64 hi", "\"aGk=\"".to_owned()),
        (
            "!FindInMap [Regions, !Ref 'AWS::Region', Bucket]",
            "\"us\"".to_owned(),
        ),
        (
            "!FindInMap [Regions, us-east-1, Zones]",
            "[\"a\", \"b\"]".to_owned(),
        ),
        // Conditions.
        ("!If [IsProd, a, b]", "\"a\"".to_owned()),
        ("!If [IsDev, a, b]", "\"b\"".to_owned()),
        ("!If [Both, a, b]", "\"b\"".to_owned()),
        ("!If [Either, a, b]", "\"a\"".to_owned()),
        ("!If [Nested, a, b]", "\"a\"".to_owned()),
        ("!If [IsDev, a, !Ref AWS::NoValue]", "no value".to_owned()),
        (
            "!If [IsProd, !If [IsDev, a, !Sub '${Stage}'], b]",
            "\"prod\"".to_owned(),
        ),
        // What is not chosen is not looked at.
        ("!If [IsProd, a, !ImportValue x]", "\"a\"".to_owned()),
    ] {
        assert_eq!(evaluated(&scope, text), value, "{text}");
    }
}

#[test]
fn says_what_exists_on_aws_only() {
    let scope = scope();
    let said: Vec<String> = [
        "!ImportValue other-stack",
        "!GetAZs ''",
        "!Cidr [10.0.0.0/16, 2, 8]",
        "!Ref Looked",
        "!Sub 'x${Looked}'",
        "!Ref Table",
        "!GetAtt Db.Endpoint.Address",
        "!GetAtt [Db, Endpoint.Address]",
        "!GetAtt Fn.SnapStartResponse.ApplyOn",
        "!GetAtt FnRole.Arn",
        "!If [Unknown, a, b]",
    ]
    .iter()
    .map(|text| format!("{text}\n    {}", evaluated(&scope, text)))
    .collect();
    expect![[r#"
        !ImportValue other-stack
            unresolved t.yaml:1:1: `Fn::ImportValue` is a value of another stack
        !GetAZs ''
            unresolved t.yaml:1:1: `Fn::GetAZs` is not emulated
        !Cidr [10.0.0.0/16, 2, 8]
            unresolved t.yaml:1:1: `Fn::Cidr` is not emulated
        !Ref Looked
            unresolved t.yaml:1:1: `Looked` is looked up (pass it)
        !Sub 'x${Looked}'
            unresolved t.yaml:1:1: `Looked` is looked up (pass it)
        !Ref Table
            unresolved t.yaml:1:1: `Table` (AWS::DynamoDB::Table) exists on AWS only
        !GetAtt Db.Endpoint.Address
            unresolved t.yaml:1:1: `Endpoint.Address` of `Db` (AWS::RDS::DBCluster) is known on AWS only
        !GetAtt [Db, Endpoint.Address]
            unresolved t.yaml:1:1: `Endpoint.Address` of `Db` (AWS::RDS::DBCluster) is known on AWS only
        !GetAtt Fn.SnapStartResponse.ApplyOn
            unresolved t.yaml:1:1: `SnapStartResponse.ApplyOn` of `Fn` (AWS::Serverless::Function) is known on AWS only
        !GetAtt FnRole.Arn
            unresolved t.yaml:1:1: `FnRole` is what SAM makes of `Fn`, and exists on AWS only
        !If [Unknown, a, b]
            unresolved t.yaml:8:19: `Looked` is looked up (pass it)"#]].assert_eq(&said.join("\n"));
}

#[test]
fn of_longer_names_those_that_sam_makes_exist_on_aws() {
    let scope = scope();
    for (name, exists) in [
        ("FnRole", true),
        ("FnVersion926eeb5ff1", true),
        ("FnVersion", false),
        ("FnVersionn", false),
        ("FnAliasliveD1", true),
        ("FnAlias", false),
        ("FnAliasprod", false),
        ("FnUrl", true),
        ("FnDeploymentGroup", true),
        ("FnEventInvokeConfigOnSuccessQueue", true),
        ("FnTick", true),
        ("FnTickPermission", true),
        ("FnTickPermissionProd", true),
        ("FnTickPermissionn", false),
        ("FnTock", false),
        ("Fnn", false),
        ("PlainRole", false),
        ("ServerlessRestApi", true),
        ("ServerlessRestApiProdStage", true),
        ("ServerlessRestApis", false),
        ("CodeDeployServiceRole", true),
    ] {
        let stop = scope.reduce(&node(&format!("!Ref {name}"))).unwrap_err();
        let is_told = matches!(&stop, Stop::Unresolved(finding) if finding.what.contains("exists on AWS only"));
        assert_eq!(is_told, exists, "{name}: {stop:?}");
    }
}

#[test]
fn says_what_is_wrong() {
    let scope = scope();
    let said: Vec<String> = [
        "!Ref Stgae",
        "!Ref Nothing",
        "!Ref Gone",
        "!Ref Fnn",
        "!GetAtt Fn.Arnn",
        "!Sub '${Fn.arn}'",
        "!GetAtt ApiStage.Name",
        "!Sub '${stageVariables.fn}'",
        "!Ref [a]",
        "!Ref",
        "!GetAtt Fn",
        "!GetAtt [Fn]",
        "!Sub '${'",
        "!Sub '${}'",
        "!Sub '${a b}'",
        "!Sub '${Subnets}'",
        "!Sub [!Ref Stage, {}]",
        "!Join [a]",
        "!Join ['', [[a]]]",
        "!Join ['', a]",
        "!Split ['', a]",
        "!Select [2, [a, b]]",
        "!Select [x, [a, b]]",
        "!FindInMap [Regions, us-east-2, Bucket]",
        "!FindInMap [Regoins, us-east-1, Bucket]",
        "!If [IsProdd, a, b]",
        "!If [IsProd, a]",
        "!If [Circle, a, b]",
        "!Equals [a, b]",
        "{'Fn::Nothing': a}",
        "!Ref Me",
    ]
    .iter()
    .map(|text| format!("{text}\n    {}", evaluated(&scope, text)))
    .collect();
    expect![[r#"
        !Ref Stgae
            wrong t.yaml:1:1: the template has no parameter and no resource `Stgae` (did you mean `Stage`?)
        !Ref Nothing
            wrong t.yaml:1:1: the template has no parameter and no resource `Nothing`
        !Ref Gone
            wrong t.yaml:1:1: `Gone` does not exist: its condition is false
        !Ref Fnn
            wrong t.yaml:1:1: the template has no parameter and no resource `Fnn` (did you mean `Fn`?)
        !GetAtt Fn.Arnn
            wrong t.yaml:1:1: `Fn` (AWS::Serverless::Function) has no attribute `Arnn` (did you mean `Arn`?)
        !Sub '${Fn.arn}'
            wrong t.yaml:1:1: `Fn` (AWS::Serverless::Function) has no attribute `arn` (did you mean `Arn`?)
        !GetAtt ApiStage.Name
            wrong t.yaml:1:1: `ApiStage` (AWS::ApiGatewayV2::Stage) has no attribute `Name` (this type has none)
        !Sub '${stageVariables.fn}'
            wrong t.yaml:1:1: `${stageVariables.fn}` in `Fn::Sub` is no parameter and no resource (what API Gateway replaces is written `${!stageVariables.fn}`)
        !Ref [a]
            wrong t.yaml:1:1: `Ref` takes a name, and this is a list
        !Ref
            wrong t.yaml:1:1: `Ref` takes a name, and there is none
        !GetAtt Fn
            wrong t.yaml:1:1: `Fn::GetAtt` takes `name.attribute`
        !GetAtt [Fn]
            wrong t.yaml:1:1: `Fn::GetAtt` takes a list of 2
        !Sub '${'
            wrong t.yaml:1:1: `${` in `Fn::Sub` has no `}` (a literal `${…}` is written `${!…}`)
        !Sub '${}'
            wrong t.yaml:1:1: `${}` in `Fn::Sub` is no name (a literal `${…}` is written `${!…}`)
        !Sub '${a b}'
            wrong t.yaml:1:1: `${a b}` in `Fn::Sub` is no name (a literal `${…}` is written `${!…}`)
        !Sub '${Subnets}'
            wrong t.yaml:1:1: `${Subnets}` in `Fn::Sub` must be text, and is a list
        !Sub [!Ref Stage, {}]
            wrong t.yaml:1:7: `Fn::Sub` takes a literal text
        !Join [a]
            wrong t.yaml:1:1: `Fn::Join` takes a list of 2
        !Join ['', [[a]]]
            wrong t.yaml:1:13: this must be text, and is a list
        !Join ['', a]
            wrong t.yaml:1:12: `Fn::Join` takes a list here
        !Split ['', a]
            wrong t.yaml:1:1: `Fn::Split` needs a delimiter
        !Select [2, [a, b]]
            wrong t.yaml:1:1: `Fn::Select` takes an index from 0 to 1, and not `2`
        !Select [x, [a, b]]
            wrong t.yaml:1:1: `Fn::Select` takes an index from 0 to 1, and not `x`
        !FindInMap [Regions, us-east-2, Bucket]
            wrong t.yaml:1:22: `Mappings` has no `us-east-2` here (did you mean `us-east-1`?)
        !FindInMap [Regoins, us-east-1, Bucket]
            wrong t.yaml:1:13: `Mappings` has no `Regoins` here (did you mean `Regions`?)
        !If [IsProdd, a, b]
            wrong t.yaml:1:6: the template has no condition `IsProdd` (did you mean `IsProd`?)
        !If [IsProd, a]
            wrong t.yaml:1:1: `Fn::If` takes a list of 3
        !If [Circle, a, b]
            wrong t.yaml:7:15: the condition `Circle` refers to itself
        !Equals [a, b]
            wrong t.yaml:1:1: `Fn::Equals` may stand in `Conditions` only
        {'Fn::Nothing': a}
            wrong t.yaml:1:1: `Fn::Nothing` is no intrinsic function of CloudFormation
        !Ref Me
            wrong t.yaml:12:64: the name of `Me` refers to itself"#]]
    .assert_eq(&said.join("\n"));
}

#[test]
fn a_text_is_not_made_of_other_things() {
    let scope = scope();
    let said: Vec<String> = [
        "[a]",
        "~",
        "!Ref Subnets",
        "'{{resolve:ssm:/db/password:1}}'",
        "!Sub 'mysql://{{resolve:secretsmanager:db:SecretString:password}}@${Stage}'",
    ]
    .iter()
    .map(|text| format!("{text}\n    {:?}", scope.text(&node(text)).unwrap_err()))
    .map(|said| said.replace("At { file: \"t.yaml\", line: 1, column: ", "At("))
    .collect();
    expect![[r#"
        [a]
            Wrong(Finding { kind: NotEmulated, at: At(1 }, what: "this must be text, and is a list", help: None })
        ~
            Wrong(Finding { kind: NotEmulated, at: At(1 }, what: "there is no value here", help: Some("an empty text is written `''`") })
        !Ref Subnets
            Wrong(Finding { kind: NotEmulated, at: At(1 }, what: "this must be text, and is a list", help: None })
        '{{resolve:ssm:/db/password:1}}'
            Unresolved(Finding { kind: NotEmulated, at: At(1 }, what: "a dynamic reference (`{{resolve:…}}`) is resolved by CloudFormation only", help: None })
        !Sub 'mysql://{{resolve:secretsmanager:db:SecretString:password}}@${Stage}'
            Unresolved(Finding { kind: NotEmulated, at: At(1 }, what: "a dynamic reference (`{{resolve:…}}`) is resolved by CloudFormation only", help: None })"#]].assert_eq(&said.join("\n"));
}

#[test]
fn what_grows_without_end_is_stopped() {
    // Every level doubles the text of the one below.
    let mut text = "x".repeat(64);
    for _ in 0..25 {
        text = format!("!Sub [\"${{A}}${{A}}\", {{A: {text}}}]");
    }
    assert!(evaluated(&scope(), &text).contains("longer than"));
    // Names that name each other twice, all of them empty.
    let mut scope = scope();
    let last = node("F0: {FunctionName: ''}");
    for i in 0..90 {
        let properties = match i {
            0 => last.get("F0").unwrap().clone(),
            _ => node(&format!(
                "{{FunctionName: !Sub '${{F{0}}}${{F{0}}}'}}",
                i - 1
            )),
        };
        let at = properties.at.clone();
        scope.resources.add(Resource {
            id: format!("F{i}"),
            kind: "AWS::Lambda::Function".to_owned(),
            properties,
            metadata: None,
            at,
        });
    }
    assert!(evaluated(&scope, "!Ref F89").contains("wrong"));
}

proptest! {
    #[test]
    fn no_call_panics(
        function in "(Ref|Fn::(GetAtt|Sub|Join|Select|Split|If|Base64|FindInMap|Equals|Cidr|X))",
        argument in "(\\[)?('?(\\$\\{)?(Stage|Fn|Fn.Arn|Api|Subnets|IsProd|Regions|-1|7|'',)(\\})?'?(, )?){0,4}(\\])?",
    ) {
        let text = format!("{{'{function}': {argument}}}");
        if let Ok(node) = parse(&text, &Arc::new(PathBuf::from("t.yaml"))) {
            let scope = scope();
            let _ = scope.reduce(&node);
            let _ = scope.text(&node);
        }
    }
}
