//! What workers that died left behind.

use gatepost_protocol::Seq;

use super::*;
use crate::Task;

#[tokio::test(start_paused = true)]
async fn the_sweep_pushes_what_a_sender_that_died_after_its_commit_did_not() {
    let world = world();
    world.join(&user("bob"), "lobby").await;
    // The sender dies before the registry hears of the entry.
    world.act(&user("ann"), &send("lobby", "hi")).await;
    assert_eq!(world.pushed("bob"), [""; 0]);
    world.sweep().await;
    assert_eq!(world.pushed("bob"), ["hi"]);
    world.sweep().await;
    assert_eq!(world.pushed("bob"), ["hi"]);
    assert_eq!(world.registry.cursor("lobby"), Some(1));
}

#[tokio::test(start_paused = true)]
async fn the_sweep_leaves_a_shard_to_the_worker_that_holds_it() {
    let world = world();
    world.join(&user("bob"), "lobby").await;
    world.act(&user("ann"), &send("lobby", "hi")).await;
    world.registry.steal("lobby");
    world.sweep().await;
    assert_eq!(world.pushed("bob"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_sweep_does_nothing_for_rooms_without_subscribers() {
    let world = world();
    world
        .history
        .make("lobby", gatepost_protocol::RoomKind::Public, 1);
    world.send(&user("ann"), "lobby", "hi").await;
    world.registry.flush();
    world.sweep().await;
    assert_eq!(world.gateway.posts(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dead_worker_keeps_others_out_only_until_its_lease_ends() {
    let world = world();
    world.join(&user("bob"), "lobby").await;
    let acted = world.act(&user("ann"), &send("lobby", "one")).await;
    world.gateway.is("bob", super::gateway::Manner::Hangs);
    let chat = Arc::clone(&world.chat);
    let worker = tokio::spawn(async move { chat.after(acted.after, deadline()).await });
    super::turnstile::settle().await;
    worker.abort();
    assert!(worker.await.unwrap_err().is_cancelled());
    world
        .gateway
        .is("bob", super::gateway::Manner::Takes(Duration::ZERO));
    world.send(&user("ann"), "lobby", "two").await;
    assert_eq!(world.pushed("bob"), [""; 0]);
    tokio::time::advance(Duration::from_secs(8)).await;
    world.sweep().await;
    assert_eq!(world.pushed("bob"), ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn a_task_survives_the_way_through_an_invocation() {
    let room = || "lobby".parse().unwrap();
    let place = crate::Place {
        room: room(),
        shards: 2,
    };
    let gone = crate::Departure {
        connection: "c".parse().unwrap(),
        user: user("ann").sender(),
        rooms: vec![place],
    };
    let mut lines = String::new();
    for task in [
        Task::Drain {
            room: room(),
            shard: 1,
            hops: 2,
        },
        Task::Left { gone: vec![gone] },
        Task::Sweep,
    ] {
        let payload = task.to_payload();
        assert_eq!(serde_json::from_slice::<Task>(&payload).unwrap(), task);
        lines.push_str(std::str::from_utf8(&payload).unwrap());
        lines.push('\n');
    }
    expect_test::expect![[r#"
        {"task":"drain","room":"lobby","shard":1,"hops":2}
        {"task":"left","gone":[{"connection":"c","user":{"id":"ann","name":"ANN"},"rooms":[{"room":"lobby","shards":2}]}]}
        {"task":"sweep"}
    "#]]
    .assert_eq(&lines);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_told_of_a_room_reads_all_that_is_new() {
    let world = world();
    world.join(&user("bob"), "lobby").await;
    for number in 0..250 {
        world
            .act(&user("ann"), &send("lobby", &number.to_string()))
            .await;
    }
    world.sweep().await;
    let seqs: Vec<Seq> = world.entries("bob").iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, (1..=250).collect::<Vec<_>>());
    assert!(
        world.gateway.frames("bob").len() <= 4,
        "entries go together"
    );
}
