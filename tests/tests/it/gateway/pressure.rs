//! Clients that do not read.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

use super::client::FIN;
use super::client::TEXT;
use super::client::frame;
use super::script::Does;
use super::script::always;
use super::script::body;
use super::script::status;
use super::served::PATIENCE;
use super::served::Served;
use super::served::api;
use gatepost_gateway::Id;
use gatepost_gateway::PostError;

/// Posts until the client's queue is full; how many were taken.
fn fill(served: &Served, id: Id, text: &Bytes) -> usize {
    (0..10_000)
        .position(|_| served.gateway.post(id, text) == Err(PostError::QueueFull))
        .expect("a client that does not read fills up")
}

/// API reference, `PostToConnection`: 429 `LimitExceededException` when the client-side buffer is
/// full. Others are not delayed, and what was taken arrives once the client reads.
#[tokio::test]
async fn a_client_that_does_not_read_is_429_and_delays_nobody() {
    let served = api().serve().await;
    let mut stalled = served.connect().await;
    let id = served.gateway.connections()[0].id;
    let text = Bytes::from(vec![b'x'; 32 * 1024]);
    let mut taken = fill(&served, id, &text);
    // The kernel's buffers may still grow and take a little more.
    let path = format!("/local/@connections/{id}");
    let mut answer = served.http("POST", &path, &text).await;
    while answer.status == 200 {
        taken += 1;
        assert!(taken < 10_000, "it never fills up");
        answer = served.http("POST", &path, &text).await;
    }
    assert_eq!(answer.status, 429);
    assert_eq!(
        answer.header("x-amzn-ErrorType"),
        Some("LimitExceededException")
    );

    let mut reading = served.connect().await;
    let other = served
        .gateway
        .connections()
        .into_iter()
        .find(|c| c.id != id)
        .unwrap()
        .id;
    for _ in 0..100 {
        served
            .gateway
            .post(other, &Bytes::from_static(b"hi"))
            .unwrap();
        assert_eq!(reading.next_text().await, "hi");
    }
    for _ in 0..taken {
        assert_eq!(stalled.frame().await.payload.len(), text.len());
    }
    served
        .gateway
        .post(id, &Bytes::from_static(b"back"))
        .unwrap();
    assert_eq!(stalled.next_text().await, "back");
}

/// Such a client can be closed, and its `$disconnect` does not wait for it.
#[tokio::test]
async fn a_client_that_does_not_read_can_be_closed() {
    let wanted = api().one_way("$disconnect", always(status(200)));
    let mut served = wanted
        .limits(|limits| limits.close_wait = Duration::from_millis(50))
        .serve()
        .await;
    let _stalled = served.connect().await;
    let id = served.gateway.connections()[0].id;
    fill(&served, id, &Bytes::from(vec![b'x'; 32 * 1024]));
    served.gateway.close(id).unwrap();
    assert_eq!(served.disconnected().await.0, 1000);
    served.gateway.shutdown().await;
}

/// A client that sends and does not read is not read either: TCP slows it down, the gateway keeps
/// little more than its queue, and nothing is lost once the client reads.
#[tokio::test]
async fn a_client_that_only_sends_is_slowed_down() {
    const MESSAGES: usize = 2000;
    let answer = "y".repeat(16 * 1024);
    let wanted = api().two_way("$default", always(body(&answer)));
    let served = wanted
        .limits(|limits| limits.out_queue = 64 * 1024)
        .serve()
        .await;
    let (mut send, mut read) = served.connect().await.split();
    let sending = tokio::spawn(async move {
        let message = frame(FIN | TEXT, &[b'x'; 1024]);
        for _ in 0..MESSAGES {
            send.write_all(&message).await.unwrap();
        }
        send
    });
    // 32 MB of answers do not fit into what is between here and there.
    while served.gateway.connections()[0].waiting < 64 * 1024 {
        tokio::task::yield_now().await;
    }
    let mut left = MESSAGES * (answer.len() + 4);
    let mut buffer = vec![0; 64 * 1024];
    while left > 0 {
        let waiting = served.gateway.connections()[0].waiting;
        assert!(
            waiting <= 64 * 1024 + answer.len() + 4,
            "{waiting} bytes wait"
        );
        let some = tokio::time::timeout(PATIENCE, read.read(&mut buffer));
        let some = some.await.expect("bytes").unwrap();
        assert!(some > 0);
        left -= some;
    }
    assert_eq!(served.script.called().len(), MESSAGES);
    sending.await.unwrap();
}

/// Answers that come late are not lost either: who asked for them is not one who does not read.
#[tokio::test]
async fn late_answers_may_exceed_the_queue_of_posts() {
    let wanted = api().two_way("$default", Does::Waits);
    let mut served = wanted
        .limits(|limits| limits.out_queue = 1024 * 1024)
        .serve()
        .await;
    let mut client = served.connect().await;
    let mut calls = Vec::new();
    for _ in 0..100 {
        client.text("x").await;
        calls.push(served.call().await);
    }
    let answer = "y".repeat(120 * 1024);
    for call in calls {
        call.answer(body(&answer));
    }
    for _ in 0..100 {
        let mut len = 0;
        loop {
            let frame = client.frame().await;
            len += frame.payload.len();
            if frame.fin {
                break;
            }
        }
        assert_eq!(len, answer.len());
    }
}
