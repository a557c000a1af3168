//! What becomes of members when their log is restored from an older copy.

use gatepost_tests::member::Member;
use gatepost_tests::stack::Stack;
use serde_json::json;

crate::both_stores::on_both_stores!(members_of_a_restored_log_hear_of_it_and_load_it_anew);

async fn members_of_a_restored_log_hear_of_it_and_load_it_anew(
    stack: &Stack,
) -> anyhow::Result<()> {
    let mut ann = Member::hello(&stack.websocket, "ann").await?;
    let mut bob = Member::hello(&stack.websocket, "bob").await?;
    let epoch = ann.join("room").await?["epoch"].clone();
    for number in 1..=5 {
        bob.say("room", &format!("{number}")).await?;
    }
    ann.entries_to("room", 5).await?;
    // What a copy of the log from when it had two entries brings back.
    let copy = [
        "delete from message where seq > 2",
        "delete from producer",
        "update room set head = 2",
    ];
    stack.change_log(&copy).await?;
    assert_eq!(bob.say("room", "another three").await?, 3);
    stack.sweep().await?;
    let heard = ann.event("entries").await?;
    assert!(heard["epoch"].as_u64() > epoch.as_u64(), "{heard}");
    assert_eq!(heard["items"][0]["seq"], 3);
    let rooms = json!({"room": {"epoch": epoch, "seq": 5}});
    let synced = ann.ok(json!({"action": "sync", "rooms": rooms})).await?;
    let state = &synced["rooms"]["room"];
    assert_eq!(state["error"]["code"], "stale_epoch");
    assert_eq!(
        (&state["epoch"], &state["head"]),
        (&heard["epoch"], &json!(3))
    );
    bob.say("room", "four").await?;
    let next = ann.event("entries").await?;
    assert_eq!(
        (&next["epoch"], &next["items"][0]["seq"]),
        (&heard["epoch"], &json!(4))
    );
    Ok(())
}
