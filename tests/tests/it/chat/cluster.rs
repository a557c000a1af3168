//! The chat on a cluster of three Redis nodes, and a Redis that is moved, killed, emptied or demoted
//! under it: what was acknowledged is heard, and whoever pings is pushed to again.

use std::collections::BTreeSet;

use anyhow::Context;
use gatepost_tests::member::Member;
use gatepost_tests::servers::Redis;
use gatepost_tests::stack::Stack;
use serde_json::Value;
use serde_json::json;

const CLIENT: &str = "one-page-load-of-the-tab";

#[tokio::test]
async fn a_reshard_and_a_killed_primary_in_the_middle_lose_and_double_nothing() -> anyhow::Result<()>
{
    const MESSAGES: u64 = 150;
    let mut stack = Stack::cluster(&[("RATE_PER_USER", "0")]).await?;
    let mut listener = Listener::join(&stack).await?;
    let mut ann = sender(&stack).await?;
    for n in 1..=MESSAGES {
        match n {
            // Every slot that holds a key moves to the next node, while messages come.
            30 => assert!(
                cluster(&mut stack)?.move_every_key() > 0,
                "there are keys to move"
            ),
            60 => cluster(&mut stack)?.node(0).kill(),
            90 => cluster(&mut stack)?.node(0).restart(),
            120 => {
                let cluster = cluster(&mut stack)?;
                cluster.node(1).restart();
                cluster.node(2).restart();
            }
            _ => {}
        }
        let ok = acknowledged(&mut ann, numbered(n)).await?;
        assert_eq!(ok["seq"], n, "each send has one place, in its order");
    }
    cluster(&mut stack)?.until_whole();
    heal(&mut ann, MESSAGES).await?;
    heal(&mut listener.member, 0).await?;
    let last = acknowledged(&mut ann, numbered(MESSAGES + 1)).await?;
    assert_eq!(last["seq"], MESSAGES + 1);
    listener.hears_up_to(MESSAGES + 1).await?;
    assert_eq!(listener.shown(), stack.log("room").await?);
    Ok(())
}

#[tokio::test]
async fn a_flushed_redis_heals_by_hello_and_ping() -> anyhow::Result<()> {
    let stack = Stack::servers(&[]).await?;
    let mut listener = Listener::join(&stack).await?;
    let mut ann = sender(&stack).await?;
    let redis = stack.redis.as_ref().context("a Redis")?;
    for round in 0..3 {
        ask(redis, &["FLUSHALL"])?;
        ann.ok(numbered(round * 2 + 1)).await?;
        heal(&mut listener.member, 0).await?;
        ann.ok(numbered(round * 2 + 2)).await?;
        listener.hears_up_to(round * 2 + 2).await?;
    }
    ask(redis, &["FLUSHALL"])?;
    let mut fresh = Member::hello(&stack.websocket, "fresh").await?;
    fresh.join("room").await?;
    ann.ok(numbered(7)).await?;
    assert_eq!(fresh.entries_to("room", 7).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_redis_that_is_demoted_and_promoted_again_loses_nothing() -> anyhow::Result<()> {
    let stack = Stack::servers(&[("RATE_PER_USER", "0")]).await?;
    let mut listener = Listener::join(&stack).await?;
    let mut ann = sender(&stack).await?;
    let (redis, other) = (stack.redis.as_ref().context("a Redis")?, Redis::start());
    let port = other.port().to_string();
    for n in 1..=30 {
        match n {
            // As the node that a failover demoted: it has the keys of the other, which are none, and
            // refuses to write.
            10 => ask(redis, &["REPLICAOF", "127.0.0.1", &port])?,
            20 => ask(redis, &["REPLICAOF", "NO", "ONE"])?,
            _ => {}
        }
        let ok = acknowledged(&mut ann, numbered(n)).await?;
        assert_eq!(ok["seq"], n);
    }
    heal(&mut ann, 30).await?;
    heal(&mut listener.member, 0).await?;
    ann.ok(numbered(31)).await?;
    listener.hears_up_to(31).await?;
    assert_eq!(listener.shown(), stack.log("room").await?);
    Ok(())
}

/// A client that keeps what it was pushed and asks for what it lacks.
struct Listener {
    member: Member,
    epoch: Value,
    entries: Vec<Value>,
}

impl Listener {
    async fn join(stack: &Stack) -> anyhow::Result<Self> {
        let mut member = Member::hello(&stack.websocket, "listener").await?;
        let epoch = member.join("room").await?["epoch"].clone();
        Ok(Self {
            member,
            epoch,
            entries: Vec::new(),
        })
    }

    /// What is pushed up to `seq`, and from the log what was not.
    async fn hears_up_to(&mut self, seq: u64) -> anyhow::Result<()> {
        let pushed = self.member.entries_to("room", seq).await?;
        self.entries.extend(pushed);
        loop {
            let seen = self.contiguous();
            if seen >= seq {
                return Ok(());
            }
            let position = json!({"room": {"epoch": self.epoch, "seq": seen}});
            let sync = json!({"action": "sync", "rooms": position});
            let answer = self.member.ok(sync).await?;
            let items = answer["rooms"]["room"]["items"]
                .as_array()
                .context("items")?;
            anyhow::ensure!(!items.is_empty(), "nothing after {seen}: {answer}");
            self.entries.extend(items.iter().cloned());
        }
    }

    fn contiguous(&self) -> u64 {
        let seqs: BTreeSet<u64> = self
            .entries
            .iter()
            .filter_map(|entry| entry["seq"].as_u64())
            .collect();
        (1..)
            .take_while(|seq| seqs.contains(seq))
            .last()
            .unwrap_or(0)
    }

    /// Each entry once, in the order of the log.
    fn shown(&self) -> Vec<Value> {
        let mut shown = self.entries.clone();
        shown.sort_by_key(|entry| entry["seq"].as_u64());
        shown.dedup();
        shown
    }
}

async fn sender(stack: &Stack) -> anyhow::Result<Member> {
    let mut ann = Member::open(&format!("{}?user=ann&name=Ann", stack.websocket)).await?;
    ann.ok(json!({"action": "hello", "client": CLIENT})).await?;
    ann.join("room").await?;
    Ok(ann)
}

/// A send that names its client: the registry may have forgotten the one of the hello.
fn numbered(n: u64) -> Value {
    let body = json!({"text": format!("message {n}")});
    json!({"action": "send", "room": "room", "client": CLIENT, "n": n, "body": body})
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

/// Pings, as a client does, until the registry knows it again.
async fn heal(member: &mut Member, head: u64) -> anyhow::Result<()> {
    for _ in 0..200 {
        let ping = json!({"action": "ping", "rooms": {"room": head}});
        let reply = member.act(ping).await?;
        let ok = reply.get("ok").filter(|ok| ok.get("degraded").is_none());
        if ok.is_some() {
            return Ok(());
        }
        pause().await;
    }
    anyhow::bail!("the registry did not come back")
}

/// What a client waits between two tries.
async fn pause() {
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(50));
    tick.tick().await;
    tick.tick().await;
}

fn ask(redis: &Redis, command: &[&str]) -> anyhow::Result<()> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", redis.port()))?;
    let mut connection = client.get_connection()?;
    redis::cmd(command[0])
        .arg(&command[1..])
        .exec(&mut connection)?;
    Ok(())
}

fn cluster(stack: &mut Stack) -> anyhow::Result<&mut gatepost_tests::servers::RedisCluster> {
    stack.cluster.as_mut().context("a cluster")
}
