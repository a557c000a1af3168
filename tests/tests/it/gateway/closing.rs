//! Every way in which a connection ends; `$disconnect` is called once for each.

use super::client::BINARY;
use super::client::CLOSE;
use super::client::FIN;
use super::client::TEXT;
use super::client::closing;
use super::client::frame;
use super::script::Does;
use super::script::always;
use super::script::body;
use super::script::echo;
use super::script::function_error;
use super::script::status;
use super::served::PATIENCE;
use super::served::Served;
use super::served::Wanted;
use super::served::api;
use gatepost_gateway::ClosedBy;
use gatepost_gateway::What;

fn wanted() -> Wanted {
    api()
        .two_way("$default", echo())
        .one_way("$disconnect", always(status(200)))
}

async fn closed_by(served: &mut Served) -> ClosedBy {
    served
        .fact(|what| match what {
            What::Closed { by, .. } => Some(*by),
            _ => None,
        })
        .await
}

/// Developer Guide, "Input format of a Lambda function for proxy integration" has 1005 and its
/// reason; a tab that is closed sends 1001 without one (logged 2025); RFC 6455 §5.5.1: the status is
/// echoed, §7.1.1: the server ends the TCP connection.
#[tokio::test]
async fn a_close_of_the_client_is_echoed_and_passed_on() {
    let unset = "Client-side close frame status not set";
    for (payload, told, echoed) in [
        (vec![], (1005, unset), (1005, "")),
        (closing(1001, ""), (1001, ""), (1001, "")),
        (closing(1000, "bye"), (1000, "bye"), (1000, "bye")),
        (closing(4000, "é"), (4000, "é"), (4000, "é")),
    ] {
        let mut served = wanted().serve().await;
        let mut client = served.connect().await;
        client.send(&frame(FIN | CLOSE, &payload)).await;
        assert_eq!(client.closed().await, (echoed.0, echoed.1.to_owned()));
        assert_eq!(served.disconnected().await, (told.0, told.1.to_owned()));
        assert_eq!(closed_by(&mut served).await, ClosedBy::Client);
        assert_eq!(served.script.called(), ["$disconnect"]);
    }
}

/// RFC 6455 §7.1.5: 1006 stands for a connection that ended without a close frame.
#[tokio::test]
async fn a_dropped_connection_is_1006() {
    let mut served = wanted().serve().await;
    let mut client = served.connect().await;
    client.text("hi").await;
    client.next_text().await;
    client.drop_tcp();
    assert_eq!(served.disconnected().await.0, 1006);
    assert_eq!(closed_by(&mut served).await, ClosedBy::Network);
    assert!(served.gateway.connections().is_empty());
}

/// boto3 issue 3789: what `$disconnect` is told after `DELETE @connections`.
#[tokio::test]
async fn a_deleted_connection_is_closed_normally() {
    let mut served = wanted().serve().await;
    let mut client = served.connect().await;
    let path = format!("/local/@connections/{}", served.only_id());
    assert_eq!(served.http("DELETE", &path, b"").await.status, 204);
    let normally = "Connection Closed Normally".to_owned();
    assert_eq!(client.closed().await, (1000, normally.clone()));
    assert_eq!(served.disconnected().await, (1000, normally));
    assert_eq!(closed_by(&mut served).await, ClosedBy::Management);
    assert_eq!(served.http("DELETE", &path, b"").await.status, 410);
}

/// A close frame reaches a client that is still sending: the gateway reads on for a while, as a
/// socket closed with unread bytes is reset (RFC 6455 §7.1.1).
#[tokio::test]
async fn a_close_frame_reaches_a_client_that_is_sending() {
    let served = wanted().serve().await;
    let mut client = served.connect().await;
    client.send(&frame(FIN | BINARY, b"x")).await;
    for _ in 0..64 {
        client.send(&frame(FIN | TEXT, &[b'x'; 16 * 1024])).await;
    }
    assert_eq!(client.closed().await.0, 1003);
}

/// "`$disconnect` is best effort", but once; two causes at a time are one.
#[tokio::test]
async fn disconnect_is_called_once() {
    let mut served = wanted().serve().await;
    for _ in 0..50 {
        let mut client = served.connect().await;
        let id = served.gateway.connections()[0].id;
        served.gateway.close(id).unwrap();
        client.send(&frame(FIN | CLOSE, &closing(1000, ""))).await;
        client.drop_tcp();
        served.disconnected().await;
    }
    served.gateway.shutdown().await;
    assert_eq!(served.script.called().len(), 50);
}

/// The result of `$disconnect` is ignored.
#[tokio::test]
async fn a_disconnect_that_fails_changes_nothing() {
    for result in [function_error("boom"), body("never sent")] {
        let wanted = api().two_way("$disconnect", always(result));
        let mut served = wanted.serve().await;
        let mut client = served.connect().await;
        client.send(&frame(FIN | CLOSE, b"")).await;
        assert_eq!(client.closed().await, (1005, String::new()));
        served.disconnected().await;
    }
}

/// An answer that comes after the end is nobody's, and the function was not interrupted.
#[tokio::test]
async fn an_invocation_outlives_its_connection() {
    let wanted = api().two_way("$default", Does::Waits);
    let mut served = wanted
        .one_way("$disconnect", always(status(200)))
        .serve()
        .await;
    let mut client = served.connect().await;
    client.text("hi").await;
    let call = served.call().await;
    client.drop_tcp();
    served.disconnected().await;
    call.answer(body("late"));
    let done = |what: &What| match what {
        What::NotSent { len, .. } => Some(*len),
        _ => None,
    };
    assert_eq!(served.fact(done).await, "late".len());
}

/// Shutdown: every client gets 1001, every `$disconnect` is answered before it returns, nobody gets
/// in any more.
#[tokio::test]
async fn shutdown_closes_everybody_and_waits_for_disconnect() {
    let wanted = api().one_way("$disconnect", Does::Waits);
    let wanted = wanted.limits(|limits| limits.shutdown = PATIENCE * 2);
    let mut served = wanted.serve().await;
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(served.connect().await);
    }
    let gateway = served.gateway.clone();
    let shutdown = tokio::spawn(async move { gateway.shutdown().await });
    for client in &mut clients {
        assert_eq!(client.closed().await, (1001, "Going away".to_owned()));
    }
    drop(clients);
    for n in 0..10 {
        let call = served.call_of("$disconnect").await;
        assert!(!shutdown.is_finished(), "after {n} of 10");
        call.answer(status(200));
    }
    let stopped = tokio::time::timeout(PATIENCE, shutdown).await;
    stopped.expect("nothing is left to wait for").unwrap();
    assert!(served.gateway.connections().is_empty());
    assert_eq!(
        served.dial().await.handshake("/local", &[]).await.status,
        503
    );
}

/// A `$disconnect` that never answers does not hold shutdown for ever.
#[tokio::test]
async fn shutdown_is_bounded() {
    let wanted = api().one_way("$disconnect", Does::Waits);
    let wanted = wanted.limits(|limits| limits.shutdown = std::time::Duration::from_millis(100));
    let mut served = wanted.serve().await;
    let mut client = served.connect().await;
    served.gateway.shutdown().await;
    assert_eq!(client.closed().await.0, 1001);
    served.call_of("$disconnect").await;
}

/// A client whose `$connect` is answered while the gateway stops gets in, and out again.
#[tokio::test]
async fn shutdown_waits_for_a_connect_that_is_under_way() {
    let wanted = api()
        .one_way("$connect", Does::Waits)
        .one_way("$disconnect", always(status(200)));
    let mut served = wanted.serve().await;
    let mut client = served.dial().await;
    let handshake = tokio::spawn(async move {
        client.upgrade("/local", &[]).await;
        client
    });
    let connect = served.call().await;
    let gateway = served.gateway.clone();
    let shutdown = tokio::spawn(async move { gateway.shutdown().await });
    while served.http("GET", "/local", b"").await.status != 503 {}
    connect.answer(status(200));
    let mut client = handshake.await.unwrap();
    assert_eq!(client.closed().await, (1001, "Going away".to_owned()));
    drop(client);
    shutdown.await.unwrap();
    assert_eq!(served.script.called(), ["$connect", "$disconnect"]);
}
