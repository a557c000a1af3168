//! Actions and their answers.

use gatepost_protocol::Answer;
use gatepost_protocol::Code;
use gatepost_protocol::Role;
use gatepost_protocol::RoomKind;
use gatepost_protocol::limits::CONNECTION_MS;
use gatepost_store::Standing;

use super::*;

const CLIENT: &str = "0123456789abcdef";

fn numbered(n: u64, text: &str) -> String {
    format!(
        r#"{{"action":"send","room":"lobby","body":{{"text":"{text}"}},"client":"{CLIENT}","n":{n}}}"#
    )
}

#[tokio::test(start_paused = true)]
async fn a_send_is_answered_with_its_place_before_anything_is_posted() {
    let world = world();
    let (ann, bob) = (user("ann"), user("bob"));
    world.join(&ann, "lobby").await;
    world.join(&bob, "lobby").await;
    let acted = world.act(&ann, &send("lobby", "hi")).await;
    let Ok(Answer::Sent(sent)) = &acted.outcome else {
        panic!("{acted:?}")
    };
    assert_eq!((sent.epoch, sent.seq, sent.duplicate), (7, Some(1), false));
    assert_eq!(world.pushed("bob"), [""; 0]);
    world.chat.after(acted.after, deadline()).await;
    assert_eq!(world.pushed("bob"), ["hi"]);
    assert_eq!(world.pushed("ann"), ["hi"]);
}

#[tokio::test(start_paused = true)]
async fn from_its_exp_on_a_token_allows_nothing() {
    let world = world();
    let mut ann = user("ann");
    ann.expires_at = Some(START + 1_000);
    world.join(&ann, "lobby").await;
    assert_eq!(world.registry.lease_of("lobby", "ann"), Some(START + 1_000));
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    for frame in [
        &send("lobby", "hi"),
        r#"{"action":"ping"}"#,
        r#"{"action":"hello"}"#,
    ] {
        assert_eq!(world.refused(&ann, frame).await, Code::Unauthorized);
    }
    assert!(world.chat.connected(&ann).await.is_err());
    // What would have renewed it ends the connection instead.
    assert_eq!(world.gateway.closed(), ["ann"]);
    let bye = Event::Bye {
        code: gatepost_protocol::Farewell::Expiring,
        reconnect: true,
        after_ms: 0,
    };
    assert_eq!(world.events("ann"), [bye]);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_names_rooms_lets_into_no_other() {
    let world = world();
    world.history.make("den", RoomKind::Public, 1);
    let mut ann = user("ann");
    ann.rooms = Some(vec!["lobby".parse().unwrap()]);
    world.join(&ann, "lobby").await;
    for frame in [
        r#"{"action":"join","room":"den"}"#,
        r#"{"action":"send","room":"den","body":{"text":"hi"}}"#,
        r#"{"action":"history","room":"den"}"#,
        r#"{"action":"who","room":"den"}"#,
    ] {
        assert_eq!(world.refused(&ann, frame).await, Code::Forbidden, "{frame}");
    }
    let ping = world
        .ok(&ann, r#"{"action":"ping","rooms":{"den":0,"lobby":0}}"#)
        .await;
    let Answer::Ping(ping) = ping else {
        panic!("{ping:?}")
    };
    assert_eq!(
        ping.heads.into_keys().map(String::from).collect::<Vec<_>>(),
        ["lobby"]
    );
    assert_eq!(world.registry.members("den"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn joining_makes_a_missing_room_only_where_anybody_may_and_never_a_reserved_one() {
    let open = world();
    open.join(&user("ann"), "den").await;
    assert!(open.history.exists("den"));
    let reserved = r#"{"action":"join","room":"dm:8b5090a9a0cf7d0ea4ad77ff936d1bdf"}"#;
    assert_eq!(open.refused(&user("ann"), reserved).await, Code::NoRoom);
    let declared = World::new(
        Settings {
            rooms: RoomPolicy::Declared,
            ..settings()
        },
        Turnstile::new(0),
    );
    let join = r#"{"action":"join","room":"den"}"#;
    assert_eq!(declared.refused(&user("ann"), join).await, Code::NoRoom);
    assert!(!declared.history.exists("den"));
    assert_eq!(
        open.refused(&user("ann"), &send("nowhere", "hi")).await,
        Code::NoRoom
    );
}

#[tokio::test(start_paused = true)]
async fn a_room_of_the_operator_becomes_nobodys_own() {
    let declared = Settings {
        declared: [("hall".parse().unwrap(), 4)].into(),
        ..settings()
    };
    let world = World::new(declared, Turnstile::new(0));
    for room in ["hall", "lobby"] {
        for kind in ["public", "private"] {
            let create = format!(r#"{{"action":"create","room":"{room}","kind":"{kind}"}}"#);
            assert_eq!(world.refused(&user("ann"), &create).await, Code::Conflict);
        }
        assert!(!world.history.exists(room));
    }
    let own = r#"{"action":"create","room":"den","kind":"private"}"#;
    world.ok(&user("ann"), own).await;
}

#[tokio::test(start_paused = true)]
async fn who_may_not_read_or_write_a_room_is_told_why() {
    let world = world();
    world.history.make("den", RoomKind::Private, 1);
    world.history.make("lobby", RoomKind::Public, 1);
    world
        .history
        .set("den", "ann", &Standing::Member(Role::Member));
    world.history.set("lobby", "bob", &Standing::Banned(None));
    world
        .history
        .set("lobby", "cy", &Standing::Muted(START + 5_000));
    world.join(&user("ann"), "den").await;
    let join_den = r#"{"action":"join","room":"den"}"#;
    assert_eq!(world.refused(&user("bob"), join_den).await, Code::NotMember);
    assert_eq!(
        world.refused(&user("bob"), &send("den", "hi")).await,
        Code::NotMember
    );
    let join_lobby = r#"{"action":"join","room":"lobby"}"#;
    assert_eq!(world.refused(&user("bob"), join_lobby).await, Code::Banned);
    assert_eq!(
        world.refused(&user("bob"), &send("lobby", "hi")).await,
        Code::Banned
    );
    let acted = world.act(&user("cy"), &send("lobby", "hi")).await;
    let refusal = acted.outcome.unwrap_err();
    assert_eq!(
        (refusal.code, refusal.retry_after_ms),
        (Code::Muted, Some(5_000))
    );
}

#[tokio::test(start_paused = true)]
async fn a_number_names_one_body_for_ever() {
    let world = world();
    let ann = user("ann");
    world.join(&ann, "lobby").await;
    let acted = world.act(&ann, &numbered(2, "two")).await;
    let refusal = acted.outcome.unwrap_err();
    assert_eq!((refusal.code, refusal.expected), (Code::Early, Some(1)));
    world.ok(&ann, &numbered(1, "one")).await;
    let again = world.ok(&ann, &numbered(1, "one")).await;
    let Answer::Sent(again) = again else {
        panic!("{again:?}")
    };
    assert_eq!((again.seq, again.duplicate), (Some(1), true));
    assert_eq!(
        world.refused(&ann, &numbered(1, "other")).await,
        Code::Conflict
    );
    assert_eq!(world.history.texts("lobby"), ["one"]);
    let entry = &world.entries("ann")[0];
    assert_eq!(
        (entry.client.as_ref().map(|c| c.as_str()), entry.n),
        (Some(CLIENT), Some(1))
    );
}

#[tokio::test(start_paused = true)]
async fn a_number_without_client_means_the_client_of_the_hello() {
    let world = world();
    let ann = user("ann");
    world
        .ok(
            &ann,
            &format!(r#"{{"action":"hello","client":"{CLIENT}"}}"#),
        )
        .await;
    world.join(&ann, "lobby").await;
    let bare = r#"{"action":"send","room":"lobby","body":{"text":"hi"},"n":1}"#;
    world.ok(&ann, bare).await;
    let again = world.ok(&ann, &numbered(1, "hi")).await;
    assert!(matches!(again, Answer::Sent(sent) if sent.duplicate));
    world.registry.flush();
    assert_eq!(world.refused(&ann, bare).await, Code::Unregistered);
}

#[tokio::test(start_paused = true)]
async fn an_invocation_repeated_stores_nothing_twice() {
    let world = world();
    let ann = Caller {
        message_id: String::from("m1"),
        ..user("ann")
    };
    world.join(&ann, "lobby").await;
    let action = || match gatepost_protocol::parse(&send("lobby", "hi")).unwrap() {
        ClientFrame::Action { action, .. } => action,
        ClientFrame::Seed(_) => panic!(),
    };
    world.chat.act(&ann, action()).await.outcome.unwrap();
    let again = world.chat.act(&ann, action()).await.outcome.unwrap();
    assert!(matches!(again, Answer::Sent(sent) if sent.duplicate));
    assert_eq!(world.history.texts("lobby"), ["hi"]);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_is_pushed_if_the_first_worker_died() {
    let world = world();
    let (ann, bob) = (user("ann"), user("bob"));
    world.join(&ann, "lobby").await;
    world.join(&bob, "lobby").await;
    // The worker dies: nothing is done after the answer.
    world.act(&ann, &numbered(1, "hi")).await;
    assert_eq!(world.pushed("bob"), [""; 0]);
    world.ok(&ann, &numbered(1, "hi")).await;
    assert_eq!(world.pushed("bob"), ["hi"]);
}

#[tokio::test(start_paused = true)]
async fn who_sends_too_fast_is_told_when_to_go_on() {
    let rates = Rates {
        per_user: 1,
        per_room: 0,
    };
    let world = World::new(
        Settings {
            rates,
            ..settings()
        },
        Turnstile::new(0),
    );
    let ann = user("ann");
    world.join(&ann, "lobby").await;
    for _ in 0..3 {
        world.send(&ann, "lobby", "hi").await;
    }
    let refusal = world
        .act(&ann, &send("lobby", "hi"))
        .await
        .outcome
        .unwrap_err();
    assert_eq!(
        (refusal.code, refusal.retry_after_ms),
        (Code::RateLimited, Some(1_000))
    );
    assert_eq!(world.history.texts("lobby").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_sender_need_not_be_subscribed() {
    let world = world();
    let (ann, bob) = (user("ann"), user("bob"));
    world.join(&bob, "lobby").await;
    world.send(&ann, "lobby", "hi").await;
    assert_eq!(world.pushed("bob"), ["hi"]);
    assert_eq!(world.pushed("ann"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn who_left_is_not_pushed_to_any_more() {
    let world = world();
    let (ann, bob) = (user("ann"), user("bob"));
    world.join(&ann, "lobby").await;
    world.join(&bob, "lobby").await;
    world.ok(&bob, r#"{"action":"leave","room":"lobby"}"#).await;
    world.ok(&bob, r#"{"action":"leave","room":"lobby"}"#).await;
    world
        .ok(&bob, r#"{"action":"leave","room":"nowhere"}"#)
        .await;
    world.send(&ann, "lobby", "hi").await;
    assert_eq!(world.pushed("bob"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn history_reads_either_way_and_says_whether_there_is_more() {
    let world = world();
    let ann = user("ann");
    world.join(&ann, "lobby").await;
    for text in ["a", "b", "c", "d", "e"] {
        world.send(&ann, "lobby", text).await;
    }
    world.history.purge_to("lobby", 1);
    let cases = [
        (r#""limit":2"#, "de", true),
        (r#""limit":100"#, "bcde", false),
        (r#""before":4,"limit":2"#, "bc", false),
        (r#""before":5,"limit":2"#, "cd", true),
        (r#""before":2"#, "", false),
        (r#""after":3"#, "de", false),
        (r#""after":1,"limit":2"#, "bc", true),
        (r#""after":5"#, "", false),
    ];
    for (asked, expected, more) in cases {
        let frame = format!(r#"{{"action":"history","room":"lobby",{asked}}}"#);
        let Answer::History(history) = world.ok(&ann, &frame).await else {
            panic!()
        };
        let texts: String = history.items.iter().map(text_of).collect();
        assert_eq!((texts.as_str(), history.more), (expected, more), "{asked}");
        assert_eq!((history.head, history.floor), (5, 1));
    }
    let below = r#"{"action":"history","room":"lobby","after":0}"#;
    let refusal = world.act(&ann, below).await.outcome.unwrap_err();
    assert_eq!((refusal.code, refusal.floor), (Code::BelowFloor, Some(1)));
}

#[tokio::test(start_paused = true)]
async fn a_ping_renews_exactly_the_rooms_that_it_names_and_that_may_be_read() {
    let world = world();
    let ann = user("ann");
    for room in ["a", "b", "c"] {
        world.join(&ann, room).await;
    }
    world.send(&ann, "b", "hi").await;
    world.history.set("c", "ann", &Standing::Banned(None));
    tokio::time::advance(std::time::Duration::from_secs(300)).await;
    let ping = world
        .ok(
            &ann,
            r#"{"action":"ping","rooms":{"b":0,"c":0,"nowhere":0}}"#,
        )
        .await;
    let Answer::Ping(ping) = ping else {
        panic!("{ping:?}")
    };
    assert_eq!(
        ping.heads.into_iter().collect::<Vec<_>>(),
        [("b".parse().unwrap(), 1)]
    );
    let lease = 660_000;
    assert_eq!(world.registry.lease_of("a", "ann"), Some(START + lease));
    assert_eq!(
        world.registry.lease_of("b", "ann"),
        Some(START + 300_000 + lease)
    );
    assert_eq!(world.registry.lease_of("c", "ann"), Some(START + lease));
}

#[tokio::test(start_paused = true)]
async fn no_lease_outlives_the_connection() {
    let world = world();
    let mut ann = user("ann");
    ann.connected_at = START - CONNECTION_MS + 10_000;
    world.join(&ann, "lobby").await;
    assert_eq!(
        world.registry.lease_of("lobby", "ann"),
        Some(START + 10_000)
    );
}

#[tokio::test(start_paused = true)]
async fn a_ping_finds_out_that_the_connection_was_given_up() {
    let world = world();
    let ann = user("ann");
    world.join(&ann, "lobby").await;
    world.chat.disconnected(&ann.connection).await;
    let ping = r#"{"action":"ping","rooms":{"lobby":0}}"#;
    assert_eq!(world.refused(&ann, ping).await, Code::Unregistered);
    assert_eq!(world.gateway.closed(), ["ann"]);
    assert_eq!(world.registry.members("lobby"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn who_lists_users_not_devices_page_by_page() {
    let world = world();
    for (name, connection) in [("bob", "1"), ("ann", "2"), ("bob", "3"), ("cy", "4")] {
        world.join(&device(name, connection), "lobby").await;
    }
    let ann = user("ann");
    let page = async |frame: &str| match world.ok(&ann, frame).await {
        Answer::Who(who) => {
            let users = who
                .users
                .iter()
                .map(|user| user.id.to_string())
                .collect::<Vec<_>>();
            (who.count, users, who.cursor.map(String::from))
        }
        other => panic!("{other:?}"),
    };
    let first = page(r#"{"action":"who","room":"lobby","limit":2}"#).await;
    assert_eq!(
        first,
        (3, vec!["ann".into(), "bob".into()], Some("bob".into()))
    );
    let rest = page(r#"{"action":"who","room":"lobby","cursor":"bob"}"#).await;
    assert_eq!(rest, (3, vec!["cy".into()], None));
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_no_target_before_it_says_hello_or_joins() {
    let world = world();
    let ann = user("ann");
    world.chat.connected(&ann).await.unwrap();
    assert_eq!(world.registry.known(), 1);
    assert_eq!(world.gateway.posts(), 0);
    assert_eq!(world.registry.members("lobby"), [""; 0]);
}
