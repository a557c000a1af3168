//! The Extensions API. Lambda guide, "Using the Lambda Extensions API to create extensions".

use expect_test::expect;
use gatepost_runtime_api::FactEvent;
use gatepost_runtime_api::StopReason;

use super::http::Connection;
use super::stage::Stage;
use super::stage::outcome;

const REGISTER: &str = "POST /2020-01-01/extension/register";
const NEXT: &str = "GET /2020-01-01/extension/event/next";

#[tokio::test]
async fn registration_answers_as_lambda_does() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let mut connection = Connection::open(puppet.api).await;
    let mut answers = Vec::new();
    for (headers, body) in [
        ("", "{}"),
        ("Lambda-Extension-Name: one\r\n", "{"),
        (
            "Lambda-Extension-Name: one\r\n",
            r#"{"events":["SHUTDOWN"]}"#,
        ),
        ("Lambda-Extension-Name: one\r\n", r#"{"events":["INVOKE"]}"#),
        ("Lambda-Extension-Name: one\r\n", r#"{"events":["INVOKE"]}"#),
        (
            "Lambda-Extension-Name: two\r\nLambda-Extension-Accept-Feature: accountId\r\n",
            "{}",
        ),
    ] {
        answers.push(
            connection
                .call(REGISTER, headers, body.as_bytes())
                .await
                .line(),
        );
    }
    for number in 3..=11 {
        let name = format!("Lambda-Extension-Name: {number}\r\n");
        let answer = connection.call(REGISTER, &name, b"{}").await;
        if number == 11 {
            answers.push(answer.line());
        }
    }
    puppet.ask().await;
    // What was asked before was understood before.
    puppet.order("print asked").await;
    expect![[r#"
        403 {"errorMessage":"Empty extension name","errorType":"Extension.InvalidExtensionName"}
        403 {"errorMessage":"EOF while parsing an object at line 1 column 1","errorType":"InvalidRequestFormat"}
        403 {"errorMessage":"SHUTDOWN: an extension inside the function's process gets no such event","errorType":"Extension.InvalidEventType"}
        200 {"functionName":"f","functionVersion":"$LATEST","handler":"bootstrap"}
        403 {"errorMessage":"Extension with this name already registered","errorType":"Extension.InvalidExtensionState"}
        200 {"functionName":"f","functionVersion":"$LATEST","handler":"bootstrap","accountId":"000000000000"}
        403 {"errorMessage":"Extension limit (10) reached","errorType":"Extension.TooManyExtensions"}"#]]
    .assert_eq(&answers.join("\n"));
}

#[tokio::test]
async fn registration_closes_with_the_first_next() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    let mut connection = Connection::open(puppet.api).await;
    let late = connection
        .call(REGISTER, "Lambda-Extension-Name: late\r\n", b"{}")
        .await;
    assert_eq!(
        late.line(),
        "403 {\"errorMessage\":\"Extension registration closed already\",\"errorType\":\
         \"Extension.RegistrationClosed\"}"
    );
    puppet.respond(&event, b"{}").await;
    outcome(invocation).await.unwrap();
}

#[tokio::test]
async fn an_extension_is_known_by_its_identifier() {
    let stage = Stage::new().await;
    let puppet = stage.puppet().await;
    let mut connection = Connection::open(puppet.api).await;
    for (headers, expected) in [
        ("", "Extension.MissingExtensionIdentifier"),
        (
            "Lambda-Extension-Identifier: x\r\n",
            "Extension.InvalidExtensionIdentifier",
        ),
        (
            "Lambda-Extension-Identifier: 5a1b0d53-1f1f-4f1f-8f1f-000000000000\r\n",
            "Extension.UnknownExtensionIdentifier",
        ),
    ] {
        let answer = connection.call(NEXT, headers, b"").await;
        assert_eq!(answer.status, 403);
        assert!(answer.body.contains(expected), "{}", answer.body);
    }
}

#[tokio::test]
async fn an_extension_that_cannot_start_fails_the_init_phase() {
    let stage = Stage::new().await;
    let puppet = stage.puppet().await;
    let mut connection = Connection::open(puppet.api).await;
    let registered = connection
        .call(
            REGISTER,
            "Lambda-Extension-Name: one\r\n",
            br#"{"events":[]}"#,
        )
        .await;
    let identifier = registered.header("lambda-extension-identifier").to_owned();
    let headers = format!(
        "Lambda-Extension-Identifier: {identifier}\r\n\
         Lambda-Extension-Function-Error-Type: Extension.NoConfig\r\n"
    );
    let error = "POST /2020-01-01/extension/init/error";
    let missing = format!("Lambda-Extension-Identifier: {identifier}\r\n");
    assert!(
        connection
            .call(error, &missing, b"")
            .await
            .body
            .contains("Extension.MissingHeader")
    );
    assert_eq!(connection.call(error, &headers, b"").await.status, 202);
    drop((connection, puppet));
    assert_eq!(stage.facts.stopped(1).await, StopReason::Init);
    let failed = stage
        .facts
        .wait(|fact| matches!(fact, FactEvent::InitFailed { .. }))
        .await;
    let FactEvent::InitFailed { reason, .. } = failed else {
        unreachable!()
    };
    assert!(reason.contains("Extension.NoConfig"), "{reason}");
}
