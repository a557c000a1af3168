//! Every action on every kind of room by everybody: what is answered, and that it tells strangers
//! nothing.

use gatepost_tests::member::Member;
use gatepost_tests::stack::Stack;
use serde_json::Value;
use serde_json::json;

crate::both_stores::on_both_stores!(
    every_action_on_every_room_is_answered_by_what_one_is_there,
    a_direct_room_of_others_is_like_none,
);

/// A direct room that there is not: of ann and cy.
const NO_DIRECT: &str = "dm:d3f8e4cc1b3b4b23a4e2a1e1f0c9d8b7";

/// What one may do in a room by being there.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Right {
    Read,
    Write,
    Moderate,
}

fn actions(room: &str) -> [(Right, Value); 12] {
    let with = |mut action: Value| {
        action["room"] = json!(room);
        action
    };
    let body = json!({"text": "x"});
    [
        (Right::Read, with(json!({"action": "join"}))),
        (Right::Read, with(json!({"action": "history"}))),
        (Right::Read, with(json!({"action": "who"}))),
        (Right::Read, with(json!({"action": "typing", "on": true}))),
        (Right::Read, with(json!({"action": "read", "seq": 1}))),
        (Right::Write, with(json!({"action": "send", "body": body}))),
        (
            Right::Write,
            with(json!({"action": "react", "target": 1, "emoji": "👍", "on": true})),
        ),
        (
            Right::Write,
            with(json!({"action": "edit", "target": 1, "body": body})),
        ),
        (Right::Write, with(json!({"action": "delete", "target": 1}))),
        (
            Right::Moderate,
            with(json!({"action": "invite", "user": "eve"})),
        ),
        (
            Right::Moderate,
            with(json!({"action": "moderate", "op": "unmute", "user": "eve"})),
        ),
        (
            Right::Moderate,
            with(json!({"action": "moderate", "op": "kick", "user": "eve"})),
        ),
    ]
}

/// Rooms `hall` and `den` that ann owns, bob in the den and dee banned from both, a direct room of
/// ann and bob; each with a message of ann's. Answers the direct room.
async fn people(stack: &Stack) -> anyhow::Result<(String, [Member; 4])> {
    let url = &stack.websocket;
    let mut ann = Member::hello(url, "ann").await?;
    for (room, kind) in [("hall", "public"), ("den", "private")] {
        ann.ok(json!({"action": "create", "room": room, "kind": kind}))
            .await?;
        ann.say(room, "secret").await?;
        ann.ok(json!({"action": "moderate", "room": room, "op": "ban", "user": "dee"}))
            .await?;
    }
    ann.ok(json!({"action": "invite", "room": "den", "user": "bob"}))
        .await?;
    let direct = json!({"action": "direct", "to": "bob", "body": {"text": "secret"}});
    let direct = ann.ok(direct).await?["room"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let bob = Member::hello(url, "bob").await?;
    let cy = Member::hello(url, "cy").await?;
    let dee = Member::hello(url, "dee").await?;
    Ok((direct, [ann, bob, cy, dee]))
}

async fn every_action_on_every_room_is_answered_by_what_one_is_there(
    stack: &Stack,
) -> anyhow::Result<()> {
    let (direct, members) = people(stack).await?;
    // The owner last: her deletion takes away what the others' actions are about.
    for (member, who) in members.into_iter().zip(["ann", "bob", "cy", "dee"]).rev() {
        let mut member = member;
        for room in ["hall", "den", &direct, NO_DIRECT] {
            let entry = match (room, who) {
                (NO_DIRECT, _) => "no_room",
                ("hall" | "den", "dee") => "banned",
                ("den", "cy") => "not_member",
                ("hall" | "den", _) | (_, "ann" | "bob") => "ok",
                _ => "no_room",
            };
            for (right, action) in actions(room) {
                let name = &action["action"];
                let is_anns = name == "edit" || name == "delete";
                let expected = match right {
                    _ if entry != "ok" => entry,
                    Right::Read => "ok",
                    Right::Write if is_anns && who != "ann" => "forbidden",
                    Right::Write => "ok",
                    Right::Moderate if who != "ann" || room == direct => "forbidden",
                    Right::Moderate => "ok",
                };
                let reply = member.act(action.clone()).await?;
                let found = match reply.get("ok") {
                    Some(_) => "ok",
                    None => reply["error"]["code"].as_str().unwrap_or_default(),
                };
                assert_eq!(found, expected, "{who}: {action}");
                let is_told = reply.to_string().contains("secret");
                assert!(expected == "ok" || !is_told, "{who}: {reply}");
            }
            let rooms = json!({room: {"epoch": 1, "seq": 0}});
            let sync = member.ok(json!({"action": "sync", "rooms": rooms})).await?;
            let resume = json!({"action": "hello", "resume": rooms});
            let hello = member.ok(resume).await?;
            for state in [&sync["rooms"][room], &hello["rooms"][room]] {
                let code = &state["error"]["code"];
                let expected = if entry == "ok" { "stale_epoch" } else { entry };
                assert_eq!(code, expected, "{who}: {state}");
                let is_told =
                    state["head"] != 0 || state["epoch"] != 0 || state["items"] != json!([]);
                assert_eq!(is_told, entry == "ok", "{who}: {state}");
            }
            let ping = json!({"action": "ping", "rooms": {room: 0}});
            let heads = member.ok(ping).await?["heads"].clone();
            assert_eq!(heads.get(room).is_some(), entry == "ok", "{who}: {heads}");
            assert_eq!(
                member.ok(json!({"action": "leave", "room": room})).await?,
                json!({})
            );
        }
    }
    Ok(())
}

async fn a_direct_room_of_others_is_like_none(stack: &Stack) -> anyhow::Result<()> {
    let (direct, [mut ann, _bob, mut cy, _dee]) = people(stack).await?;
    for ((_, there), (_, none)) in actions(&direct).into_iter().zip(actions(NO_DIRECT)) {
        let (mut there, mut none) = (cy.refused(there).await?, cy.refused(none).await?);
        for error in [&mut there, &mut none] {
            error["request"] = Value::Null;
        }
        assert_eq!(there, none);
    }
    for action in ["sync", "hello"] {
        let mut states = Vec::new();
        for room in [direct.as_str(), NO_DIRECT] {
            let rooms = json!({room: {"epoch": 1, "seq": 0}});
            let asked = json!({"action": action, "rooms": rooms, "resume": rooms});
            states.push(cy.ok(asked).await?["rooms"][room].clone());
        }
        assert_eq!(states[0], states[1]);
    }
    // Nor is anything of it pushed to whoever asked.
    cy.join("hall").await?;
    ann.join("hall").await?;
    let more = json!({"action": "send", "room": direct, "body": {"text": "secret"}});
    ann.ok(more).await?;
    ann.say("hall", "to all").await?;
    for event in cy.events_to("hall").await? {
        assert_eq!(event["room"], "hall", "{event}");
    }
    Ok(())
}
