//! What members hear: each entry once, in the order of the log, whatever races.

use std::collections::BTreeSet;

use anyhow::Context;
use gatepost_tests::member::Member;
use gatepost_tests::stack::Stack;
use serde_json::Value;
use serde_json::json;

crate::both_stores::on_both_stores!(
    members_hear_every_entry_in_the_logs_order,
    a_join_that_races_sends_misses_and_doubles_nothing,
    a_client_that_was_away_resumes_where_it_was,
    history_is_read_in_pages,
);

async fn members_hear_every_entry_in_the_logs_order(stack: &Stack) -> anyhow::Result<()> {
    const SENDERS: u64 = 4;
    const EACH: u64 = 25;
    let mut listeners = Vec::new();
    for listener in 0..3 {
        let mut member = Member::hello(&stack.websocket, &format!("listener-{listener}")).await?;
        member.join("room").await?;
        listeners.push(member);
    }
    let senders = (0..SENDERS).map(|sender| {
        let url = stack.websocket.clone();
        tokio::spawn(async move {
            let mut member = Member::hello(&url, &format!("sender-{sender}")).await?;
            member.join("room").await?;
            let mut seqs = Vec::new();
            for message in 0..EACH {
                seqs.push(member.say("room", &format!("{sender}/{message}")).await?);
            }
            anyhow::Ok(seqs)
        })
    });
    let mut acknowledged = BTreeSet::new();
    for sender in senders.collect::<Vec<_>>() {
        let seqs = sender.await??;
        assert!(
            seqs.is_sorted(),
            "one sender's messages are in the order of sending"
        );
        acknowledged.extend(seqs);
    }
    let last = SENDERS * EACH;
    assert_eq!(
        acknowledged,
        (1..=last).collect(),
        "every seq is given once, without a gap"
    );
    let log = stack.log("room").await?;
    for mut listener in listeners {
        assert_eq!(listener.entries_to("room", last).await?, log);
    }
    Ok(())
}

async fn a_join_that_races_sends_misses_and_doubles_nothing(stack: &Stack) -> anyhow::Result<()> {
    let mut sender = Member::hello(&stack.websocket, "sender").await?;
    sender.join("room").await?;
    for round in 0..15 {
        let mut joiner = Member::hello(&stack.websocket, &format!("joiner-{round}")).await?;
        let joining = joiner
            .start(json!({"action": "join", "room": "room"}))
            .await?;
        let mut last = 0;
        for message in 0..4 {
            last = sender.say("room", &format!("{round}/{message}")).await?;
        }
        let joined = joiner.reply(&joining).await?["ok"].clone();
        let head = joined["head"].as_u64().context("a head")?;
        let mut heard = seqs(&joined["items"])?;
        if head < last {
            // Pushes at or below the head are in the reply: a client drops them.
            let pushed = joiner.entries_to("room", last).await?;
            heard.extend(seqs(&json!(pushed))?.into_iter().filter(|seq| *seq > head));
        }
        let first = *heard.first().context("a history")?;
        assert_eq!(heard, (first..=last).collect::<Vec<_>>(), "round {round}");
        joiner.socket.close().await?;
    }
    Ok(())
}

async fn a_client_that_was_away_resumes_where_it_was(stack: &Stack) -> anyhow::Result<()> {
    let mut sender = Member::hello(&stack.websocket, "sender").await?;
    let epoch = sender.join("room").await?["epoch"].clone();
    let mut away = Member::hello(&stack.websocket, "away").await?;
    away.join("room").await?;
    let seen = sender.say("room", "heard").await?;
    away.entries_to("room", seen).await?;
    drop(away);
    let mut last = 0;
    for message in 0..30 {
        last = sender.say("room", &format!("missed {message}")).await?;
    }
    let mut back = Member::open(&format!("{}?user=away&name=Away", stack.websocket)).await?;
    let resume = json!({"room": {"epoch": epoch, "seq": seen}});
    let hello = back
        .ok(json!({"action": "hello", "resume": resume}))
        .await?;
    let room = &hello["rooms"]["room"];
    assert_eq!(seqs(&room["items"])?, (seen + 1..=last).collect::<Vec<_>>());
    assert_eq!(
        (&room["head"], &room["more"]),
        (&json!(last), &json!(false))
    );
    let next = sender.say("room", "live again").await?;
    let pushed = seqs(&json!(back.entries_to("room", next).await?))?;
    // What was still being pushed when it came back it has already: a client drops it.
    let new = pushed.into_iter().filter(|&seq| seq > last);
    assert_eq!(new.collect::<Vec<_>>(), [next]);
    Ok(())
}

async fn history_is_read_in_pages(stack: &Stack) -> anyhow::Result<()> {
    let mut member = Member::hello(&stack.websocket, "reader").await?;
    member.join("room").await?;
    for message in 0..12 {
        // Five of them are more than fits into one frame.
        member
            .say("room", &format!("{message} {}", "x".repeat(7_900)))
            .await?;
    }
    let mut before = 13;
    let mut read = Vec::new();
    while before > 1 {
        let action = json!({"action": "history", "room": "room", "before": before, "limit": 100});
        let page = member.ok(action).await?;
        assert!(page.to_string().len() <= 32_768);
        let mut seqs = seqs(&page["items"])?;
        assert_eq!(page["more"], json!(seqs[0] > 1));
        before = seqs[0];
        seqs.extend(read);
        read = seqs;
    }
    assert_eq!(read, (1..=12).collect::<Vec<_>>());
    Ok(())
}

fn seqs(items: &Value) -> anyhow::Result<Vec<u64>> {
    let items = items.as_array().context("items")?;
    items
        .iter()
        .map(|entry| entry["seq"].as_u64().context("a seq"))
        .collect()
}
