use serde_json::Value;
use serde_json::json;

use super::stage::Stage;

const HELLO: &str = r#"{"action":"hello","id":"1","client":"0123456789abcdef"}"#;
const JOIN: &str = r#"{"action":"join","id":"2","room":"lobby"}"#;
const SEND: &str = r#"{"action":"send","id":"3","room":"lobby","body":{"text":"hi"},"client":"0123456789abcdef","n":1}"#;

#[tokio::test]
async fn whatever_a_client_writes_it_gets_an_error_and_stays() {
    let stage = Stage::new();
    let deep = "[".repeat(30_000);
    let nested = format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200));
    let long = format!(r#"{{"action":"{}"}}"#, "x".repeat(30_000));
    for (frame, code) in [
        ("", "bad_json"),
        ("hello", "bad_json"),
        ("{", "bad_json"),
        ("{\"action\":\"ping\"", "bad_json"),
        ("\u{0}", "bad_json"),
        (&deep, "bad_json"),
        (&nested, "bad_json"),
        ("null", "bad_request"),
        ("42", "bad_request"),
        ("\"text\"", "bad_request"),
        ("[]", "bad_request"),
        ("{}", "bad_request"),
        (r#"{"action":null}"#, "bad_request"),
        (r#"{"action":["send"]}"#, "bad_request"),
        (r#"{"action":"send"}"#, "bad_request"),
        (r#"{"action":"direct","to":42}"#, "bad_request"),
        (r#"{"action":"join","room":"../x"}"#, "bad_request"),
        (r#"{"action":"fly"}"#, "unknown_action"),
        (&long, "unknown_action"),
        (r#"{"action":"ping","id":7}"#, "bad_request"),
    ] {
        let came = stage.frame("ann", frame).await;
        let reply = came.reply.unwrap();
        assert_eq!(reply["error"]["code"], code, "{frame:.60}");
        assert_eq!(reply["error"]["request"], "gw-1");
        assert_eq!(reply["reply"], Value::Null);
        assert!(reply.to_string().len() < 1_000, "{frame:.60}");
        assert!(came.work.is_none());
    }
    assert!(stage.clients.got_nothing());
}

#[tokio::test]
async fn an_error_names_the_action_that_it_is_about() {
    let stage = Stage::new();
    let came = stage.frame("ann", r#"{"action":"fly","id":"a-1"}"#).await;
    assert_eq!(came.reply.unwrap()["reply"], "a-1");
}

#[tokio::test]
async fn an_action_without_an_id_is_done_in_silence() {
    let stage = Stage::new();
    assert!(
        stage
            .frame("ann", r#"{"action":"hello"}"#)
            .await
            .reply
            .is_none()
    );
    let reply = stage.frame("ann", HELLO).await.reply.unwrap();
    assert_eq!(reply["reply"], "1");
    assert_eq!(reply["ok"]["protocol"], "gatepost.v1");
    assert_eq!(reply["ok"]["user"]["id"], "ann");
}

#[tokio::test]
async fn the_reply_comes_first_and_the_others_hear_of_it_in_the_work_after() {
    let stage = Stage::new();
    for user in ["ann", "bob"] {
        stage.done(user, HELLO).await;
        stage.done(user, JOIN).await;
    }
    let before = (
        stage.clients.got("ann").len(),
        stage.clients.got("bob").len(),
    );
    let came = stage.frame("ann", SEND).await;
    let reply = came.reply.unwrap();
    assert_eq!(
        (&reply["reply"], &reply["ok"]["seq"]),
        (&json!("3"), &json!(1))
    );
    let after = (
        stage.clients.got("ann").len(),
        stage.clients.got("bob").len(),
    );
    assert_eq!(after, before);
    came.work.unwrap().await;
    for user in ["ann", "bob"] {
        let got = stage.clients.got(user);
        let last = got.last().unwrap();
        assert_eq!(last["event"], "entries");
        assert_eq!(last["items"][0]["body"]["text"], "hi");
        assert_eq!(last["items"][0]["from"]["id"], "ann");
    }
}

#[tokio::test]
async fn an_invocation_repeated_stores_nothing_twice() {
    let stage = Stage::new();
    stage.done("ann", HELLO).await;
    stage.done("ann", JOIN).await;
    // Without `n` the gateway's message id is the key.
    let send = r#"{"action":"send","id":"3","room":"lobby","body":{"text":"hi"}}"#;
    let first = stage.done("ann", send).await;
    let second = stage.done("ann", send).await;
    assert_eq!(first["ok"]["seq"], second["ok"]["seq"]);
    assert_eq!(second["ok"]["duplicate"], true);
}

#[tokio::test]
async fn a_page_of_the_seed_hears_its_own_message_in_its_own_words() {
    let stage = Stage::new();
    let anonymous = json!({"user": "guest-1", "name": "guest-1", "anonymous": "true"});
    let frame = r#"{"username":"Al","userid":"7","msg":"all-offline"}"#;
    let came = stage.frame_as("s1", &anonymous, frame).await;
    assert!(came.reply.is_none());
    came.work.unwrap().await;
    let expected = json!({"username": "Al", "userid": "7", "msg": "all-offline"});
    assert_eq!(stage.clients.got("s1"), [expected]);
    let other = r#"{"username":"Al","userid":"8","msg":"hi"}"#;
    let came = stage.frame_as("s1", &anonymous, other).await;
    assert!(came.reply.unwrap()["error"]["code"].is_string());
}

#[tokio::test]
async fn a_named_user_does_not_speak_the_seeds_words() {
    let stage = Stage::new();
    let came = stage
        .frame("ann", r#"{"username":"Al","userid":"7","msg":"hi"}"#)
        .await;
    assert_eq!(came.reply.unwrap()["error"]["code"], "bad_request");
}

#[tokio::test]
async fn a_token_that_ran_out_does_nothing_more() {
    let stage = Stage::new();
    let expired = json!({"user": "ann", "name": "Ann", "exp": "1800000000"});
    let reply = stage.frame_as("ann", &expired, HELLO).await.reply.unwrap();
    assert_eq!(reply["error"]["code"], "unauthorized");
    assert_eq!(reply["reply"], "1");
}

#[tokio::test]
async fn without_the_registry_a_message_is_stored_and_the_reply_says_so() {
    // Nothing listens on port 1.
    let stage = Stage::with(Some("redis://127.0.0.1:1"));
    let hello = stage.done("ann", HELLO).await;
    assert_eq!(hello["ok"]["degraded"], true);
}

#[tokio::test]
async fn an_event_without_an_identity_is_our_fault() {
    let stage = Stage::new();
    assert!(stage.fails(&json!({"principalId": "x"})).await);
}

#[tokio::test]
async fn one_reset_costs_nobody_the_message() {
    let stage = Stage::new();
    for user in ["ann", "bob"] {
        stage.done(user, HELLO).await;
        stage.done(user, JOIN).await;
    }
    let before = stage.clients.got("bob").len();
    stage.clients.reset_next("bob");
    stage.done("ann", SEND).await;
    assert_eq!(stage.clients.got("bob").len(), before + 1);
}

#[tokio::test]
async fn one_reset_costs_a_page_of_the_seed_no_message_alone_or_not() {
    let stage = Stage::new();
    for user in ["7", "8"] {
        let guest = format!("guest-{user}");
        let anonymous = json!({"user": guest, "name": guest, "anonymous": "true"});
        let frame = format!(r#"{{"username":"Al","userid":"{user}","msg":"hi"}}"#);
        stage.clients.reset_next(user);
        let came = stage.frame_as(user, &anonymous, &frame).await;
        came.work.unwrap().await;
        let heard = stage.clients.got(user);
        let own = |frame: &&Value| frame["userid"] == user;
        assert_eq!(heard.iter().filter(own).count(), 1, "{user}: {heard:?}");
    }
}
