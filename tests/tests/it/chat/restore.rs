//! What becomes of members when their log is restored from an older copy.

use gatepost_tests::member::Member;
use gatepost_tests::stack::Stack;
use serde_json::json;
use sqlx::Connection as _;
use sqlx::Executor as _;

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
    restore_two_entries(stack).await?;
    assert_eq!(bob.say("room", "another three").await?, 3);
    let folder = tempfile::tempdir()?;
    let task = folder.path().join("sweep.json");
    std::fs::write(&task, r#"{"task":"sweep"}"#)?;
    let task = task.display().to_string();
    let sweep = ["invoke", "FanoutFunction", "--event", &task];
    let swept = stack.emulator.gatepost(&sweep).await?;
    assert_eq!(swept.code, Some(0), "{}", swept.stderr);
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

/// What a copy of the log from when it had two entries brings back.
async fn restore_two_entries(stack: &Stack) -> anyhow::Result<()> {
    let copy = [
        "delete from message where seq > 2",
        "delete from producer",
        "update room set head = 2",
    ];
    let url = &stack.database_url;
    if url.starts_with("sqlite:") {
        let mut log = sqlx::SqliteConnection::connect(url).await?;
        for statement in copy {
            log.execute(statement).await?;
        }
    } else {
        let mut log = sqlx::MySqlConnection::connect(url).await?;
        for statement in copy {
            log.execute(statement).await?;
        }
    }
    Ok(())
}
