//! Parameters: what is given, what is missing, what is refused.

use expect_test::expect;

use crate::read_with;

/// A template with parameters, and a function that shows them.
fn template(parameters: &str, variables: &str) -> String {
    format!(
        "Transform: AWS::Serverless-2016-10-31
Parameters:
{parameters}
Resources:
  Api:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      Routes: {{$default: {{FunctionArn: !GetAtt Fn.Arn}}}}
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src
      Runtime: python3.12
      Handler: app.handler
      Environment:
        Variables:
{variables}
"
    )
}

#[test]
fn values_are_given_or_by_default() {
    let text = template(
        "  A: {Type: String, Default: a}
  B: {Type: String}
  N: {Type: Number, Default: 5, MinValue: 1, MaxValue: 9}
  L: {Type: CommaDelimitedList, Default: 'x, y'}
  S: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /path}
  T: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /path}",
        "          A: !Ref A
          B: !Ref B
          N: !Sub n${N}
          L: !Join ['+', !Ref L]
          S1: !Ref S
          T1: !Ref T",
    );
    let read = read_with(
        "t.yaml",
        &text
            .replace(" A: !Ref", " AA: !Ref")
            .replace(" B: !Ref", " BB: !Ref")
            .replace(" N: !Sub", " NN: !Sub")
            .replace(" L: !Join", " LL: !Join"),
        &[("B", "b"), ("T", "told")],
    );
    expect![[r#"
        api Api by $request.body.action
          stage default {}
          $default → Fn 29s
        function Fn (Fn) python3.12 app.handler, folder src
          128 MB, /tmp 512 MB, 3s, retries 2 for 21600s, reserved None
          AA=a
          BB=b
          LL=x+y
          NN=n5
          T1=told
        ! not emulated: t.yaml:27:15: `S1` of `Fn` is not set: `S` is looked up in the SSM parameter store (pass its value: --parameter S=VALUE)
    "#]].assert_eq(&read.unwrap());
}

#[test]
fn a_value_that_is_refused_is_named_with_the_rule() {
    let text = template(
        "  Level:
    Type: String
    AllowedValues: [info, debug]
  Name:
    Type: String
    AllowedPattern: '[a-z]+'
    ConstraintDescription: lower-case letters
  Count:
    Type: Number
    MinValue: 1
    MaxValue: 9
  Secret:
    Type: String
    NoEcho: true
    MinLength: 32
  Needed:
    Type: String
  Odd:
    Type: String
    Defualt: x",
        "          X1: x",
    );
    let given = [
        ("Level", "loud"),
        ("Name", "abcD"),
        ("Count", "ten"),
        ("Secret", "hunter2"),
        ("Levl", "info"),
        ("Odd", "x"),
    ];
    let refusal = read_with("t.yaml", &text, &given).unwrap_err();
    assert!(!refusal.contains("hunter2"));
    expect![[r#"
        the template has no parameter `Levl`, but a value is given
         --> t.yaml:2:1
          |
        2 | Parameters:
          | ^^^^^^^^^^
          = help: did you mean `Level`?

        `loud` is no value of the parameter `Level`: the allowed values are info, debug
         --> t.yaml:3:3
          |
        3 |   Level:
          |   ^^^^^

        `abcD` is no value of the parameter `Name`: the allowed pattern is [a-z]+
         --> t.yaml:6:3
          |
        6 |   Name:
          |   ^^^^
          = help: lower-case letters

        `ten` is no value of the parameter `Count`: it must be a number
          --> t.yaml:10:3
           |
        10 |   Count:
           |   ^^^^^

        the value of the parameter `Secret` is refused: the least length is 32
          --> t.yaml:14:3
           |
        14 |   Secret:
           |   ^^^^^^

        the parameter `Needed` has no value
          --> t.yaml:18:3
           |
        18 |   Needed:
           |   ^^^^^^
           = help: pass one: --parameter Needed=VALUE

        `Defualt` is no attribute of a parameter
          --> t.yaml:22:5
           |
        22 |     Defualt: x
           |     ^^^^^^^
           = help: did you mean `Default`?
    "#]]
    .assert_eq(&refusal);
}

#[test]
fn a_pattern_must_fit_the_whole_value() {
    let text = template(
        "  Name: {Type: String, AllowedPattern: 'a|bc'}",
        "          X1: !Ref Name",
    );
    for (value, fits) in [
        ("a", true),
        ("bc", true),
        ("abc", false),
        ("ab", false),
        ("", false),
    ] {
        let read = read_with("t.yaml", &text, &[("Name", value)]);
        assert_eq!(read.is_ok(), fits, "{value:?}: {read:?}");
    }
}

#[test]
fn a_pattern_that_only_java_knows_is_told() {
    let text = template(
        "  Name: {Type: String, AllowedPattern: '(?=a)a', Default: a}",
        "          X1: !Ref Name",
    );
    let read = read_with("t.yaml", &text, &[]).unwrap();
    assert!(
        read.contains("! note: t.yaml:3:40: this `AllowedPattern` is not checked here"),
        "{read}"
    );
}
