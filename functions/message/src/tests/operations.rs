//! Events of operators, and what only looks like one.

use gatepost_runtime::Failure;
use serde_json::Value;
use serde_json::json;

use super::stage::Stage;

const JOIN: &str = r#"{"action":"join","id":"2","room":"lobby"}"#;

#[tokio::test]
async fn an_operation_is_answered_as_json_and_its_entry_pushed() {
    let stage = Stage::new();
    stage.done("ann", JOIN).await;
    let publish = json!({"operator": "publish", "room": "lobby", "body": {"text": "Noon"}});
    let answer = stage.invoke(&publish).await.unwrap();
    assert_eq!(answer["ok"]["seq"], 1);
    let got = stage.clients.got("ann");
    assert_eq!(got.last().unwrap()["items"][0]["body"]["text"], "Noon");
    // The invocation's id makes a repetition the same message.
    let again = stage.invoke(&publish).await.unwrap();
    assert_eq!(again["ok"]["duplicate"], true);
}

#[tokio::test]
async fn an_operation_that_is_not_done_is_told_why() {
    let stage = Stage::new();
    for (operation, code) in [
        (json!({"operator": "fly"}), "bad_request"),
        (json!({"operator": 7}), "bad_request"),
        (json!({"operator": "disconnect"}), "bad_request"),
        (
            json!({"operator": "presence", "room": "nowhere"}),
            "no_room",
        ),
    ] {
        let answer = stage.invoke(&operation).await.unwrap();
        assert_eq!(answer["error"]["code"], code, "{operation}");
        assert_eq!(answer["error"]["request"], "lambda-1");
    }
}

#[tokio::test]
async fn nothing_that_comes_through_the_gateway_is_an_operation() {
    let stage = Stage::new();
    stage.done("ann", JOIN).await;
    let operation = json!({"operator": "disconnect", "user": "ann"});
    let frame = |body: &Value| {
        let event = super::stage::event("ann", &json!({"user": "ann", "name": "Ann"}), "");
        let mut event: Value = serde_json::from_str(&event).unwrap();
        event["body"] = body.clone();
        event
    };
    let answer = stage.invoke(&frame(&json!(operation.to_string()))).await;
    let answer = answer.unwrap();
    assert_eq!(answer["statusCode"], 200);
    assert!(answer["body"].as_str().unwrap().contains("bad_request"));
    // Not even if API Gateway passed on what it never does.
    let mut beside = frame(&json!(r#"{"action":"ping","id":"1"}"#));
    beside["operator"] = json!("disconnect");
    beside["user"] = json!("ann");
    let answer = stage.invoke(&beside).await.unwrap();
    assert!(
        answer["body"].as_str().unwrap().contains("heads"),
        "{answer}"
    );
    for context in [json!({}), json!([]), json!("x"), json!({"connectionId": 7})] {
        let mut broken = operation.clone();
        broken["requestContext"] = context;
        let failure = stage.invoke(&broken).await.unwrap_err();
        assert!(matches!(failure, Failure::Fault(_)), "{broken}");
    }
    assert_eq!(stage.clients.got("ann").len(), 0, "nobody was told to go");
}
