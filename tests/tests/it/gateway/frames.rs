//! Frames that break RFC 6455 or a quota; sections are the RFC's.

use std::sync::Arc;

use super::client::BINARY;
use super::client::CLOSE;
use super::client::CONTINUATION;
use super::client::FIN;
use super::client::PING;
use super::client::PONG;
use super::client::TEXT;
use super::client::closing;
use super::client::frame;
use super::client::head;
use super::script::always;
use super::script::echo;
use super::script::status;
use super::served::Served;
use super::served::api;

async fn served() -> Served {
    api()
        .two_way("$default", echo())
        .one_way("$disconnect", always(status(200)))
        .serve()
        .await
}

/// Developer Guide: "Working with binary media types for WebSocket APIs" (1003), "Quotas" (1009).
#[tokio::test]
async fn a_violation_closes_with_its_code_and_is_told_to_disconnect() {
    let mut unmasked = head(FIN | TEXT, 2);
    unmasked.extend(b"hi");
    let part = frame(CONTINUATION, &[b'x'; 32 * 1024]);
    let mut too_long = frame(TEXT, &[b'x'; 32 * 1024]);
    too_long.extend([&part[..], &part, &part, &frame(FIN | CONTINUATION, b"x")].concat());
    for (why, bytes, code, reason) in [
        ("§5.1", unmasked, 1002, "Protocol error"),
        (
            "§5.2 RSV1",
            frame(FIN | 0x40 | TEXT, b"x"),
            1002,
            "Protocol error",
        ),
        (
            "§5.2 opcode",
            frame(FIN | 0x5, b"x"),
            1002,
            "Protocol error",
        ),
        (
            "§5.5 fragmented ping",
            frame(PING, b"x"),
            1002,
            "Protocol error",
        ),
        (
            "§5.5 long ping",
            frame(FIN | PING, &[0; 126]),
            1002,
            "Protocol error",
        ),
        (
            "§5.4",
            frame(FIN | CONTINUATION, b"x"),
            1002,
            "Protocol error",
        ),
        (
            "§7.4.1",
            frame(FIN | CLOSE, &closing(1006, "")),
            1002,
            "Protocol error",
        ),
        (
            "§8.1",
            frame(FIN | TEXT, b"\xc3\x28"),
            1007,
            "Invalid payload data",
        ),
        (
            "binary",
            frame(FIN | BINARY, b"x"),
            1003,
            "Invalid message type",
        ),
        (
            "32 KB + 1",
            frame(FIN | TEXT, &[b'x'; 32 * 1024 + 1]),
            1009,
            "Message too big",
        ),
        ("128 KB + 1", too_long, 1009, "Message too big"),
        (
            "1 MB",
            frame(FIN | TEXT, &vec![b'x'; 1024 * 1024]),
            1009,
            "Message too big",
        ),
    ] {
        let mut served = served().await;
        let mut client = served.connect().await;
        client.send(&bytes).await;
        assert_eq!(client.closed().await, (code, reason.to_owned()), "{why}");
        assert_eq!(
            served.disconnected().await,
            (u64::from(code), reason.to_owned()),
            "{why}"
        );
        assert!(served.gateway.connections().is_empty(), "{why}");
    }
}

/// A frame's length is judged before its payload comes.
#[tokio::test]
async fn a_frame_that_is_only_announced_is_refused() {
    let served = served().await;
    let mut client = served.connect().await;
    client
        .send(&[FIN | TEXT, 0x80 | 127, 0, 0, 0, 0x10, 0, 0, 0, 0])
        .await;
    assert_eq!(client.closed().await.0, 1009);
}

/// §5.4: fragments, with control frames in between; Developer Guide, "Quotas": each is at most
/// 32 KB, the message 128 KB.
#[tokio::test]
async fn fragments_are_reassembled() {
    let mut served = served().await;
    let mut client = served.connect().await;
    let part = "é".repeat(16 * 1024);
    client.send(&frame(TEXT, part.as_bytes())).await;
    client.send(&frame(FIN | PING, b"still there?")).await;
    let pong = client.frame().await;
    assert_eq!(
        (pong.fin, pong.opcode, &pong.payload[..]),
        (true, PONG, &b"still there?"[..])
    );
    for first in [CONTINUATION, CONTINUATION, FIN | CONTINUATION] {
        client.send(&frame(first, part.as_bytes())).await;
    }
    let event = served.call().await.event();
    assert_eq!(event["body"].as_str().map(str::len), Some(128 * 1024));
}

/// §5.5.2 and §5.5.3: a ping is answered with its payload; an unasked pong is ignored.
#[tokio::test]
async fn pings_are_answered() {
    let served = served().await;
    let mut client = served.connect().await;
    client.send(&frame(FIN | PONG, b"unasked")).await;
    for payload in [&b""[..], b"x", &[7; 125]] {
        client.send(&frame(FIN | PING, payload)).await;
        let pong = client.frame().await;
        assert_eq!(
            (pong.fin, pong.opcode, &pong.payload[..]),
            (true, PONG, payload)
        );
    }
    assert!(served.script.called().is_empty());
}

/// Whatever the pieces in which TCP brings them (fastwebsockets loses bytes here when it is read in
/// a `select!`).
#[tokio::test]
async fn frames_may_come_byte_by_byte() {
    let served = served().await;
    let mut client = served.connect().await;
    for byte in [frame(FIN | TEXT, b"slow"), frame(FIN | PING, b"p")].concat() {
        client.send(&[byte]).await;
    }
    assert_eq!(client.next_text().await, "slow");
    assert_eq!(client.frame().await.opcode, PONG);
}

/// What comes in one segment is answered, all of it, in order.
#[tokio::test]
async fn many_frames_may_come_at_once() {
    let served = Arc::new(served().await);
    let mut client = served.connect().await;
    let all: Vec<u8> = (0..500)
        .flat_map(|n| frame(FIN | TEXT, format!("message {n}").as_bytes()))
        .collect();
    client.send(&all).await;
    for n in 0..500 {
        assert_eq!(client.next_text().await, format!("message {n}"));
    }
}
