//! What the members of a room see of each other beside messages.

use std::time::Duration;

use gatepost_tests::member::Member;
use gatepost_tests::stack::Stack;
use serde_json::Value;
use serde_json::json;
use tokio::time::timeout;

crate::both_stores::on_both_stores!(
    who_writes_and_what_was_read_is_told_to_the_others,
    in_a_large_room_everybody_is_told_how_many_there_are,
    an_eleventh_connection_closes_the_one_heard_of_longest_ago,
);

async fn who_writes_and_what_was_read_is_told_to_the_others(stack: &Stack) -> anyhow::Result<()> {
    let mut ann = Member::hello(&stack.websocket, "ann").await?;
    let mut bob = Member::hello(&stack.websocket, "bob").await?;
    for member in [&mut ann, &mut bob] {
        member.join("room").await?;
    }
    let typing = json!({"action": "typing", "room": "room", "on": true});
    // Without an id nothing is answered: the next frame is the next reply.
    ann.socket.send(&typing.to_string()).await?;
    let seen = bob.event("typing").await?;
    assert_eq!(
        (&seen["room"], &seen["user"]),
        (&json!("room"), &json!({"id": "ann", "name": "ann"}))
    );
    let said = bob.say("room", "hello").await?;
    ann.entries_to("room", said).await?;
    let read = json!({"action": "read", "room": "room", "seq": said});
    assert_eq!(ann.ok(read.clone()).await?, json!({}));
    let seen = bob.event("read").await?;
    assert_eq!(
        (&seen["user"]["id"], &seen["seq"]),
        (&json!("ann"), &json!(said))
    );
    assert_eq!(ann.ok(read).await?, json!({}), "again is nothing new");
    bob.say("room", "more").await?;
    let early = ann
        .refused(json!({"action": "read", "room": "room", "seq": said + 1}))
        .await?;
    assert_eq!(early["code"], "rate_limited");
    let wait = early["retry_after_ms"].as_u64();
    assert!(wait.is_some_and(|wait| wait <= 2_000), "{early}");
    Ok(())
}

async fn in_a_large_room_everybody_is_told_how_many_there_are(stack: &Stack) -> anyhow::Result<()> {
    let mut members = Vec::new();
    for number in 0..51 {
        let mut member = Member::hello(&stack.websocket, &format!("u{number}")).await?;
        let joined = member.join("large").await?;
        assert_eq!(joined["subscribers"], number + 1);
        members.push(member);
    }
    let told = json!({"event": "occupancy", "room": "large", "count": 51});
    for member in &mut members {
        assert_eq!(member.event("occupancy").await?, told);
    }
    // Nobody is told who comes. What was too early to be told is found out by a ping.
    let mut late = Member::hello(&stack.websocket, "late").await?;
    late.join("large").await?;
    let ping = json!({"action": "ping", "rooms": {"large": 0}});
    let next = loop {
        members[1].ok(ping.clone()).await?;
        let next = members[0].next_event();
        if let Ok(next) = timeout(Duration::from_millis(100), next).await {
            break next?;
        }
    };
    assert_eq!(
        (&next["event"], &next["count"]),
        (&json!("occupancy"), &json!(52))
    );
    Ok(())
}

async fn an_eleventh_connection_closes_the_one_heard_of_longest_ago(
    stack: &Stack,
) -> anyhow::Result<()> {
    let mut members = Vec::new();
    for _ in 0..10 {
        members.push(Member::hello(&stack.websocket, "ann").await?);
    }
    // Each ping is later than every hello.
    for member in members.iter_mut().skip(1) {
        member.ok(json!({"action": "ping"})).await?;
    }
    let mut newest = Member::hello(&stack.websocket, "ann").await?;
    let bye = members[0].event("bye").await?;
    assert_eq!(
        bye,
        json!({"event": "bye", "code": "replaced", "reconnect": false, "after_ms": 0})
    );
    assert_eq!(members[0].closed().await?, 1000);
    for member in members.iter_mut().skip(1).chain([&mut newest]) {
        let ok: Value = member.ok(json!({"action": "ping"})).await?;
        assert_eq!(ok["heads"], json!({}));
    }
    Ok(())
}
