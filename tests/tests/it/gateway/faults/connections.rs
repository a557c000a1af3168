//! Faults of clients' connections: at the handshake, of frames, and of the connection itself.

use std::num::NonZeroUsize;

use gatepost_gateway::ClosedBy;
use gatepost_gateway::Fault;
use gatepost_gateway::Id;
use gatepost_gateway::Step;
use gatepost_gateway::What;
use http::StatusCode;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::super::client::CONTINUATION;
use super::super::client::FIN;
use super::super::client::PING;
use super::super::client::PONG;
use super::super::client::TEXT;
use super::super::client::frame;
use super::super::script::always;
use super::super::script::echo;
use super::super::script::status;
use super::super::served::Served;
use super::super::served::api;
use super::LATE;

#[tokio::test]
async fn a_refused_handshake_has_the_status_and_the_gateways_body() {
    for (status, body) in [
        (429, r#"{"message":"Too Many Requests"}"#),
        (403, r#"{"message":"Forbidden"}"#),
        (503, r#"{"message":"Service Unavailable"}"#),
    ] {
        let fault = Fault::Status(StatusCode::from_u16(status).unwrap());
        let served = api().fault(Step::Handshake, fault).serve().await;
        let answer = served.dial().await.handshake("/local", &[]).await;
        assert_eq!((answer.status, answer.body.as_str()), (status, body));
        served.connect().await;
    }
}

#[tokio::test]
async fn a_reset_handshake_resets_the_tcp_connection() {
    let served = api().fault(Step::Handshake, Fault::Reset).serve().await;
    let client = served.dial().await;
    let (mut write, mut read) = client.split();
    let request = "GET /local HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    write.write_all(request.as_bytes()).await.unwrap();
    let failed = read.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(failed.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_late_handshake_comes_late() {
    let served = api().late(Step::Handshake).serve().await;
    let began = Instant::now();
    served.connect().await;
    assert!(began.elapsed() >= LATE);
}

#[tokio::test]
async fn a_connection_can_die_as_soon_as_it_is_established() {
    let served = api()
        .one_way("$disconnect", always(status(200)))
        .fault(Step::Connected, Fault::Kill);
    let mut served = served.serve().await;
    let mut client = served.connect().await;
    client.end().await;
    assert_eq!(served.disconnected().await.0, 1006);
}

#[tokio::test]
async fn a_split_message_leaves_in_fragments() {
    let size = NonZeroUsize::new(4).unwrap();
    let served = api().two_way("$default", echo());
    let served = served.fault(Step::Frame, Fault::Split(size)).serve().await;
    let mut client = served.connect().await;
    client.text("0123456789").await;
    let mut frames = Vec::new();
    for _ in 0..3 {
        let frame = client.frame().await;
        let text = String::from_utf8(frame.payload).unwrap();
        frames.push((frame.fin, frame.opcode, text));
    }
    let wanted = [
        (false, TEXT, "0123"),
        (false, CONTINUATION, "4567"),
        (true, CONTINUATION, "89"),
    ];
    assert_eq!(
        frames,
        wanted.map(|(fin, opcode, text)| (fin, opcode, text.to_owned()))
    );
}

#[tokio::test]
async fn a_late_message_is_overtaken_and_still_comes() {
    let served = api().two_way("$default", echo());
    let served = served.late(Step::Frame).serve().await;
    let mut client = served.connect().await;
    client.text("late").await;
    client.text("in time").await;
    assert_eq!(client.next_text().await, "in time");
    assert_eq!(client.next_text().await, "late");
}

#[tokio::test]
async fn a_message_can_be_lost_or_doubled_on_its_way_to_the_client() {
    for (fault, wanted) in [
        (Fault::Drop, &["two"][..]),
        (Fault::Duplicate, &["one", "one", "two"]),
    ] {
        let served = api().two_way("$default", echo());
        let served = served.fault(Step::Frame, fault).serve().await;
        let mut client = served.connect().await;
        client.text("one").await;
        client.text("two").await;
        for text in wanted {
            assert_eq!(client.next_text().await, *text);
        }
    }
}

/// A served API with a `$disconnect`, and a client.
async fn connected() -> (Served, super::super::client::Client, Id) {
    let served = api()
        .two_way("$default", echo())
        .one_way("$disconnect", always(status(200)))
        .serve()
        .await;
    let mut client = served.connect().await;
    client.text("there").await;
    client.next_text().await;
    let id = served.only_id().parse().unwrap();
    (served, client, id)
}

#[tokio::test]
async fn a_killed_connection_ends_without_a_close_frame() {
    let (mut served, mut client, id) = connected().await;
    served.gateway.strike(id, &Fault::Kill).unwrap();
    client.end().await;
    assert_eq!(
        served.disconnected().await,
        (1006, "Abnormal closure".to_owned())
    );
}

#[tokio::test]
async fn a_connection_is_closed_with_the_code_that_the_rule_says() {
    let (mut served, mut client, id) = connected().await;
    let fault = Fault::Close(4000, "on purpose".to_owned());
    served.gateway.strike(id, &fault).unwrap();
    assert_eq!(client.closed().await, (4000, "on purpose".to_owned()));
    assert_eq!(served.disconnected().await.0, 4000);
}

#[tokio::test]
async fn an_idled_out_connection_is_closed_as_after_ten_minutes() {
    let (mut served, mut client, id) = connected().await;
    served.gateway.strike(id, &Fault::IdleOut).unwrap();
    assert_eq!(client.closed().await, (1001, "Going away".to_owned()));
    assert_eq!(served.disconnected().await, (1001, "Going away".to_owned()));
}

#[tokio::test]
async fn a_half_open_connection_neither_answers_nor_ends() {
    let served = api()
        .two_way("$default", echo())
        .limits(|limits| limits.idle = std::time::Duration::from_millis(300));
    let mut served = served.serve().await;
    let mut client = served.connect().await;
    let id: Id = served.only_id().parse().unwrap();
    client.send(&frame(FIN | PING, b"before")).await;
    assert_eq!(client.frame().await.opcode, PONG);
    served.gateway.strike(id, &Fault::HalfOpen).unwrap();
    // The gateway takes posts, as it does until it notices on AWS.
    served.gateway.post(id, &"lost".into()).unwrap();
    client.text("lost, too").await;
    client.send(&frame(FIN | PING, b"after")).await;
    let by = served
        .fact(|what| match what {
            What::Closed { by, .. } => Some(*by),
            _ => None,
        })
        .await;
    assert_eq!(by, ClosedBy::Gateway, "it ended here as an idle one");
    assert!(served.gateway.post(id, &"gone".into()).is_err());
    // The client has got nothing, not even an end.
    let (_write, mut read) = client.split();
    let mut byte = [0];
    let nothing = tokio::time::timeout(LATE, read.read(&mut byte)).await;
    assert!(nothing.is_err(), "{nothing:?}");
    assert!(served.script.called().is_empty());
}

#[tokio::test]
async fn who_is_gone_cannot_be_struck() {
    let (mut served, client, id) = connected().await;
    client.drop_tcp();
    served.disconnected().await;
    assert!(served.gateway.strike(id, &Fault::Kill).is_err());
}
