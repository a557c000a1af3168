//! Bad input gets a clear answer, and loses nothing.

use gatepost_tests::member::Member;
use gatepost_tests::socket::Socket;
use gatepost_tests::stack::Stack;
use serde_json::Value;
use serde_json::json;

crate::both_stores::on_both_stores!(
    bad_frames_are_answered_and_the_connection_stays,
    a_room_that_is_not_there_is_named,
    a_frame_above_32_kb_closes_and_the_client_comes_back,
    a_user_who_is_too_fast_is_told_when_to_try_again,
);

async fn bad_frames_are_answered_and_the_connection_stays(stack: &Stack) -> anyhow::Result<()> {
    let mut member = Member::hello(&stack.websocket, "ann").await?;
    member.join("room").await?;
    for (frame, code) in [
        ("not json", "bad_json"),
        ("{\"action\":", "bad_json"),
        ("[]", "bad_request"),
        ("{\"action\":7}", "bad_request"),
        ("{\"action\":\"fly\"}", "unknown_action"),
        (
            "{\"action\":\"send\",\"room\":\"Room!\",\"body\":{\"text\":\"\"}}",
            "bad_request",
        ),
        (
            "{\"action\":\"send\",\"room\":\"room\",\"body\":\"text\"}",
            "bad_request",
        ),
    ] {
        member.socket.send(frame).await?;
        let answer: Value = serde_json::from_str(&member.socket.text().await?)?;
        assert_eq!(answer["error"]["code"], code, "{frame}: {answer}");
        assert!(answer["error"]["message"].is_string() && answer["error"]["request"].is_string());
    }
    let large = json!({"action": "send", "room": "room", "body": {"text": "x".repeat(9_000)}});
    assert_eq!(member.refused(large).await?["code"], "too_large");
    assert_eq!(member.say("room", "still here").await?, 1);
    Ok(())
}

async fn a_room_that_is_not_there_is_named(stack: &Stack) -> anyhow::Result<()> {
    let mut member = Member::hello(&stack.websocket, "ann").await?;
    let send = json!({"action": "send", "room": "nowhere", "body": {"text": "hello?"}});
    assert_eq!(member.refused(send).await?["code"], "no_room");
    let history = json!({"action": "history", "room": "nowhere"});
    assert_eq!(member.refused(history).await?["code"], "no_room");
    Ok(())
}

async fn a_frame_above_32_kb_closes_and_the_client_comes_back(stack: &Stack) -> anyhow::Result<()> {
    let mut member = Member::hello(&stack.websocket, "ann").await?;
    let epoch = member.join("room").await?["epoch"].clone();
    let said = member.say("room", "before").await?;
    member.socket.send(&"x".repeat(40_000)).await?;
    assert_eq!(member.closed().await?, 1009);
    let mut back = Member::open(&format!("{}?user=ann&name=ann", stack.websocket)).await?;
    let resume = json!({"room": {"epoch": epoch, "seq": 0}});
    let hello = back
        .ok(json!({"action": "hello", "resume": resume}))
        .await?;
    assert_eq!(hello["rooms"]["room"]["items"][0]["seq"], said);
    Ok(())
}

async fn a_user_who_is_too_fast_is_told_when_to_try_again(plain: &Stack) -> anyhow::Result<()> {
    let stack = plain.like(&[("RATE_PER_USER", "1")]).await?;
    let mut member = Member::hello(&stack.websocket, "ann").await?;
    member.join("room").await?;
    let send = || json!({"action": "send", "room": "room", "body": {"text": "again"}});
    let mut accepted = 0;
    let refused = loop {
        let reply = member.act(send()).await?;
        if reply.get("error").is_some() {
            break reply["error"].clone();
        }
        accepted += 1;
    };
    assert!(
        accepted >= 3,
        "the burst is three times the rate: {accepted}"
    );
    assert_eq!(refused["code"], "rate_limited");
    assert!(
        refused["retry_after_ms"]
            .as_u64()
            .is_some_and(|ms| (1..=1000).contains(&ms))
    );
    Ok(())
}

#[tokio::test]
async fn tokens_and_origins_are_checked_at_the_door() -> anyhow::Result<()> {
    let stack = Stack::sqlite(&[
        ("AUTH_MODE", "jwt"),
        ("JWT_SECRET", "a secret of thirty-two bytes, at least"),
        ("JWT_AUDIENCE", "chat"),
        ("ALLOWED_ORIGINS", "https://chat.example"),
    ])
    .await?;
    let origin = |origin: &'static str| [("origin", origin)];
    let refused = |handshake: Result<Socket, gatepost_tests::socket::Refused>| match handshake {
        Ok(_) => 101,
        Err(refused) => refused.status,
    };
    let url = &stack.websocket;
    assert_eq!(refused(Socket::handshake(url, &[]).await?), 401);
    let forged = format!("{url}?token=eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.");
    assert_eq!(refused(Socket::handshake(&forged, &[]).await?), 401);
    assert_eq!(
        refused(Socket::handshake(url, &origin("https://evil.example")).await?),
        403
    );
    assert_eq!(refused(Socket::handshake(url, &origin("null")).await?), 403);
    Ok(())
}
