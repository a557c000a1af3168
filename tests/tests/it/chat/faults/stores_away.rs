//! What is true while a store is away, and that nothing acknowledged is ever lost.

use anyhow::Context;
use gatepost_tests::member::Member;
use gatepost_tests::stack::Stack;
use serde_json::Value;
use serde_json::json;

const CLIENT: &str = "one-page-load-of-the-tab";

#[tokio::test]
async fn without_redis_from_the_start_sends_are_durable_and_it_heals() -> anyhow::Result<()> {
    let mut stack = Stack::servers(&[]).await?;
    redis(&mut stack)?.kill();
    let mut ann = Member::open(&format!("{}?user=ann&name=Ann", stack.websocket)).await?;
    let hello = ann.ok(json!({"action": "hello", "client": CLIENT})).await?;
    assert_eq!(hello["degraded"], true);
    let joined = ann.join("room").await?;
    assert_eq!(joined["degraded"], true);
    let sent = ann.ok(numbered(1)).await?;
    assert_eq!((&sent["seq"], &sent["degraded"]), (&json!(1), &json!(true)));
    redis(&mut stack)?.restart();
    heal(&mut ann, 1).await?;
    let told = told_again(&mut ann, 2).await?;
    let pushed = ann.entries_to("room", told).await?;
    assert_eq!(
        pushed.last().context("a push")?["seq"],
        told,
        "whoever pings is pushed to again"
    );
    Ok(())
}

#[tokio::test]
async fn a_redis_that_hangs_in_the_middle_loses_no_message() -> anyhow::Result<()> {
    let mut stack = Stack::servers(&[]).await?;
    let mut ann = Member::open(&format!("{}?user=ann&name=Ann", stack.websocket)).await?;
    ann.ok(json!({"action": "hello", "client": CLIENT})).await?;
    ann.join("room").await?;
    ann.ok(numbered(1)).await?;
    redis(&mut stack)?.freeze();
    for n in 2..=5 {
        let sent = ann.ok(numbered(n)).await?;
        assert_eq!((&sent["seq"], &sent["degraded"]), (&json!(n), &json!(true)));
    }
    let heads = ann
        .ok(json!({"action": "ping", "rooms": {"room": 1}}))
        .await?;
    assert_eq!(
        heads["heads"]["room"], 5,
        "a ping answers heads without Redis"
    );
    redis(&mut stack)?.thaw();
    heal(&mut ann, 5).await?;
    let told = told_again(&mut ann, 6).await?;
    ann.entries_to("room", told).await?;
    let log = stack.log("room").await?;
    assert_eq!(u64::try_from(log.len())?, told);
    Ok(())
}

#[tokio::test]
async fn a_redis_that_forgot_everything_heals_by_ping() -> anyhow::Result<()> {
    let mut stack = Stack::servers(&[]).await?;
    let mut ann = Member::open(&format!("{}?user=ann&name=Ann", stack.websocket)).await?;
    ann.ok(json!({"action": "hello", "client": CLIENT})).await?;
    ann.join("room").await?;
    ann.ok(numbered(1)).await?;
    // Nothing of it is on a disk.
    redis(&mut stack)?.restart();
    heal(&mut ann, 1).await?;
    let told = told_again(&mut ann, 2).await?;
    ann.entries_to("room", told).await?;
    Ok(())
}

#[tokio::test]
async fn without_mysql_from_the_start_nothing_is_acknowledged_and_it_heals() -> anyhow::Result<()> {
    let mut stack = Stack::servers(&[]).await?;
    mariadb(&mut stack)?.kill();
    let mut ann = Member::open(&format!("{}?user=ann&name=Ann", stack.websocket)).await?;
    let join = json!({"action": "join", "room": "room"});
    let refused = ann.refused(join).await?;
    assert_eq!(refused["code"], "unavailable");
    assert!(refused["retry_after_ms"].as_u64().is_some_and(|ms| ms > 0));
    mariadb(&mut stack)?.restart();
    let mut back = Member::open(&format!("{}?user=bob&name=Bob", stack.websocket)).await?;
    acknowledged(&mut back, json!({"action": "hello", "client": CLIENT})).await?;
    acknowledged(&mut back, json!({"action": "join", "room": "room"})).await?;
    assert_eq!(acknowledged(&mut back, numbered(1)).await?["seq"], 1);
    Ok(())
}

#[tokio::test]
async fn a_mysql_killed_in_the_middle_loses_nothing_acknowledged() -> anyhow::Result<()> {
    let mut stack = Stack::servers(&[("RATE_PER_USER", "0")]).await?;
    let mut listener = Member::hello(&stack.websocket, "listener").await?;
    listener.join("room").await?;
    let mut ann = Member::open(&format!("{}?user=ann&name=Ann", stack.websocket)).await?;
    ann.ok(json!({"action": "hello", "client": CLIENT})).await?;
    ann.join("room").await?;
    let mut places = Vec::new();
    for n in 1..=60 {
        match n {
            20 => mariadb(&mut stack)?.kill(),
            40 => mariadb(&mut stack)?.freeze(),
            _ => {}
        }
        let reply = ann.act(numbered(n)).await?;
        if let Some(error) = reply.get("error") {
            assert_eq!(error["code"], "unavailable", "{reply}");
        }
        match n {
            20 => mariadb(&mut stack)?.restart(),
            40 => mariadb(&mut stack)?.thaw(),
            _ => {}
        }
        // Repeated as the same send until it is acknowledged.
        let ok = acknowledged(&mut ann, numbered(n)).await?;
        places.push(ok["seq"].as_u64().context("a seq")?);
    }
    assert_eq!(
        places,
        (1..=60).collect::<Vec<_>>(),
        "each send has one place, in its order"
    );
    let log = stack.log("room").await?;
    assert_eq!(log.len(), 60, "nothing is lost and nothing is doubled");
    let heads = listener
        .ok(json!({"action": "ping", "rooms": {"room": 0}}))
        .await?;
    assert_eq!(heads["heads"]["room"], 60);
    Ok(())
}

/// Pings, as a client does whose replies say `degraded`, until the registry is back.
async fn heal(member: &mut Member, head: u64) -> anyhow::Result<()> {
    for _ in 0..200 {
        let ok = member
            .ok(json!({"action": "ping", "rooms": {"room": head}}))
            .await?;
        if ok.get("degraded").is_none() {
            return Ok(());
        }
        pause().await;
    }
    anyhow::bail!("the registry did not come back")
}

/// Sends message after message, from `n` on, until one is not `degraded`: an environment that did not
/// answer the pings may take the registry for away for another second, and what it sends is for a
/// ping to bring. Returns the place of the first that is pushed.
async fn told_again(member: &mut Member, n: u64) -> anyhow::Result<u64> {
    for n in n..n + 200 {
        let sent = member.ok(numbered(n)).await?;
        assert_eq!(sent["seq"], n);
        if sent.get("degraded").is_none() {
            return Ok(n);
        }
        pause().await;
    }
    anyhow::bail!("no send found the registry")
}

/// Repeats an action, as a client does, until it is not `unavailable` any more.
async fn acknowledged(member: &mut Member, action: Value) -> anyhow::Result<Value> {
    for _ in 0..200 {
        let reply = member.act(action.clone()).await?;
        match reply.get("ok") {
            Some(ok) => return Ok(ok.clone()),
            None => assert_eq!(reply["error"]["code"], "unavailable", "{reply}"),
        }
        pause().await;
    }
    anyhow::bail!("{action} was never acknowledged")
}

/// What a client waits between two tries.
async fn pause() {
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(50));
    tick.tick().await;
    tick.tick().await;
}

/// A send that names its client: the registry may have forgotten the one of the hello.
fn numbered(n: u64) -> Value {
    let body = json!({"text": format!("message {n}")});
    json!({"action": "send", "room": "room", "client": CLIENT, "n": n, "body": body})
}

fn redis(stack: &mut Stack) -> anyhow::Result<&mut gatepost_tests::servers::Redis> {
    stack.redis.as_mut().context("a Redis")
}

fn mariadb(stack: &mut Stack) -> anyhow::Result<&mut gatepost_tests::servers::MariaDb> {
    stack.mariadb.as_mut().context("a MariaDB")
}
