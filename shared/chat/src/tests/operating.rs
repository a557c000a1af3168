//! What operators ask for.

use gatepost_protocol::Farewell;
use gatepost_protocol::RoomKind;
use gatepost_store::Standing;
use serde_json::Value;
use serde_json::json;

use super::*;

/// What an operation came to, with all that is done after it: `ok` as JSON, or the code.
async fn operate(world: &World, operation: Value) -> Result<Value, Code> {
    let operation = serde_json::from_value(operation).unwrap();
    let done = world.chat.operate(operation, "request-1", deadline()).await;
    let (ok, after) = done.map_err(|refusal| refusal.code)?;
    world.chat.after(after, deadline()).await;
    Ok(serde_json::to_value(ok).unwrap())
}

fn publish(room: &str, text: &str) -> Value {
    json!({"operator": "publish", "room": room, "body": {"text": text}})
}

#[tokio::test(start_paused = true)]
async fn a_message_is_published_like_any_other_and_once_an_invocation() {
    let world = world();
    world.join(&user("ann"), "lobby").await;
    let ok = operate(&world, publish("lobby", "Noon")).await.unwrap();
    assert_eq!((&ok["seq"], &ok["duplicate"]), (&json!(1), &Value::Null));
    assert_eq!(world.pushed("ann"), ["Noon"]);
    let from = &world.entries("ann")[0].from;
    assert_eq!(
        (from.id.as_str(), from.name.as_str()),
        ("operator", "Operator")
    );
    // Lambda repeats an invocation under the same id.
    let again = operate(&world, publish("lobby", "Noon")).await.unwrap();
    assert_eq!(again["duplicate"], true);
    let mut other = publish("lobby", "Once more");
    other["key"] = json!("release-7");
    other["from"] = json!({"id": "ci", "name": "CI"});
    operate(&world, other.clone()).await.unwrap();
    assert_eq!(operate(&world, other).await.unwrap()["duplicate"], true);
    assert_eq!(world.history.texts("lobby"), ["Noon", "Once more"]);
}

#[tokio::test(start_paused = true)]
async fn the_operator_is_let_into_private_rooms_and_nobody_else_with_it() {
    let world = world();
    world.history.make("den", RoomKind::Private, 1);
    let mut other = publish("den", "hi");
    other["from"] = json!({"id": "ci", "name": "CI"});
    let refused = operate(&world, other).await;
    assert_eq!(refused, Err(Code::NotMember));
    operate(&world, publish("den", "hi")).await.unwrap();
    assert_eq!(world.history.texts("den"), ["hi"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_published_is_told_why() {
    let world = world();
    world.join(&user("ann"), "lobby").await;
    world.history.set("lobby", "ci", &Standing::Banned(None));
    let with = |name: &str, value: Value| {
        let mut operation = publish("lobby", "hi");
        operation[name] = value;
        operation
    };
    for (operation, code) in [
        (publish("nowhere", "hi"), Code::NoRoom),
        (with("body", json!({})), Code::BadRequest),
        (publish("lobby", &"x".repeat(9_000)), Code::TooLarge),
        (with("key", json!("")), Code::BadRequest),
        (with("key", json!("k".repeat(129))), Code::BadRequest),
        (
            with("from", json!({"id": "seed:1", "name": "S"})),
            Code::BadRequest,
        ),
        (
            with("from", json!({"id": "ci", "name": "a\u{202e}b"})),
            Code::BadRequest,
        ),
        (
            with("from", json!({"id": "ci", "name": "CI"})),
            Code::Banned,
        ),
        (
            json!({"operator": "announce", "text": "hi"}),
            Code::BadRequest,
        ),
        (
            json!({"operator": "announce", "room": "lobby", "user": "ann", "text": "hi"}),
            Code::BadRequest,
        ),
        (
            json!({"operator": "announce", "room": "lobby", "text": " "}),
            Code::BadRequest,
        ),
        (json!({"operator": "presence"}), Code::BadRequest),
        (
            json!({"operator": "presence", "room": "nowhere"}),
            Code::NoRoom,
        ),
    ] {
        let refused = operate(&world, operation.clone()).await;
        assert_eq!(refused, Err(code), "{operation}");
    }
    assert!(world.history.texts("lobby").is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_no_operation_does_not_read_as_one() {
    for text in [
        r#"{"operator":"fly"}"#,
        r#"{"operator":"disconnect"}"#,
        r#"{"operator":"disconnect","user":"ann","requestContext":{}}"#,
        r#"{"operator":"publish","room":"Lobby!","body":{"text":"hi"}}"#,
        r#"{"operator":"publish","room":"lobby","body":{"text":"hi"},"form":1}"#,
        r#"{"action":"send","room":"lobby","body":{"text":"hi"}}"#,
    ] {
        serde_json::from_str::<crate::Operation>(text).unwrap_err();
    }
}

#[tokio::test(start_paused = true)]
async fn a_notice_goes_to_whoever_is_there() {
    let world = world();
    for (name, connection) in [("ann", "a1"), ("ann", "a2"), ("bob", "bob")] {
        world.join(&device(name, connection), "lobby").await;
    }
    world.ok(&user("cy"), r#"{"action":"hello"}"#).await;
    world.gateway.is("a2", super::gateway::Manner::Gone);
    let announce = json!({"operator": "announce", "room": "lobby", "text": "Noon"});
    let told = operate(&world, announce).await.unwrap();
    assert_eq!(told, json!({"connections": 3, "reached": 2}));
    let notice = Event::Notice {
        text: String::from("Noon"),
    };
    assert_eq!(world.events("bob").last(), Some(&notice));
    assert_eq!(world.events("cy"), []);
    let announce = json!({"operator": "announce", "user": "cy", "text": "Noon"});
    operate(&world, announce).await.unwrap();
    assert_eq!(world.events("cy"), [notice]);
}

#[tokio::test(start_paused = true)]
async fn a_user_is_closed_on_every_connection_and_told_why() {
    let world = world();
    world.join(&user("bob"), "lobby").await;
    for connection in ["a1", "a2"] {
        world.join(&device("ann", connection), "lobby").await;
    }
    let disconnect = json!({"operator": "disconnect", "user": "ann"});
    let closed = operate(&world, disconnect.clone()).await.unwrap();
    assert_eq!(closed, json!({"connections": 2, "reached": 2}));
    let mut all = world.gateway.closed();
    all.sort();
    assert_eq!(all, ["a1", "a2"]);
    let bye = Event::Bye {
        code: Farewell::Kicked,
        reconnect: false,
        after_ms: 0,
    };
    assert_eq!(world.events("a1").last(), Some(&bye));
    assert_eq!(world.registry.members("lobby"), ["bob|bob"]);
    world.work().await;
    let left = |event: &Event| matches!(event, Event::Left { .. });
    assert!(world.events("bob").last().is_some_and(left));
    let again = operate(&world, disconnect).await.unwrap();
    assert_eq!(again, json!({"connections": 0, "reached": 0}));
}

#[tokio::test(start_paused = true)]
async fn presence_is_told_of_a_room_and_of_a_user() {
    let world = world();
    for (name, connection) in [("bob", "1"), ("ann", "2"), ("bob", "3")] {
        world.join(&device(name, connection), "lobby").await;
    }
    let page = json!({"operator": "presence", "room": "lobby", "limit": 1});
    let page = operate(&world, page).await.unwrap();
    assert_eq!(
        page,
        json!({"count": 2, "users": [{"id": "ann", "name": "ANN"}], "cursor": "ann"})
    );
    let of_bob = json!({"operator": "presence", "user": "bob"});
    let of_bob = operate(&world, of_bob).await.unwrap();
    let lease = START + 660_000;
    assert_eq!(
        of_bob,
        json!({"connections": [
            {"connection": "1", "name": "BOB", "lease": lease},
            {"connection": "3", "name": "BOB", "lease": lease},
        ]})
    );
}
