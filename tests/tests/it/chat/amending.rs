//! Edits, deletions and reactions, as those in the room and those who come later see them.

use gatepost_tests::member::Member;
use gatepost_tests::stack::Stack;
use serde_json::Value;
use serde_json::json;

crate::both_stores::on_both_stores!(
    a_message_is_edited_reacted_to_and_deleted_before_everybody,
    what_cannot_be_amended_is_refused_and_leaves_no_entry,
);

const CLIENT: &str = "0123456789abcdef";

async fn a_message_is_edited_reacted_to_and_deleted_before_everybody(
    stack: &Stack,
) -> anyhow::Result<()> {
    let mut ann = Member::hello(&stack.websocket, "ann").await?;
    let mut bob = Member::hello(&stack.websocket, "bob").await?;
    for member in [&mut ann, &mut bob] {
        member.join("room").await?;
    }
    assert_eq!(ann.say("room", "secret").await?, 1);
    let edit = json!({"action": "edit", "room": "room", "target": 1, "body": {"text": "secret!"},
        "client": CLIENT, "n": 1});
    let react = json!({"action": "react", "room": "room", "target": 1, "emoji": "👍", "on": true});
    let delete = json!({"action": "delete", "room": "room", "target": 1, "client": CLIENT, "n": 2});
    assert_eq!(ann.ok(edit.clone()).await?["seq"], 2);
    assert_eq!(bob.ok(react).await?["seq"], 3);
    let again = ann.ok(edit.clone()).await?;
    assert_eq!(
        (&again["seq"], &again["duplicate"]),
        (&json!(2), &json!(true))
    );
    for member in [&mut ann, &mut bob] {
        let entries = member.entries_to("room", 3).await?;
        let last = entries.len() - 2;
        assert_eq!(entries[last]["kind"], "edit");
        assert_eq!(entries[last]["target"], 1);
        assert_eq!(entries[last]["body"]["text"], "secret!");
        assert_eq!(entries[last]["client"], CLIENT);
        let reaction = &entries[last + 1];
        assert_eq!(
            (&reaction["kind"], &reaction["emoji"], &reaction["on"]),
            (&json!("reaction"), &json!("👍"), &json!(true))
        );
        assert_eq!(reaction["from"]["id"], "bob");
    }
    assert_eq!(ann.ok(delete).await?["seq"], 4);
    for member in [&mut ann, &mut bob] {
        let entries = member.entries_to("room", 4).await?;
        let deletion = entries.last().expect("entries up to it");
        assert_eq!(
            (&deletion["kind"], &deletion["target"]),
            (&json!("delete"), &json!(1))
        );
    }
    // Whoever comes later is not served the text any more, by whatever way.
    let mut cy = Member::hello(&stack.websocket, "cy").await?;
    let joined = cy
        .ok(json!({"action": "join", "room": "room", "history": 50}))
        .await?;
    let history = cy.ok(json!({"action": "history", "room": "room"})).await?;
    let position = json!({"room": {"epoch": joined["epoch"], "seq": 0}});
    let sync = cy.ok(json!({"action": "sync", "rooms": position})).await?;
    for items in [
        &joined["items"],
        &history["items"],
        &sync["rooms"]["room"]["items"],
    ] {
        assert!(!items.to_string().contains("secret"), "{items}");
        let seqs: Vec<_> = items
            .as_array()
            .into_iter()
            .flatten()
            .map(|e| &e["seq"])
            .collect();
        assert_eq!(seqs, [1, 2, 3, 4]);
        assert_eq!(items[0]["body"], json!({}));
    }
    // What was stored stays a repetition.
    assert_eq!(ann.ok(edit).await?["duplicate"], true);
    Ok(())
}

async fn what_cannot_be_amended_is_refused_and_leaves_no_entry(
    stack: &Stack,
) -> anyhow::Result<()> {
    let mut ann = Member::hello(&stack.websocket, "ann").await?;
    let mut bob = Member::hello(&stack.websocket, "bob").await?;
    for member in [&mut ann, &mut bob] {
        member.join("room").await?;
    }
    ann.say("room", "one").await?;
    ann.say("room", "two").await?;
    let on = |action: &str, target: u64| {
        json!({"action": action, "room": "room", "target": target, "body": {"text": "x"},
            "emoji": "👍", "on": true})
    };
    ann.ok(on("delete", 2)).await?;
    for (action, target, code) in [
        ("edit", 1, "forbidden"),
        ("delete", 1, "forbidden"),
        ("edit", 2, "not_found"),
        ("delete", 2, "not_found"),
        ("react", 2, "not_found"),
        ("react", 3, "not_found"),
        ("edit", 9, "not_found"),
    ] {
        let refused = bob.refused(on(action, target)).await?;
        assert_eq!(refused["code"], code, "{action} {target}");
    }
    let conflict = |text: &str| {
        json!({"action": "edit", "room": "room", "target": 1, "body": {"text": text},
            "client": CLIENT, "n": 1})
    };
    ann.ok(conflict("a")).await?;
    assert_eq!(ann.refused(conflict("b")).await?["code"], "conflict");
    let history = bob.ok(json!({"action": "history", "room": "room"})).await?;
    let kinds: Vec<&Value> = history["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| &entry["kind"])
        .collect();
    assert_eq!(kinds, ["message", "message", "delete", "edit"]);
    Ok(())
}
