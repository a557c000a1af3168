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
    assert!(world.history.sessions()[&bob.connection].ended_at.is_some());
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
async fn who_vanished_without_a_disconnect_leaves_with_the_lease() {
    let world = world();
    for name in ["ann", "bob"] {
        world.join(&user(name), "lobby").await;
    }
    for id in ["eve-1", "eve-2"] {
        world.join(&device("eve", id), "lobby").await;
    }
    let ping = r#"{"action":"ping","rooms":{"lobby":0}}"#;
    let step = Duration::from_secs(u64::from(settings().ping_seconds));
    let who_left = |events: Vec<Event>| {
        let is_left = |event: &Event| matches!(event, Event::Left { .. });
        events.into_iter().filter(is_left).collect::<Vec<_>>()
    };
    // Bob vanishes, and one of Eve's devices.
    for _ in 0..4 {
        tokio::time::advance(step).await;
        world.ok(&device("eve", "eve-2"), ping).await;
        world.ok(&user("ann"), ping).await;
    }
    assert_eq!(who_left(world.events("ann")), [left("lobby", "bob")]);
    assert_eq!(who_left(world.events("eve-2")), [left("lobby", "bob")]);
    // Then the other one of hers, between two messages that look at the list.
    for _ in 0..4 {
        tokio::time::advance(step).await;
        world.send(&user("ann"), "lobby", "anybody?").await;
        world.ok(&user("ann"), ping).await;
    }
    assert_eq!(
        who_left(world.events("ann")),
        [left("lobby", "bob"), left("lobby", "eve")]
    );
}

/// A room of so many users `u00`, `u01`, …
async fn crowd(world: &World, room: &str, count: usize) {
    for number in 0..count {
        world.join(&user(&format!("u{number:02}")), room).await;
    }
}

fn occupancies(world: &World, connection: &str) -> Vec<u64> {
    let events = world.events(connection).into_iter();
    let count = |event| match event {
        Event::Occupancy { count, .. } => Some(count),
        _ => None,
    };
    events.filter_map(count).collect()
}

#[tokio::test(start_paused = true)]
async fn in_a_room_of_more_than_fifty_nobody_is_told_of_anybody() {
    let world = world();
    crowd(&world, "lobby", 51).await;
    let joined = |event: &&Event| matches!(event, Event::Joined { .. });
    assert_eq!(world.events("u00").iter().filter(joined).count(), 49);
    let heard = world.events("u00").len();
    for frame in [
        r#"{"action":"typing","room":"lobby","on":true}"#,
        r#"{"action":"read","room":"lobby","seq":1}"#,
    ] {
        world.ok(&user("u50"), frame).await;
    }
    assert_eq!(world.events("u00").len(), heard);
    let leave = r#"{"action":"leave","room":"lobby"}"#;
    world.ok(&user("u50"), leave).await;
    assert_eq!(world.events("u00").last(), Some(&left("lobby", "u50")));
}

#[tokio::test(start_paused = true)]
async fn a_large_room_is_told_how_many_there_are_at_most_every_five_seconds() {
    let world = world();
    let other = world.another_process(settings());
    crowd(&world, "lobby", 60).await;
    // The first beyond fifty was news; the others came too soon.
    assert_eq!(occupancies(&world, "u00"), [51]);
    assert_eq!(occupancies(&world, "u50"), [51], "also to who came");
    tokio::time::advance(Duration::from_millis(4_999)).await;
    world.join(&user("late"), "lobby").await;
    assert_eq!(occupancies(&world, "u00"), [51]);
    // What came too soon is found out by a ping,
    tokio::time::advance(Duration::from_millis(1)).await;
    let ping = r#"{"action":"ping","rooms":{"lobby":0}}"#;
    world.ok(&user("u07"), ping).await;
    assert_eq!(occupancies(&world, "u00"), [51, 61]);
    // and what is no news is not said.
    tokio::time::advance(Duration::from_secs(10)).await;
    world.ok(&user("u08"), ping).await;
    assert_eq!(occupancies(&world, "u00"), [51, 61]);
    // Another function on the same stores keeps the same five seconds.
    let leave = r#"{"action":"leave","room":"lobby"}"#;
    tokio::time::advance(Duration::from_secs(5)).await;
    other.ok(&user("u09"), leave).await;
    world.ok(&user("u10"), leave).await;
    assert_eq!(occupancies(&world, "u00"), [51, 61, 60]);
}

#[tokio::test(start_paused = true)]
async fn the_larger_a_room_the_rarer_it_is_told_how_many_there_are() {
    let world = world();
    crowd(&world, "lobby", 1_000).await;
    tokio::time::advance(Duration::from_secs(5)).await;
    world.join(&user("a"), "lobby").await;
    assert_eq!(occupancies(&world, "u00"), [51, 1_001]);
    for (seconds, name, told) in [(5, "b", 2), (4, "c", 2), (2, "d", 3)] {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        world.join(&user(name), "lobby").await;
        assert_eq!(occupancies(&world, "u00").len(), told, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_shards_of_a_room_count_as_one() {
    let world = world();
    world
        .history
        .make("wide", gatepost_protocol::RoomKind::Public, 4);
    crowd(&world, "wide", 50).await;
    assert_eq!(occupancies(&world, "u00"), [0; 0]);
    let joined = |event: &&Event| matches!(event, Event::Joined { .. });
    assert_eq!(world.events("u00").iter().filter(joined).count(), 49);
    world.join(&user("late"), "wide").await;
    for number in 0..50 {
        assert_eq!(occupancies(&world, &format!("u{number:02}")), [51]);
    }
}

#[tokio::test(start_paused = true)]
async fn typing_is_told_to_the_others_and_kept_nowhere() {
    let world = world();
    for (name, connection) in [("ann", "a1"), ("ann", "a2"), ("bob", "bob")] {
        world.join(&device(name, connection), "lobby").await;
    }
    let typing = |on: bool| format!(r#"{{"action":"typing","room":"lobby","on":{on}}}"#);
    let until = |until| Event::Typing {
        room: "lobby".parse().unwrap(),
        user: user("ann").sender(),
        until,
    };
    let ann = device("ann", "a1");
    world.ok(&ann, &typing(true)).await;
    assert_eq!(world.events("bob").last(), Some(&until(START + 6_000)));
    assert_eq!(world.events("a2").last(), Some(&joined("lobby", "bob")));
    // More often says nothing new, from whichever device.
    let heard = world.events("bob").len();
    world.ok(&device("ann", "a2"), &typing(true)).await;
    tokio::time::advance(Duration::from_millis(2_999)).await;
    world.ok(&ann, &typing(false)).await;
    assert_eq!(world.events("bob").len(), heard);
    tokio::time::advance(Duration::from_millis(1)).await;
    world.ok(&ann, &typing(false)).await;
    assert_eq!(world.events("bob").last(), Some(&until(START + 3_000)));
    // In another room it is another hint.
    world.join(&user("bob"), "den").await;
    let den = r#"{"action":"typing","room":"den","on":true}"#;
    world.ok(&ann, den).await;
    assert_eq!(world.events("bob").len(), heard + 2);
}

#[tokio::test(start_paused = true)]
async fn who_may_not_read_a_room_neither_types_nor_reads_there() {
    let world = world();
    let private = gatepost_protocol::RoomKind::Private;
    world.history.make("den", private, 1);
    for frame in [
        r#"{"action":"typing","room":"den","on":true}"#,
        r#"{"action":"read","room":"den","seq":1}"#,
    ] {
        let refused = world.refused(&user("ann"), frame).await;
        assert_eq!(refused, Code::NotMember);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_read_is_kept_and_told_and_never_goes_back() {
    let world = world();
    let (phone, laptop) = (device("ann", "a1"), device("ann", "a2"));
    for caller in [&phone, &laptop, &user("bob")] {
        world.join(caller, "lobby").await;
    }
    for text in ["one", "two", "three"] {
        world.send(&user("bob"), "lobby", text).await;
    }
    let read = |seq: u64| format!(r#"{{"action":"read","room":"lobby","seq":{seq}}}"#);
    let told = |seq| Event::Read {
        room: "lobby".parse().unwrap(),
        user: user("ann").sender(),
        seq,
    };
    let of_reading = |connection: &str| {
        let mut events = world.events(connection);
        events.retain(|event| matches!(event, Event::Read { .. }));
        events
    };
    world.ok(&phone, &read(2)).await;
    assert_eq!(of_reading("bob"), [told(2)]);
    assert_eq!(of_reading("a2"), [told(2)], "the user's other device");
    assert_eq!(of_reading("a1"), []);
    // A lower one, or the same again, changes nothing.
    world.ok(&laptop, &read(1)).await;
    world.ok(&phone, &read(2)).await;
    assert_eq!(of_reading("bob"), [told(2)]);
    // A higher one comes too early, and is stored when it is repeated; not beyond the head.
    let early = world.act(&phone, &read(9)).await.outcome.unwrap_err();
    assert_eq!(
        (early.code, early.retry_after_ms),
        (Code::RateLimited, Some(2_000))
    );
    tokio::time::advance(Duration::from_secs(2)).await;
    world.ok(&phone, &read(9)).await;
    assert_eq!(of_reading("bob"), [told(2), told(3)]);
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
    assert!(world.history.sessions()[&bob.connection].ended_at.is_some());
}
