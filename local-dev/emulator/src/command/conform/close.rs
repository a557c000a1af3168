//! The end of a connection, as the client sees it and as `$disconnect` is told.

use anyhow::Context;
use serde_json::Value;

use super::AS_DOCUMENTED;
use super::Check;
use super::judged;
use super::target::Client;
use super::target::Target;
use crate::websocket::BINARY;
use crate::websocket::CLOSE;
use crate::websocket::FIN;
use crate::websocket::TEXT;
use crate::websocket::masked;

const INPUT: &str = "DG: Input format of a Lambda function for proxy integration";

/// How a connection ends.
#[derive(Debug, Clone, Copy)]
enum How {
    CloseWithoutStatus,
    Close(u16, &'static str),
    Deleted,
    Dropped,
    Sends(fn() -> Vec<u8>),
}

pub(super) fn checks() -> Vec<Check> {
    let told = |name, how: How, expected, source| {
        Check::new(name, expected, source, move |target| {
            Box::pin(async move { disconnected(target, how).await })
        })
    };
    vec![
        Check::new(
            "close: by the client with 1000",
            "closed 1000",
            "RFC 6455 §5.5.1",
            |target| {
                Box::pin(async move {
                    let mut client = target.open("").await?;
                    client.socket.writer.close(1000, "bye").await?;
                    client.end().await
                })
            },
        ),
        Check::new(
            "close: DELETE @connections",
            "closed 1000",
            "logged: boto3 issue 3789",
            |target| {
                Box::pin(async move {
                    let mut client = target.open("").await?;
                    let id = client.id().await?;
                    target.call("DELETE", &id, b"").await?;
                    client.end().await
                })
            },
        ),
        told(
            "close: $disconnect after a close frame without a status",
            How::CloseWithoutStatus,
            "1005 Client-side close frame status not set",
            INPUT,
        ),
        told(
            "close: $disconnect after a close frame",
            How::Close(4001, "tired"),
            "4001 tired",
            "inferred: logged codes of browsers are passed through",
        ),
        told(
            "close: $disconnect after 1001 of a browser",
            How::Close(1001, ""),
            "1001 ",
            "logged, Firefox, December 2025",
        ),
        told(
            "close: $disconnect after DELETE @connections",
            How::Deleted,
            "1000 Connection Closed Normally",
            "logged: boto3 issue 3789",
        ),
        told(
            "close: $disconnect after a binary frame",
            How::Sends(|| masked(FIN | BINARY, b"x")),
            "1003",
            "DG: Working with binary media types for WebSocket APIs",
        ),
        told(
            "close: $disconnect after a frame of more than 32 KB",
            How::Sends(|| masked(FIN | TEXT, &vec![b'x'; 32 * 1024 + 1])),
            "1009",
            "DG: Quotas for configuring and running a WebSocket API",
        ),
        told(
            "close: $disconnect after a lost connection",
            How::Dropped,
            "1006",
            "RFC 6455 §7.1.5",
        ),
        Check::new(
            "close: the event of $disconnect",
            AS_DOCUMENTED,
            INPUT,
            |target| {
                Box::pin(async move {
                    let event = event_of(target, How::CloseWithoutStatus).await?;
                    let context = &event["requestContext"];
                    let parts = [
                        ("routeKey", context["routeKey"] == "$disconnect"),
                        ("eventType", context["eventType"] == "DISCONNECT"),
                        ("headers", event["headers"]["Host"].is_string()),
                        ("x-api-key", event["headers"]["x-api-key"] == ""),
                        ("no body", event.get("body").is_none()),
                        ("no query", event.get("queryStringParameters").is_none()),
                        (
                            "authorizer",
                            context["authorizer"]["principalId"] == "conform",
                        ),
                        ("isBase64Encoded", event["isBase64Encoded"] == false),
                    ];
                    Ok(judged(&parts))
                })
            },
        ),
    ]
}

/// Code and reason that `$disconnect` is told. Where nothing is known of a reason it is left out.
async fn disconnected(target: &Target, how: How) -> anyhow::Result<String> {
    let event = event_of(target, how).await?;
    let context = &event["requestContext"];
    let code = &context["disconnectStatusCode"];
    let reason = context["disconnectReason"].as_str().unwrap_or_default();
    Ok(match how {
        How::Dropped | How::Sends(_) => code.to_string(),
        How::CloseWithoutStatus | How::Close(..) | How::Deleted => format!("{code} {reason}"),
    })
}

/// The event of `$disconnect`, told to another connection.
async fn event_of(target: &Target, how: How) -> anyhow::Result<Value> {
    let mut observer = target.open("").await?;
    let id = observer.id().await?.replace('=', "%3D");
    let mut client = target.open(&format!("observer={id}")).await?;
    let connected = observer.text().await.context("the event of $connect")?;
    let id = client.id().await?;
    match how {
        How::CloseWithoutStatus => client.bytes(&masked(FIN | CLOSE, b"")).await?,
        How::Close(code, reason) => client.socket.writer.close(code, reason).await?,
        How::Sends(bytes) => client.bytes(&bytes()).await?,
        How::Deleted => {
            target.call("DELETE", &id, b"").await?;
        }
        How::Dropped => {
            let Client { socket } = client;
            drop(socket);
            return told(&mut observer, &connected).await;
        }
    }
    // The server has said its last: the TCP connection ends from both sides.
    let _ = client.end().await;
    drop(client);
    told(&mut observer, &connected).await
}

async fn told(observer: &mut Client, connected: &str) -> anyhow::Result<Value> {
    let event = observer.text().await.context("the event of $disconnect")?;
    anyhow::ensure!(event != connected, "$connect was called twice");
    Ok(serde_json::from_str(&event)?)
}
