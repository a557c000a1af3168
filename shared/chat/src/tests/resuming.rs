//! `hello` and `sync`: what a client missed.

use gatepost_protocol::Answer;
use gatepost_protocol::Code;
use gatepost_protocol::Farewell;
use gatepost_protocol::HelloOk;
use gatepost_protocol::Role;
use gatepost_protocol::RoomKind;
use gatepost_protocol::RoomState;
use gatepost_store::Standing;

use super::*;

const FIRST: &str = "aaaaaaaaaaaaaaaa";
const SECOND: &str = "bbbbbbbbbbbbbbbb";

async fn hello(world: &World, caller: &Caller, fields: &str) -> HelloOk {
    match world
        .ok(caller, &format!(r#"{{"action":"hello"{fields}}}"#))
        .await
    {
        Answer::Hello(hello) => *hello,
        other => panic!("{other:?}"),
    }
}

fn texts(state: &RoomState) -> String {
    state.items.iter().map(text_of).collect()
}

/// A room with entries a to e, of which the first was purged.
async fn five(world: &World) {
    let ann = user("ann");
    world.join(&ann, "lobby").await;
    for text in ["a", "b", "c", "d", "e"] {
        world.send(&ann, "lobby", text).await;
    }
    world.history.purge_to("lobby", 1);
}

#[tokio::test(start_paused = true)]
async fn a_bare_hello_says_who_one_is_and_what_binds_one() {
    let world = world();
    world.history.make("den", RoomKind::Private, 1);
    world
        .history
        .set("den", "ann", &Standing::Member(Role::Owner));
    let hello = hello(&world, &user("ann"), "").await;
    assert_eq!(
        (hello.user.id.as_str(), hello.user.name.as_str()),
        ("ann", "ANN")
    );
    assert_eq!(hello.expires_at, START + 7_200_000);
    assert_eq!(
        (hello.limits.ping_ms, hello.limits.frame),
        (270_000, 32_768)
    );
    assert_eq!(hello.memberships.len(), 1);
    assert_eq!(hello.memberships[0].role, Role::Owner);
    assert!(hello.rooms.is_empty());
    assert_eq!(world.history.sessions().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_room_is_continued_or_begun_anew_and_says_which() {
    let world = world();
    five(&world).await;
    let cases = [
        (7, 5, "", None),
        (7, 3, "de", None),
        (7, 1, "bcde", None),
        (7, 0, "bcde", Some(Code::BelowFloor)),
        (6, 3, "bcde", Some(Code::StaleEpoch)),
        (7, 9, "bcde", Some(Code::StaleEpoch)),
    ];
    for (epoch, seq, expected, error) in cases {
        let position = format!(r#"{{"lobby":{{"epoch":{epoch},"seq":{seq}}}}}"#);
        let hello = hello(&world, &user("bob"), &format!(r#","resume":{position}"#)).await;
        let sync = format!(r#"{{"action":"sync","rooms":{position}}}"#);
        let Answer::Sync(sync) = world.ok(&user("cy"), &sync).await else {
            panic!()
        };
        for state in [
            &hello.rooms[&"lobby".parse().unwrap()],
            sync.rooms.values().next().unwrap(),
        ] {
            let code = state.error.as_ref().map(|error| error.code);
            assert_eq!(
                (texts(state).as_str(), code),
                (expected, error),
                "{epoch} {seq}"
            );
            assert_eq!((state.epoch, state.head, state.more), (7, 5, false));
        }
    }
    // A hello subscribes, a sync does not.
    assert_eq!(world.registry.members("lobby"), ["ann|ann", "bob|bob"]);
}

#[tokio::test(start_paused = true)]
async fn a_hello_subscribes_to_what_may_be_read_and_says_why_not_to_the_rest() {
    let world = world();
    world.history.make("den", RoomKind::Private, 1);
    world.join(&user("ann"), "lobby").await;
    let resume = r#","resume":{"lobby":{"epoch":7,"seq":0},"den":{"epoch":7,"seq":0},"nowhere":{"epoch":7,"seq":0}}"#;
    let hello = hello(&world, &user("bob"), resume).await;
    let code = |room: &str| {
        let state = &hello.rooms[&room.parse().unwrap()];
        state.error.as_ref().map(|error| error.code)
    };
    assert_eq!(code("lobby"), None);
    assert_eq!(code("den"), Some(Code::NotMember));
    assert_eq!(code("nowhere"), Some(Code::NoRoom));
    assert!(!world.history.exists("nowhere"));
    world.send(&user("ann"), "lobby", "hi").await;
    assert_eq!(world.pushed("bob"), ["hi"]);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_the_answer_is_fetched_by_sync_until_nothing_is_missing() {
    let world = world();
    let ann = user("ann");
    world.join(&ann, "lobby").await;
    let long = "x".repeat(2_000);
    for _ in 0..40 {
        world.send(&ann, "lobby", &long).await;
    }
    let id = "1".parse().unwrap();
    let (mut seq, mut rounds) = (0, 0);
    loop {
        let frame = format!(r#"{{"action":"sync","rooms":{{"lobby":{{"epoch":7,"seq":{seq}}}}}}}"#);
        let answer = world.ok(&user("bob"), &frame).await;
        let reply = gatepost_protocol::ok_reply(&id, answer, false);
        assert!(reply.len() <= 32_768);
        let reply: serde_json::Value = serde_json::from_str(&reply).unwrap();
        let state: RoomState =
            serde_json::from_value(reply["ok"]["rooms"]["lobby"].clone()).unwrap();
        for entry in &state.items {
            assert_eq!(entry.seq, seq + 1);
            seq += 1;
        }
        rounds += 1;
        if !state.more {
            break;
        }
    }
    assert_eq!((seq, rounds), (40, 3));
}

fn takeover() -> World {
    World::new(
        Settings {
            sessions: Sessions::Takeover,
            ..settings()
        },
        Turnstile::new(0),
    )
}

#[tokio::test(start_paused = true)]
async fn another_client_of_the_user_takes_over_and_the_first_is_told_and_closed() {
    let world = takeover();
    let (old, new) = (device("ann", "old"), device("ann", "new"));
    let resume = r#""resume":{"lobby":{"epoch":7,"seq":0}}"#;
    world.join(&user("bob"), "lobby").await;
    hello(&world, &old, &format!(r#","client":"{FIRST}",{resume}"#)).await;
    hello(&world, &new, &format!(r#","client":"{SECOND}",{resume}"#)).await;
    let bye = Event::Bye {
        code: Farewell::Replaced,
        reconnect: false,
        after_ms: 0,
    };
    assert_eq!(world.events("old"), [bye]);
    assert_eq!(world.gateway.closed(), ["old"]);
    // The old one's frames and its $disconnect change nothing for the new one.
    let late = r#"{"action":"send","room":"lobby","body":{"text":"late"}}"#;
    world.chat.disconnected(&old.connection).await;
    assert_eq!(
        world.refused(&old, r#"{"action":"hello"}"#).await,
        Code::Unregistered
    );
    let _ = world.frame(&old, late).await;
    world.send(&user("bob"), "lobby", "hi").await;
    assert!(world.pushed("new").ends_with(&[String::from("hi")]));
}

#[tokio::test(start_paused = true)]
async fn who_was_replaced_comes_back_only_by_taking_over() {
    let world = takeover();
    hello(
        &world,
        &device("ann", "1"),
        &format!(r#","client":"{FIRST}""#),
    )
    .await;
    hello(
        &world,
        &device("ann", "2"),
        &format!(r#","client":"{SECOND}""#),
    )
    .await;
    let again = format!(r#"{{"action":"hello","client":"{FIRST}"}}"#);
    assert_eq!(
        world.refused(&device("ann", "3"), &again).await,
        Code::Replaced
    );
    hello(
        &world,
        &device("ann", "4"),
        &format!(r#","client":"{FIRST}","take":true"#),
    )
    .await;
    assert_eq!(world.gateway.closed(), ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn one_client_may_hold_two_connections_to_rotate() {
    let world = takeover();
    for connection in ["1", "2"] {
        hello(
            &world,
            &device("ann", connection),
            &format!(r#","client":"{FIRST}""#),
        )
        .await;
    }
    assert_eq!(world.gateway.closed(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_full_takes_nobody_more() {
    let world = world();
    for number in 0..2_000 {
        world
            .act(
                &user(&format!("u{number}")),
                r#"{"action":"join","room":"lobby"}"#,
            )
            .await;
    }
    let join = r#"{"action":"join","room":"lobby"}"#;
    assert_eq!(world.refused(&user("late"), join).await, Code::RoomFull);
    let resume = r#","resume":{"lobby":{"epoch":7,"seq":0}}"#;
    let hello = hello(&world, &user("late"), resume).await;
    let error = hello.rooms[&"lobby".parse().unwrap()]
        .error
        .as_ref()
        .unwrap();
    assert_eq!(error.code, Code::RoomFull);
    assert_eq!(world.registry.members("lobby").len(), 2_000);
}

#[tokio::test(start_paused = true)]
async fn who_only_listens_hears_on_while_it_pings_and_catches_up_if_it_did_not() {
    let world = world();
    let (pings, sleeps, ann) = (user("pings"), user("sleeps"), user("ann"));
    for caller in [&pings, &sleeps] {
        world.join(caller, "lobby").await;
    }
    world.join(&ann, "den").await;
    // Three leases long, nobody says anything.
    for _ in 0..8 {
        tokio::time::advance(std::time::Duration::from_secs(270)).await;
        let ping = r#"{"action":"ping","rooms":{"lobby":0}}"#;
        world.ok(&pings, ping).await;
    }
    world.send(&ann, "lobby", "hello").await;
    assert_eq!(world.entries("pings").len(), 1, "its lease was renewed");
    assert_eq!(world.entries("sleeps").len(), 0, "its lease has ended");
    // It wakes up: the heads tell it, `sync` brings what it missed, and it is pushed to again.
    let ping = r#"{"action":"ping","rooms":{"lobby":0}}"#;
    let Answer::Ping(heads) = world.ok(&sleeps, ping).await else {
        panic!()
    };
    assert_eq!(heads.heads[&"lobby".parse().unwrap()], 1);
    let sync = r#"{"action":"sync","rooms":{"lobby":{"epoch":7,"seq":0}}}"#;
    let Answer::Sync(sync) = world.ok(&sleeps, sync).await else {
        panic!()
    };
    assert_eq!(texts(sync.rooms.values().next().unwrap()), "hello");
    world.send(&ann, "lobby", "again").await;
    assert_eq!(world.entries("pings").len(), 2);
    assert_eq!(
        world.entries("sleeps").len(),
        1,
        "only what came after its ping"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_purged_while_it_is_read_leaves_no_hole() {
    let turnstile = Turnstile::new(2);
    let world = World::new(settings(), turnstile.clone());
    five(&world).await;
    let syncing = Turnstile::actor(0, {
        let world = world.clone();
        let sync = r#"{"action":"sync","rooms":{"lobby":{"epoch":7,"seq":1}}}"#;
        async move { world.ok_alone(&user("cy"), sync).await }
    });
    let purging = Turnstile::actor(1, {
        let (world, turnstile) = (world.clone(), turnstile.clone());
        async move {
            turnstile.pass().await;
            world.history.purge_to("lobby", 3);
        }
    });
    // The room, then the purge, and the entries.
    turnstile.drive([0, 1]).await;
    purging.await.unwrap();
    let Answer::Sync(sync) = syncing.await.unwrap() else {
        panic!()
    };
    let state = sync.rooms.values().next().unwrap();
    let error = state.error.as_ref().unwrap();
    assert_eq!((error.code, error.floor), (Code::BelowFloor, Some(3)));
    assert_eq!((texts(state).as_str(), state.head), ("de", 5));
}
