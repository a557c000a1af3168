//! How many connections are used, and when a request is sent again.

use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use gatepost_gateway_client::Connections as _;
use gatepost_gateway_client::Limits;
use gatepost_gateway_client::Payload;
use gatepost_gateway_client::PostError;
use gatepost_protocol::ConnectionId;

use crate::server::Does;
use crate::server::Server;
use crate::server::hurried;

fn id() -> ConnectionId {
    "L0SM9cOFvHcCIhw=".parse().unwrap()
}

#[tokio::test]
async fn posts_one_after_the_other_share_a_connection() {
    let server = Server::start(&[Does::Answers(200, ""), Does::Answers(410, "some body")]).await;
    let gateway = server.gateway();
    let payload = Payload::new("x");
    gateway.post(&id(), &payload).await.unwrap();
    for _ in 0..50 {
        assert!(matches!(
            gateway.post(&id(), &payload).await,
            Err(PostError::Gone)
        ));
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn posts_at_the_same_time_use_no_more_connections_than_allowed() {
    let server = Server::start(&[Does::Answers(200, "")]).await;
    let gateway = server.gateway_within(Limits {
        connections: 4,
        ..Limits::default()
    });
    let payload = Payload::new("x");
    let to = id();
    for _ in 0..3 {
        let posts = join_all((0..40).map(|_| gateway.post(&to, &payload))).await;
        assert!(posts.iter().all(Result::is_ok));
    }
    assert_eq!(server.connections(), 4);
}

#[tokio::test]
async fn a_post_on_a_connection_closed_meanwhile_is_sent_again_on_a_new_one() {
    let mut server =
        Server::start(&[Does::Answers(200, ""), Does::Resets, Does::Answers(200, "")]).await;
    let gateway = server.gateway();
    let payload = Payload::new("x");
    gateway.post(&id(), &payload).await.unwrap();
    gateway.post(&id(), &payload).await.unwrap();
    assert_eq!(server.connections(), 2);
    for _ in 0..3 {
        assert_eq!(server.requests.recv().await.unwrap().body, "x");
    }
}

#[tokio::test]
async fn a_connection_that_the_server_closed_after_an_answer_does_no_harm() {
    let mut server = Server::start(&[Does::AnswersAndCloses(200)]).await;
    let gateway = server.gateway();
    for round in 1..=5 {
        gateway.post(&id(), &Payload::new("x")).await.unwrap();
        server
            .ended
            .wait_for(|ended| *ended >= round)
            .await
            .unwrap();
    }
    assert_eq!(server.connections(), 5);
}

#[tokio::test]
async fn a_post_is_sent_again_once_and_no_more() {
    let mut server = Server::start(&[Does::Answers(200, ""), Does::Resets]).await;
    let gateway = server.gateway();
    gateway.post(&id(), &Payload::new("x")).await.unwrap();
    let second = gateway.post(&id(), &Payload::new("y")).await;
    assert!(
        matches!(second, Err(PostError::Unreachable(_))),
        "{second:?}"
    );
    for body in ["x", "y", "y"] {
        assert_eq!(server.requests.recv().await.unwrap().body, body);
    }
    assert!(server.requests.try_recv().is_err());
}

#[tokio::test]
async fn a_post_that_is_not_answered_in_time_is_not_sent_again() {
    let mut server = Server::start(&[Does::Answers(200, ""), Does::Hangs]).await;
    let gateway = server.gateway_within(hurried());
    gateway.post(&id(), &Payload::new("x")).await.unwrap();
    let second = gateway.post(&id(), &Payload::new("y")).await;
    assert!(
        matches!(second, Err(PostError::Unreachable(_))),
        "{second:?}"
    );
    for body in ["x", "y"] {
        assert_eq!(server.requests.recv().await.unwrap().body, body);
    }
    assert!(server.requests.try_recv().is_err());
    server.ended.wait_for(|ended| *ended == 1).await.unwrap();
}

#[tokio::test]
async fn a_connection_older_than_the_idle_limit_is_not_used_again() {
    let server = Server::start(&[Does::Answers(200, "")]).await;
    let gateway = server.gateway();
    let payload = Payload::new("x");
    for (at, connections) in [(0, 1), (20_000, 1), (40_000, 1), (60_001, 2), (60_002, 2)] {
        server.time.store(at, Ordering::SeqCst);
        gateway.post(&id(), &payload).await.unwrap();
        assert_eq!(server.connections(), connections, "at {at} ms");
    }
}
