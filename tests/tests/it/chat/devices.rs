//! One user on several connections: reloads, duplicated tabs, reconnects and takeovers.

use gatepost_tests::member::Member;
use gatepost_tests::stack::Stack;
use serde_json::Value;
use serde_json::json;

crate::both_stores::on_both_stores!(
    a_reload_numbers_its_sends_anew,
    a_duplicated_tab_hears_all_and_leaves_alone,
    a_reconnect_that_races_the_old_disconnect_hears_everything,
    a_repeated_send_is_stored_once_and_told_its_place,
    a_takeover_closes_the_other_client_and_refuses_its_return,
);

const FIRST: &str = "first-page-load-of-the-tab";
const SECOND: &str = "second-page-load-of-the-tab";

async fn a_reload_numbers_its_sends_anew(stack: &Stack) -> anyhow::Result<()> {
    let mut before = hello(stack, "ann", FIRST).await?;
    before.join("room").await?;
    assert_eq!(before.ok(numbered(1, "before")).await?["seq"], 1);
    drop(before);
    let mut after = hello(stack, "ann", SECOND).await?;
    assert_eq!(after.ok(numbered(1, "after")).await?["seq"], 2);
    let early = after.refused(numbered(3, "too early")).await?;
    assert_eq!(
        (&early["code"], &early["expected"]),
        (&json!("early"), &json!(2))
    );
    Ok(())
}

async fn a_duplicated_tab_hears_all_and_leaves_alone(stack: &Stack) -> anyhow::Result<()> {
    let mut bob = Member::hello(&stack.websocket, "bob").await?;
    bob.join("room").await?;
    let mut tab = hello(stack, "ann", FIRST).await?;
    tab.join("room").await?;
    assert_eq!(bob.event("joined").await?["user"]["id"], "ann");
    let mut copy = hello(stack, "ann", SECOND).await?;
    copy.join("room").await?;
    tab.ok(numbered(1, "from the tab")).await?;
    copy.ok(numbered(1, "from its copy")).await?;
    for member in [&mut tab, &mut copy, &mut bob] {
        let texts: Vec<Value> = member
            .entries_to("room", 2)
            .await?
            .iter()
            .map(|entry| entry["body"]["text"].clone())
            .collect();
        assert_eq!(texts, ["from the tab", "from its copy"]);
    }
    copy.socket.close().await?;
    stack.until_disconnected(1).await?;
    assert_eq!(
        stack.users_of("room").await?,
        ["ann", "bob"],
        "the tab is still there"
    );
    tab.socket.close().await?;
    let left = bob.event("left").await?;
    assert_eq!(
        left["user"]["id"], "ann",
        "left is said for the last device"
    );
    Ok(())
}

async fn a_reconnect_that_races_the_old_disconnect_hears_everything(
    stack: &Stack,
) -> anyhow::Result<()> {
    let mut sender = Member::hello(&stack.websocket, "sender").await?;
    let epoch = sender.join("room").await?["epoch"].clone();
    let mut member = hello(stack, "ann", FIRST).await?;
    member.join("room").await?;
    let mut seen = 0;
    for round in 0..20 {
        // The old connection's `$disconnect` runs while the new one says hello.
        drop(member);
        member = Member::open(&url(stack, "ann")).await?;
        let resume = json!({"room": {"epoch": epoch, "seq": seen}});
        let hello = json!({"action": "hello", "client": FIRST, "resume": resume});
        let resumed = member.ok(hello).await?;
        assert_eq!(
            resumed["rooms"]["room"]["items"],
            json!([]),
            "round {round}"
        );
        let said = sender.say("room", &format!("{round}")).await?;
        let heard = member.entries_to("room", said).await?;
        assert_eq!(heard.len(), 1, "round {round}");
        seen = said;
    }
    stack.until_disconnected(20).await?;
    let said = sender.say("room", "after all disconnects").await?;
    assert_eq!(member.entries_to("room", said).await?.len(), 1);
    assert_eq!(
        stack.subscriptions("room").await?,
        2,
        "the sender's and the newest"
    );
    Ok(())
}

async fn a_repeated_send_is_stored_once_and_told_its_place(stack: &Stack) -> anyhow::Result<()> {
    let mut ann = hello(stack, "ann", FIRST).await?;
    ann.join("room").await?;
    let first = ann.ok(numbered(1, "once")).await?;
    let mut again = hello(stack, "ann", FIRST).await?;
    let second = again.ok(numbered(1, "once")).await?;
    assert_eq!(second["seq"], first["seq"]);
    assert_eq!(second["duplicate"], true);
    let conflict = again.refused(numbered(1, "another body")).await?;
    assert_eq!(conflict["code"], "conflict");
    assert_eq!(stack.log("room").await?.len(), 1);
    Ok(())
}

async fn a_takeover_closes_the_other_client_and_refuses_its_return(
    plain: &Stack,
) -> anyhow::Result<()> {
    let stack = plain.like(&[("SESSION_POLICY", "takeover")]).await?;
    let mut old = hello(&stack, "ann", FIRST).await?;
    old.join("room").await?;
    let mut new = hello(&stack, "ann", SECOND).await?;
    new.join("room").await?;
    assert_eq!(old.event("bye").await?["code"], "replaced");
    assert_eq!(old.closed().await?, 1000);
    let mut returning = Member::open(&url(&stack, "ann")).await?;
    let refused = returning
        .refused(json!({"action": "hello", "client": FIRST}))
        .await?;
    assert_eq!(refused["code"], "replaced");
    new.say("room", "still mine").await?;
    returning
        .ok(json!({"action": "hello", "client": FIRST, "take": true}))
        .await?;
    assert_eq!(new.event("bye").await?["code"], "replaced");
    Ok(())
}

fn url(stack: &Stack, user: &str) -> String {
    format!("{}?user={user}&name={user}", stack.websocket)
}

async fn hello(stack: &Stack, user: &str, client: &str) -> anyhow::Result<Member> {
    let mut member = Member::open(&url(stack, user)).await?;
    member
        .ok(json!({"action": "hello", "client": client}))
        .await?;
    Ok(member)
}

fn numbered(n: u64, text: &str) -> Value {
    json!({"action": "send", "room": "room", "n": n, "body": {"text": text}})
}
