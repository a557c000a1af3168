//! Templates as people write them.

use expect_test::expect;

use crate::read_with;

#[test]
fn reads_plain_cloudformation() {
    let read = read_with("t.yaml", include_str!("fixtures/raw.yaml"), &[]);
    expect![[r#"
        api Api by \$default
          stage dev {"table": "chat-dev"}
          $connect → Chat 5s if Authorize ["route.request.querystring.token"]
          $disconnect → nothing
          ping → a mock 29s, templates ["200"], 0 mappings, responses []
          sendMessage → Chat 5s two-way
        function Authorize (Authorize) python3.12 index.handler, 33 bytes inline
          128 MB, /tmp 512 MB, 3s, retries 2 for 21600s, reserved None
        function Chat (chat-dev) nodejs22.x index.handler, folder src
          128 MB, /tmp 512 MB, 6s, retries 0 for 21600s, reserved None
          success → Chat
          ENDPOINT=https://f3w6eayet2.execute-api.us-east-1.amazonaws.com/dev
          STAGE=dev
        ! fails on AWS: t.yaml:29:3: API Gateway may not call the authorizer `Authorize`, and answers 500 (add an AWS::Lambda::Permission for apigateway.amazonaws.com whose `SourceArn` fits)
        ! not emulated: t.yaml:90:18: `TABLE` of `Chat` is not set: `Table` (AWS::DynamoDB::Table) exists on AWS only (give it a value: --env TABLE=VALUE, or a line in local.env)
        ! not emulated: t.yaml:93:21: `PASSWORD` of `Chat` is not set: a dynamic reference (`{{resolve:…}}`) is resolved by CloudFormation only (give it a value: --env PASSWORD=VALUE, or a line in local.env)
        ! not emulated: t.yaml:107:82: `OnFailure` is not emulated: `arn:aws:sns:us-east-1:1:t` gets no record (a function of this template can be the destination)
        ! not emulated: t.yaml:123:11: `Table`: AWS::DynamoDB::Table is not emulated
    "#]].assert_eq(&read.unwrap());
}

#[test]
fn a_parameter_changes_what_conditions_and_mappings_choose() {
    let read = read_with(
        "t.yaml",
        include_str!("fixtures/raw.yaml"),
        &[("Stage", "prod")],
    );
    let read = read.unwrap();
    for line in [
        "stage prod",
        "admin → Chat",
        "1024 MB",
        "reserved Some(50)",
        "STAGE=prod",
    ] {
        assert!(read.contains(line), "no {line} in\n{read}");
    }
}

#[test]
fn reads_a_sam_websocket_api() {
    let read = read_with("t.yaml", include_str!("fixtures/sam.yaml"), &[]);
    expect![[r#"
        api Chat by $request.body.action
          stage live {"color": "green", "common": "yes"}
          $connect → Talk 29s if Guard ["route.request.header.Auth"]
          $default → Talk 1s
          ask → Talk 29s two-way
        function Guard (Guard) provided.al2023 guard, cargo guard in .
          128 MB, /tmp 512 MB, 3s, retries 2 for 21600s, reserved None
          LEVEL=info
          MODE=all
        function Made (Made) provided.al2023 bootstrap, no code
          128 MB, /tmp 512 MB, 20s, retries 2 for 21600s, reserved None
          LEVEL=info
          MODE=all
        function Talk (Talk) provided.al2023 bootstrap, cargo talk in .
          128 MB, /tmp 512 MB, 20s, retries 1 for 60s, reserved None
          failure → Guard
          aliases {"live"}
          LEVEL=info
          MODE=talk
          STAGE=live
          every 300s Some("{\"a\":1}")
          every 3600s None
        ! not emulated: t.yaml:35:79: `SELF_NOT` of `Talk` is not set: `Fn::ImportValue` is a value of another stack (give it a value: --env SELF_NOT=VALUE, or a line in local.env)
        ! not emulated: t.yaml:36:7: `Layers` is not emulated: the function finds its own code only
        ! not emulated: t.yaml:40:99: `OnSuccess` is not emulated: SQS gets no record (a function of this template can be the destination)
        ! not emulated: t.yaml:45:57: `AtNoon`: cron(0 12 * * ? *) is not emulated, only rate(…) is
        ! not emulated: t.yaml:46:9: `Queue`: SQS events are not emulated
        ! not emulated: t.yaml:54:29: `Made`: code built by `makefile` is not built here (run `sam build`, and name what it makes: --template .aws-sam/build/template.yaml)
        ! not emulated: t.yaml:55:3: `Page` is an HTTP API, and those are not emulated
    "#]].assert_eq(&read.unwrap());
}

#[test]
fn reads_what_the_cdk_writes() {
    let read = read_with("cdk.json", include_str!("fixtures/cdk.json"), &[]);
    expect![[r#"
        api ApiF70053CD by $request.body.action
          stage prod {}
          $connect → Handler886CB40B 29s
        function Handler886CB40B (Handler886CB40B) nodejs22.x index.handler, folder src
          128 MB, /tmp 512 MB, 3s, retries 2 for 21600s, reserved None
          GREETING=Grüß Gott 😀
    "#]]
    .assert_eq(&read.unwrap());
}

#[test]
fn reads_a_chat_application_with_merge_keys() {
    let read = read_with("t.yaml", include_str!("fixtures/chat-app.yaml"), &[]);
    expect![[r#"
        api ChatWebSocket by $request.body.message
          stage Prod {}
          $connect → OnConnect 29s
          $disconnect → OnConnect 29s
          sendmessage → SendMessage 29s
        function OnConnect (OnConnect) python3.12 app.connect, folder src
          256 MB, /tmp 512 MB, 3s, retries 2 for 21600s, reserved None
          ORIGINS=https://a.example https://b.example
          TABLE_NAME=connections
        function SendMessage (SendMessage) python3.12 app.send, folder src
          128 MB, /tmp 512 MB, 3s, retries 2 for 21600s, reserved None
        ! fails on AWS: t.yaml:33:3: API Gateway may not call `SendMessage` for `sendmessage`, and answers 500 (add an AWS::Lambda::Permission for apigateway.amazonaws.com whose `SourceArn` fits)
        ! not emulated: t.yaml:62:11: `ConnectionsTable`: AWS::DynamoDB::Table is not emulated
        ! note: t.yaml:88:3: no WebSocket API is mapped to `chat.example.com` here (add an AWS::ApiGatewayV2::ApiMapping)
    "#]].assert_eq(&read.unwrap());
}
