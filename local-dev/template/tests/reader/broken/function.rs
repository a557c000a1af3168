//! Functions, what calls them, and SAM's APIs.

use expect_test::expect;

use crate::broken::RIGHT;
use crate::broken::refusals;
use crate::read;

#[test]
fn an_integration_that_is_wrong() {
    let said = refusals(
        RIGHT,
        &[
            ("TimeoutInMillis: 29000", "TimeoutInMillis: 30000"),
            ("TimeoutInMillis: 29000", "TimeoutInMillis: 49"),
            ("AWS_PROXY", "LAMBDA"),
            (
                "IntegrationUri: !GetAtt Chat.Arn",
                "IntegrationUri: https://example.com/",
            ),
        ],
    );
    expect![[r#"
        `TimeoutInMillis` is a whole number from 50 to 29000, and not `30000`
          --> t.yaml:30:24
           |
        30 |       TimeoutInMillis: 30000
           |                        ^^^^^
        ----
        `TimeoutInMillis` is a whole number from 50 to 29000, and not `49`
          --> t.yaml:30:24
           |
        30 |       TimeoutInMillis: 49
           |                        ^^
        ----
        `LAMBDA` is no `IntegrationType`
          --> t.yaml:28:24
           |
        28 |       IntegrationType: LAMBDA
           |                        ^^^^^^
           = help: the types are AWS, AWS_PROXY, HTTP, HTTP_PROXY, MOCK
        ----
        `https://example.com/` does not call a function
          --> t.yaml:29:23
           |
        29 |       IntegrationUri: https://example.com/
           |                       ^^^^^^^^^^^^^^^^^^^^
           = help: write `!Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function.Arn}/invocations`
    "#]].assert_eq(&said);
}

#[test]
fn a_function_that_is_wrong() {
    let said = refusals(
        RIGHT,
        &[
            ("Handler: app.handler", "Handler: [app.handler]"),
            ("Handler: app.handler", "Handler:"),
            ("      CodeUri: src\n", ""),
            ("Timeout: 3", "Timeout: soon"),
            ("MemorySize: 128", "MemorySize: 64"),
            ("MemorySize: 128", "EphemeralStorage: {Size: 20000}"),
            ("{LEVEL: info}", "{AWS_REGION: eu-west-1}"),
            ("{LEVEL: info}", "{1st: info}"),
            ("{LEVEL: info}", "{LEVEL: {a: b}}"),
            ("rate(1 minute)", "rate(1 minutes)"),
            ("rate(1 minute)", "rate(1 minute), Input: '{task: sweep}'"),
            (
                "  Permission:\n",
                "  Other:\n    Type: AWS::Serverless::Function\n    Properties: {FunctionName: Chat, CodeUri: src, Runtime: x, Handler: y}\n  Permission:\n",
            ),
        ],
    );
    expect![[r#"
        this must be text, and is a list
          --> t.yaml:43:16
           |
        43 |       Handler: [app.handler]
           |                ^
        ----
        there is no value here
          --> t.yaml:43:14
           |
        43 |       Handler:
           |              ^
           = help: an empty text is written `''`
        ----
        `Chat` has no `CodeUri`
          --> t.yaml:38:3
           |
        38 |   Chat:
           |   ^^^^
        ----
        `Timeout` is a whole number from 1 to 900, and not `soon`
          --> t.yaml:44:16
           |
        44 |       Timeout: soon
           |                ^^^^
        ----
        `MemorySize` is a whole number from 128 to 10240, and not `64`
          --> t.yaml:45:19
           |
        45 |       MemorySize: 64
           |                   ^^
        ----
        `Size` is a whole number from 512 to 10240, and not `20000`
          --> t.yaml:45:32
           |
        45 |       EphemeralStorage: {Size: 20000}
           |                                ^^^^^
        ----
        `AWS_REGION` is set by Lambda, and cannot be set by a template
          --> t.yaml:46:33
           |
        46 |       Environment: {Variables: {AWS_REGION: eu-west-1}}
           |                                 ^^^^^^^^^^
        ----
        `1st` cannot name an environment variable of a function
          --> t.yaml:46:33
           |
        46 |       Environment: {Variables: {1st: info}}
           |                                 ^^^
           = help: a name is a letter, then letters, digits and `_`, two at least
        ----
        this must be text, and is a map
          --> t.yaml:46:40
           |
        46 |       Environment: {Variables: {LEVEL: {a: b}}}
           |                                        ^
        ----
        `rate(1 minutes)` is no schedule
          --> t.yaml:48:55
           |
        48 |         Tick: {Type: Schedule, Properties: {Schedule: rate(1 minutes)}}
           |                                                       ^^^^^^
           = help: write `rate(1 minute)` or `rate(5 minutes)`: minutes, hours or days, singular for 1
        ----
        `Input` of the event `Tick` is not JSON
          --> t.yaml:48:78
           |
        48 | pe: Schedule, Properties: {Schedule: rate(1 minute), Input: '{task: sweep}'}}
           |                                                             ^^^^^^^^^^^^^^^
        ----
        the function on line 38 is named `Chat` too
          --> t.yaml:49:3
           |
        49 |   Other:
           |   ^^^^^
    "#]].assert_eq(&said);
}

#[test]
fn sam_is_as_strict_as_its_transform() {
    let sam = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Chat:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      Auth: {AuthType: CUSTOM, AuthArn: !GetAtt Fn.Arn}
      Routes:
        $connect: {FunctionArn: !GetAtt Fn.Arn}
        send: {FunctionArn: !GetAtt Fn.Arn}
  Fn:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src, Runtime: python3.12, Handler: a.b}
";
    assert!(read(sam).is_ok());
    let said = refusals(
        sam,
        &[
            ("send:", "send-message:"),
            (
                "send: {FunctionArn: !GetAtt Fn.Arn}",
                "send: {FunctionAr: !GetAtt Fn.Arn}",
            ),
            ("AuthType: CUSTOM", "AuthType: JWT"),
            ("AuthType: CUSTOM, ", ""),
            (", AuthArn: !GetAtt Fn.Arn", ""),
            ("$connect", "$disconnect"),
            ("Routes:", "Rotues:"),
            (
                "  Fn:\n",
                "  ChatSendRoute: {Type: 'AWS::ApiGatewayV2::Route', Properties: {}}\n  Fn:\n",
            ),
            ("      Routes:", "      StageName: $default\n      Routes:"),
        ],
    );
    expect![[r#"
        SAM takes letters and digits in a route key, and not `send-message`
          --> t.yaml:10:9
           |
        10 |         send-message: {FunctionArn: !GetAtt Fn.Arn}
           |         ^^^^^^^^^^^^
           = help: only $connect, $disconnect and $default begin with `$`
        ----
        the route `send` has no `FunctionArn`, but `FunctionAr`
          --> t.yaml:10:16
           |
        10 |         send: {FunctionAr: !GetAtt Fn.Arn}
           |                ^^^^^^^^^^
           = help: did you mean `FunctionArn`?
        ----
        `AuthType` is none of NONE, AWS_IAM and CUSTOM
         --> t.yaml:7:24
          |
        7 |       Auth: {AuthType: JWT, AuthArn: !GetAtt Fn.Arn}
          |                        ^^^
        ----
        `Auth` has no `AuthType`
         --> t.yaml:7:13
          |
        7 |       Auth: {AuthArn: !GetAtt Fn.Arn}
          |             ^
        ----
        `AuthType: CUSTOM` needs `AuthArn`
         --> t.yaml:7:13
          |
        7 |       Auth: {AuthType: CUSTOM}
          |             ^
        ----
        `Auth` needs a route `$connect`, the only one that is authorized
         --> t.yaml:7:13
          |
        7 |       Auth: {AuthType: CUSTOM, AuthArn: !GetAtt Fn.Arn}
          |             ^
        ----
        `Chat` has no `Routes`, but `Rotues`
         --> t.yaml:8:7
          |
        8 |       Rotues:
          |       ^^^^^^
          = help: did you mean `Routes`?
        ----
        `ChatSendRoute` is also what SAM makes of a WebSocket API
          --> t.yaml:11:3
           |
        11 |   ChatSendRoute: {Type: 'AWS::ApiGatewayV2::Route', Properties: {}}
           |   ^^^^^^^^^^^^^
           = help: give it another logical ID
        ----
        `$default` cannot name a stage of a WebSocket API
         --> t.yaml:8:18
          |
        8 |       StageName: $default
          |                  ^^^^^^^^
          = help: a name is 1 to 128 letters, digits, `-` and `_`
    "#]]
    .assert_eq(&said);
}
