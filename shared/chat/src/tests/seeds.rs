//! The seed's page.

use gatepost_protocol::Code;

use super::*;

fn page(connection: &str) -> Caller {
    let guest = format!("guest-{connection}");
    Caller {
        anonymous: true,
        ..device(&guest, connection)
    }
}

fn says(userid: &str, msg: &str) -> String {
    format!(r#"{{"username":"{userid}!","userid":"{userid}","msg":"{msg}"}}"#)
}

async fn frame(world: &World, caller: &Caller, text: &str) -> Option<Code> {
    world.frame(caller, text).await.err()
}

#[tokio::test(start_paused = true)]
async fn every_page_gets_exactly_the_frames_of_the_others_and_its_own() {
    let world = world();
    let (one, two) = (page("1"), page("2"));
    world.chat.connected(&one).await.unwrap();
    world.chat.connected(&two).await.unwrap();
    let (a, b) = (says("alice", "launched"), says("bob", "all-offline"));
    let c = r#"{"username":"","userid":7,"msg":"<b>"}"#;
    assert_eq!(frame(&world, &one, &a).await, None);
    assert_eq!(frame(&world, &two, &b).await, None);
    assert_eq!(frame(&world, &page("3"), c).await, None);
    assert_eq!(world.gateway.frames("1"), [&a, &b, c]);
    assert_eq!(world.gateway.frames("2"), [&b, c]);
    assert_eq!(world.gateway.frames("3"), [c]);
    let members = ["seed:7|3", "seed:alice|1", "seed:bob|2"];
    assert_eq!(world.registry.members("lobby"), members);
}

#[tokio::test(start_paused = true)]
async fn pages_and_v1_clients_read_each_other() {
    let world = world();
    let ann = user("ann");
    world.join(&ann, "lobby").await;
    frame(&world, &page("1"), &says("alice", "hi")).await;
    world.send(&ann, "lobby", "ho").await;
    assert_eq!(world.pushed("ann"), ["hi", "ho"]);
    assert_eq!(world.entries("ann")[0].from.id.as_str(), "seed:alice");
    let ho = r#"{"username":"ANN","userid":"ann","msg":"ho"}"#;
    assert_eq!(world.gateway.frames("1"), [&says("alice", "hi"), ho]);
}

#[tokio::test(start_paused = true)]
async fn another_login_of_the_same_id_replaces_the_first_and_outlives_its_end() {
    let world = world();
    let (old, new) = (page("old"), page("new"));
    frame(&world, &old, &says("alice", "one")).await;
    frame(&world, &new, &says("alice", "two")).await;
    assert_eq!(world.gateway.closed(), ["old"]);
    world.chat.disconnected(&old.connection).await;
    world.work().await;
    frame(&world, &page("b"), &says("bob", "three")).await;
    assert_eq!(
        world.gateway.frames("new"),
        [says("alice", "two"), says("bob", "three")]
    );
    assert!(
        !world
            .gateway
            .frames("old")
            .iter()
            .any(|text| text.contains("bye"))
    );
    assert_eq!(
        world.registry.members("lobby"),
        ["seed:alice|new", "seed:bob|b"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_replaced_connection_still_sends_is_refused() {
    let world = world();
    frame(&world, &page("old"), &says("alice", "one")).await;
    frame(&world, &page("new"), &says("alice", "two")).await;
    assert_eq!(
        frame(&world, &page("old"), &says("alice", "x")).await,
        Some(Code::Unregistered)
    );
    assert_eq!(world.history.texts("lobby"), ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn a_page_cannot_speak_for_another_user() {
    let world = world();
    let one = page("1");
    frame(&world, &one, &says("alice", "hi")).await;
    assert_eq!(
        frame(&world, &one, &says("bob", "hi")).await,
        Some(Code::Forbidden)
    );
    assert_eq!(world.history.texts("lobby"), ["hi"]);
    assert_eq!(world.registry.members("lobby"), ["seed:alice|1"]);
}

#[tokio::test(start_paused = true)]
async fn one_connection_speaks_one_language() {
    let world = world();
    frame(&world, &page("1"), &says("alice", "hi")).await;
    let join = r#"{"action":"join","room":"lobby"}"#;
    assert_eq!(frame(&world, &page("1"), join).await, Some(Code::Forbidden));
    world.join(&page("2"), "lobby").await;
    assert_eq!(
        frame(&world, &page("2"), &says("bob", "hi")).await,
        Some(Code::Forbidden)
    );
    assert_eq!(world.history.texts("lobby"), ["hi"]);
}

#[tokio::test(start_paused = true)]
async fn only_an_anonymous_guest_may_be_a_page_and_only_where_guests_are_admitted() {
    let world = world();
    assert_eq!(
        frame(&world, &user("ann"), &says("alice", "hi")).await,
        Some(Code::BadRequest)
    );
    let closed = World::new(
        Settings {
            guests: false,
            ..settings()
        },
        Turnstile::new(0),
    );
    let code = frame(&closed, &page("1"), &says("alice", "hi")).await;
    assert_eq!(code, Some(Code::Unauthorized));
    assert!(!world.history.exists("lobby") && !closed.history.exists("lobby"));
}

#[tokio::test(start_paused = true)]
async fn a_page_stays_for_two_hours_without_a_ping() {
    let world = world();
    frame(&world, &page("1"), &says("alice", "hi")).await;
    tokio::time::advance(std::time::Duration::from_secs(7_100)).await;
    world.send(&user("ann"), "lobby", "late").await;
    assert_eq!(world.gateway.frames("1").len(), 2);
    tokio::time::advance(std::time::Duration::from_secs(100)).await;
    world.send(&user("ann"), "lobby", "later").await;
    assert_eq!(world.gateway.frames("1").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_a_registry_a_page_is_told_to_repeat_and_nothing_is_stored() {
    let world = world();
    frame(&world, &page("1"), &says("alice", "hi")).await;
    world
        .registry
        .is_away
        .store(true, std::sync::atomic::Ordering::SeqCst);
    let code = frame(&world, &page("1"), &says("alice", "ho")).await;
    assert_eq!(code, Some(Code::Unavailable));
    assert_eq!(world.history.texts("lobby"), ["hi"]);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_the_registry_lost_is_registered_by_its_next_frame() {
    let world = world();
    frame(&world, &page("1"), &says("alice", "hi")).await;
    world.registry.flush();
    frame(&world, &page("1"), &says("alice", "ho")).await;
    assert_eq!(
        world.gateway.frames("1"),
        [says("alice", "hi"), says("alice", "ho")]
    );
}
