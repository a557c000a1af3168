//! What an operator does by invoking the message function, and that no client can.

use gatepost_tests::member::Member;
use gatepost_tests::stack::Stack;
use serde_json::Value;
use serde_json::json;

crate::both_stores::on_both_stores!(
    a_published_message_is_an_entry_like_any_other,
    a_notice_is_shown_to_a_room_or_a_user,
    a_kicked_user_is_told_and_closed_on_every_connection,
    who_is_where_is_told_to_the_operator,
    an_operation_that_is_not_done_says_why,
    a_frame_is_never_an_operation,
);

async fn a_published_message_is_an_entry_like_any_other(stack: &Stack) -> anyhow::Result<()> {
    let mut ann = Member::hello(&stack.websocket, "ann").await?;
    ann.join("room").await?;
    let gatepost = &stack.emulator;
    let ended = gatepost.gatepost(&["publish", "room", "Noon"]).await?;
    assert_eq!(ended.stdout, "published as 1 of room\n", "{}", ended.stderr);
    let heard = ann.entries_to("room", 1).await?;
    assert_eq!(
        (&heard[0]["from"], &heard[0]["body"]),
        (
            &json!({"id": "operator", "name": "Operator"}),
            &json!({"text": "Noon"})
        )
    );
    let once = [
        "publish",
        "room",
        "Release",
        "--from",
        "ci",
        "--name",
        "CI",
        "--key",
        "release-7",
    ];
    for expected in [
        "published as 2 of room\n",
        "published before as 2 of room\n",
    ] {
        assert_eq!(gatepost.gatepost(&once).await?.stdout, expected);
    }
    assert_eq!(stack.log("room").await?.len(), 2);
    let ended = gatepost.gatepost(&["publish", "nowhere", "?"]).await?;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("no_room"), "{}", ended.stderr);
    Ok(())
}

async fn a_notice_is_shown_to_a_room_or_a_user(stack: &Stack) -> anyhow::Result<()> {
    let mut ann = Member::hello(&stack.websocket, "ann").await?;
    let mut bob = Member::hello(&stack.websocket, "bob").await?;
    ann.join("room").await?;
    let shown = stack
        .emulator
        .gatepost(&["publish", "room", "Soon", "--notice"])
        .await?;
    assert_eq!(shown.stdout, "shown on 1 of 1 connections in room\n");
    let notice = json!({"event": "notice", "text": "Soon"});
    assert_eq!(ann.event("notice").await?, notice);
    let told = invoke(
        stack,
        &json!({"operator": "announce", "user": "bob", "text": "Hi"}),
    )
    .await?;
    assert_eq!(told["ok"], json!({"connections": 1, "reached": 1}));
    assert_eq!(bob.event("notice").await?["text"], "Hi");
    assert!(stack.log("room").await?.is_empty(), "nothing of it is kept");
    Ok(())
}

async fn a_kicked_user_is_told_and_closed_on_every_connection(stack: &Stack) -> anyhow::Result<()> {
    let mut phone = Member::hello(&stack.websocket, "ann").await?;
    let mut laptop = Member::hello(&stack.websocket, "ann").await?;
    let mut bob = Member::hello(&stack.websocket, "bob").await?;
    bob.join("room").await?;
    phone.join("room").await?;
    let ended = stack.emulator.gatepost(&["kick", "ann"]).await?;
    assert_eq!(ended.stdout, "closed 2 of 2 connections of ann\n");
    let bye = json!({"event": "bye", "code": "kicked", "reconnect": false, "after_ms": 0});
    for device in [&mut phone, &mut laptop] {
        assert_eq!(device.event("bye").await?, bye);
        assert_eq!(device.closed().await?, 1000);
    }
    assert_eq!(bob.event("left").await?["user"]["id"], "ann");
    let ended = stack.emulator.gatepost(&["kick", "ann"]).await?;
    assert_eq!(ended.stdout, "ann is not connected\n");
    Ok(())
}

async fn who_is_where_is_told_to_the_operator(stack: &Stack) -> anyhow::Result<()> {
    let mut members = Vec::new();
    for user in ["ann", "bob"] {
        let mut member = Member::hello(&stack.websocket, user).await?;
        member.join("room").await?;
        members.push(member);
    }
    let ended = stack.emulator.gatepost(&["who", "room"]).await?;
    assert_eq!(ended.stdout, "USER  NAME\nann   ann\nbob   bob\n");
    let page = json!({"operator": "presence", "room": "room", "limit": 1});
    let page = invoke(stack, &page).await?;
    assert_eq!(
        page["ok"],
        json!({"count": 2, "users": [{"id": "ann", "name": "ann"}], "cursor": "ann"})
    );
    let who = ["who", "--user", "bob", "--json"];
    let ended = stack.emulator.gatepost(&who).await?;
    let connections: Value = serde_json::from_str(&ended.stdout)?;
    assert_eq!(connections.as_array().map(Vec::len), Some(1));
    assert_eq!(connections[0]["name"], "bob");
    Ok(())
}

async fn an_operation_that_is_not_done_says_why(stack: &Stack) -> anyhow::Result<()> {
    let mut ann = Member::hello(&stack.websocket, "ann").await?;
    ann.join("room").await?;
    let long = "x".repeat(65);
    let large = "x".repeat(8_192);
    // What it is told, how it ends, and what it says.
    let cases: [(&[&str], i32, &str); 14] = [
        (&["publish", "nowhere", "?"], 1, "no_room"),
        (
            &["publish", "room", "?", "--notice", "--key", "k"],
            64,
            "--key",
        ),
        (&["publish", "room", "?", "--name", "CI"], 64, "--from"),
        (&["publish", "No Room", "?"], 1, "bad_request"),
        (&["publish", "room", "?", "--from", &long], 1, "bad_request"),
        (&["publish", "room", &large], 1, "too_large"),
        (&["kick", &long], 1, "bad_request"),
        (&["kick"], 64, "USER"),
        (&["who"], 64, "ROOM"),
        (&["who", "nowhere"], 1, "no_room"),
        (&["who", "room", "--user", "ann"], 64, "cannot be used with"),
        (
            &["kick", "ann", "--function", "MesageFunction"],
            1,
            "did you mean `MessageFunction`?",
        ),
        (
            &["kick", "ann", "--function", "FanoutFunction"],
            1,
            "Payload.Invalid",
        ),
        (
            &["who", "room", "--url", "http://127.0.0.1:1"],
            1,
            "127.0.0.1:1",
        ),
    ];
    for (arguments, code, says) in cases {
        let ended = stack.emulator.gatepost(arguments).await?;
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.stderr);
        assert!(
            ended.stderr.contains(says),
            "{arguments:?}: {}",
            ended.stderr
        );
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
    // Nor is there anything in an operation that is none.
    for operation in [
        json!({"operator": "dance"}),
        json!({"operator": "publish", "room": "room"}),
        json!({"operator": "presence"}),
        json!({"operator": "announce", "text": "to nobody"}),
        json!({"operator": 7}),
    ] {
        let answer = invoke(stack, &operation).await?;
        assert_eq!(
            answer["error"]["code"], "bad_request",
            "{operation}: {answer}"
        );
        assert!(answer["error"]["request"].is_string(), "{answer}");
    }
    let nobody = stack
        .emulator
        .gatepost(&["who", "--user", "nobody"])
        .await?;
    assert_eq!((nobody.code, nobody.stdout.as_str()), (Some(0), "nobody\n"));
    assert!(stack.log("room").await?.is_empty());
    ann.ok(json!({"action": "ping"})).await?;
    Ok(())
}

async fn a_frame_is_never_an_operation(stack: &Stack) -> anyhow::Result<()> {
    let mut ann = Member::hello(&stack.websocket, "ann").await?;
    ann.join("room").await?;
    for operation in [
        json!({"operator": "publish", "room": "room", "body": {"text": "forged"}}),
        json!({"operator": "disconnect", "user": "ann"}),
        json!({"operator": "presence", "room": "room", "requestContext": null}),
    ] {
        ann.socket.send(&operation.to_string()).await?;
        let answer: Value = serde_json::from_str(&ann.socket.text().await?)?;
        assert_eq!(answer["error"]["code"], "bad_request", "{answer}");
    }
    assert!(stack.log("room").await?.is_empty());
    // Nor is what looks like a frame's event, whatever else is in it.
    let both = json!({"operator": "disconnect", "user": "ann", "requestContext": {}});
    let ended = raw(stack, &both).await?;
    assert!(ended.contains("Payload.Invalid"), "{ended}");
    ann.ok(json!({"action": "ping"})).await?;
    Ok(())
}

/// What the message function answers to an operation.
async fn invoke(stack: &Stack, operation: &Value) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&raw(stack, operation).await?)?)
}

async fn raw(stack: &Stack, event: &Value) -> anyhow::Result<String> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("event.json");
    std::fs::write(&file, event.to_string())?;
    let file = file.display().to_string();
    let invoke = ["invoke", "MessageFunction", "--event", &file];
    Ok(stack.emulator.gatepost(&invoke).await?.stdout)
}
