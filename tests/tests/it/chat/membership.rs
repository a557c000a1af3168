//! Rooms that users make, whom they let in, and the lists of them.

use gatepost_tests::member::Member;
use gatepost_tests::stack::Stack;
use serde_json::Value;
use serde_json::json;

crate::both_stores::on_both_stores!(
    a_private_room_is_for_whom_its_owner_invites,
    a_room_is_made_once_also_where_rooms_are_declared,
    memberships_come_in_pages_with_what_is_unread,
);

fn create(room: &str, kind: &str) -> Value {
    json!({"action": "create", "room": room, "kind": kind})
}

fn invite(room: &str, user: &str) -> Value {
    json!({"action": "invite", "room": room, "user": user})
}

async fn a_private_room_is_for_whom_its_owner_invites(stack: &Stack) -> anyhow::Result<()> {
    let mut ann = Member::hello(&stack.websocket, "ann").await?;
    let mut tablet = Member::hello(&stack.websocket, "ann").await?;
    let mut bob = Member::hello(&stack.websocket, "bob").await?;
    let made = ann.ok(create("den", "private")).await?;
    assert_eq!(made, json!({"room": "den", "role": "owner"}));
    let added = json!({"event": "room", "room": "den", "op": "added"});
    for device in [&mut ann, &mut tablet] {
        assert_eq!(device.event("room").await?, added);
    }
    let join = json!({"action": "join", "room": "den"});
    assert_eq!(bob.refused(join.clone()).await?["code"], "not_member");
    let invited = ann.ok(invite("den", "bob")).await?;
    assert_eq!(invited, json!({"room": "den", "role": "member"}));
    assert_eq!(bob.event("room").await?, added);
    let joined = bob.ok(join).await?;
    assert_eq!(
        (&joined["kind"], &joined["role"]),
        (&json!("private"), &json!("member"))
    );
    ann.join("den").await?;
    ann.say("den", "between us").await?;
    bob.entries_to("den", 1).await?;
    // A member invites nobody, and whoever is in keeps the role.
    assert_eq!(bob.refused(invite("den", "cy")).await?["code"], "forbidden");
    assert_eq!(ann.ok(invite("den", "bob")).await?["role"], "member");
    assert_eq!(ann.ok(invite("den", "ann")).await?["role"], "owner");
    Ok(())
}

async fn a_room_is_made_once_also_where_rooms_are_declared(plain: &Stack) -> anyhow::Result<()> {
    let stack = plain.like(&[("ROOM_POLICY", "declared")]).await?;
    let mut ann = Member::hello(&stack.websocket, "ann").await?;
    let mut bob = Member::hello(&stack.websocket, "bob").await?;
    let join = json!({"action": "join", "room": "hall"});
    assert_eq!(bob.refused(join.clone()).await?["code"], "no_room");
    ann.ok(create("hall", "public")).await?;
    assert_eq!(bob.ok(join).await?["kind"], "public");
    assert_eq!(ann.ok(create("hall", "public")).await?["role"], "owner");
    for (member, kind) in [(&mut ann, "private"), (&mut bob, "public")] {
        let refused = member.refused(create("hall", kind)).await?;
        assert_eq!(refused["code"], "conflict");
    }
    for (room, kind) in [
        ("dm:8b5090a9a0cf7d0ea4ad77ff936d1bdf", "private"),
        ("Hall", "public"),
        ("-", "public"),
        ("hall2", "direct"),
    ] {
        let refused = ann.refused(create(room, kind)).await?;
        assert_eq!(refused["code"], "bad_request", "{room} {kind}");
    }
    Ok(())
}

async fn memberships_come_in_pages_with_what_is_unread(stack: &Stack) -> anyhow::Result<()> {
    let mut ann = Member::hello(&stack.websocket, "ann").await?;
    let mut bob = Member::hello(&stack.websocket, "bob").await?;
    for room in ["a", "b", "c"] {
        ann.ok(create(room, "private")).await?;
        ann.ok(invite(room, "bob")).await?;
    }
    // Of a public room one is no member by reading or writing it.
    bob.join("lobby").await?;
    bob.say("lobby", "hi").await?;
    for text in ["one", "two"] {
        ann.say("b", text).await?;
    }
    let mut rooms = Vec::new();
    let mut page = json!({"action": "rooms", "limit": 2});
    loop {
        let list = bob.ok(page.clone()).await?;
        let memberships = list["memberships"].as_array().cloned().unwrap_or_default();
        assert!(memberships.len() <= 2);
        rooms.extend(memberships);
        match list.get("cursor") {
            Some(cursor) => page["cursor"] = cursor.clone(),
            None => break,
        }
    }
    let row = |room: &str, head: u64| json!({"room": room, "kind": "private", "role": "member", "head": head, "read": 0});
    assert_eq!(rooms, [row("a", 0), row("b", 2), row("c", 0)]);
    Ok(())
}
