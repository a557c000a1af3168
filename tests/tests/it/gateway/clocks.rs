//! Idle connections and old ones: Developer Guide, "Quotas", has 10 minutes and 2 hours. Time is made
//! to pass; sockets are real.

use std::time::Duration;

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

/// Moves the clock of deadlines.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
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
    pass(NEARLY_IDLE).await;
    still_open(&mut client).await;
    pass(Duration::from_secs(20)).await;
    going_away(&mut served, client).await;
}

/// They do if one asks for it.
#[tokio::test]
async fn pings_can_be_made_to_count() {
    let wanted = wanted().limits(|limits| limits.pings_keep_alive = true);
    let mut served = wanted.serve().await;
    let mut client = served.connect().await;
    for _ in 0..3 {
        pass(NEARLY_IDLE).await;
        still_open(&mut client).await;
    }
    pass(Duration::from_secs(601)).await;
    going_away(&mut served, client).await;
}

/// Messages of the client keep a connection open, answered or not, until it is two hours old.
#[tokio::test]
async fn messages_keep_a_connection_until_it_is_old() {
    let mut served = wanted().serve().await;
    let mut client = served.connect().await;
    for _ in 0..12 {
        pass(NEARLY_IDLE).await;
        client.send(&frame(FIN | TEXT, b"x")).await;
        still_open(&mut client).await;
    }
    pass(Duration::from_secs(130)).await;
    going_away(&mut served, client).await;
}

/// Posts count as well: the direction does not matter (subscriptionless issue 3).
#[tokio::test]
async fn posts_keep_a_connection_until_it_is_old() {
    let mut served = wanted().serve().await;
    let mut client = served.connect().await;
    let id = served.gateway.connections()[0].id;
    for _ in 0..12 {
        pass(NEARLY_IDLE).await;
        let text = bytes::Bytes::from_static(b"hi");
        served.gateway.post(id, &text).unwrap();
        assert_eq!(client.next_text().await, "hi");
    }
    pass(Duration::from_secs(130)).await;
    going_away(&mut served, client).await;
}

/// `time_scale` divides both.
#[tokio::test]
async fn time_can_be_made_to_run_faster() {
    let served = wanted().change(|wanted| wanted.time_scale = 20.0);
    let mut served = served.serve().await;
    let mut client = served.connect().await;
    pass(Duration::from_secs(15)).await;
    still_open(&mut client).await;
    pass(Duration::from_secs(16)).await;
    going_away(&mut served, client).await;
}
