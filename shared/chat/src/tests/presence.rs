//! `joined`, `left` and connections that end.

use gatepost_protocol::Event;

use super::*;

fn joined(room: &str, name: &str) -> Event {
    Event::Joined {
        room: room.parse().unwrap(),
        user: user(name).sender(),
    }
}

fn left(room: &str, name: &str) -> Event {
    Event::Left {
        room: room.parse().unwrap(),
        user: user(name).sender(),
    }
}

#[tokio::test(start_paused = true)]
async fn the_others_are_told_of_the_first_device_and_the_last() {
    let world = world();
    world.join(&user("ann"), "lobby").await;
    world.join(&device("bob", "b1"), "lobby").await;
    world.join(&device("bob", "b2"), "lobby").await;
    assert_eq!(world.events("ann"), [joined("lobby", "bob")]);
    let leave = r#"{"action":"leave","room":"lobby"}"#;
    world.ok(&device("bob", "b1"), leave).await;
    assert_eq!(world.events("ann").len(), 1);
    world.ok(&device("bob", "b2"), leave).await;
    assert_eq!(
        world.events("ann"),
        [joined("lobby", "bob"), left("lobby", "bob")]
    );
    assert_eq!(world.events("b1"), []);
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_is_removed_at_once_and_announced_by_a_worker() {
    let world = world();
    let bob = user("bob");
    world.join(&user("ann"), "lobby").await;
    world
        .ok(
            &bob,
            r#"{"action":"hello","resume":{"lobby":{"epoch":7,"seq":0}}}"#,
        )
        .await;
    world.chat.disconnected(&bob.connection).await;
    assert_eq!(world.registry.members("lobby"), ["ann|ann"]);
    assert!(!world.history.sessions.lock().unwrap()[&bob.connection].1);
    assert_eq!(world.events("ann"), [joined("lobby", "bob")]);
    assert_eq!(world.work().await, 1);
    assert_eq!(
        world.events("ann"),
        [joined("lobby", "bob"), left("lobby", "bob")]
    );
    // A second $disconnect says nothing more.
    world.chat.disconnected(&bob.connection).await;
    assert_eq!(world.work().await, 0);
}

#[tokio::test(start_paused = true)]
async fn who_is_back_before_the_others_are_told_did_not_leave() {
    let world = world();
    world.join(&user("ann"), "lobby").await;
    world.join(&device("bob", "old"), "lobby").await;
    world
        .chat
        .disconnected(&device("bob", "old").connection)
        .await;
    world.join(&device("bob", "new"), "lobby").await;
    world.work().await;
    assert!(!world.events("ann").contains(&left("lobby", "bob")));
}

#[tokio::test(start_paused = true)]
async fn in_a_room_of_more_than_fifty_nobody_is_told() {
    let world = world();
    for number in 0..51 {
        world.join(&user(&format!("u{number:02}")), "lobby").await;
    }
    assert_eq!(world.events("u00").len(), 49);
    world
        .ok(&user("u50"), r#"{"action":"leave","room":"lobby"}"#)
        .await;
    assert_eq!(world.events("u00").len(), 50);
}

#[tokio::test(start_paused = true)]
async fn an_old_connection_that_closes_late_takes_nothing_from_the_new_one() {
    let world = world();
    let (old, new) = (device("bob", "old"), device("bob", "new"));
    world.join(&old, "lobby").await;
    world.join(&new, "lobby").await;
    world.chat.disconnected(&old.connection).await;
    world.work().await;
    world.send(&user("ann"), "lobby", "hi").await;
    assert_eq!(world.pushed("new"), ["hi"]);
    assert_eq!(world.pushed("old"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn who_was_in_no_room_leaves_without_a_worker() {
    let world = world();
    let bob = user("bob");
    world.ok(&bob, r#"{"action":"hello"}"#).await;
    world.chat.disconnected(&bob.connection).await;
    assert_eq!(world.work().await, 0);
    assert_eq!(world.registry.known(), 0);
    assert!(!world.history.sessions.lock().unwrap()[&bob.connection].1);
}
