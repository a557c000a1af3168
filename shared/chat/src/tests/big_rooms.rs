//! Rooms of several shards, each with a worker of its own.

use gatepost_protocol::Seq;
use gatepost_store::History;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::gateway::Manner;
use super::*;
use crate::Task;

const HALL: &str = "town-hall";

/// A room that the operator declared, with so many members.
async fn hall(shards: u16, members: usize) -> World {
    let world = World::new(
        Settings {
            rooms: RoomPolicy::Declared,
            declared: [(HALL.parse().unwrap(), shards)].into(),
            ..settings()
        },
        Turnstile::new(0),
    );
    for member in 0..members {
        world.ok_alone(&member_of(member), &join(HALL)).await;
    }
    world
}

fn member_of(number: usize) -> Caller {
    user(&format!("u{number:05}"))
}

fn join(room: &str) -> String {
    format!(r#"{{"action":"join","room":"{room}"}}"#)
}

/// Runs each task that is handed on at once, as Lambda does, until none is left. Answers how many
/// there were.
async fn work_at_once(world: &World, mut running: JoinSet<()>) -> usize {
    let mut done = 0;
    loop {
        for task in world.gateway.take_tasks() {
            done += 1;
            let chat = Arc::clone(&world.chat);
            running.spawn(async move { chat.work(task, deadline()).await.unwrap() });
        }
        match running.join_next().await {
            Some(ended) => ended.unwrap(),
            None => return done,
        }
    }
}

/// What a `gatepost.v1` client shows of what was pushed to it: it drops what it has.
fn shown(world: &World, connection: &str) -> Vec<Seq> {
    let mut shown = Vec::new();
    for entry in world.entries(connection) {
        if shown.last().is_none_or(|last| entry.seq > *last) {
            shown.push(entry.seq);
        }
    }
    shown
}

#[tokio::test(start_paused = true)]
async fn a_room_of_ten_thousand_hears_everything_in_order() {
    const MEMBERS: usize = 10_000;
    const MESSAGES: usize = 4;
    let world = hall(8, MEMBERS).await;
    world.gateway.all_take(Duration::from_millis(5));
    let mut senders = JoinSet::new();
    for message in 0..MESSAGES {
        let world = world.clone();
        senders.spawn(async move {
            // Some while others are posted.
            sleep(Duration::from_millis(130) * u32::try_from(message).unwrap()).await;
            let sender = member_of(message * 2_003);
            let acted = world.act(&sender, &send(HALL, &message.to_string())).await;
            world.chat.after(acted.after, deadline()).await;
        });
    }
    sleep(Duration::from_millis(1)).await;
    work_at_once(&world, senders).await;
    for member in 0..MEMBERS {
        let name = member_of(member).user.to_string();
        assert_eq!(
            shown(&world, &name),
            (1..=MESSAGES as Seq).collect::<Vec<_>>(),
            "{name}"
        );
    }
    assert!(world.gateway.posts() <= MEMBERS * MESSAGES);
}

#[tokio::test(start_paused = true)]
async fn a_declared_room_is_made_by_the_first_join_with_its_shards() {
    let world = hall(3, 2).await;
    let names = [HALL.parse().unwrap()];
    let rooms = world.history.rooms(&names, &member_of(0).user).await;
    assert_eq!(rooms.unwrap()[0].shards, 3);
    assert_eq!(
        world.refused(&member_of(0), &join("elsewhere")).await,
        Code::NoRoom
    );
}

#[tokio::test(start_paused = true)]
async fn a_declared_room_is_nobodys_to_create() {
    let world = hall(3, 0).await;
    let create = format!(r#"{{"action":"create","room":"{HALL}","kind":"private"}}"#);
    assert_eq!(world.refused(&member_of(0), &create).await, Code::Conflict);
    world.join(&member_of(0), HALL).await;
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_never_gets_done_is_handed_on_twelve_times_and_then_left_to_the_sweep() {
    let world = hall(1, 300).await;
    // Each worker serves 32 of them: then its deadline is too near.
    world.gateway.all_take(Duration::from_millis(600));
    world.act(&member_of(0), &send(HALL, "hi")).await;
    world.registry_head(HALL, 1).await;
    let mut task = Task::Drain {
        room: HALL.parse().unwrap(),
        shard: 0,
        hops: 0,
    };
    let mut hops = Vec::new();
    loop {
        let near = Instant::now() + Duration::from_millis(2_500);
        world.chat.work(task, near).await.unwrap();
        assert!(Instant::now() <= near, "a worker ends before its deadline");
        match world.gateway.take_tasks().pop() {
            Some(next) => task = next,
            None => break,
        }
        let Task::Drain { hops: hop, .. } = task else {
            panic!("{task:?}");
        };
        hops.push(hop);
    }
    assert_eq!(hops, (1..=12).collect::<Vec<_>>());
    world.gateway.all_take(Duration::ZERO);
    world.sweep().await;
    for member in 0..300 {
        let name = member_of(member).user.to_string();
        assert_eq!(shown(&world, &name), [1], "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_was_held_up_past_its_lease_posts_nothing_more() {
    let world = hall(1, 100).await;
    world.gateway.all_take(Duration::from_millis(10));
    world.act(&member_of(0), &send(HALL, "one")).await;
    world.registry_head(HALL, 1).await;
    let task = || Task::Drain {
        room: HALL.parse().unwrap(),
        shard: 0,
        hops: 0,
    };
    world.gateway.is("u00050", Manner::Takes(Duration::ZERO));
    let chat = Arc::clone(&world.chat);
    let (frozen, late) = (task(), deadline());
    let mut first = tokio::spawn(async move { chat.work(frozen, late).await });
    super::turnstile::settle().await;
    let begun = world.gateway.posts();
    assert!((1..100).contains(&begun), "{begun} posts");
    // It is frozen for longer than its lease, and another takes over.
    let second = world.another_process(settings());
    world.registry.steal(HALL);
    tokio::time::advance(Duration::from_secs(9)).await;
    (&mut first).await.unwrap().unwrap();
    // What was under way when it thawed, and no more.
    assert_eq!(world.gateway.posts(), begun);
    world.registry.free(HALL);
    second.chat.work(task(), deadline()).await.unwrap();
    for member in 0..100 {
        let name = member_of(member).user.to_string();
        assert_eq!(shown(&world, &name), [1], "{name}");
    }
}
