//! Throttles: Developer Guide, "Quotas" (the account's, shared by all its APIs and `@connections`)
//! and "Throttle requests to your WebSocket API" (those of stages and routes).

use std::time::Duration;

use gatepost_gateway::AccountQuotas;
use gatepost_gateway::PostError;
use gatepost_gateway::Throttled;
use gatepost_gateway::What;
use gatepost_template::Throttle;

use super::client::Client;
use super::script::always;
use super::script::body;
use super::script::status;
use super::served::Served;
use super::served::Wanted;
use super::served::api;

/// A second: less often than a test takes.
const SELDOM: f64 = 0.001;
const UNTIL_THE_NEXT: Duration = Duration::from_secs(1_000);

/// Moves the machine's time.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

const TOO_MANY: &str = r#"{"message":"Too Many Requests"}"#;

/// Two two-way routes, and quotas of the account.
fn account(change: impl FnOnce(&mut AccountQuotas)) -> Wanted {
    let wanted = api()
        .two_way("$default", always(body("done")))
        .two_way("other", always(body("other")));
    wanted.account(change)
}

fn once(rate: f64) -> Throttle {
    Throttle {
        rate: Some(rate),
        burst: Some(1),
    }
}

/// A handshake that is refused with 429, as it was seen (`ServerlessNetworkingClients` issue 3).
async fn refused(served: &mut Served, quota: Throttled) {
    let mut client = served.dial().await;
    let answer = client.handshake("/local", &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (429, TOO_MANY));
    assert_eq!(
        answer.header("x-amzn-ErrorType"),
        Some("TooManyRequestsException")
    );
    let why = served.fact(|what| match what {
        What::Refused { status: 429, why } => Some(why.clone()),
        _ => None,
    });
    assert!(why.await.contains(quota.name()));
}

/// A message that is refused; the frame is a guess, the connection stays open.
async fn told_too_many(served: &mut Served, client: &mut Client, message: &str, quota: Throttled) {
    client.text(message).await;
    let frame = client.next_text().await;
    let (request, by) = served
        .fact(|what| match what {
            What::Throttled {
                request: Some(request),
                by,
            } => Some((*request, *by)),
            _ => None,
        })
        .await;
    assert_eq!(by, quota);
    let id = served.only_id();
    let expected = format!(
        r#"{{"message": "Too Many Requests", "connectionId":"{id}", "requestId":"{request}"}}"#
    );
    assert_eq!(frame, expected);
}

#[tokio::test]
async fn connections_beyond_the_accounts_rate_are_429() {
    let wanted = account(|account| account.connects_per_second = Some(SELDOM));
    let mut served = wanted.serve().await;
    let _first = served.connect().await;
    refused(&mut served, Throttled::Connects).await;
    assert_eq!(served.gateway.connections().len(), 1);
}

/// By the machine's time: a clock that is put forward does not help, waiting does.
#[tokio::test]
async fn throttles_go_by_the_time_of_who_sends() {
    let wanted = account(|account| account.connects_per_second = Some(SELDOM));
    let mut served = wanted.serve().await;
    let _first = served.connect().await;
    served.clock.advance(2 * UNTIL_THE_NEXT);
    refused(&mut served, Throttled::Connects).await;
    pass(UNTIL_THE_NEXT).await;
    served.connect().await;
}

/// "The account throttle is shared by … WebSocket APIs and WebSocket callback APIs".
#[tokio::test]
async fn handshakes_messages_and_posts_share_the_accounts_requests() {
    let mut served = account(|account| {
        account.requests_per_second = Some(SELDOM);
        account.requests_burst = 4;
    })
    .limits(|limits| limits.idle = Duration::MAX)
    .serve()
    .await;
    let mut client = served.connect().await;
    client.text("1").await;
    assert_eq!(client.next_text().await, "done");
    let path = format!("/local/@connections/{}", served.only_id());
    assert_eq!(served.http("POST", &path, b"2").await.status, 200);
    assert_eq!(client.next_text().await, "2");
    assert_eq!(served.http("GET", &path, b"").await.status, 200);

    told_too_many(&mut served, &mut client, "5", Throttled::Requests).await;
    for (method, text) in [("POST", &b"6"[..]), ("GET", b""), ("DELETE", b"")] {
        let answer = served.http(method, &path, text).await;
        assert_eq!((answer.status, answer.body.as_str()), (429, TOO_MANY));
        assert_eq!(
            answer.header("x-amzn-ErrorType"),
            Some("LimitExceededException")
        );
        let by = served.fact(|what| match what {
            What::Throttled { request: None, by } => Some(*by),
            _ => None,
        });
        assert_eq!(by.await, Throttled::Requests);
    }
    refused(&mut served, Throttled::Requests).await;

    pass(UNTIL_THE_NEXT).await;
    assert_eq!(served.http("DELETE", &path, b"").await.status, 204);
}

/// A client that does not read is 429 as well, and another thing: its text and its fact differ, and
/// nobody else is refused.
#[tokio::test]
async fn a_full_client_is_no_throttle() {
    let mut served = account(|account| account.requests_burst = 100_000)
        .limits(|limits| limits.out_queue = 1)
        .serve()
        .await;
    let _stalled = served.connect().await;
    let path = format!("/local/@connections/{}", served.only_id());
    let id = served.gateway.connections()[0].id;
    let text = bytes::Bytes::from(vec![b'x'; 128 * 1024]);
    while served.gateway.post(id, &text) != Err(PostError::QueueFull) {}
    let mut answer = served.http("POST", &path, &text).await;
    while answer.status == 200 {
        answer = served.http("POST", &path, &text).await;
    }
    assert_eq!(answer.status, 429);
    assert_eq!(answer.body, r#"{"message":"Client buffer is full"}"#);
    assert_eq!(
        answer.header("x-amzn-ErrorType"),
        Some("LimitExceededException")
    );
    let why = served.fact(|what| match what {
        What::NotSent { why, .. } => Some(*why),
        What::Throttled { .. } => panic!("it was throttled"),
        _ => None,
    });
    assert_eq!(why.await, gatepost_gateway::PostRefusal::QueueFull);
}

/// terraform-aws-apigateway-v2 issue 8: a stage that was created with 0 and 0 answers 429 to every
/// connect.
#[tokio::test]
async fn a_stage_with_throttles_of_nothing_refuses_every_connection() {
    let nothing = Throttle {
        rate: Some(0.0),
        burst: Some(0),
    };
    let wanted = account(|_| {}).change(|wanted| wanted.api.stages[0].default_throttle = nothing);
    let mut served = wanted.serve().await;
    for _ in 0..3 {
        refused(&mut served, Throttled::Stage).await;
    }
}

/// The stage's default is of each route by itself; a route's own settings win over it.
#[tokio::test]
async fn routes_are_throttled_one_by_one() {
    let wanted = account(|_| {}).change(|wanted| {
        let stage = &mut wanted.api.stages[0];
        stage.default_throttle = once(SELDOM);
        stage.route_throttles.insert("other".to_owned(), once(0.0));
    });
    let mut served = wanted.serve().await;
    let mut client = served.connect().await;
    client.text("1").await;
    assert_eq!(client.next_text().await, "done");
    told_too_many(&mut served, &mut client, "2", Throttled::Stage).await;
    let other = r#"{"action":"other"}"#;
    told_too_many(&mut served, &mut client, other, Throttled::Stage).await;
    assert_eq!(served.script.called(), ["$default"]);
    // The account's own bucket was not asked.
    assert_eq!(served.gateway.connections().len(), 1);
}

#[tokio::test]
async fn every_throttle_can_be_switched_off() {
    let wanted = account(|account| {
        account.connects_per_second = None;
        account.requests_per_second = None;
    })
    .one_way("$connect", always(status(200)))
    .limits(|limits| limits.stage_throttling = false)
    .change(|wanted| wanted.api.stages[0].default_throttle = once(0.0));
    let served = wanted.serve().await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(served.connect().await);
    }
    for client in &mut clients {
        client.text("1").await;
        assert_eq!(client.next_text().await, "done");
    }
}
