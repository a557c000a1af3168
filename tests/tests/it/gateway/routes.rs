//! Which route a message takes, and what each kind of route answers.

use std::time::Duration;

use gatepost_template::Integration;
use serde_json::json;

use super::script::Does;
use super::script::always;
use super::script::body;
use super::script::response;
use super::script::status;
use super::served::Wanted;
use super::served::api;

fn selecting(expression: &str) -> Wanted {
    let expression = expression.to_owned();
    api().change(|wanted| wanted.api.route_selection_expression = expression)
}

/// Logged on AWS in November 2023: a message with an unquoted name went to the route that it names,
/// and the event has the message as it was.
#[tokio::test]
async fn a_message_that_is_not_strict_json_is_routed() {
    let mut served = api()
        .one_way("$default", always(status(200)))
        .one_way("sendMessage", always(status(200)))
        .serve()
        .await;
    let mut client = served.connect().await;
    for (text, want) in [
        (r#"{"action":"sendMessage", body:"hello"}"#, "sendMessage"),
        (r#"{'action':'sendMessage'}"#, "sendMessage"),
        (r#"{"action":"sendMessage",}"#, "sendMessage"),
        (r#"{"action":"sendMessage""#, "$default"),
        ("sendMessage", "$default"),
    ] {
        client.text(text).await;
        let call = served.call().await;
        assert_eq!(call.function, want, "{text}");
        assert_eq!(call.event()["body"], text);
    }
}

/// "WebSocket selection expressions in API Gateway": braces, several variables, nested paths, static
/// text, an escaped dollar; what is missing is empty.
#[tokio::test]
async fn the_expression_names_the_route_by_all_its_parts() {
    for (expression, text, want) in [
        (
            "${request.body.service}/${request.body.action}",
            r#"{"service":"chat","action":"join"}"#,
            "chat/join",
        ),
        (
            "${request.body.action}-${request.body.invalidPath}",
            r#"{"action":"join"}"#,
            "join-",
        ),
        (
            "$request.body.to.rooms[1].name",
            r#"{"to":{"rooms":[{"name":"a"},{"name":"b"}]}}"#,
            "b",
        ),
        (
            "$request.body.list",
            r#"{"list":["item1","item2"]}"#,
            "[item1, item2]",
        ),
        ("v1.$request.body.n", r#"{"n":5}"#, "v1.5"),
        ("\\$default", r#"{"action":"join"}"#, "$default"),
        ("same", "no JSON", "same"),
        ("$request.body.action", r#"{"action":"JOIN"}"#, "$default"),
    ] {
        let mut served = selecting(expression)
            .one_way("$default", always(status(200)))
            .one_way("chat/join", always(status(200)))
            .one_way("join-", always(status(200)))
            .one_way("join", always(status(200)))
            .one_way("b", always(status(200)))
            .one_way("[item1, item2]", always(status(200)))
            .one_way("v1.5", always(status(200)))
            .one_way("same", always(status(200)))
            .serve()
            .await;
        let mut client = served.connect().await;
        client.text(text).await;
        assert_eq!(served.call().await.function, want, "{expression} {text}");
    }
}

/// "Working with routes for WebSocket APIs": `$connect` and `$disconnect` are called when a client
/// comes and goes. A message that names one is for `$default`, and forbidden without it.
#[tokio::test]
async fn a_message_cannot_call_the_routes_of_the_connection() {
    let mut served = api()
        .one_way("$connect", always(status(200)))
        .one_way("$disconnect", always(status(200)))
        .two_way("mark", always(body("mark")))
        .serve()
        .await;
    let mut client = served.connect().await;
    assert_eq!(served.call().await.function, "$connect");
    for key in ["$connect", "$disconnect", "$default"] {
        client.text(&format!(r#"{{"action":"{key}"}}"#)).await;
        let text = client.next_text().await;
        assert!(
            text.starts_with(r#"{"message": "Forbidden", "connectionId":""#),
            "{text}"
        );
    }
    client.text(r#"{"action":"mark"}"#).await;
    assert_eq!(client.next_text().await, "mark");
    assert_eq!(served.script.called(), ["$connect", "mark"]);
}

/// Every status was tried on AWS by others: a one-way route sends nothing, a two-way route the body.
#[tokio::test]
async fn the_status_of_an_answer_changes_nothing() {
    for code in [200, 201, 301, 401, 501] {
        let answer = json!({"statusCode": code, "body": code.to_string()});
        let served = api()
            .one_way("quiet", always(response(&answer)))
            .two_way("loud", always(response(&answer)))
            .serve()
            .await;
        let mut client = served.connect().await;
        client.text(r#"{"action":"quiet"}"#).await;
        client.text(r#"{"action":"loud"}"#).await;
        assert_eq!(client.next_text().await, code.to_string());
        assert_eq!(served.gateway.connections().len(), 1);
    }
}

/// Not documented for WebSocket APIs: what is base64 is decoded and sent as text, as REST APIs do.
#[tokio::test]
async fn a_base64_answer_is_sent_decoded() {
    let answer = json!({"statusCode": 200, "body": "aMOp", "isBase64Encoded": true});
    let served = api()
        .two_way("$default", always(response(&answer)))
        .serve()
        .await;
    let mut client = served.connect().await;
    client.text("x").await;
    assert_eq!(client.next_text().await, "hé");
}

/// `TimeoutInMillis`: 50 ms to 29 s ("Quotas for configuring and running a WebSocket API"); the
/// function runs on (aws/chalice issue 1406).
#[tokio::test]
async fn each_integration_has_its_own_timeout() {
    let mut served = api()
        .two_way("short", Does::Waits)
        .two_way("long", Does::Waits)
        .change(|wanted| {
            let route = wanted.api.routes.get_mut("short").unwrap();
            if let Some(Integration::Lambda { timeout, .. }) = &mut route.integration {
                *timeout = Duration::from_millis(50);
            }
        })
        .serve()
        .await;
    let mut client = served.connect().await;
    client.text(r#"{"action":"long"}"#).await;
    let long = served.call().await;
    client.text(r#"{"action":"short"}"#).await;
    let short = served.call().await;
    let text = client.next_text().await;
    assert!(
        text.starts_with(r#"{"message": "Endpoint request timed out", "#),
        "{text}"
    );
    short.answer(body("too late"));
    long.answer(body("in time"));
    assert_eq!(client.next_text().await, "in time");
}
