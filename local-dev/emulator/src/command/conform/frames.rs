//! Frames, right and wrong.

use super::Check;
use crate::websocket::BINARY;
use crate::websocket::CONTINUATION;
use crate::websocket::FIN;
use crate::websocket::PING;
use crate::websocket::PONG;
use crate::websocket::TEXT;
use crate::websocket::masked;
use crate::websocket::unmasked;

const QUOTAS: &str = "DG: Quotas for configuring and running a WebSocket API";

pub(super) fn checks() -> Vec<Check> {
    let ends = |name, bytes: fn() -> Vec<u8>, expected, source| {
        Check::new(name, expected, source, move |target| {
            Box::pin(async move {
                let mut client = target.open("").await?;
                client.bytes(&bytes()).await?;
                client.end().await
            })
        })
    };
    vec![
        ends(
            "frame: binary",
            || masked(FIN | BINARY, b"x"),
            "closed 1003",
            "DG: Working with binary media types for WebSocket APIs",
        ),
        ends(
            "frame: longer than 32 KB",
            || masked(FIN | TEXT, &vec![b'x'; 32 * 1024 + 1]),
            "closed 1009",
            QUOTAS,
        ),
        ends(
            "frame: a message longer than 128 KB",
            too_long,
            "closed 1009",
            QUOTAS,
        ),
        ends(
            "frame: text that is not UTF-8",
            || masked(FIN | TEXT, b"\xff"),
            "closed 1007",
            "RFC 6455 §8.1",
        ),
        ends(
            "frame: without a mask",
            || unmasked(FIN | TEXT, b"x"),
            "closed 1002",
            "RFC 6455 §5.1",
        ),
        ends(
            "frame: a reserved opcode",
            || masked(FIN | 0x3, b"x"),
            "closed 1002",
            "RFC 6455 §5.2",
        ),
        ends(
            "frame: a continuation of nothing",
            || masked(FIN | CONTINUATION, b"x"),
            "closed 1002",
            "RFC 6455 §5.4",
        ),
        ends(
            "frame: a ping in fragments",
            || masked(PING, b"x"),
            "closed 1002",
            "RFC 6455 §5.5",
        ),
        Check::new("frame: 32 KB exactly", "echoed", QUOTAS, |target| {
            Box::pin(async move {
                let mut text = r#"{"action":"echo","x":""#.to_owned();
                text.push_str(&"x".repeat(32 * 1024 - text.len() - 2));
                text.push_str("\"}");
                let told = target.open("").await?.ask(&text).await?;
                Ok(if told == text {
                    "echoed".into()
                } else {
                    format!("{} bytes", told.len())
                })
            })
        }),
        Check::new(
            "frame: a message in fragments",
            "echoed",
            "RFC 6455 §5.4",
            |target| {
                Box::pin(async move {
                    let mut client = target.open("").await?;
                    let (one, two) = (r#"{"action":"#, r#""echo"}"#);
                    client.bytes(&masked(TEXT, one.as_bytes())).await?;
                    client.bytes(&masked(FIN | PING, b"between")).await?;
                    client
                        .bytes(&masked(FIN | CONTINUATION, two.as_bytes()))
                        .await?;
                    let told = client.text().await?;
                    Ok(if told == [one, two].concat() {
                        "echoed".into()
                    } else {
                        told
                    })
                })
            },
        ),
        Check::new(
            "frame: a ping",
            "pong with its payload",
            "RFC 6455 §5.5.3",
            |target| {
                Box::pin(async move {
                    let mut client = target.open("").await?;
                    client.bytes(&masked(FIN | PING, b"are you there")).await?;
                    Ok(match client.frame().await? {
                        Some(frame)
                            if frame.opcode == PONG && frame.payload == b"are you there" =>
                        {
                            "pong with its payload".to_owned()
                        }
                        other => format!("{other:?}"),
                    })
                })
            },
        ),
        Check::new(
            "frame: an unasked pong",
            "nothing",
            "RFC 6455 §5.5.3",
            |target| {
                Box::pin(async move {
                    let mut client = target.open("").await?;
                    client.bytes(&masked(FIN | PONG, b"unasked")).await?;
                    client.still().await
                })
            },
        ),
    ]
}

/// Five fragments of 32 KB.
fn too_long() -> Vec<u8> {
    let part = vec![b'x'; 32 * 1024];
    let mut bytes = masked(TEXT, &part);
    for _ in 0..4 {
        bytes.extend(masked(CONTINUATION, &part));
    }
    bytes
}
