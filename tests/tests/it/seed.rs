//! The ten scenarios in which the tutorial's chat room broke, with its page's exact frames.
//! Scenario 7's half in the browser is in `tests/browser`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use anyhow::Context;
use gatepost_tests::member::Member;
use gatepost_tests::seed::Page;
use gatepost_tests::socket::Received;
use gatepost_tests::socket::Socket;
use gatepost_tests::stack::Stack;
use serde_json::Value;
use serde_json::json;

crate::both_stores::on_both_stores!(
    all_offline_is_a_text_like_any_other,
    a_relogin_replaces_the_older_connection_and_its_close_changes_nothing,
    malformed_first_frames_leave_nothing_behind,
    a_client_that_does_not_read_delays_nobody,
    clients_that_vanish_lose_no_message_of_others,
    two_hundred_at_once_are_each_registered_once,
    nobody_can_claim_anothers_userid_and_html_stays_text,
    text_ids_are_different_users,
    after_seven_logins_all_hear_the_logs_order,
    what_the_seed_lacked_is_there,
);

/// 1: in the seed this text ended the dispatcher, and the chat was dead for everyone.
async fn all_offline_is_a_text_like_any_other(stack: &Stack) -> anyhow::Result<()> {
    let mut ann = Page::launch(&stack.websocket, "1").await?;
    let mut bob = Page::launch(&stack.websocket, "2").await?;
    ann.say("all-offline").await?;
    assert_eq!(
        bob.hears("all-offline").await?,
        json!({"username": "user \"1\"", "userid": "1", "msg": "all-offline"})
    );
    ann.hears("all-offline").await?;
    bob.say("still here").await?;
    ann.hears("still here").await?;
    Ok(())
}

/// 2: in the seed the old connection's close removed the new registration.
async fn a_relogin_replaces_the_older_connection_and_its_close_changes_nothing(
    stack: &Stack,
) -> anyhow::Result<()> {
    let mut bob = Page::launch(&stack.websocket, "2").await?;
    let mut old = Page::launch(&stack.websocket, "1").await?;
    let mut new = Page::launch(&stack.websocket, "1").await?;
    assert_eq!(
        old.closed().await?,
        1000,
        "the older connection is closed by the server"
    );
    drop(old);
    stack.until_disconnected(1).await?;
    bob.say("hello again").await?;
    new.hears("hello again").await?;
    assert_eq!(stack.users_of("lobby").await?, ["seed:1", "seed:2"]);
    Ok(())
}

/// 3: in the seed each such client leaked three goroutines for ever.
async fn malformed_first_frames_leave_nothing_behind(stack: &Stack) -> anyhow::Result<()> {
    let malformed = [
        "not json",
        "[1]",
        "\"text\"",
        "{\"userid\":{}}",
        "{\"userid\":\"\"}",
    ];
    for turn in 0..20 {
        let mut socket = Socket::open(&stack.websocket).await?;
        socket.send(malformed[turn % malformed.len()]).await?;
        let answer: Value = serde_json::from_str(&socket.text().await?)?;
        assert!(
            answer["error"]["code"].is_string(),
            "an error frame: {answer}"
        );
        socket.close().await?;
    }
    stack.until_disconnected(20).await?;

    assert_eq!(
        stack.live_connections().await?,
        0,
        "nothing is left in the registry"
    );
    Ok(())
}

/// 4: in the seed everybody froze. Here the others hear everything while one does not read
/// at all; how long they wait, `bench stalled` measures.
async fn a_client_that_does_not_read_delays_nobody(plain: &Stack) -> anyhow::Result<()> {
    let stack = plain.unlimited().await?;
    let mut ann = Page::launch(&stack.websocket, "1").await?;
    let mut bob = Page::launch(&stack.websocket, "2").await?;
    let stalled = gatepost_tests::stalled::Stalled::launch(&stack.websocket, "3").await?;
    let text = "x".repeat(4000);
    for turn in 0..300 {
        let text = format!("{turn} {text}");
        ann.say(&text).await?;
        bob.hears(&text).await?;
        ann.hears(&text).await?;
    }
    drop(stalled);
    Ok(())
}

/// 5: the seed deadlocked or crashed in 8 of 8 runs.
async fn clients_that_vanish_lose_no_message_of_others(stack: &Stack) -> anyhow::Result<()> {
    let mut watcher = Member::hello(&stack.websocket, "watcher").await?;
    watcher.join("lobby").await?;
    let mut ann = Page::launch(&stack.websocket, "ann").await?;
    let mut acknowledged = Vec::new();
    for turn in 0..12 {
        let mut vanishing = Vec::new();
        for guest in 0..4 {
            vanishing.push(Page::launch(&stack.websocket, format!("v{turn}-{guest}")).await?);
        }
        let text = format!("message {turn}");
        ann.say(&text).await?;
        drop(vanishing);
        ann.hears(&text).await?;
        acknowledged.push(text);
    }
    // What came back to its sender was stored before: it is in the log, once.
    let log = stack.log("lobby").await?;
    for text in &acknowledged {
        let copies = log
            .iter()
            .filter(|entry| entry["body"]["text"] == json!(text))
            .count();
        assert_eq!(copies, 1, "{text} is in the log once");
    }
    let last = log
        .last()
        .and_then(|entry| entry["seq"].as_u64())
        .context("a log")?;
    let pushed = watcher.entries_to("lobby", last).await?;
    // As a client applies pushes: what it has already is dropped, a gap or an inversion shows.
    let mut heard: Vec<u64> = Vec::new();
    for seq in pushed.iter().filter_map(|entry| entry["seq"].as_u64()) {
        if heard.last() < Some(&seq) {
            heard.push(seq);
        }
    }
    assert_eq!(
        heard,
        (1..=last).collect::<Vec<_>>(),
        "the watcher heard each entry once, in order"
    );
    Ok(())
}

/// 6: in the seed a data race.
async fn two_hundred_at_once_are_each_registered_once(stack: &Stack) -> anyhow::Result<()> {
    let launches = (0..200).map(|user| {
        let url = stack.websocket.clone();
        tokio::spawn(async move { Page::launch(&url, format!("user-{user:03}")).await })
    });
    let mut pages = Vec::new();
    for launch in launches.collect::<Vec<_>>() {
        pages.push(launch.await??);
    }
    let expected: Vec<String> = (0..200)
        .map(|user| format!("seed:user-{user:03}"))
        .collect();
    assert_eq!(stack.users_of("lobby").await?, expected);
    assert_eq!(stack.subscriptions("lobby").await?, 200);
    Ok(())
}

/// 7: the seed believed every frame's `userid`.
async fn nobody_can_claim_anothers_userid_and_html_stays_text(stack: &Stack) -> anyhow::Result<()> {
    let mut bob = Page::launch(&stack.websocket, "2").await?;
    let mut eve = Page::launch(&stack.websocket, "3").await?;
    let forged = json!({"username": "admin", "userid": "2", "msg": "I am bob"});
    eve.socket.send(&forged.to_string()).await?;
    let refusal = loop {
        let frame: Value = serde_json::from_str(&eve.socket.text().await?)?;
        if frame.get("msg").is_none() {
            break frame;
        }
    };
    assert_eq!(refusal["error"]["code"], "forbidden");
    let html = "<img src=x onerror=alert(1)>";
    eve.say(html).await?;
    let frame = bob.next().await?;
    assert_ne!(frame["msg"], "I am bob", "nothing was sent in bob's name");
    let frame = if frame["msg"] == html {
        frame
    } else {
        bob.hears(html).await?
    };
    assert_eq!(frame["userid"], "3");
    assert_eq!(
        stack
            .log("lobby")
            .await?
            .iter()
            .filter(|e| e["from"]["id"] == "seed:2")
            .count(),
        1
    );
    Ok(())
}

/// 8: in the seed both became user 0, and bob replaced alice.
async fn text_ids_are_different_users(stack: &Stack) -> anyhow::Result<()> {
    let mut alice = Page::launch(&stack.websocket, "alice").await?;
    let mut bob = Page::launch(&stack.websocket, "bob").await?;
    alice.say("I am alice").await?;
    assert_eq!(bob.hears("I am alice").await?["userid"], "alice");
    bob.say("I am bob").await?;
    assert_eq!(alice.hears("I am bob").await?["userid"], "bob");
    Ok(())
}

/// 9: in the seed seven logins made seven dispatchers, and 444 inversions in 3,000 messages.
async fn after_seven_logins_all_hear_the_logs_order(plain: &Stack) -> anyhow::Result<()> {
    const MESSAGES: usize = 3000;
    const BURST: usize = 500;
    // As fast as the page can send: without the limits that the seed had not, either.
    let stack = plain.unlimited().await?;
    let mut listeners = [
        Page::launch(&stack.websocket, "a").await?,
        Page::launch(&stack.websocket, "b").await?,
    ];
    let mut sender = Page::launch(&stack.websocket, "1").await?;
    for _ in 1..7 {
        sender = Page::launch(&stack.websocket, "1").await?;
    }
    let mut heard = vec![Vec::new()];
    // In bursts, so that on a loaded machine no message waits for its function until the gateway
    // gives it up.
    for burst in (0..MESSAGES).step_by(BURST) {
        for message in burst..burst + BURST {
            sender.say(&format!("m{message}")).await?;
        }
        hear(&mut sender, &mut heard[0], burst + BURST, &stack).await?;
    }
    for page in &mut listeners {
        let mut texts = Vec::new();
        hear(page, &mut texts, MESSAGES, &stack).await?;
        heard.push(texts);
    }
    let log: Vec<String> = stack
        .log("lobby")
        .await?
        .iter()
        .filter_map(|entry| entry["body"]["text"].as_str().map(String::from))
        .filter(|text| text != "launched")
        .collect();
    assert_eq!(log.len(), MESSAGES);
    assert_eq!(
        log.iter().collect::<BTreeSet<_>>().len(),
        MESSAGES,
        "nothing is stored twice"
    );
    for texts in heard {
        assert!(
            texts == log,
            "every receiver hears each message once, in the log's order"
        );
    }
    Ok(())
}

/// How often what happened, for whoever has to find out why something did not.
/// Reads until there are so many texts.
async fn hear(
    page: &mut Page,
    texts: &mut Vec<String>,
    count: usize,
    stack: &Stack,
) -> anyhow::Result<()> {
    while texts.len() < count {
        let frame = page.next().await.with_context(|| {
            let (tally, warnings) = (tally(stack), warnings(stack));
            format!("after {} of {count}: {tally:?}\n{warnings}", texts.len())
        })?;
        let text = frame["msg"].as_str().context("msg")?;
        if text != "launched" {
            texts.push(String::from(text));
        }
    }
    Ok(())
}

fn tally(stack: &Stack) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for fact in stack.emulator.facts() {
        let said = [&fact["event"], &fact["outcome"], &fact["why"]];
        let said: Vec<_> = said.iter().filter_map(|word| word.as_str()).collect();
        *tally.entry(said.join(" ")).or_default() += 1;
    }
    tally
}

/// What the functions printed that is more than information.
fn warnings(stack: &Stack) -> String {
    let facts = stack.emulator.facts().into_iter();
    let lines = facts
        .filter(|fact| fact["event"] == "log")
        .filter_map(|fact| {
            let line = fact["line"].as_str()?;
            let is_warning = [" WARN ", "ERROR "]
                .iter()
                .any(|level| line.contains(level));
            is_warning.then(|| format!("{}: {line}", fact["function"]))
        });
    lines.collect::<Vec<_>>().join("\n")
}

/// 10: no authentication, no ping, no size limit, no history.
async fn what_the_seed_lacked_is_there(stack: &Stack) -> anyhow::Result<()> {
    let mut ann = Page::launch(&stack.websocket, "1").await?;
    ann.say("kept").await?;
    ann.hears("kept").await?;
    let mut bob = Member::hello(&stack.websocket, "bob").await?;
    let join = json!({"action": "join", "room": "lobby", "history": 50});
    let joined = bob.ok(join).await?;
    let texts: Vec<&str> = joined["items"]
        .as_array()
        .context("items")?
        .iter()
        .filter_map(|entry| entry["body"]["text"].as_str())
        .collect();
    assert_eq!(texts, ["launched", "kept"], "there is a history");
    let heads = bob
        .ok(json!({"action": "ping", "rooms": {"lobby": 2}}))
        .await?;
    assert_eq!(heads["heads"]["lobby"], 2, "there is a ping");
    ann.say(&"x".repeat(40_000)).await?;
    assert_eq!(ann.closed().await?, 1009, "there is a size limit");
    let strict = Stack::sqlite(&[
        ("AUTH_MODE", "jwt"),
        ("JWT_SECRET", "a secret of thirty-two bytes, at least"),
        ("JWT_AUDIENCE", "chat"),
        ("ALLOWED_ORIGINS", "https://chat.example"),
    ])
    .await?;
    let Err(refused) = Socket::handshake(&strict.websocket, &[]).await? else {
        anyhow::bail!("a connection without a token was accepted");
    };
    assert_eq!(refused.status, 401, "there is authentication");
    assert!(!matches!(
        bob.socket.received().first(),
        Some(Received::Dropped)
    ));
    Ok(())
}
