//! A function that failed is frozen like any other: it holds nothing that others wait for, and goes
//! on when it is woken, although its connections died meanwhile.

mod scene;

use gatepost_tests::member::Member;
use serde_json::json;

use scene::Scene;
use scene::numbered;

#[tokio::test]
async fn a_frame_that_is_refused() -> anyhow::Result<()> {
    let mut scene = Scene::start().await?;
    let sent = scene.say().await?;
    let frames = [
        String::from("no JSON"),
        json!({"action": "dance"}).to_string(),
        json!({"action": "send", "room": "nowhere", "body": {"text": "?"}}).to_string(),
        json!({"action": "send", "room": "room", "body": {"text": "x".repeat(9_000)}}).to_string(),
        // Each of these is found out under the room's lock.
        json!({"action": "delete", "room": "room", "target": 1_000}).to_string(),
        json!({"action": "edit", "room": "room", "target": 1_000, "body": {"text": "?"}})
            .to_string(),
        numbered(1_000, "too early").to_string(),
        numbered(scene.sent, "another body").to_string(),
        json!({"action": "moderate", "room": "room", "op": "ban", "user": "bob"}).to_string(),
    ];
    for frame in frames {
        scene.refused(&frame).await?;
        scene.holds_nothing(&frame).await?;
    }
    scene.goes_on().await?;
    assert!(scene.seq > sent);
    scene.finish().await
}

#[tokio::test]
async fn a_log_that_is_locked() -> anyhow::Result<()> {
    let mut scene = Scene::start().await?;
    let mut lock = scene.lock_rooms().await?;
    for _ in 0..2 {
        scene.unavailable().await?;
        scene.until_still().await?;
    }
    lock.unlock().await?;
    scene.holds_nothing("a locked room").await?;
    scene.goes_on().await?;
    scene.finish().await
}

#[tokio::test]
async fn a_log_that_is_away() -> anyhow::Result<()> {
    let mut scene = Scene::start().await?;
    scene.kill_mariadb()?;
    scene.unavailable().await?;
    // Nor does `$disconnect` reach it, and the sweep fails.
    let guest = Member::hello(&scene.websocket(), "guest").await;
    drop(guest);
    let swept = scene.invoke_fanout(&json!({"task": "sweep"})).await?;
    assert!(swept.contains("unavailable"), "{swept}");
    scene.until_still().await?;
    scene.restart_mariadb().await?;
    scene.holds_nothing("a killed MariaDB").await?;
    scene.comes_back().await?;
    scene.goes_on().await?;
    scene.finish().await
}

#[tokio::test]
async fn a_registry_that_does_not_answer() -> anyhow::Result<()> {
    let mut scene = Scene::start().await?;
    scene.redis()?.freeze();
    // `$connect`, hello, a send and `$disconnect`, each without it.
    let mut guest = Member::open(&format!("{}?user=guest&name=Guest", scene.websocket())).await?;
    let hello = guest.ok(json!({"action": "hello"})).await?;
    assert_eq!(hello["degraded"], true);
    scene.degraded().await?;
    guest.socket.close().await?;
    scene.until_still().await?;
    scene.redis()?.thaw();
    scene.comes_back().await?;
    scene.holds_nothing("a stopped Redis").await?;
    scene.goes_on().await?;
    scene.finish().await
}

#[tokio::test]
async fn posts_that_fail() -> anyhow::Result<()> {
    let mut scene = Scene::start().await?;
    for effect in ["status:500", "status:403", "reset"] {
        scene.posts_fail(effect).await?;
        scene.say().await?;
    }
    scene.goes_on().await?;
    // Who seems not to read is left alone for a while, and asks.
    for effect in ["status:429", "delay:4s"] {
        scene.posts_fail(effect).await?;
        scene.send().await?;
        scene.is_found_out().await?;
    }
    scene.finish().await
}

#[tokio::test]
async fn an_event_that_says_nothing() -> anyhow::Result<()> {
    let mut scene = Scene::start().await?;
    for event in [
        json!({}),
        json!({"task": "drain"}),
        json!({"task": "drain", "room": "nowhere", "shard": 7, "hops": 0}),
    ] {
        scene.invoke_fanout(&event).await?;
        scene.holds_nothing(&event.to_string()).await?;
    }
    for refused in [
        "?user=guest-1&name=x",
        "?user=seed:1&name=x",
        "?user=ann&name=%07",
    ] {
        let url = format!("{}{refused}", scene.websocket());
        Member::open(&url).await.unwrap_err();
        scene.holds_nothing(refused).await?;
    }
    scene.goes_on().await?;
    scene.finish().await
}
