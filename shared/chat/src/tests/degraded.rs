//! A store is away.

use std::sync::atomic::Ordering;

use gatepost_protocol::Answer;
use gatepost_protocol::Code;

use super::*;

#[tokio::test(start_paused = true)]
async fn without_a_registry_hello_join_and_send_are_accepted_and_say_so() {
    let world = world();
    let (ann, bob) = (user("ann"), user("bob"));
    world.join(&bob, "lobby").await;
    world.registry.is_away.store(true, Ordering::SeqCst);
    world.chat.connected(&ann).await.unwrap();
    for frame in [
        r#"{"action":"hello","resume":{"lobby":{"epoch":7,"seq":0}}}"#,
        r#"{"action":"join","room":"lobby"}"#,
        &send("lobby", "hi"),
        r#"{"action":"ping","rooms":{"lobby":0}}"#,
    ] {
        let acted = world.act(&ann, frame).await;
        assert!(acted.outcome.is_ok() && acted.degraded, "{frame}");
        world.chat.after(acted.after, deadline()).await;
    }
    assert_eq!(world.pushed("bob"), [""; 0]);
    let Answer::Ping(ping) = world
        .ok(&ann, r#"{"action":"ping","rooms":{"lobby":0}}"#)
        .await
    else {
        panic!()
    };
    assert_eq!(ping.heads[&"lobby".parse().unwrap()], 1);
    let who = r#"{"action":"who","room":"lobby"}"#;
    assert_eq!(world.refused(&ann, who).await, Code::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_lost_everything_heals_by_ping() {
    let world = world();
    let (ann, bob) = (user("ann"), user("bob"));
    world.join(&bob, "lobby").await;
    world.send(&ann, "lobby", "before").await;
    world.registry.flush();
    world.send(&ann, "lobby", "meanwhile").await;
    let ping = r#"{"action":"ping","rooms":{"lobby":1}}"#;
    let Answer::Ping(ping) = world.ok(&bob, ping).await else {
        panic!()
    };
    assert_eq!(ping.heads[&"lobby".parse().unwrap()], 2);
    world.send(&ann, "lobby", "after").await;
    assert_eq!(world.pushed("bob"), ["before", "after"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_history_nothing_is_acknowledged_and_the_client_is_told_when_to_repeat() {
    let world = world();
    let ann = user("ann");
    world.join(&ann, "lobby").await;
    world.history.is_away.store(true, Ordering::SeqCst);
    world.chat.connected(&user("bob")).await.unwrap();
    for frame in [
        &send("lobby", "hi"),
        r#"{"action":"hello"}"#,
        r#"{"action":"join","room":"lobby"}"#,
        r#"{"action":"leave","room":"lobby"}"#,
        r#"{"action":"history","room":"lobby"}"#,
        r#"{"action":"sync","rooms":{"lobby":{"epoch":7,"seq":0}}}"#,
        r#"{"action":"ping","rooms":{"lobby":0}}"#,
    ] {
        let refusal = world.act(&ann, frame).await.outcome.unwrap_err();
        assert_eq!(refusal.code, Code::Unavailable, "{frame}");
        assert!(
            refusal.retry_after_ms.is_some() && refusal.fault.is_some(),
            "{frame}"
        );
    }
    assert_eq!(world.registry.members("lobby"), ["ann|ann"]);
}

#[tokio::test(start_paused = true)]
async fn an_entry_in_memory_is_pushed_though_the_history_went_away_after_it() {
    let world = world();
    let (ann, bob) = (user("ann"), user("bob"));
    world.join(&bob, "lobby").await;
    let acted = world.act(&ann, &send("lobby", "hi")).await;
    world.history.is_away.store(true, Ordering::SeqCst);
    world.chat.after(acted.after, deadline()).await;
    assert_eq!(world.pushed("bob"), ["hi"]);
}

#[tokio::test(start_paused = true)]
async fn a_number_without_client_waits_for_the_registry() {
    let world = world();
    let ann = user("ann");
    world.join(&ann, "lobby").await;
    world.registry.is_away.store(true, Ordering::SeqCst);
    let bare = r#"{"action":"send","room":"lobby","body":{"text":"hi"},"n":1}"#;
    assert_eq!(world.refused(&ann, bare).await, Code::Unavailable);
    assert_eq!(world.history.texts("lobby"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_takeover_is_carried_out_though_the_history_is_away() {
    let settings = Settings {
        sessions: Sessions::Takeover,
        ..settings()
    };
    let world = World::new(settings, Turnstile::new(0));
    world.history.is_away.store(true, Ordering::SeqCst);
    for (connection, client) in [("old", "aaaaaaaaaaaaaaaa"), ("new", "bbbbbbbbbbbbbbbb")] {
        let hello = format!(r#"{{"action":"hello","client":"{client}"}}"#);
        assert_eq!(
            world.refused(&device("ann", connection), &hello).await,
            Code::Unavailable
        );
    }
    assert_eq!(world.gateway.closed(), ["old"]);
}
