//! Routes, answers and error frames.

use super::AS_DOCUMENTED;
use super::Check;
use super::judged;
use super::target::Target;
use super::target::is_id;
use super::target::without_ids;
use crate::websocket::TEXT;

const ERRORS: &str = "logged: aws-samples/simple-websockets-chat-app issues 24, 42";
const RESPONSES: &str = "DG: Set up a route response";
const FAILED: &str = r#"{"message": "Internal server error", "connectionId":"<connectionId>", "requestId":"<requestId>"}"#;
const FORBIDDEN: &str =
    r#"{"message": "Forbidden", "connectionId":"<connectionId>", "requestId":"<requestId>"}"#;
const LATE: &str = r#"{"message": "Endpoint request timed out", "connectionId":"<connectionId>", "requestId":"<requestId>"}"#;

pub(super) fn checks() -> Vec<Check> {
    let answered = |name, message: &'static str, expected, source| {
        Check::new(name, expected, source, move |target| {
            Box::pin(async move {
                let told = target.open("").await?.ask(message).await?;
                Ok(without_ids(told))
            })
        })
    };
    let silent = |name, message: &'static str, source| {
        Check::new(name, "nothing", source, move |target| {
            Box::pin(async move {
                let mut client = target.open("").await?;
                client.send(message).await?;
                client.still().await
            })
        })
    };
    vec![
        answered(
            "message: a two-way route",
            r#"{"action":"echo","ü":1}"#,
            r#"{"action":"echo","ü":1}"#,
            RESPONSES,
        ),
        answered(
            "message: a two-way route that answers status 500",
            r#"{"action":"status","status":500}"#,
            "status 500",
            "seen: the body is sent whatever the status",
        ),
        silent(
            "message: a one-way route",
            r#"{"action":"oneway"}"#,
            RESPONSES,
        ),
        silent(
            "message: a two-way route with an empty body",
            r#"{"action":"empty"}"#,
            RESPONSES,
        ),
        answered(
            "message: no route of this key",
            r#"{"action":"none"}"#,
            FORBIDDEN,
            ERRORS,
        ),
        answered("message: no JSON", "hello", FORBIDDEN, ERRORS),
        answered(
            "message: the function fails",
            r#"{"action":"fail"}"#,
            FAILED,
            ERRORS,
        ),
        answered(
            "message: the function of a one-way route fails",
            r#"{"action":"failoneway"}"#,
            FAILED,
            "seen with wscat",
        ),
        answered(
            "message: a two-way route that answers no proxy response",
            r#"{"action":"malformed"}"#,
            FAILED,
            "inferred from REST APIs",
        ),
        answered(
            "message: the integration times out",
            r#"{"action":"slow"}"#,
            LATE,
            "logged: aws/chalice issue 1406",
        ),
        answered(
            "message: a post back to the sender",
            r#"{"action":"back"}"#,
            r#"posted: {"action":"back"}"#,
            "DG: Use @connections commands in your backend service",
        ),
        Check::new(
            "message: its event",
            AS_DOCUMENTED,
            "logged, November 2023",
            |target| Box::pin(async move { message_event(target).await }),
        ),
        Check::new(
            "message: two ids of one connection",
            "the same last two bytes",
            "30 published ids",
            |target| Box::pin(async move { ids(target).await }),
        ),
        Check::new(
            "message: an answer of 100 KB",
            "32768 32768 32768 1696",
            "DG: Quotas: frames of 32 KB",
            |target| {
                Box::pin(async move {
                    let mut client = target.open("").await?;
                    client.send(r#"{"action":"large","size":100000}"#).await?;
                    client.sizes().await
                })
            },
        ),
        Check::new(
            "message: an answer",
            "one text frame",
            "RFC 6455 §5.6",
            |target| {
                Box::pin(async move {
                    let mut client = target.open("").await?;
                    client.send(r#"{"action":"echo"}"#).await?;
                    let frame = client.frame().await?;
                    Ok(match frame {
                        Some(frame) if frame.fin && frame.opcode == TEXT => "one text frame".into(),
                        other => format!("{other:?}"),
                    })
                })
            },
        ),
    ]
}

async fn message_event(target: &Target) -> anyhow::Result<String> {
    let event = target.open("").await?.event().await?;
    let context = &event["requestContext"];
    let text = |name: &str| context[name].as_str().unwrap_or_default();
    let mut keys: Vec<_> = event
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect();
    keys.retain(|key| *key != "stageVariables");
    keys.sort_unstable();
    let parts = [
        (
            "keys",
            keys == ["body", "isBase64Encoded", "requestContext"],
        ),
        ("body", event["body"] == r#"{"action":"event"}"#),
        ("isBase64Encoded", event["isBase64Encoded"] == false),
        ("routeKey", text("routeKey") == "event"),
        ("eventType", text("eventType") == "MESSAGE"),
        ("messageDirection", text("messageDirection") == "IN"),
        ("messageId", is_id(text("messageId"))),
        (
            "requestId",
            is_id(text("requestId")) && text("requestId") == text("extendedRequestId"),
        ),
        ("connectionId", is_id(text("connectionId"))),
        ("connectedAt", context["connectedAt"].is_u64()),
        ("requestTimeEpoch", context["requestTimeEpoch"].is_u64()),
        ("identity", context["identity"]["sourceIp"].is_string()),
        (
            "identity without userAgent",
            context["identity"].get("userAgent").is_none(),
        ),
        (
            "authorizer",
            context["authorizer"]["principalId"] == "conform",
        ),
        ("no null", !event.to_string().contains(":null")),
    ];
    Ok(judged(&parts))
}

/// The last two bytes of a message id are those of its connection.
async fn ids(target: &Target) -> anyhow::Result<String> {
    let event = target.open("").await?.event().await?;
    let tail = |name: &str| {
        let id = event["requestContext"][name].as_str().unwrap_or_default();
        // Nine bytes are twelve characters; the last two of eleven follow.
        id.get(12..).map(str::to_owned)
    };
    let (connection, message) = (tail("connectionId"), tail("messageId"));
    Ok(match connection.is_some() && connection == message {
        true => "the same last two bytes".to_owned(),
        false => format!("{connection:?} and {message:?}"),
    })
}
