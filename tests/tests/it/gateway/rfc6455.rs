//! What a server does with frames, over a real socket; sections are RFC 6455's. The cases are those
//! that test suites of the protocol have, but for what API Gateway forbids (docs/emulator.md, "Left
//! out of RFC 6455, and why"). Tables of single frames are in `local-dev/gateway/src/frame_tests.rs`.

use super::client::CLOSE;
use super::client::CONTINUATION;
use super::client::Client;
use super::client::FIN;
use super::client::PING;
use super::client::PONG;
use super::client::TEXT;
use super::client::closing;
use super::client::frame;
use super::client::head;
use super::script::Does;
use super::script::always;
use super::script::body;
use super::script::echo;
use super::script::status;
use super::served::Served;
use super::served::api;

const PROTOCOL: (u16, &str) = (1002, "Protocol error");

async fn served() -> Served {
    api()
        .two_way("$default", echo())
        .one_way("$disconnect", always(status(200)))
        .serve()
        .await
}

async fn closes_with(client: &mut Client, want: (u16, &str)) {
    assert_eq!(client.closed().await, (want.0, want.1.to_owned()));
}

/// §5.2: a length has one, two or eight bytes, and each direction uses as few as it can; an empty
/// message is one, too.
#[tokio::test]
async fn messages_of_every_length_come_back() {
    let served = served().await;
    let mut client = served.connect().await;
    for len in [
        1, 124, 125, 126, 127, 128, 1000, 4096, 16_384, 32_767, 32_768,
    ] {
        let text = "x".repeat(len);
        client.text(&text).await;
        assert!(client.next_text().await == text, "{len}");
    }
}

/// §5.4: 128 KB in fragments of every size; the answer comes in fragments of at most 32 KB.
#[tokio::test]
async fn the_longest_message_comes_back_whatever_its_fragments() {
    let served = served().await;
    let mut client = served.connect().await;
    let text = "é".repeat(64 * 1024);
    for size in [64, 255, 1000, 32 * 1024] {
        let mut fragments = text.as_bytes().chunks(size).peekable();
        let mut opcode = TEXT;
        let mut bytes = Vec::new();
        while let Some(fragment) = fragments.next() {
            let fin = if fragments.peek().is_none() { FIN } else { 0 };
            bytes.extend(frame(fin | opcode, fragment));
            opcode = CONTINUATION;
        }
        client.send(&bytes).await;
        let mut back = Vec::new();
        loop {
            let answer = client.frame().await;
            assert_eq!(
                answer.opcode,
                if back.is_empty() { TEXT } else { CONTINUATION }
            );
            assert!(answer.payload.len() <= 32 * 1024);
            back.extend(answer.payload);
            if answer.fin {
                break;
            }
        }
        assert!(back == text.as_bytes(), "{size}");
    }
}

/// §5.5.2: pongs come in the order of the pings, with any payload, also in the middle of a message
/// and when the ping comes byte by byte.
#[tokio::test]
async fn every_ping_gets_its_pong() {
    let served = served().await;
    let mut client = served.connect().await;
    let pings: Vec<u8> = (0..10)
        .flat_map(|n| frame(FIN | PING, &[n, 0xff, 0]))
        .collect();
    client.send(&frame(TEXT, b"in the ")).await;
    client.send(&pings).await;
    for byte in frame(FIN | PING, b"slow") {
        client.send(&[byte]).await;
    }
    client.send(&frame(FIN | CONTINUATION, b"middle")).await;
    for n in 0..10 {
        let pong = client.frame().await;
        assert_eq!((pong.opcode, pong.payload), (PONG, vec![n, 0xff, 0]));
    }
    assert_eq!(client.frame().await.payload, b"slow");
    assert_eq!(client.next_text().await, "in the middle");
}

/// §5.2: what came before a violation was right, and is answered; what comes after it is not looked
/// at.
#[tokio::test]
async fn a_violation_ends_what_comes_after_it_only() {
    for bad in [
        frame(FIN | 0x40 | TEXT, b"x"),
        frame(FIN | 0x20 | PING, b"x"),
        frame(FIN | 0x10 | CLOSE, b""),
        frame(FIN | 0x3, b""),
        frame(FIN | 0xb, b""),
        frame(FIN | CONTINUATION, b"x"),
        frame(CONTINUATION, b"x"),
    ] {
        let mut served = served().await;
        let mut client = served.connect().await;
        let before = frame(FIN | TEXT, b"before");
        let after = [frame(FIN | PING, b"after"), frame(FIN | TEXT, b"after")].concat();
        client.send(&[before, bad.clone(), after].concat()).await;
        assert_eq!(client.next_text().await, "before", "{bad:x?}");
        closes_with(&mut client, PROTOCOL).await;
        served.disconnected().await;
        assert_eq!(
            served.script.called(),
            ["$default", "$disconnect"],
            "{bad:x?}"
        );
    }
}

/// §5.1: a frame that is not masked ends the connection, whichever it is.
#[tokio::test]
async fn nothing_comes_unmasked() {
    for opcode in [TEXT, PING, PONG, CLOSE] {
        let served = served().await;
        let mut client = served.connect().await;
        client.send(&head(FIN | opcode, 0)).await;
        closes_with(&mut client, PROTOCOL).await;
    }
}

/// §5.5.1: after its close frame a client says nothing more that counts. The answer is one close
/// frame, with its status (§5.5.1), and then the end of the stream (§7.1.1).
#[tokio::test]
async fn what_a_client_sends_after_its_close_is_ignored() {
    for after in [
        frame(FIN | CLOSE, &closing(1001, "again")),
        frame(FIN | PING, b"after"),
        frame(FIN | TEXT, b"after"),
        frame(FIN | CONTINUATION, b"the rest"),
        vec![0xff; 100],
    ] {
        let mut served = served().await;
        let mut client = served.connect().await;
        let close = frame(FIN | CLOSE, &closing(1000, "bye"));
        client
            .send(&[frame(TEXT, b"begun"), close, after].concat())
            .await;
        closes_with(&mut client, (1000, "bye")).await;
        assert_eq!(served.disconnected().await, (1000, "bye".to_owned()));
        assert_eq!(served.script.called(), ["$disconnect"]);
    }
}

/// §7.4: statuses that may be sent are passed on, all others are a violation; §5.5.1: so are a
/// payload of one byte and a reason that is no text.
#[tokio::test]
async fn closes_are_judged() {
    let longest = "r".repeat(123);
    for (payload, want) in [
        (closing(1000, &longest), (1000, longest.as_str())),
        (closing(1014, ""), (1014, "")),
        (closing(3000, ""), (3000, "")),
        (closing(4999, "mine"), (4999, "mine")),
        (b"\x03".to_vec(), PROTOCOL),
        (closing(0, ""), PROTOCOL),
        (closing(999, ""), PROTOCOL),
        (closing(1004, ""), PROTOCOL),
        (closing(1005, ""), PROTOCOL),
        (closing(1006, ""), PROTOCOL),
        (closing(1015, ""), PROTOCOL),
        (closing(1016, ""), PROTOCOL),
        (closing(2999, ""), PROTOCOL),
        (closing(5000, ""), PROTOCOL),
        (closing(65_535, ""), PROTOCOL),
        (
            b"\x03\xe8\xce\xba\xe1\xbd\xb9\xed\xa0\x80".to_vec(),
            (1007, "Invalid payload data"),
        ),
    ] {
        let mut served = served().await;
        let mut client = served.connect().await;
        client.send(&frame(FIN | CLOSE, &payload)).await;
        closes_with(&mut client, want).await;
        assert_eq!(
            served.disconnected().await.0,
            u64::from(want.0),
            "{payload:x?}"
        );
    }
}

/// §7.1.1: the server ends the TCP connection at once when the client answers its close frame, and
/// also when it does not, after a while.
#[tokio::test]
async fn the_gateway_closes_and_the_client_answers() {
    let mut served = served().await;
    let mut client = served.connect().await;
    let id = served.only_id().parse().unwrap();
    served.gateway.close(id).unwrap();
    let close = client.frame().await;
    assert_eq!(close.opcode, CLOSE);
    client.send(&frame(FIN | CLOSE, &close.payload)).await;
    client.end().await;
    served.disconnected().await;
    // What a client still had on its way is read and not heard.
    let mut client = served.connect().await;
    let id = served.only_id().parse().unwrap();
    served.gateway.close(id).unwrap();
    served.disconnected().await;
    client.text("too late").await;
    assert_eq!(client.frame().await.opcode, CLOSE);
    served.gateway.shutdown().await;
    assert_eq!(served.script.called(), ["$disconnect", "$disconnect"]);
}

/// A close frame arrives behind everything that was sent before it, at a client that has much under
/// way: messages that nobody has answered yet, posts that it has not read, bytes that it still
/// sends.
#[tokio::test]
async fn a_close_arrives_behind_what_was_sent_before() {
    let wanted = api().two_way("$default", Does::Waits);
    let mut served = wanted
        .one_way("$disconnect", always(status(200)))
        .serve()
        .await;
    let mut client = served.connect().await;
    let id = served.only_id().parse().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..20 {
        client.text("a question").await;
        waiting.push(served.call_of("$default").await);
    }
    let post = bytes::Bytes::from("p".repeat(16 * 1024));
    for _ in 0..40 {
        served.gateway.post(id, &post).unwrap();
    }
    served.gateway.close(id).unwrap();
    for _ in 0..512 {
        client.send(&frame(FIN | TEXT, &[b'x'; 16 * 1024])).await;
    }
    for _ in 0..40 {
        assert_eq!(client.next_text().await.len(), post.len());
    }
    closes_with(&mut client, (1000, "Connection Closed Normally")).await;
    served.disconnected().await;
    for call in waiting {
        call.answer(body("too late"));
    }
}

/// §7.1.5: a client that ends its half of the TCP connection without a close frame is gone, even if
/// it would still read; so Netty, on which API Gateway seems to be built, takes it.
#[tokio::test]
async fn half_a_connection_is_none() {
    let mut served = served().await;
    let mut client = served.connect().await;
    client.half_close().await;
    assert_eq!(served.disconnected().await.0, 1006);
    client.end().await;
    assert!(served.gateway.connections().is_empty());
}

/// So is one that breaks off in the middle of a frame or of a message.
#[tokio::test]
async fn what_breaks_off_is_1006() {
    let whole = frame(FIN | TEXT, b"never whole");
    for part in [
        &whole[..1],
        &whole[..5],
        &whole[..whole.len() - 1],
        &frame(TEXT, b"first"),
    ] {
        let mut served = served().await;
        let mut client = served.connect().await;
        client.send(part).await;
        client.drop_tcp();
        assert_eq!(served.disconnected().await.0, 1006);
        assert_eq!(served.script.called(), ["$disconnect"], "{part:x?}");
    }
}
