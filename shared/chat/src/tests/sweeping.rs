//! What workers that died left behind.

use gatepost_protocol::Seq;
use gatepost_store::History;

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
        {"task":"left","gone":[{"user":{"id":"ann","name":"ANN"},"rooms":[{"room":"lobby","shards":2}]}]}
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

/// The epochs of the entries that were pushed to a connection, in the order of arrival.
fn epochs(world: &World, connection: &str) -> Vec<(u64, Seq)> {
    let mut epochs = Vec::new();
    for event in world.events(connection) {
        if let Event::Entries { epoch, items, .. } = event {
            epochs.extend(items.iter().map(|entry| (epoch, entry.seq)));
        }
    }
    epochs
}

#[tokio::test(start_paused = true)]
async fn a_restored_log_gets_another_epoch_and_its_members_hear_of_it() {
    let world = world();
    world.join(&user("bob"), "lobby").await;
    for number in 1..=5 {
        world
            .send(&user("ann"), "lobby", &format!("{number}"))
            .await;
    }
    world.history.restore("lobby", 2);
    // Nobody hears of what is posted already, by its seq.
    assert_eq!(world.send(&user("ann"), "lobby", "another three").await, 3);
    let before: Vec<_> = (1..=5).map(|seq| (7, seq)).collect();
    assert_eq!(epochs(&world, "bob"), before);
    world.sweep().await;
    let after = [&before[..], &[(8, 3)]].concat();
    assert_eq!(epochs(&world, "bob"), after);
    world.send(&user("ann"), "lobby", "four").await;
    world.sweep().await;
    let after = [&after[..], &[(8, 4)]].concat();
    assert_eq!(epochs(&world, "bob"), after, "once");
    let stale = r#"{"action":"sync","rooms":{"lobby":{"epoch":7,"seq":3}}}"#;
    let Answer::Sync(sync) = world.ok(&user("bob"), stale).await else {
        panic!("{stale}")
    };
    let state = &sync.rooms[&"lobby".parse().unwrap()];
    assert_eq!((state.epoch, state.head), (8, 4));
    let error = state.error.as_ref().map(|error| error.code);
    assert_eq!(error, Some(Code::StaleEpoch));
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_is_ahead_of_what_the_sweep_read_is_no_loss() {
    let world = world();
    world.join(&user("bob"), "lobby").await;
    world.send(&user("ann"), "lobby", "one").await;
    let recent = world.history.recent_rooms(600_000, 10).await.unwrap();
    // Written and posted since.
    world.send(&user("ann"), "lobby", "two").await;
    let known = crate::restore::Known {
        head: Some(2),
        cursors: vec![(super::registry::shard("lobby"), Some(2))],
    };
    let healed = world.chat.heal_log(&recent[0], &known).await.unwrap();
    assert!(!healed);
    assert_eq!(epochs(&world, "bob"), [(7, 1), (7, 2)]);
    assert_eq!(world.registry.cursor("lobby"), Some(2));
}
