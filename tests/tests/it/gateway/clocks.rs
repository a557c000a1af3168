//! Idle connections and old ones: Developer Guide, "Quotas", has 10 minutes and 2 hours. The clock is
//! put forward; sockets are real.

use std::time::Duration;

use gatepost_clock::Clock;

use super::client::Client;
use super::client::FIN;
use super::client::PING;
use super::client::PONG;
use super::client::TEXT;
use super::client::frame;
use super::script::always;
use super::script::status;
use super::served::Served;
use super::served::Wanted;
use super::served::api;

const NEARLY_IDLE: Duration = Duration::from_secs(590);

fn wanted() -> Wanted {
    api()
        .one_way("$default", always(status(200)))
        .one_way("$disconnect", always(status(200)))
}

/// The connection is open: a ping is answered, and everything before it was taken.
async fn still_open(client: &mut Client) {
    client.send(&frame(FIN | PING, b"?")).await;
    let pong = client.frame().await;
    assert_eq!((pong.opcode, &pong.payload[..]), (PONG, &b"?"[..]));
}

/// The close that was logged of a real idle connection in February 2024.
async fn going_away(served: &mut Served, mut client: Client) {
    assert_eq!(client.closed().await, (1001, "Going away".to_owned()));
    drop(client);
    let told = served.disconnected().await;
    assert_eq!(told, (1001, "Going away".to_owned()));
}

/// Whether pings count is not known: they do not.
#[tokio::test]
async fn a_connection_without_messages_is_closed_after_ten_minutes() {
    let mut served = wanted().serve().await;
    let mut client = served.connect().await;
    served.clock.advance(NEARLY_IDLE);
    still_open(&mut client).await;
    served.clock.advance(Duration::from_secs(20));
    going_away(&mut served, client).await;
}

/// They do if one asks for it.
#[tokio::test]
async fn pings_can_be_made_to_count() {
    let wanted = wanted().limits(|limits| limits.pings_keep_alive = true);
    let mut served = wanted.serve().await;
    let mut client = served.connect().await;
    for _ in 0..3 {
        served.clock.advance(NEARLY_IDLE);
        still_open(&mut client).await;
    }
    served.clock.advance(Duration::from_secs(601));
    going_away(&mut served, client).await;
}

/// Messages of the client keep a connection open, answered or not, until it is two hours old.
#[tokio::test]
async fn messages_keep_a_connection_until_it_is_old() {
    let mut served = wanted().serve().await;
    let mut client = served.connect().await;
    for _ in 0..12 {
        served.clock.advance(NEARLY_IDLE);
        client.send(&frame(FIN | TEXT, b"x")).await;
        still_open(&mut client).await;
    }
    served.clock.advance(Duration::from_secs(130));
    going_away(&mut served, client).await;
}

/// Posts count as well: the direction does not matter (subscriptionless issue 3).
#[tokio::test]
async fn posts_keep_a_connection_until_it_is_old() {
    let mut served = wanted().serve().await;
    let mut client = served.connect().await;
    let id = served.gateway.connections()[0].id;
    for _ in 0..12 {
        served.clock.advance(NEARLY_IDLE);
        let text = bytes::Bytes::from_static(b"hi");
        served.gateway.post(id, &text).unwrap();
        assert_eq!(client.next_text().await, "hi");
    }
    served.clock.advance(Duration::from_secs(130));
    going_away(&mut served, client).await;
}

/// Its events then lie ten minutes apart, as on AWS.
#[tokio::test]
async fn time_can_be_made_to_run_faster() {
    let served = wanted().change(|wanted| wanted.clock = Clock::system(20_000.0));
    let mut served = served.serve().await;
    let mut client = served.connect().await;
    assert_eq!(client.closed().await, (1001, "Going away".to_owned()));
    let context = &served.call_of("$disconnect").await.event()["requestContext"];
    let ms = |name: &str| context[name].as_u64().unwrap();
    assert!(ms("requestTimeEpoch") - ms("connectedAt") >= 600_000);
}
