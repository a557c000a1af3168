//! Two users who write to each other.

use anyhow::Context;
use gatepost_tests::member::Member;
use gatepost_tests::stack::Stack;
use serde_json::Value;
use serde_json::json;

crate::both_stores::on_both_stores!(
    a_direct_message_reaches_every_device_of_both_and_nobody_else,
    a_direct_room_waits_for_whoever_is_away,
);

fn direct(to: &str, text: &str) -> Value {
    json!({"action": "direct", "to": to, "body": {"text": text}})
}

async fn a_direct_message_reaches_every_device_of_both_and_nobody_else(
    stack: &Stack,
) -> anyhow::Result<()> {
    let mut devices = Vec::new();
    for user in ["ann", "ann", "bob", "bob"] {
        devices.push(Member::hello(&stack.websocket, user).await?);
    }
    let mut cy = Member::hello(&stack.websocket, "cy").await?;
    let sent = devices[0].ok(direct("bob", "hi")).await?;
    let room = sent["room"].as_str().unwrap_or_default().to_owned();
    // printf '\003ann\003bob' | sha256sum | cut -c1-32
    assert_eq!(room, "dm:8b5090a9a0cf7d0ea4ad77ff936d1bdf");
    assert_eq!((&sent["seq"], &sent["with"]), (&json!(1), &json!("bob")));
    for (device, with) in devices.iter_mut().zip(["bob", "bob", "ann", "ann"]) {
        let added = device.event("room").await?;
        assert_eq!(
            (&added["room"], &added["op"], &added["with"]),
            (&json!(room), &json!("added"), &json!(with))
        );
    }
    // The room is the same whoever writes, and nobody is told of it again.
    let answer = devices[3].ok(direct("ann", "ho")).await?;
    assert_eq!(
        (&answer["room"], &answer["seq"], &answer["with"]),
        (&json!(room), &json!(2), &json!("ann"))
    );
    let send = json!({"action": "send", "room": room, "body": {"text": "here as well"}});
    assert_eq!(devices[1].ok(send).await?["seq"], 3);
    // Pushes may come before the event that says of what room: one who connects anew sees it all.
    for user in ["ann", "bob"] {
        let mut device = Member::hello(&stack.websocket, user).await?;
        let join = json!({"action": "join", "room": room, "history": 10});
        let joined = device.ok(join).await?;
        assert_eq!(
            (&joined["kind"], &joined["role"]),
            (&json!("direct"), &json!("member"))
        );
        assert_eq!(joined["items"].as_array().map(Vec::len), Some(3));
        devices.push(device);
    }
    let last = devices[4].ok(direct("bob", "last")).await?;
    assert_eq!(last["seq"], 4);
    for device in &mut devices {
        device.entries_to(&room, 4).await?;
    }
    // Nothing of it came to the third.
    cy.join("lobby").await?;
    devices[0].join("lobby").await?;
    devices[0].say("lobby", "to all").await?;
    for event in cy.events_to("lobby").await? {
        assert_eq!(event["room"], "lobby");
    }
    assert_eq!(
        cy.refused(json!({"action": "history", "room": room}))
            .await?["code"],
        "no_room"
    );
    let own = devices[0].refused(direct("ann", "to myself")).await?;
    assert_eq!(own["code"], "bad_request");
    let seed = devices[0].refused(direct("seed:1", "hi")).await?;
    assert_eq!(seed["code"], "not_found");
    Ok(())
}

async fn a_direct_room_waits_for_whoever_is_away(stack: &Stack) -> anyhow::Result<()> {
    let mut ann = Member::hello(&stack.websocket, "ann").await?;
    let numbered = json!({"action": "direct", "to": "bob", "body": {"text": "one"},
        "client": "0123456789abcdef", "n": 1});
    let sent = ann.ok(numbered.clone()).await?;
    let again = ann.ok(numbered).await?;
    assert_eq!(
        (&again["seq"], &again["duplicate"], &again["with"]),
        (&json!(1), &json!(true), &json!("bob"))
    );
    ann.ok(direct("bob", "two")).await?;
    let room = sent["room"].clone();
    let url = format!("{}?user=bob&name=bob", stack.websocket);
    let mut bob = Member::open(&url).await?;
    let hello = bob.ok(json!({"action": "hello"})).await?;
    let expected = json!([{"room": room, "kind": "direct", "role": "member", "head": 2, "read": 0,
        "with": "ann"}]);
    assert_eq!(hello["memberships"], expected);
    assert_eq!(
        bob.ok(json!({"action": "rooms"})).await?["memberships"],
        expected
    );
    // Here, but not in the room: the next message brings the user in.
    ann.ok(direct("bob", "three")).await?;
    let name = room.as_str().unwrap_or_default();
    let entries = bob.entries_to(name, 3).await?;
    // What came before it may be on its way still.
    let last = entries.last().context("an entry")?;
    assert_eq!(
        (&last["seq"], &last["body"]["text"]),
        (&json!(3), &json!("three"))
    );
    Ok(())
}
