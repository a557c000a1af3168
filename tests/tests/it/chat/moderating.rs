//! What moderators do, and what becomes of those to whom it is done.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost_tests::member::Member;
use gatepost_tests::stack::Stack;
use ring::hmac;
use serde_json::Value;
use serde_json::json;

crate::both_stores::on_both_stores!(
    whoever_is_kicked_hears_nothing_more_on_any_device,
    whoever_is_banned_is_shut_out_until_the_ban_ends,
    whoever_is_muted_reads_and_does_not_write,
);

fn moderate(op: &str, user: &str) -> Value {
    json!({"action": "moderate", "room": "hall", "op": op, "user": user})
}

/// A public room `hall` of which ann is the owner, and she.
async fn owner(stack: &Stack) -> anyhow::Result<Member> {
    let mut ann = Member::hello(&stack.websocket, "ann").await?;
    let create = json!({"action": "create", "room": "hall", "kind": "public"});
    ann.ok(create).await?;
    ann.join("hall").await?;
    Ok(ann)
}

async fn whoever_is_kicked_hears_nothing_more_on_any_device(stack: &Stack) -> anyhow::Result<()> {
    let mut ann = owner(stack).await?;
    let mut devices = Vec::new();
    for _ in 0..3 {
        let mut bob = Member::hello(&stack.websocket, "bob").await?;
        for room in ["hall", "other"] {
            bob.join(room).await?;
        }
        devices.push(bob);
    }
    ann.join("other").await?;
    ann.say("hall", "before").await?;
    for bob in &mut devices {
        bob.entries_to("hall", 1).await?;
    }
    assert_eq!(ann.ok(moderate("kick", "bob")).await?, json!({}));
    assert_eq!(ann.event("left").await?["user"]["id"], "bob");
    ann.say("hall", "after").await?;
    ann.entries_to("hall", 2).await?;
    ann.say("other", "to all").await?;
    for bob in &mut devices {
        let events = bob.events_to("other").await?;
        let of_hall: Vec<_> = events.iter().filter(|e| e["room"] == "hall").collect();
        assert!(
            of_hall.iter().all(|event| event["event"] != "entries"),
            "{of_hall:?}"
        );
        let removed = json!({"event": "room", "room": "hall", "op": "removed"});
        assert!(of_hall.contains(&&removed), "{of_hall:?}");
    }
    // Public it is still: one may come back.
    devices[0].join("hall").await?;
    ann.say("hall", "again").await?;
    devices[0].entries_to("hall", 3).await?;
    Ok(())
}

async fn whoever_is_banned_is_shut_out_until_the_ban_ends(stack: &Stack) -> anyhow::Result<()> {
    let mut ann = owner(stack).await?;
    let mut bob = Member::hello(&stack.websocket, "bob").await?;
    bob.join("hall").await?;
    let said = bob.say("hall", "hi").await?;
    ann.ok(moderate("ban", "bob")).await?;
    for action in [
        json!({"action": "join", "room": "hall"}),
        json!({"action": "send", "room": "hall", "body": {"text": "hi"}}),
        json!({"action": "edit", "room": "hall", "target": said, "body": {"text": "hi"}}),
        json!({"action": "history", "room": "hall"}),
        json!({"action": "who", "room": "hall"}),
        moderate("unban", "bob"),
    ] {
        let refused = bob.refused(action.clone()).await?;
        assert_eq!(refused["code"], "banned", "{action}");
    }
    let ping = json!({"action": "ping", "rooms": {"hall": said}});
    assert_eq!(bob.ok(ping.clone()).await?["heads"], json!({}));
    let resume = json!({"action": "hello", "resume": {"hall": {"epoch": 1, "seq": 0}}});
    let state = bob.ok(resume).await?["rooms"]["hall"].clone();
    assert_eq!(state["error"]["code"], "banned");
    assert_eq!((&state["head"], &state["items"]), (&json!(0), &json!([])));
    assert_eq!(stack.users_of("hall").await?, ["ann"]);
    ann.ok(moderate("unban", "bob")).await?;
    bob.join("hall").await?;
    // For a second only.
    let mut second = moderate("ban", "bob");
    second["seconds"] = json!(1);
    ann.ok(second).await?;
    let join = json!({"action": "join", "room": "hall"});
    while bob.act(join.clone()).await?.get("ok").is_none() {}
    Ok(())
}

async fn whoever_is_muted_reads_and_does_not_write(stack: &Stack) -> anyhow::Result<()> {
    let mut ann = owner(stack).await?;
    let mut bob = Member::hello(&stack.websocket, "bob").await?;
    bob.join("hall").await?;
    let said = bob.say("hall", "hi").await?;
    ann.ok(moderate("mute", "bob")).await?;
    let send = json!({"action": "send", "room": "hall", "body": {"text": "hi"}});
    for action in [
        send.clone(),
        json!({"action": "react", "room": "hall", "target": said, "emoji": "👍", "on": true}),
        json!({"action": "delete", "room": "hall", "target": said}),
    ] {
        let refused = bob.refused(action).await?;
        assert_eq!(refused["code"], "muted");
        assert_eq!(refused.get("retry_after_ms"), None, "it has no end");
    }
    let mut minute = moderate("mute", "bob");
    minute["seconds"] = json!(60);
    ann.ok(minute).await?;
    let after = bob.refused(send.clone()).await?["retry_after_ms"].clone();
    assert!(
        after
            .as_u64()
            .is_some_and(|ms| (30_000..=60_000).contains(&ms)),
        "{after}"
    );
    let next = ann.say("hall", "you are muted").await?;
    bob.entries_to("hall", next).await?;
    ann.ok(moderate("unmute", "bob")).await?;
    assert_eq!(bob.ok(send).await?["seq"], next + 1);
    // Nobody moderates the owner, nor without being a moderator.
    let mut cy = Member::hello(&stack.websocket, "cy").await?;
    for (member, user) in [(&mut bob, "ann"), (&mut cy, "bob"), (&mut ann, "ann")] {
        for op in ["mute", "unmute", "kick", "ban", "unban"] {
            let refused = member.refused(moderate(op, user)).await?;
            assert_eq!(refused["code"], "forbidden", "{op} {user}");
        }
    }
    Ok(())
}

const SECRET: &str = "a secret of thirty-two bytes, at least";

/// RFC 7515, HS256.
fn token(claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "HS256"})), part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
    format!("{signed}.{signature}")
}

#[tokio::test]
async fn a_tokens_role_moderates_and_its_rooms_bound_everything() -> anyhow::Result<()> {
    let stack = Stack::sqlite(&[
        ("AUTH_MODE", "jwt"),
        ("JWT_SECRET", SECRET),
        ("JWT_AUDIENCE", "chat"),
        ("ALLOWED_ORIGINS", "https://chat.example"),
    ])
    .await?;
    let open = async |mut claims: Value| -> anyhow::Result<Member> {
        claims["aud"] = json!("chat");
        claims["exp"] = json!(4_000_000_000_u64);
        let url = format!("{}?token={}", stack.websocket, token(&claims));
        let mut member = Member::open(&url).await?;
        member.ok(json!({"action": "hello"})).await?;
        Ok(member)
    };
    let mut staff =
        open(json!({"sub": "staff", "name": "Staff", "roles": ["x", "moderator"]})).await?;
    let mut bob = open(json!({"sub": "bob", "name": "Bob", "roles": ["staff"]})).await?;
    // A room that nobody owns.
    bob.join("hall").await?;
    let said = bob.say("hall", "hi").await?;
    assert_eq!(
        bob.refused(moderate("mute", "cy")).await?["code"],
        "forbidden"
    );
    staff.ok(moderate("mute", "bob")).await?;
    staff
        .ok(json!({"action": "delete", "room": "hall", "target": said}))
        .await?;
    let private = json!({"action": "create", "room": "den", "kind": "private"});
    bob.ok(private).await?;
    let mut kick = moderate("kick", "bob");
    kick["room"] = json!("den");
    assert_eq!(staff.refused(kick).await?["code"], "not_member");
    // Of all rooms the token lets into one.
    let mut narrow = open(json!({"sub": "bob", "name": "Bob", "rooms": ["hall"]})).await?;
    let body = json!({"text": "hi"});
    for action in [
        json!({"action": "join", "room": "den"}),
        json!({"action": "send", "room": "den", "body": body}),
        json!({"action": "edit", "room": "den", "target": 1, "body": body}),
        json!({"action": "delete", "room": "den", "target": 1}),
        json!({"action": "react", "room": "den", "target": 1, "emoji": "👍", "on": true}),
        json!({"action": "history", "room": "den"}),
        json!({"action": "who", "room": "den"}),
        json!({"action": "direct", "to": "ann", "body": body}),
        json!({"action": "create", "room": "new", "kind": "public"}),
        json!({"action": "invite", "room": "den", "user": "ann"}),
        json!({"action": "moderate", "room": "den", "op": "kick", "user": "ann"}),
    ] {
        let refused = narrow.refused(action.clone()).await?;
        assert_eq!(refused["code"], "forbidden", "{action}");
    }
    let list = narrow.ok(json!({"action": "rooms"})).await?;
    assert_eq!(list["memberships"], json!([]));
    assert_eq!(
        bob.ok(json!({"action": "rooms"})).await?["memberships"][0]["room"],
        "den"
    );
    Ok(())
}
