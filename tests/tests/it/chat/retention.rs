//! What `RETENTION_DAYS` takes away, and what members are told of it.

use gatepost_tests::member::Member;
use gatepost_tests::stack::Stack;
use serde_json::Value;
use serde_json::json;

crate::both_stores::on_both_stores!(
    what_is_too_old_goes_with_the_sweep_and_whoever_asks_for_it_is_told,
);

async fn what_is_too_old_goes_with_the_sweep_and_whoever_asks_for_it_is_told(
    stack: &Stack,
) -> anyhow::Result<()> {
    let stack = stack.like(&[("RETENTION_DAYS", "1")]).await?;
    let mut ann = Member::hello(&stack.websocket, "ann").await?;
    let mut bob = Member::hello(&stack.websocket, "bob").await?;
    let epoch = ann.join("room").await?["epoch"].clone();
    for number in 1..=5 {
        bob.say("room", &format!("{number}")).await?;
    }
    ann.entries_to("room", 5).await?;
    stack.sweep().await?;
    assert_eq!(history(&mut ann).await?, (json!(0), vec![1, 2, 3, 4, 5]));
    // Three entries are from two days ago.
    let older = ["update message set at = at - 172800000 where seq <= 3"];
    stack.change_log(&older).await?;
    stack.sweep().await?;
    assert_eq!(history(&mut ann).await?, (json!(3), vec![4, 5]));
    let at = |seq: u64| json!({"room": {"epoch": epoch, "seq": seq}});
    // A cursor below the floor, in a sync and in a hello.
    let synced = ann.ok(json!({"action": "sync", "rooms": at(1)})).await?;
    let mut again = Member::open(&format!("{}?user=ann&name=Ann", stack.websocket)).await?;
    let resumed = again
        .ok(json!({"action": "hello", "resume": at(2)}))
        .await?;
    for state in [&synced["rooms"]["room"], &resumed["rooms"]["room"]] {
        assert_eq!(state["error"]["code"], "below_floor", "{state}");
        assert_eq!(state["error"]["floor"], 3);
        assert_eq!(
            (&state["head"], seqs(&state["items"])),
            (&json!(5), vec![4, 5])
        );
    }
    // The last that was purged is no gap.
    let synced = ann.ok(json!({"action": "sync", "rooms": at(3)})).await?;
    let state = &synced["rooms"]["room"];
    assert_eq!(
        (state.get("error"), seqs(&state["items"])),
        (None, vec![4, 5])
    );
    let page = json!({"action": "history", "room": "room", "after": 0, "limit": 100});
    let refused = ann.refused(page).await?;
    assert_eq!(
        (&refused["code"], &refused["floor"]),
        (&json!("below_floor"), &json!(3))
    );
    let edit = json!({"action": "edit", "room": "room", "target": 2, "body": {"text": "?"}});
    assert_eq!(bob.refused(edit).await?["code"], "below_floor");
    // The log goes on where it was.
    assert_eq!(bob.say("room", "six").await?, 6);
    ann.entries_to("room", 6).await?;
    Ok(())
}

/// The floor, and what is above it.
async fn history(member: &mut Member) -> anyhow::Result<(Value, Vec<u64>)> {
    let history = json!({"action": "history", "room": "room", "limit": 100});
    let ok = member.ok(history).await?;
    Ok((ok["floor"].clone(), seqs(&ok["items"])))
}

fn seqs(items: &Value) -> Vec<u64> {
    let items = items.as_array().into_iter().flatten();
    items.filter_map(|entry| entry["seq"].as_u64()).collect()
}
