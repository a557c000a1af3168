//! How often and how much.

use std::time::Duration;

use gatepost_protocol::RoomKind;
use gatepost_store::Standing;

use super::*;
use crate::After;

fn limited(per_user: u32, per_room: u32) -> World {
    let rates = Rates { per_user, per_room };
    let settings = Settings {
        rates,
        ..settings()
    };
    World::new(settings, Turnstile::new(0))
}

/// The code of a refusal and when to repeat.
async fn refusal(world: &World, caller: &Caller, frame: &str) -> (Code, Option<u64>) {
    let refusal = world.act(caller, frame).await.outcome.unwrap_err();
    (refusal.code, refusal.retry_after_ms)
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_for_too_much_is_told_when_to_go_on() {
    let world = limited(1, 0);
    let ann = user("ann");
    // Five a second for every message a second, three seconds' worth at once.
    for _ in 0..15 {
        world.ok(&ann, r#"{"action":"ping"}"#).await;
    }
    for frame in [
        r#"{"action":"ping"}"#,
        r#"{"action":"hello"}"#,
        r#"{"action":"join","room":"lobby"}"#,
        r#"{"action":"history","room":"lobby"}"#,
        r#"{"action":"sync","rooms":{}}"#,
        r#"{"action":"who","room":"lobby"}"#,
        r#"{"action":"typing","room":"lobby","on":true}"#,
        r#"{"action":"read","room":"lobby","seq":1}"#,
    ] {
        let refused = refusal(&world, &ann, frame).await;
        assert_eq!(refused, (Code::RateLimited, Some(200)), "{frame}");
    }
    world.ok(&user("bob"), r#"{"action":"ping"}"#).await;
    tokio::time::advance(Duration::from_millis(200)).await;
    world.ok(&ann, r#"{"action":"ping"}"#).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_registry_nobody_is_kept_waiting() {
    let world = limited(1, 0);
    world
        .registry
        .is_away
        .store(true, std::sync::atomic::Ordering::SeqCst);
    for _ in 0..100 {
        world.ok(&user("ann"), r#"{"action":"ping"}"#).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_in_the_log_does_not_use_up_what_the_room_may() {
    let world = limited(0, 10);
    let ann = user("ann");
    world.join(&ann, "lobby").await;
    let numbered = r#"{"action":"send","room":"lobby","body":{"text":"hi"},"client":"0123456789abcdef","n":1}"#;
    world.ok(&ann, numbered).await;
    assert_eq!(world.registry.refunds(), 0);
    // Repeated, in conflict, muted, banned.
    world.ok(&ann, numbered).await;
    let conflict = numbered.replace("hi", "ho");
    assert_eq!(world.refused(&ann, &conflict).await, Code::Conflict);
    let muted = Standing::Muted(START + 60_000);
    world.history.set("lobby", "bob", &muted);
    world.history.set("lobby", "cy", &Standing::Banned(None));
    let hi = send("lobby", "hi");
    assert_eq!(world.refused(&user("bob"), &hi).await, Code::Muted);
    assert_eq!(world.refused(&user("cy"), &hi).await, Code::Banned);
    assert_eq!(world.registry.refunds(), 4);
    // Nobody knows what became of a send whose store went away.
    world
        .history
        .is_away
        .store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(world.refused(&ann, &hi).await, Code::Unavailable);
    assert_eq!(world.registry.refunds(), 4);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_given_back_before_the_reply() {
    let world = limited(0, 10);
    world.history.make("lobby", RoomKind::Public, 1);
    world.history.set("lobby", "cy", &Standing::Banned(None));
    let acted = world.act(&user("cy"), &send("lobby", "hi")).await;
    assert_eq!(world.registry.refunds(), 0);
    assert!(matches!(acted.after[..], [After::Refund { .. }]));
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_in_a_hundred_rooms_at_most() {
    let world = world();
    let ann = user("ann");
    for number in 0..100 {
        world.join(&ann, &format!("r{number}")).await;
    }
    let one_more = r#"{"action":"join","room":"r100"}"#;
    let (code, _) = refusal(&world, &ann, one_more).await;
    assert_eq!(code, Code::Forbidden);
    assert_eq!(world.registry.members("r100"), [""; 0]);
    // Not those it is in,
    world.join(&ann, "r0").await;
    // nor another connection of the user.
    world.join(&device("ann", "other"), "r100").await;
    world.ok(&ann, r#"{"action":"leave","room":"r7"}"#).await;
    world.join(&ann, "r100").await;
}

#[tokio::test(start_paused = true)]
async fn of_eleven_connections_the_one_heard_of_longest_ago_is_closed() {
    let world = world();
    let hello = r#"{"action":"hello"}"#;
    for number in 0..10 {
        world.ok(&device("ann", &format!("c{number}")), hello).await;
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let ping = r#"{"action":"ping"}"#;
    world.ok(&device("ann", "c0"), ping).await;
    assert_eq!(world.gateway.closed(), [""; 0]);
    world.ok(&device("ann", "c10"), hello).await;
    assert_eq!(world.gateway.closed(), ["c1"]);
    let bye = Event::Bye {
        code: gatepost_protocol::Farewell::Replaced,
        reconnect: false,
        after_ms: 0,
    };
    assert_eq!(world.events("c1"), [bye]);
}

#[tokio::test(start_paused = true)]
async fn whoever_joins_without_a_hello_counts_among_the_ten_connections() {
    let world = world();
    for number in 0..10 {
        world
            .join(&device("ann", &format!("c{number}")), "lobby")
            .await;
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(world.gateway.closed(), [""; 0]);
    world.join(&device("ann", "c10"), "lobby").await;
    assert_eq!(world.gateway.closed(), ["c0"]);
    world.join(&device("ann", "c10"), "attic").await;
    world.join(&user("bob"), "lobby").await;
    assert_eq!(world.gateway.closed(), ["c0"]);
}
