//! `@connections`: API reference, "Amazon API Gateway Management API".

use std::time::Duration;

use serde_json::Value;

use super::client::CONTINUATION;
use super::client::TEXT;
use super::script::Does;
use super::script::echo;
use super::script::status;
use super::served::api;
use gatepost_clock::Clock;
use gatepost_gateway::What;

fn path(id: &str) -> String {
    format!("/local/@connections/{id}")
}

/// `PostToConnection`: 200 with an empty body, any content type, `@` and `=` encoded or not
/// ("Use @connections commands in your backend service").
#[tokio::test]
async fn a_post_reaches_the_client_as_text() {
    let served = api().serve().await;
    let mut client = served.connect().await;
    let id = served.only_id();
    let encoded = id.replace('=', "%3D");
    for path in [
        format!("/local/@connections/{id}"),
        format!("/local/%40connections/{encoded}"),
        format!("/local/@connections/{encoded}?x=1"),
    ] {
        let answer = served.http("POST", &path, r#"{"hi":"é"}"#.as_bytes()).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{path}");
        assert!(
            answer
                .head
                .to_ascii_lowercase()
                .contains("\r\nx-amzn-requestid: ")
        );
        assert_eq!(client.next_text().await, r#"{"hi":"é"}"#);
    }
    // What is not UTF-8 cannot be sent as text: it is replaced.
    assert_eq!(served.http("POST", &path(&id), b"a\xffb").await.status, 200);
    assert_eq!(client.next_text().await, "a\u{fffd}b");
}

/// "Quotas": 128 KB for a message, 32 KB for a frame, also for `@connections`; 413 above.
#[tokio::test]
async fn a_long_post_is_sent_in_frames_and_a_longer_one_refused() {
    let served = api().serve().await;
    let mut client = served.connect().await;
    let id = served.only_id();
    for (len, frames) in [(32 * 1024, 1), (32 * 1024 + 1, 2), (128 * 1024, 4)] {
        let payload = vec![b'x'; len];
        assert_eq!(served.http("POST", &path(&id), &payload).await.status, 200);
        let mut whole = Vec::new();
        for n in 0..frames {
            let frame = client.frame().await;
            assert_eq!(frame.fin, n + 1 == frames);
            assert_eq!(frame.opcode, if n == 0 { TEXT } else { CONTINUATION });
            assert!(frame.payload.len() <= 32 * 1024);
            whole.extend(frame.payload);
        }
        assert_eq!(whole, payload);
    }
    // A client that writes all before it reads gets the answer, too.
    for len in [128 * 1024 + 1, 4 * 1024 * 1024] {
        let answer = served.http("POST", &path(&id), &vec![b'x'; len]).await;
        assert_eq!(answer.status, 413);
        let error = answer.header("x-amzn-ErrorType");
        assert_eq!(error, Some("PayloadTooLargeException"));
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert!(body["message"].is_string());
    }
    assert_eq!(served.http("POST", &path(&id), b"").await.status, 400);
}

/// `GetConnection`: camel case, ISO times (AWS CLI reference, `get-connection`); `userAgent` is
/// missing when the client sent none.
#[tokio::test]
async fn a_get_describes_the_connection() {
    let wanted = api()
        .two_way("$default", echo())
        .change(|wanted| wanted.clock = Clock::new(|| 1_588_277_433_236, 1.0));
    let served = wanted.serve().await;
    let mut client = served.connect().await;
    let id = served.only_id();
    let answer = served.http("GET", &path(&id), b"").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        r#"{"connectedAt":"2020-04-30T20:10:33.236Z","identity":{"sourceIp":"127.0.0.1"},"lastActiveAt":"2020-04-30T20:10:33.236Z"}"#
    );
    served.clock.advance(Duration::from_millis(9_761));
    client.text("hi").await;
    client.next_text().await;
    let answer = served.http("GET", &path(&id), b"").await;
    assert!(
        answer
            .body
            .ends_with(r#""lastActiveAt":"2020-04-30T20:10:42.997Z"}"#)
    );
    served.clock.advance(Duration::from_millis(3));
    served.http("POST", &path(&id), b"x").await;
    let answer = served.http("GET", &path(&id), b"").await;
    assert!(
        answer
            .body
            .ends_with(r#""lastActiveAt":"2020-04-30T20:10:43.000Z"}"#)
    );

    let mut other = served.dial().await;
    other.upgrade("/local", &["User-Agent: wscat \"x\""]).await;
    let id = served.gateway.connections()[1].id.to_string();
    let answer = served.http("GET", &path(&id), b"").await;
    assert!(
        answer.body.contains(r#""userAgent":"wscat \"x\"""#),
        "{}",
        answer.body
    );
}

/// 410 has no body and names its type (laravel-echo-api-gateway issue 9); a malformed id is 400
/// (serverless-offline issue 749); an unknown method or path says so (simple-websockets-chat-app
/// issue 40); a wrong stage is 403 (aws-sdk-php issue 1955).
#[tokio::test]
async fn what_cannot_be_done_is_refused() {
    let served = api().serve().await;
    let unknown = "aJz0Md6VoAMCIbQ=";
    for method in ["POST", "GET", "DELETE"] {
        let answer = served.http(method, &path(unknown), b"x").await;
        assert_eq!((answer.status, answer.body.as_str()), (410, ""), "{method}");
        assert_eq!(answer.header("x-amzn-ErrorType"), Some("GoneException"));

        let answer = served.http(method, &path("not-an-id"), b"x").await;
        assert_eq!(answer.status, 400, "{method}");
        assert_eq!(
            answer.body,
            r#"{"message":"Invalid connectionId: not-an-id"}"#
        );
        assert_eq!(
            answer.header("x-amzn-ErrorType"),
            Some("BadRequestException")
        );

        for path in [
            format!("/other/@connections/{unknown}"),
            format!("/@connections/{unknown}"),
        ] {
            let answer = served.http(method, &path, b"x").await;
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (403, r#"{"message":"Forbidden"}"#)
            );
            assert_eq!(
                answer.header("x-amzn-ErrorType"),
                Some("ForbiddenException")
            );
        }
    }
    let answer = served.http("PUT", &path(unknown), b"x").await;
    let text =
        format!("No method found matching route @connections/{unknown} for http method PUT.");
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, &body["message"]), (404, &Value::from(text)));
    for path in [
        "/local/@connections",
        "/local/@connections/",
        "/local/@connections/a/b",
    ] {
        assert_eq!(served.http("POST", path, b"x").await.status, 404, "{path}");
    }
}

/// re:Post, "410 GoneException": a connection is no target before its `$connect` is answered.
#[tokio::test]
async fn a_connection_is_gone_until_its_connect_is_answered() {
    let mut served = api().one_way("$connect", Does::Waits).serve().await;
    let mut client = served.dial().await;
    let address = served.address;
    let handshake = tokio::spawn(async move {
        client.upgrade("/local", &[]).await;
        client
    });
    let call = served.call().await;
    let id = call.event()["requestContext"]["connectionId"]
        .as_str()
        .unwrap()
        .to_owned();
    for method in ["POST", "GET", "DELETE"] {
        assert_eq!(
            served.http(method, &path(&id), b"x").await.status,
            410,
            "{method}"
        );
    }
    assert!(served.gateway.connections().is_empty());
    call.answer(status(200));
    let mut client = handshake.await.unwrap();
    assert_eq!(address, served.address);
    assert_eq!(served.http("POST", &path(&id), b"now").await.status, 200);
    assert_eq!(client.next_text().await, "now");
}

/// A connection of one stage is none of another's.
#[tokio::test]
async fn stages_are_apart() {
    let wanted = api().change(|wanted| {
        let mut prod = wanted.api.stages[0].clone();
        prod.name = "prod".to_owned();
        wanted.api.stages.push(prod);
    });
    let served = wanted.serve().await;
    let _client = served.connect().await;
    let id = served.only_id();
    assert_eq!(
        served
            .http("GET", &format!("/prod/@connections/{id}"), b"")
            .await
            .status,
        410
    );
    assert_eq!(served.http("GET", &path(&id), b"").await.status, 200);
}

/// Many posts on one keep-alive connection, as an SDK makes them; they arrive in order.
#[tokio::test]
async fn posts_in_a_row_arrive_in_order() {
    let mut served = api().serve().await;
    let mut client = served.connect().await;
    let id = served.only_id();
    let mut poster = served.dial().await;
    for n in 0..200 {
        let answer = poster
            .request("POST", &path(&id), n.to_string().as_bytes())
            .await;
        assert_eq!(answer.status, 200);
    }
    for n in 0..200 {
        assert_eq!(client.next_text().await, n.to_string());
    }
    let posted = |what: &What| matches!(what, What::MessageOut { .. }).then_some(());
    served.fact(posted).await;
}
