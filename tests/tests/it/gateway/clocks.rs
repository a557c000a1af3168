//! Idle connections and old ones. Developer Guide, "Quotas": 10 minutes and 2 hours; here divided by
//! `time_scale`. What flows meanwhile is as fast as it can be, so that nothing has to be timed.

use std::time::Duration;
use std::time::Instant;

use super::client::CLOSE;
use super::client::Client;
use super::client::FIN;
use super::client::PING;
use super::client::frame;
use super::script::always;
use super::script::echo;
use super::script::status;
use super::served::PATIENCE;
use super::served::Served;
use super::served::Wanted;
use super::served::api;

/// Idle after 150 ms, old after 1.8 s: both 4,000 times faster than on AWS.
fn wanted() -> Wanted {
    let wanted = api()
        .two_way("$default", echo())
        .one_way("$disconnect", always(status(200)));
    wanted.change(|wanted| wanted.time_scale = 4000.0)
}

const IDLE: Duration = Duration::from_millis(150);
const OLD: Duration = Duration::from_millis(1800);

/// Keeps on with `step` until the gateway closes.
async fn until_closed(client: &mut Client, step: &[u8]) {
    loop {
        client.send(step).await;
        let frame = client.frame().await;
        if frame.opcode == CLOSE {
            assert_eq!(frame.payload, super::client::closing(1001, "Going away"));
            return;
        }
    }
}

async fn going_away(served: &mut Served) {
    assert_eq!(served.disconnected().await, (1001, "Going away".to_owned()));
}

/// The real close came with 1001 `Going away` (logged February 2024).
#[tokio::test]
async fn an_idle_connection_is_closed() {
    let mut served = wanted().serve().await;
    let began = Instant::now();
    let mut client = served.connect().await;
    assert_eq!(client.closed().await, (1001, "Going away".to_owned()));
    assert!(began.elapsed() >= IDLE);
    going_away(&mut served).await;
}

/// Messages of the client keep a connection open until it is old, answered or not; the ping behind
/// each is there to have something to read.
#[tokio::test]
async fn messages_keep_a_connection_until_it_is_old() {
    let wanted = wanted().one_way("silent", always(status(200)));
    let mut served = wanted.serve().await;
    let began = Instant::now();
    let mut client = served.connect().await;
    let silent = frame(0x81, br#"{"action":"silent"}"#);
    let step = [silent, frame(FIN | PING, b"")].concat();
    until_closed(&mut client, &step).await;
    assert!(began.elapsed() >= OLD);
    going_away(&mut served).await;
}

/// Posts count as well: the direction does not matter (subscriptionless issue 3).
#[tokio::test]
async fn posts_keep_a_connection_until_it_is_old() {
    let mut served = wanted().serve().await;
    let began = Instant::now();
    let mut client = served.connect().await;
    let id = served.gateway.connections()[0].id;
    let text = bytes::Bytes::from_static(b"still there");
    while served.gateway.post(id, &text).is_ok() && client.frame().await.opcode != CLOSE {}
    assert!(began.elapsed() >= OLD);
    going_away(&mut served).await;
}

/// Whether pings count is not known; they do not, unless one asks for it.
#[tokio::test]
async fn pings_count_only_if_they_are_made_to() {
    // Never old: only idleness can end it.
    let young = wanted().limits(|limits| limits.lifetime *= 1000);
    let mut served = young.serve().await;
    let mut client = served.connect().await;
    let ping = frame(FIN | PING, b"");
    let closed = tokio::time::timeout(PATIENCE, until_closed(&mut client, &ping));
    closed.await.expect("pings do not keep it open");
    going_away(&mut served).await;

    let wanted = wanted().limits(|limits| limits.pings_keep_alive = true);
    let mut served = wanted.serve().await;
    let began = Instant::now();
    let mut client = served.connect().await;
    until_closed(&mut client, &frame(FIN | PING, b"")).await;
    assert!(began.elapsed() >= OLD);
    going_away(&mut served).await;
}
