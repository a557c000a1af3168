//! From the request to the open connection.

use anyhow::Context;

use super::AS_DOCUMENTED;
use super::Check;
use super::judged;
use super::target::Target;
use super::target::is_id;
use crate::websocket;

const DOC: &str = "DG: Create a Lambda REQUEST authorizer function";
const CONNECT: &str = "DG: $connect and $disconnect routes";

pub(super) fn checks() -> Vec<Check> {
    let admitted = |query: &'static str, expected, source, name| {
        Check::new(name, expected, source, move |target| {
            Box::pin(async move { handshake(target, query).await })
        })
    };
    vec![
        Check::new(
            "handshake: a plain GET",
            "426",
            "seen: serverless-offline's tests against AWS",
            |target| {
                Box::pin(async move {
                    let url = target.url("token=t")?;
                    let path = url.path_and_query().context("a path")?;
                    let host = url.authority().context("a host")?;
                    let request =
                        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
                    let (answer, ..) = websocket::ask(&url, request.as_bytes()).await?;
                    Ok(answer.status.to_string())
                })
            },
        ),
        Check::new(
            "handshake: a stage that does not exist",
            "403",
            "inferred from @connections without a stage",
            |target| {
                Box::pin(async move {
                    let url = target.elsewhere("/no-such-stage?token=t")?;
                    status(&url, &[]).await
                })
            },
        ),
        Check::new(
            "handshake: a trailing slash",
            "101",
            "DG: Use wscat to connect to a WebSocket API",
            |target| Box::pin(async move { status(&target.below("/?token=t")?, &[]).await }),
        ),
        Check::new(
            "handshake: no identity source",
            "401 {\"message\":\"Unauthorized\"}",
            DOC,
            |target| {
                Box::pin(async move {
                    Ok(match websocket::open(&target.url("")?, &[]).await? {
                        Ok(_) => "101".to_owned(),
                        Err(answer) => format!("{} {}", answer.status, answer.body),
                    })
                })
            },
        ),
        admitted(
            "authorizer=unauthorized",
            "401",
            DOC,
            "handshake: the authorizer fails with Unauthorized",
        ),
        admitted(
            "authorizer=deny",
            "403",
            DOC,
            "handshake: the policy denies",
        ),
        admitted(
            "authorizer=implicit",
            "403",
            DOC,
            "handshake: the policy allows something else",
        ),
        admitted(
            "authorizer=fail",
            "500",
            "inferred from REST APIs",
            "handshake: the authorizer fails",
        ),
        admitted(
            "status=200",
            "101",
            CONNECT,
            "handshake: $connect answers 200",
        ),
        admitted(
            "status=201",
            "101",
            "seen with wscat",
            "handshake: $connect answers 201",
        ),
        admitted(
            "status=301",
            "301",
            "seen with wscat",
            "handshake: $connect answers 301",
        ),
        admitted(
            "status=400",
            "400",
            "DG: $connect routes that require a subprotocol",
            "handshake: $connect answers 400",
        ),
        admitted(
            "status=501",
            "501",
            "seen with wscat",
            "handshake: $connect answers 501",
        ),
        admitted(
            "fail=1",
            "502",
            "seen with wscat",
            "handshake: $connect fails",
        ),
        admitted(
            "malformed=1",
            "502",
            "seen with wscat",
            "handshake: $connect answers no proxy response",
        ),
        admitted(
            "post=1",
            "410",
            "seen: aws-sdk-js issue 3773",
            "handshake: a post inside the connection's own $connect",
        ),
        Check::new(
            "handshake: a subprotocol that $connect does not answer",
            "none",
            "DG: $connect routes that require a WebSocket subprotocol",
            |target| Box::pin(async move { subprotocol(target, "").await }),
        ),
        Check::new(
            "handshake: a subprotocol that $connect answers",
            "b",
            "DG: $connect routes that require a WebSocket subprotocol",
            |target| Box::pin(async move { subprotocol(target, "subprotocol=b").await }),
        ),
        Check::new(
            "handshake: an offer of permessage-deflate",
            "permessage-deflate",
            "log: python-websockets issue 1065",
            |target| {
                Box::pin(async move {
                    let offer = "permessage-deflate; client_max_window_bits";
                    let offer = format!("Sec-WebSocket-Extensions: {offer}");
                    agreed(target, "", &offer, "sec-websocket-extensions").await
                })
            },
        ),
        Check::new(
            "handshake: another header that $connect answers",
            "none",
            "an AWS employee on re:Post, 2020",
            |target| {
                Box::pin(async move {
                    let client = target.open("subprotocol=b").await?;
                    let header = client.socket.answer.header("x-other");
                    Ok(header.unwrap_or("none").to_owned())
                })
            },
        ),
        Check::new(
            "handshake: the event of $connect",
            AS_DOCUMENTED,
            "DG: Input format of a Lambda function for proxy integration",
            |target| Box::pin(async move { connect_event(target).await }),
        ),
    ]
}

/// The status of a handshake that the identity source admits.
async fn handshake(target: &Target, query: &str) -> anyhow::Result<String> {
    Ok(match target.handshake(query, &[]).await? {
        Ok(_) => "101".to_owned(),
        Err(answer) => answer.status.to_string(),
    })
}

async fn status(url: &http::Uri, headers: &[String]) -> anyhow::Result<String> {
    Ok(match websocket::open(url, headers).await? {
        Ok(_) => "101".to_owned(),
        Err(answer) => answer.status.to_string(),
    })
}

async fn subprotocol(target: &Target, query: &str) -> anyhow::Result<String> {
    let offer = "Sec-WebSocket-Protocol: a, b";
    agreed(target, query, offer, "sec-websocket-protocol").await
}

/// What of an offer is in the answer's header of this name.
async fn agreed(target: &Target, query: &str, offer: &str, name: &str) -> anyhow::Result<String> {
    let client = target.handshake(query, &[offer]).await?;
    let client = client.map_err(|answer| anyhow::anyhow!("refused with {}", answer.status))?;
    let agreed = client.socket.answer.header(name);
    Ok(agreed.unwrap_or("none").to_owned())
}

/// The event of `$connect`, told to another connection.
async fn connect_event(target: &Target) -> anyhow::Result<String> {
    let mut observer = target.open("").await?;
    let id = observer.id().await?.replace('=', "%3D");
    let _client = target
        .handshake(&format!("observer={id}&a=1&a=2"), &["X-Own: yes"])
        .await?;
    let event: serde_json::Value = serde_json::from_str(&observer.text().await?)?;
    let context = &event["requestContext"];
    let text = |name: &str| context[name].as_str().unwrap_or_default();
    let header = |name: &str| {
        let headers = event["headers"].as_object();
        let mut headers = headers.into_iter().flatten();
        headers.any(|(written, _)| written.eq_ignore_ascii_case(name))
    };
    let parts = [
        ("routeKey", text("routeKey") == "$connect"),
        ("eventType", text("eventType") == "CONNECT"),
        ("messageDirection", text("messageDirection") == "IN"),
        ("connectionId", is_id(text("connectionId"))),
        (
            "requestId",
            is_id(text("requestId")) && text("requestId") == text("extendedRequestId"),
        ),
        ("connectedAt", context["connectedAt"].is_u64()),
        ("requestTimeEpoch", context["requestTimeEpoch"].is_u64()),
        ("requestTime", text("requestTime").ends_with(" +0000")),
        ("identity", context["identity"]["sourceIp"].is_string()),
        (
            "domainName, apiId, stage",
            ["domainName", "apiId", "stage"]
                .iter()
                .all(|n| !text(n).is_empty()),
        ),
        (
            "queryStringParameters",
            event["queryStringParameters"]["a"] == "2",
        ),
        (
            "multiValueQueryStringParameters",
            event["multiValueQueryStringParameters"]["a"] == serde_json::json!(["1", "2"]),
        ),
        (
            "headers",
            header("x-own") && header("host") && header("x-forwarded-for"),
        ),
        (
            "headers without Upgrade and Connection",
            !header("upgrade") && !header("connection"),
        ),
        ("isBase64Encoded", event["isBase64Encoded"] == false),
        ("no body", event.get("body").is_none()),
        ("no null", !event.to_string().contains(":null")),
        (
            "authorizer",
            context["authorizer"]["principalId"] == "conform",
        ),
        (
            "authorizer context as text",
            context["authorizer"]["number"] == "7" && context["authorizer"]["yes"] == "true",
        ),
    ];
    Ok(judged(&parts))
}
