//! Clients that do not read.

use std::time::Duration;

use bytes::Bytes;

use super::client::FIN;
use super::client::PING;
use super::client::TEXT;
use super::client::frame;
use super::script::always;
use super::script::body;
use super::script::echo;
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
    let taken = fill(&served, id, &text);
    let answer = served
        .http("POST", &format!("/local/@connections/{id}"), &text)
        .await;
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

/// A client that sends and does not read is not read either: TCP slows it down, and the gateway
/// keeps no more than its queue.
#[tokio::test]
async fn a_client_that_only_sends_is_slowed_down() {
    let wanted = api().two_way("$default", always(body(&"y".repeat(16 * 1024))));
    let served = wanted
        .limits(|limits| limits.out_queue = 256 * 1024)
        .serve()
        .await;
    let mut client = served.connect().await;
    let message = frame(FIN | TEXT, &[b'x'; 1024]);
    let ping = frame(FIN | PING, &[b'p'; 100]);
    // Enough for every buffer between here and there to fill up.
    let flood = async {
        for _ in 0..20_000 {
            client.send(&message).await;
            client.send(&ping).await;
        }
    };
    let flooded = tokio::time::timeout(Duration::from_secs(2), flood).await;
    assert!(
        flooded.is_err(),
        "20 MB were taken from a client that does not read"
    );
    let waiting = served.gateway.connections()[0].waiting;
    assert!(waiting <= 256 * 1024 + 64 * 1024, "{waiting} bytes wait");
}

/// It goes on as soon as it reads.
#[tokio::test]
async fn a_client_that_reads_again_gets_everything() {
    let served = api().two_way("$default", echo()).serve().await;
    let client = served.connect().await;
    let (send, read) = client.split();
    let text = vec![b'x'; 16 * 1024];
    let one = frame(FIN | TEXT, &text);
    let sending = tokio::spawn(async move {
        let mut send = send;
        for _ in 0..500 {
            tokio::io::AsyncWriteExt::write_all(&mut send, &one)
                .await
                .unwrap();
        }
        send
    });
    let mut read = read;
    let mut left = 500 * (text.len() + 4);
    let mut buffer = vec![0; 64 * 1024];
    while left > 0 {
        let some = tokio::io::AsyncReadExt::read(&mut read, &mut buffer);
        let some = tokio::time::timeout(PATIENCE, some)
            .await
            .expect("bytes")
            .unwrap();
        assert!(some > 0);
        left -= some;
    }
    sending.await.unwrap();
}
