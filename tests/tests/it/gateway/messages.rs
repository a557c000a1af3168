//! From a text frame to a function and back.

use serde_json::json;

use super::script::Does;
use super::script::Result;
use super::script::always;
use super::script::body;
use super::script::echo;
use super::script::function_error;
use super::script::response;
use super::script::status;
use super::served::api;
use gatepost_gateway::InvokeError;
use gatepost_gateway::Invoked;
use gatepost_gateway::Outcome;
use gatepost_gateway::What;
use std::num::NonZeroU32;
use std::time::Duration;

/// Developer Guide, "Working with routes for WebSocket APIs": the expression names the route, else
/// `$default`; `$connect` and `$disconnect` are not for messages.
#[tokio::test]
async fn messages_go_to_the_route_that_the_expression_names() {
    let mut served = api()
        .one_way("$connect", always(status(200)))
        .one_way("$disconnect", always(status(200)))
        .one_way("$default", always(status(200)))
        .one_way("join", always(status(200)))
        .one_way("5", always(status(200)))
        .serve()
        .await;
    let mut client = served.connect().await;
    served.call_of("$connect").await;
    for (text, want) in [
        (r#"{"action":"join"}"#, "join"),
        (r#"{"action":5}"#, "5"),
        (r#"{"action":"Join"}"#, "$default"),
        (r#"{"action":"other"}"#, "$default"),
        (r#"{"action":"$default"}"#, "$default"),
        (r#"{"action":"$connect"}"#, "$default"),
        (r#"{"action":"$disconnect"}"#, "$default"),
        ("{}", "$default"),
        ("hello", "$default"),
        ("", "$default"),
        ("[1]", "$default"),
    ] {
        client.text(text).await;
        let call = served.call().await;
        assert_eq!(call.function, want, "{text}");
        assert_eq!(call.event()["requestContext"]["routeKey"], want, "{text}");
        assert_eq!(call.event()["body"], text);
        assert_eq!(call.event()["isBase64Encoded"], false);
    }
}

/// aws-samples simple-websockets-chat-app issue 24: the frame of a message that has no route; the
/// connection stays.
#[tokio::test]
async fn a_message_without_a_route_is_forbidden() {
    let mut served = api().one_way("join", always(status(200))).serve().await;
    let mut client = served.connect().await;
    let id = served.only_id();
    for _ in 0..2 {
        client.text("hello").await;
        let request = served.fact(|what| match what {
            What::MessageIn {
                request,
                route: None,
                ..
            } => Some(request.to_string()),
            _ => None,
        });
        let request = request.await;
        let want = format!(
            r#"{{"message": "Forbidden", "connectionId":"{id}", "requestId":"{request}"}}"#
        );
        assert_eq!(client.next_text().await, want);
    }
}

/// Developer Guide, "Set up a route response": the body is sent, whatever the status
/// (yai333/React-Chat-App issue 2); what is not a proxy response is an internal error.
#[tokio::test]
async fn a_two_way_route_sends_the_body_of_its_answer() {
    let text = |text: &'static str| -> Result { Ok(Invoked::Response(text.into())) };
    let long = "é".repeat(64 * 1024);
    let cases: Vec<(Result, Option<&str>)> = vec![
        (body("pong"), Some("pong")),
        (
            response(&json!({"statusCode": 500, "body": "oh"})),
            Some("oh"),
        ),
        (
            response(
                &json!({"statusCode": 200, "headers": {}, "multiValueHeaders": {}, "body": "x"}),
            ),
            Some("x"),
        ),
        (status(200), Some("")),
        (body(""), Some("")),
        (text("null"), None),
        (text("\"pong\""), None),
        (response(&json!({"body": "x"})), None),
        (
            response(&json!({"statusCode": 200, "body": {"a": 1}})),
            None,
        ),
        (body(&long), Some(&long)),
        (body(&(long.clone() + "x")), None),
        (function_error("boom"), None),
        (Err(InvokeError::Unavailable("no binary".to_owned())), None),
    ];
    for (result, want) in cases {
        let mut served = api()
            .two_way("$default", always(result))
            .two_way("mark", always(body("mark")))
            .serve()
            .await;
        let mut client = served.connect().await;
        client.text("hello").await;
        let request = served.call().await.event()["requestContext"]["requestId"].clone();
        client.text(r#"{"action":"mark"}"#).await;
        let internal = format!(
            r#"{{"message": "Internal server error", "connectionId":"{}", "requestId":{request}}}"#,
            served.only_id()
        );
        match want {
            // Nothing is sent.
            Some("") => {}
            Some(want) if want.len() > 32 * 1024 => {
                let mut whole = Vec::new();
                loop {
                    let frame = client.frame().await;
                    assert!(frame.payload.len() <= 32 * 1024);
                    whole.extend(frame.payload);
                    if frame.fin {
                        break;
                    }
                }
                assert_eq!(whole, want.as_bytes());
            }
            Some(want) => assert_eq!(client.next_text().await, want),
            None => assert_eq!(client.next_text().await, internal),
        }
        assert_eq!(client.next_text().await, "mark");
    }
}

/// Tried on AWS by others: a one-way route sends nothing, whatever it answers, but tells of a function that
/// failed; serverless-offline's suite: an answer of nothing is no error.
#[tokio::test]
async fn a_one_way_route_tells_only_of_failures() {
    let served = api()
        .one_way(
            "created",
            always(response(&json!({"statusCode": 201, "body": "never sent"}))),
        )
        .one_way(
            "refused",
            always(response(&json!({"statusCode": 501, "body": "never sent"}))),
        )
        .one_way("nothing", always(Ok(Invoked::Response("null".into()))))
        .one_way("garbage", always(Ok(Invoked::Response("??".into()))))
        .one_way("throws", always(function_error("boom")))
        .one_way("throttled", always(Err(InvokeError::Throttled)))
        .without_target("no-target")
        .serve()
        .await;
    let mut client = served.connect().await;
    for action in [
        "created",
        "refused",
        "nothing",
        "garbage",
        "throws",
        "throttled",
        "no-target",
    ] {
        client.text(&format!(r#"{{"action":"{action}"}}"#)).await;
    }
    for message in [
        "Internal server error",
        "Too Many Requests",
        "Internal server error",
    ] {
        let prefix = format!(r#"{{"message": "{message}", "connectionId":""#);
        let text = client.next_text().await;
        assert!(text.starts_with(&prefix), "{text}");
    }
    assert_eq!(
        served.gateway.connections().len(),
        1,
        "the connection stays"
    );
}

/// aws/chalice issue 1406 has the frame; the function keeps running, and what it answers is dropped.
#[tokio::test]
async fn an_integration_that_takes_too_long_is_told_and_runs_on() {
    let wanted = api()
        .two_way("slow", Does::Waits)
        .two_way("fast", always(body("fast")));
    let wanted = wanted.limits(|limits| limits.integration = Duration::from_millis(100));
    let mut served = wanted.serve().await;
    let mut client = served.connect().await;
    client.text(r#"{"action":"slow"}"#).await;
    let call = served.call().await;
    let request = call.event()["requestContext"]["requestId"].clone();
    let want = format!(
        r#"{{"message": "Endpoint request timed out", "connectionId":"{}", "requestId":{request}}}"#,
        served.only_id()
    );
    assert_eq!(client.next_text().await, want);
    call.answer(body("late"));
    client.text(r#"{"action":"fast"}"#).await;
    assert_eq!(client.next_text().await, "fast");
    let timed_out = |what: &What| match what {
        What::Invoked {
            outcome: Outcome::TimedOut,
            ..
        } => Some(()),
        _ => None,
    };
    served.fact(timed_out).await;
}

/// "Set up a route response": responses are asynchronous. Messages of one connection are invoked
/// beside each other, and begin in their order.
#[tokio::test]
async fn messages_of_one_connection_start_in_order_and_run_beside_each_other() {
    let mut served = api().two_way("$default", Does::Waits).serve().await;
    let mut client = served.connect().await;
    let mut calls = Vec::new();
    for n in 0..20 {
        client.text(&n.to_string()).await;
    }
    for n in 0..20 {
        let call = served.call().await;
        assert_eq!(call.event()["body"], n.to_string());
        calls.push(call);
    }
    for n in (0..20).rev() {
        calls.pop().unwrap().answer(body(&n.to_string()));
        assert_eq!(client.next_text().await, n.to_string());
    }
}

/// `Limits::messages_at_once`: above it a connection is not read; nothing is lost.
#[tokio::test]
async fn messages_can_be_made_to_run_one_after_another() {
    let wanted = api().two_way("$default", Does::Waits);
    let mut served = wanted
        .limits(|limits| limits.messages_at_once = NonZeroU32::new(1))
        .serve()
        .await;
    let mut client = served.connect().await;
    let all: Vec<u8> = (0..5)
        .flat_map(|n| super::client::frame(0x81, n.to_string().as_bytes()))
        .collect();
    client.send(&all).await;
    for n in 0..5 {
        let call = served.call().await;
        assert_eq!(call.event()["body"], n.to_string());
        assert_eq!(served.script.called().len(), n + 1, "only one is under way");
        call.answer(body(&n.to_string()));
        assert_eq!(client.next_text().await, n.to_string());
    }
}

/// Worked out from published ids: a message id has its own clock and the tail of its connection's.
#[tokio::test]
async fn every_message_has_ids_of_its_own() {
    let mut served = api().one_way("$default", always(status(200))).serve().await;
    let mut client = served.connect().await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..100 {
        client.text("x").await;
        let event = served.call().await.event();
        let context = &event["requestContext"];
        assert_eq!(context["requestId"], context["extendedRequestId"]);
        for id in ["messageId", "requestId"] {
            assert!(seen.insert(context[id].to_string()), "{id} came twice");
        }
    }
}

/// `{"action": …}` of 32 KB from a browser: the largest frame passes whole.
#[tokio::test]
async fn the_largest_message_passes_both_ways() {
    let served = api().two_way("$default", echo()).serve().await;
    let mut client = served.connect().await;
    let text = "x".repeat(32 * 1024);
    client.text(&text).await;
    assert_eq!(client.next_text().await, text);
}
