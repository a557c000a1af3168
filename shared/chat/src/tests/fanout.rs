//! One worker and connections that misbehave.

use std::time::Duration;

use gatepost_protocol::RoomKind;
use gatepost_protocol::Seq;
use tokio::time::Instant;

use super::gateway::Manner;
use super::*;
use crate::Task;

async fn room_of(world: &World, names: impl IntoIterator<Item = String>) {
    for name in names {
        world
            .act(&user(&name), r#"{"action":"join","room":"lobby"}"#)
            .await;
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("u{number:03}")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_gone_is_removed_and_its_rooms_are_told_by_a_worker() {
    let world = world();
    room_of(&world, names(3)).await;
    world.gateway.is("u001", Manner::Gone);
    world.send(&user("u000"), "lobby", "hi").await;
    assert_eq!(world.registry.members("lobby"), ["u000|u000", "u002|u002"]);
    assert!(matches!(&world.gateway.take_tasks()[..], [Task::Left { gone }] if gone.len() == 1));
    world.send(&user("u000"), "lobby", "ho").await;
    assert_eq!(world.pushed("u002"), ["hi", "ho"]);
}

#[tokio::test(start_paused = true)]
async fn at_most_thirty_two_posts_are_under_way_and_each_goes_once_to_each() {
    let world = world();
    room_of(&world, names(200)).await;
    for name in names(200) {
        world
            .gateway
            .is(&name, Manner::Takes(Duration::from_millis(10)));
    }
    let begun = Instant::now();
    world.send(&user("u000"), "lobby", "hi").await;
    assert_eq!(world.gateway.posts(), 200);
    assert_eq!(world.gateway.most_under_way(), 32);
    assert_eq!(begun.elapsed().as_millis(), 70);
}

#[tokio::test(start_paused = true)]
async fn one_slow_connection_delays_nobody_else() {
    let world = world();
    room_of(&world, names(10)).await;
    world
        .gateway
        .is("u005", Manner::Takes(Duration::from_millis(900)));
    let begun = Instant::now();
    world.send(&user("u000"), "lobby", "hi").await;
    for name in names(10).iter().filter(|name| *name != "u005") {
        assert_eq!(world.gateway.arrivals(name), [begun], "{name}");
    }
    assert_eq!(
        world.gateway.arrivals("u005"),
        [begun + Duration::from_millis(900)]
    );
}

#[tokio::test(start_paused = true)]
async fn who_waits_behind_a_slow_connection_waits_a_fifth_of_a_second_once() {
    let world = world();
    room_of(&world, names(3)).await;
    world.gateway.is("u001", Manner::Hangs);
    let begun = Instant::now();
    let mut senders = Vec::new();
    for number in 0..10 {
        let (world, text) = (world.clone(), number.to_string());
        senders.push(tokio::spawn(async move {
            world.send(&user("u000"), "lobby", &text).await
        }));
    }
    for sender in senders {
        sender.await.unwrap();
    }
    let arrivals = world.gateway.arrivals("u002");
    assert!(
        arrivals
            .iter()
            .all(|at| *at <= begun + Duration::from_millis(250)),
        "{arrivals:?}"
    );
    assert_eq!(world.pushed("u002").len(), 10);
}

#[tokio::test(start_paused = true)]
async fn who_hangs_is_left_alone_for_a_while_and_then_tried_again() {
    let world = world();
    room_of(&world, names(2)).await;
    world.gateway.is("u001", Manner::Hangs);
    world.send(&user("u000"), "lobby", "one").await;
    let begun = Instant::now();
    world.send(&user("u000"), "lobby", "two").await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    world.gateway.is("u001", Manner::Takes(Duration::ZERO));
    tokio::time::advance(Duration::from_secs(5)).await;
    world.send(&user("u000"), "lobby", "three").await;
    assert_eq!(world.pushed("u001"), ["three"]);
    world.send(&user("u000"), "lobby", "four").await;
    assert_eq!(world.pushed("u001"), ["three", "four"]);
}

#[tokio::test(start_paused = true)]
async fn one_client_that_does_not_read_gets_its_posts_again_while_nobody_waits_for_it() {
    let world = world();
    room_of(&world, names(3)).await;
    world.gateway.is("u001", Manner::Throttled(2));
    let begun = Instant::now();
    let acted = world.act(&user("u000"), &send("lobby", "one")).await;
    let chat = Arc::clone(&world.chat);
    let worker = tokio::spawn(async move { chat.after(acted.after, deadline()).await });
    super::turnstile::settle().await;
    assert!(
        !world.registry.is_held("lobby"),
        "the lease is free while the posts are repeated"
    );
    assert_eq!(world.gateway.arrivals("u002"), [begun]);
    worker.await.unwrap();
    assert_eq!(world.pushed("u001"), ["one"]);
    assert!(begun.elapsed() <= Duration::from_millis(200));
}

#[tokio::test(start_paused = true)]
async fn when_the_gateway_throttles_everybody_gets_everything_by_and_by() {
    let world = world();
    room_of(&world, names(100)).await;
    world.gateway.throttle(100);
    world.send(&user("u000"), "lobby", "hi").await;
    world.work().await;
    for name in names(100) {
        assert!(world.pushed(&name).contains(&String::from("hi")), "{name}");
    }
    // Two thirds of what was asked of the gateway got through, at the least.
    assert!(
        world.gateway.posts() < 400,
        "{} posts",
        world.gateway.posts()
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_while_a_worker_posts_leaves_the_entry_to_it() {
    let world = world();
    room_of(&world, names(2)).await;
    world
        .gateway
        .is("u001", Manner::Takes(Duration::from_millis(50)));
    let first = world.act(&user("u000"), &send("lobby", "one")).await;
    let chat = Arc::clone(&world.chat);
    let worker = tokio::spawn(async move { chat.after(first.after, deadline()).await });
    super::turnstile::settle().await;
    let before = world.gateway.posts();
    let begun = Instant::now();
    for text in ["two", "three"] {
        world.send(&user("u000"), "lobby", text).await;
    }
    assert_eq!(
        (world.gateway.posts(), begun.elapsed()),
        (before, Duration::ZERO)
    );
    worker.await.unwrap();
    assert_eq!(world.pushed("u001"), ["one", "two", "three"]);
    assert_eq!(
        world.gateway.frames("u001").len(),
        2,
        "what came meanwhile goes in one frame"
    );
    assert!(!world.registry.is_held("lobby"));
}

#[tokio::test(start_paused = true)]
async fn when_time_runs_out_another_worker_goes_on() {
    let world = world();
    room_of(&world, names(200)).await;
    for name in names(200) {
        world
            .gateway
            .is(&name, Manner::Takes(Duration::from_millis(500)));
    }
    let begun = Instant::now();
    world.send(&user("u000"), "lobby", "hi").await;
    assert!(
        begun.elapsed() < Duration::from_millis(2_500),
        "{:?}",
        begun.elapsed()
    );
    assert!(!world.registry.is_held("lobby"));
    assert_eq!(
        world.registry.cursor("lobby"),
        Some(0),
        "not all were served"
    );
    assert_eq!(world.work().await, 1);
    for name in names(200) {
        assert!(world.pushed(&name).contains(&String::from("hi")), "{name}");
    }
    assert_eq!(world.registry.cursor("lobby"), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_worker_stops_in_time_for_a_deadline_that_is_near() {
    let world = world();
    room_of(&world, names(200)).await;
    for name in names(200) {
        world
            .gateway
            .is(&name, Manner::Takes(Duration::from_millis(500)));
    }
    let acted = world.act(&user("u000"), &send("lobby", "hi")).await;
    let begun = Instant::now();
    world
        .chat
        .after(acted.after, begun + Duration::from_millis(1_300))
        .await;
    assert!(
        begun.elapsed() <= Duration::from_millis(1_300),
        "{:?}",
        begun.elapsed()
    );
    assert!(matches!(
        &world.gateway.take_tasks()[..],
        [Task::Drain { hops: 0, .. }]
    ));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_lost_its_lease_stops() {
    let world = world();
    room_of(&world, names(200)).await;
    for name in names(200) {
        world
            .gateway
            .is(&name, Manner::Takes(Duration::from_millis(900)));
    }
    let acted = world.act(&user("u000"), &send("lobby", "hi")).await;
    let task = Task::Drain {
        room: "lobby".parse().unwrap(),
        shard: 0,
        hops: 0,
    };
    world.registry_head("lobby", 1).await;
    drop(acted);
    let chat = Arc::clone(&world.chat);
    let worker = tokio::spawn(async move { chat.work(task, deadline()).await });
    super::turnstile::settle().await;
    world.registry.steal("lobby");
    worker.await.unwrap().unwrap();
    // One renewal is due every 2.5 seconds, at 32 posts in 0.9.
    assert!(
        world.gateway.posts() <= 4 * 32,
        "{} posts",
        world.gateway.posts()
    );
    assert_eq!(world.registry.cursor("lobby"), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_takes_nothing_holds_the_cursor_where_it_is() {
    let world = world();
    room_of(&world, names(5)).await;
    world.gateway.forbid(true);
    world.send(&user("u000"), "lobby", "one").await;
    assert!(!world.registry.is_held("lobby"));
    assert_eq!(world.registry.cursor("lobby"), Some(0));
    let task = Task::Drain {
        room: "lobby".parse().unwrap(),
        shard: 0,
        hops: 0,
    };
    assert!(
        world.chat.work(task, deadline()).await.is_err(),
        "Lambda is to repeat it"
    );
    world.gateway.forbid(false);
    for name in names(5) {
        world.gateway.is(&name, Manner::Unreachable);
    }
    world.send(&user("u000"), "lobby", "two").await;
    assert_eq!(world.registry.cursor("lobby"), Some(0));
    for name in names(5) {
        world.gateway.is(&name, Manner::Takes(Duration::ZERO));
    }
    world.send(&user("u000"), "lobby", "three").await;
    assert_eq!(world.pushed("u004"), ["one", "two", "three"]);
}

#[tokio::test(start_paused = true)]
async fn every_shard_of_a_room_gets_every_entry() {
    let world = world();
    world.history.make("lobby", RoomKind::Public, 4);
    room_of(&world, names(20)).await;
    for text in ["one", "two"] {
        world.send(&user("u000"), "lobby", text).await;
        world.work().await;
    }
    for name in names(20) {
        assert_eq!(world.pushed(&name), ["one", "two"], "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn long_messages_go_in_several_frames_in_order() {
    let world = world();
    room_of(&world, names(3)).await;
    let long = "x".repeat(8_000);
    for _ in 0..10 {
        world.act(&user("u000"), &send("lobby", &long)).await;
    }
    world.sweep().await;
    for name in names(3) {
        let seqs: Vec<Seq> = world.entries(&name).iter().map(|entry| entry.seq).collect();
        assert_eq!(seqs, (1..=10).collect::<Vec<_>>());
        assert_eq!(world.gateway.frames(&name).len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_list_is_read_again_only_when_it_changed() {
    let world = world();
    let here = world.another_process(settings());
    room_of(&world, names(2)).await;
    here.send(&user("u000"), "lobby", "one").await;
    room_of(&world, [String::from("u002")]).await;
    here.send(&user("u000"), "lobby", "two").await;
    world
        .act(&user("u001"), r#"{"action":"leave","room":"lobby"}"#)
        .await;
    here.send(&user("u000"), "lobby", "three").await;
    assert_eq!(world.pushed("u001"), ["one", "two"]);
    assert_eq!(world.pushed("u002"), ["two", "three"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_was_left_behind_once_is_not_waited_for_by_the_next_message() {
    let world = world();
    room_of(&world, names(3)).await;
    world.gateway.is("u001", Manner::Hangs);
    let acted = world.act(&user("u000"), &send("lobby", "one")).await;
    let chat = Arc::clone(&world.chat);
    let worker = tokio::spawn(async move { chat.after(acted.after, deadline()).await });
    super::turnstile::settle().await;
    tokio::time::advance(Duration::from_millis(300)).await;
    super::turnstile::settle().await;
    assert!(
        !worker.is_finished(),
        "the first post may still be answered"
    );
    let begun = Instant::now();
    world.send(&user("u000"), "lobby", "two").await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(world.pushed("u002"), ["one", "two"]);
    worker.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_slow_gets_its_frames_in_order_whoever_posts_them() {
    let world = world();
    let page = Caller {
        anonymous: true,
        ..device("guest-page", "page")
    };
    let frame = r#"{"username":"p","userid":"p","msg":"one"}"#;
    world.frame(&page, frame).await.unwrap();
    world
        .gateway
        .is("page", Manner::Takes(Duration::from_millis(600)));
    let acted = world.act(&user("ann"), &send("lobby", "two")).await;
    let chat = Arc::clone(&world.chat);
    let worker = tokio::spawn(async move { chat.after(acted.after, deadline()).await });
    super::turnstile::settle().await;
    tokio::time::advance(Duration::from_millis(400)).await;
    super::turnstile::settle().await;
    world.gateway.is("page", Manner::Takes(Duration::ZERO));
    let other = world.another_process(settings());
    other.send(&user("ann"), "lobby", "three").await;
    worker.await.unwrap();
    let shown = world.gateway.frames("page");
    let shown = shown.iter().map(|frame| frame.split('"').nth(11).unwrap());
    assert_eq!(shown.collect::<Vec<_>>(), ["one", "two", "three"]);
}

/// A page of the seed whose posts take 600 ms each, and a worker that has ten entries for it.
async fn ten_frames_to_a_slow_page(world: &World, deadline: Instant) {
    let page = Caller {
        anonymous: true,
        ..device("guest-page", "page")
    };
    let frame = r#"{"username":"p","userid":"p","msg":"hello"}"#;
    world.frame(&page, frame).await.unwrap();
    let slow = Manner::Takes(Duration::from_millis(600));
    world.gateway.is("page", slow);
    let mut last = Vec::new();
    for number in 0..10 {
        let text = format!("number {number}");
        last = world.act(&user("ann"), &send("lobby", &text)).await.after;
    }
    world.chat.after(last, deadline).await;
}

#[tokio::test(start_paused = true)]
async fn frames_under_way_to_a_page_when_a_worker_ends_all_arrive() {
    let world = world();
    let begun = Instant::now();
    ten_frames_to_a_slow_page(&world, deadline()).await;
    let frames = world.gateway.frames("page");
    assert_eq!(frames.len(), 1 + 10, "a page cannot ask for what it missed");
    assert!(frames[10].contains("number 9"), "{}", frames[10]);
    assert_eq!(begun.elapsed(), Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn frames_under_way_when_a_worker_ends_do_not_outlast_its_deadline() {
    let world = world();
    let begun = Instant::now();
    ten_frames_to_a_slow_page(&world, begun + Duration::from_secs(4)).await;
    // Half a second is kept of the deadline, and three tenths of it are for posts under way.
    assert_eq!(begun.elapsed(), Duration::from_millis(3_800));
    assert_eq!(world.gateway.frames("page").len(), 1 + 6);
}

#[tokio::test(start_paused = true)]
async fn a_lane_under_way_when_a_worker_ends_is_cut_off_after_five_seconds() {
    let world = world();
    room_of(&world, names(2)).await;
    world
        .gateway
        .is("u001", Manner::Takes(Duration::from_millis(900)));
    let long = "x".repeat(8_000);
    let mut last = Vec::new();
    for _ in 0..40 {
        last = world.act(&user("u000"), &send("lobby", &long)).await.after;
    }
    let begun = Instant::now();
    world.chat.after(last, deadline()).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(7));
    assert_eq!(world.gateway.frames("u001").len(), 7);
}

#[tokio::test(start_paused = true)]
async fn what_comes_quickly_goes_in_few_frames_and_the_first_waits_for_nothing() {
    const MESSAGES: u32 = 100;
    let world = world();
    room_of(&world, names(2)).await;
    world.gateway.all_take(Duration::from_millis(7));
    let mut senders = Vec::new();
    let begun = Instant::now();
    for number in 0..MESSAGES {
        let (world, text) = (world.clone(), number.to_string());
        senders.push(tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(5) * number).await;
            world.send(&user("u000"), "lobby", &text).await
        }));
    }
    for sender in senders {
        sender.await.unwrap();
    }
    let texts: Vec<_> = (0..MESSAGES).map(|number| number.to_string()).collect();
    assert_eq!(world.pushed("u001"), texts);
    let arrivals = world.gateway.arrivals("u001");
    assert_eq!(arrivals[0], begun + Duration::from_millis(7));
    // 200 messages a second: a quarter of a post for each.
    assert!(arrivals.len() <= 30, "{} frames", arrivals.len());
    assert!(arrivals[arrivals.len() - 1] <= begun + Duration::from_millis(5 * 99 + 20 + 7));
}
