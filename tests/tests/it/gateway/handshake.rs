//! From `GET /{stage}` to 101, or not.

use serde_json::json;

use super::client::ACCEPT;
use super::client::KEY;
use super::script::Does;
use super::script::Result;
use super::script::always;
use super::script::body;
use super::script::echo;
use super::script::function_error;
use super::script::response;
use super::script::status;
use super::served::PATIENCE;
use super::served::api;
use gatepost_gateway::InvokeError;
use gatepost_gateway::Invoked;
use gatepost_gateway::Random;
use gatepost_gateway::SplitMix;
use gatepost_gateway::What;
use std::time::Duration;

/// python-websockets issue 1065 has the one recorded answer: `Date` and `Connection` are written by
/// a front proxy, the rest is lower case, and permessage-deflate is agreed to; RFC 6455 §1.3 has the
/// sample key.
#[tokio::test]
async fn a_handshake_is_answered_as_aws_answers_it() {
    let served = api().serve().await;
    let mut client = served.dial().await;
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits";
    let answer = client
        .upgrade("/local", &[offer, "Sec-WebSocket-Protocol: a, b"])
        .await;
    let mut lines: Vec<&str> = answer.head.trim_end().split("\r\n").collect();
    let date = lines
        .iter()
        .position(|line| line.starts_with("Date: "))
        .unwrap();
    lines.remove(date);
    lines[1..].sort_unstable();
    let accept = format!("sec-websocket-accept: {ACCEPT}");
    let want = [
        "HTTP/1.1 101 Switching Protocols",
        "Connection: upgrade",
        &accept,
        "sec-websocket-extensions: permessage-deflate",
        "upgrade: websocket",
    ];
    assert_eq!(lines, want);
}

/// Developer Guide, "Manage connected users and client apps": an integration of `$connect` is
/// optional. `wscat`'s example in "Use wscat to connect to a WebSocket API" ends in `/`.
#[tokio::test]
async fn connect_is_optional_and_a_slash_may_follow_the_stage() {
    for wanted in [api(), api().without_target("$connect")] {
        let served = wanted.two_way("$default", echo()).serve().await;
        for path in ["/local", "/local/", "/local?a=1", "/%6cocal"] {
            let mut client = served.dial().await;
            client.upgrade(path, &[]).await;
            client.text("hello").await;
            assert_eq!(client.next_text().await, "hello");
        }
    }
}

/// Messages that came with the handshake are not lost (RFC 6455 §4.1 lets the client send them only
/// after the answer, but TCP may bring them together with what hyper reads).
#[tokio::test]
async fn a_frame_right_behind_the_handshake_is_read() {
    let served = api().two_way("$default", echo()).serve().await;
    let mut client = served.dial().await;
    let mut bytes = format!(
        "GET /local HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes();
    bytes.extend(super::client::frame(0x81, b"early"));
    client.send(&bytes).await;
    assert_eq!(client.answer().await.status, 101);
    assert_eq!(client.next_text().await, "early");
}

/// Tried on AWS by others: 2xx connects, another status is what the client gets, a failed function is 502; "Amazon
/// API Gateway quotas": 29 s; "Gateway response types": the bodies.
#[tokio::test]
async fn what_connect_answers_decides() {
    let internal = r#"{"message": "Internal server error"}"#;
    let throttled = r#"{"message":"Too Many Requests"}"#;
    let text = |text: &'static str| -> Result { Ok(Invoked::Response(text.into())) };
    let cases: Vec<(Result, u16, &str)> = vec![
        (status(200), 101, ""),
        (status(201), 101, ""),
        (status(299), 101, ""),
        (response(&json!({"statusCode": "200"})), 101, ""),
        (status(301), 301, ""),
        (status(400), 400, ""),
        (status(401), 401, ""),
        (status(403), 403, ""),
        (status(501), 501, ""),
        (response(&json!({"statusCode": 401, "body": "no"})), 401, ""),
        (function_error("boom"), 502, internal),
        (text("null"), 502, internal),
        (text("not json"), 502, internal),
        (response(&json!({"status": 200})), 502, internal),
        (status(101), 502, internal),
        (Err(InvokeError::Throttled), 429, throttled),
        (
            Err(InvokeError::Unavailable("no binary".to_owned())),
            500,
            internal,
        ),
    ];
    for (result, want, body) in cases {
        let shown = format!("{result:?}");
        let served = api().one_way("$connect", always(result)).serve().await;
        let answer = served.dial().await.handshake("/local", &[]).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (want, body),
            "{shown}"
        );
        assert_eq!(served.script.called(), ["$connect"], "{shown}");
        assert_eq!(
            answer.header("Content-Type").is_some(),
            !body.is_empty(),
            "{shown}"
        );
        assert_eq!(
            answer.header("x-amzn-RequestId").is_some(),
            want != 101,
            "{shown}"
        );
    }
}

/// "Amazon API Gateway quotas": the integration timeout; REST answers 504. The function runs on,
/// and what it answers later is nobody's.
#[tokio::test]
async fn a_connect_that_takes_too_long_is_504() {
    let wanted = api()
        .one_way("$connect", Does::Waits)
        .one_way("$disconnect", always(status(200)));
    let wanted = wanted.limits(|limits| limits.integration = Duration::from_millis(50));
    let mut served = wanted.serve().await;
    let answer = served.dial().await.handshake("/local", &[]).await;
    assert_eq!(answer.status, 504);
    assert_eq!(answer.body, r#"{"message": "Endpoint request timed out"}"#);
    served.call().await.answer(status(200));
    assert!(served.gateway.connections().is_empty());
    assert_eq!(served.script.called(), ["$connect"]);
}

/// Management calls without a stage were seen to get this body; all gateway-made errors carry the
/// three headers ("Gateway response types").
#[tokio::test]
async fn a_stage_that_does_not_exist_is_forbidden() {
    let served = api().serve().await;
    for path in ["/", "/other", "/Local", "/local2", "/other/local"] {
        let answer = served.dial().await.handshake(path, &[]).await;
        assert_eq!(answer.status, 403, "{path}");
        assert_eq!(answer.body, r#"{"message":"Forbidden"}"#);
        assert_eq!(
            answer.header("x-amzn-ErrorType"),
            Some("ForbiddenException")
        );
        assert_eq!(answer.header("Content-Type"), Some("application/json"));
        assert_eq!(answer.header("x-amzn-RequestId").unwrap().len(), 36);
        let id = answer.header("x-amz-apigw-id").unwrap();
        assert!(id.len() == 16 && id.ends_with('='), "{id}");
    }
    let owns = |path| served.gateway.owns(&http::HeaderMap::new(), path);
    assert!(!owns("/other") && owns("/local/x"));
}

/// serverless-offline's suite, run against AWS: a plain request below the API is 426. RFC 9110
/// §15.5.22 wants `Upgrade` in the answer.
#[tokio::test]
async fn a_plain_request_needs_an_upgrade() {
    let served = api().one_way("$connect", always(status(200))).serve().await;
    for path in ["/local", "/local/", "/local/123", "/local/1/2"] {
        let answer = served.http("GET", path, b"").await;
        assert_eq!((answer.status, answer.body.as_str()), (426, ""), "{path}");
        assert_eq!(answer.header("upgrade"), Some("websocket"));
    }
    for method in ["POST", "PUT", "DELETE"] {
        let answer = served.http(method, "/local", b"").await;
        assert_eq!(answer.status, 403, "{method}");
    }
    assert!(served.script.called().is_empty());
}

/// RFC 6455 §4.2.1 (key of 16 bytes) and §4.4 (another version is told which one is known).
#[tokio::test]
async fn a_handshake_that_breaks_the_rfc_is_refused() {
    let served = api().one_way("$connect", always(status(200))).serve().await;
    let version = |v: &str| format!("Sec-WebSocket-Version: {v}\r\n");
    let key = |key: &str| format!("Sec-WebSocket-Key: {key}\r\n");
    for (headers, want) in [
        (key(KEY) + &version("12"), 426),
        (key(KEY) + &version("13, 8"), 426),
        (key(KEY), 426),
        (version("13"), 400),
        (version("13") + &key(""), 400),
        (version("13") + &key("c2hvcnQ="), 400),
        (version("13") + &key("not base64 at all!!!!!!!"), 400),
    ] {
        let mut client = served.dial().await;
        let request = format!(
            "GET /local HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n{headers}\r\n"
        );
        client.send(request.as_bytes()).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, want, "{headers}");
        if want == 426 {
            assert_eq!(answer.header("Sec-WebSocket-Version"), Some("13"));
        }
    }
    let rest = format!(
        "Upgrade: websocket\r\nConnection: Upgrade\r\n{}{}\r\n",
        key(KEY),
        version("13")
    );
    for line in [
        "GET /local HTTP/1.1\r\n",
        "GET /local HTTP/1.0\r\nHost: x\r\n",
    ] {
        let mut client = served.dial().await;
        client.send(format!("{line}{rest}").as_bytes()).await;
        assert_eq!(client.answer().await.status, 400, "{line}");
    }
    assert!(served.script.called().is_empty());
}

/// Developer Guide, "$connect routes that require a WebSocket subprotocol": the function's header is
/// the one that is echoed; re:Post "Which headers can be set in a $connect route response?" (AWS):
/// no other one is forwarded.
#[tokio::test]
async fn the_function_chooses_the_subprotocol_and_nothing_else() {
    for (answer, want) in [
        (json!({"statusCode": 200}), None),
        (
            json!({"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "b"}}),
            Some("b"),
        ),
        (
            json!({"statusCode": 200, "headers": {"sec-websocket-protocol": "b"}}),
            Some("b"),
        ),
        (
            json!({"statusCode": 200, "multiValueHeaders": {"Sec-Websocket-Protocol": ["b"]}}),
            Some("b"),
        ),
        (
            json!({"statusCode": 200, "headers": {"Set-Cookie": "a=1", "X-Mine": "1",
                "Sec-WebSocket-Protocol": "b"}}),
            Some("b"),
        ),
    ] {
        let served = api()
            .one_way("$connect", always(response(&answer)))
            .serve()
            .await;
        let head = served
            .dial()
            .await
            .upgrade("/local", &["Sec-WebSocket-Protocol: a, b"])
            .await;
        assert_eq!(head.header("sec-websocket-protocol"), want, "{answer}");
        let lower = head.head.to_ascii_lowercase();
        assert!(
            !lower.contains("cookie") && !lower.contains("x-mine"),
            "{lower}"
        );
    }
}

/// A subprotocol that the client did not offer goes to it as well: nothing is negotiated by the
/// gateway (the same page), and every client then fails by itself.
#[tokio::test]
async fn the_subprotocol_is_not_compared_with_the_offer() {
    let answer = json!({"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "other"}});
    let connect = always(response(&answer));
    let served = api().one_way("$connect", connect).serve().await;
    for offer in [&["Sec-WebSocket-Protocol: a, b"][..], &[]] {
        let head = served.dial().await.upgrade("/local", offer).await;
        assert_eq!(head.header("sec-websocket-protocol"), Some("other"));
    }
}

/// Whatever the bytes of a handshake become, it is answered or ended, and the next one is served.
#[tokio::test]
async fn no_handshake_breaks_the_gateway() {
    let served = api().two_way("$default", echo()).serve().await;
    let whole = format!(
        "GET /local?a=%41 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    let random = SplitMix::new(6455);
    let next = |below: usize| usize::try_from(random.next() % below as u64).unwrap();
    for round in 0..500 {
        let mut bytes = whole.clone().into_bytes();
        for _ in 0..=next(4) {
            let at = next(bytes.len());
            match next(3) {
                0 => bytes[at] = u8::try_from(next(256)).unwrap(),
                1 => {
                    bytes.remove(at);
                }
                _ => bytes.insert(at, b"%: \r\n/\xff0"[next(8)]),
            }
        }
        let mut client = served.dial().await;
        client.send(&bytes).await;
        let ended = tokio::time::timeout(PATIENCE, client.drain()).await;
        assert!(ended.is_ok(), "round {round}: {}", bytes.escape_ascii());
    }
    let mut client = served.connect().await;
    client.text("still here").await;
    assert_eq!(client.next_text().await, "still here");
}

/// Inferred from REST APIs: stage, method, upgrade, path, URL, handshake, authorizer, `$connect`. A
/// request that has everything wrong is told of the first of them.
#[tokio::test]
async fn the_checks_come_in_their_order() {
    let connect = always(status(418));
    let policy = json!({ "principalId": "me", "policyDocument": { "Statement": [] } });
    let wanted = api()
        .one_way("$connect", connect)
        .authorizer(&["route.request.header.Auth"], always(response(&policy)));
    let served = wanted.serve().await;
    let long = "x".repeat(4096);
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    let version = "Sec-WebSocket-Version: 13\r\n";
    let key = format!("Sec-WebSocket-Key: {KEY}\r\n");
    let whole = format!("{upgrade}{version}{key}");
    for (why, request, headers, want, called) in [
        (
            "the stage",
            format!("POST /other/x?{long}"),
            String::new(),
            403,
            &[][..],
        ),
        (
            "the method",
            format!("POST /local/x?{long}"),
            String::new(),
            403,
            &[],
        ),
        (
            "the upgrade",
            format!("GET /local/x?{long}"),
            String::new(),
            426,
            &[],
        ),
        (
            "the path",
            format!("GET /local/x?{long}"),
            upgrade.to_owned(),
            403,
            &[],
        ),
        (
            "the URL",
            format!("GET /local?{long}"),
            upgrade.to_owned(),
            414,
            &[],
        ),
        (
            "the version",
            "GET /local".to_owned(),
            upgrade.to_owned(),
            426,
            &[],
        ),
        (
            "the key",
            "GET /local".to_owned(),
            format!("{upgrade}{version}"),
            400,
            &[],
        ),
        (
            "the identity",
            "GET /local".to_owned(),
            whole.clone(),
            401,
            &[],
        ),
        (
            "the policy",
            "GET /local".to_owned(),
            format!("{whole}Auth: a\r\n"),
            403,
            &["authorizer"],
        ),
    ] {
        let mut client = served.dial().await;
        let bytes = format!("{request} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n{headers}\r\n");
        client.send(bytes.as_bytes()).await;
        assert_eq!(client.answer().await.status, want, "{why}");
        assert_eq!(served.script.called(), called, "{why}");
    }
}

/// A client that leaves during `$connect` was recorded by a function that said yes: its
/// `$disconnect` follows.
#[tokio::test]
async fn a_client_that_leaves_during_connect_is_disconnected() {
    let wanted = api()
        .one_way("$connect", Does::Waits)
        .one_way("$disconnect", always(status(200)));
    let mut served = wanted.serve().await;
    let mut client = served.dial().await;
    let request = format!(
        "GET /local HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    client.send(request.as_bytes()).await;
    let connect = served.call().await;
    client.drop_tcp();
    let id = connect.event()["requestContext"]["connectionId"].clone();
    connect.answer(status(200));
    let disconnect = served.call_of("$disconnect").await.event();
    assert_eq!(disconnect["requestContext"]["connectionId"], id);
    assert_eq!(disconnect["requestContext"]["disconnectStatusCode"], 1006);
    assert!(served.gateway.connections().is_empty());
}

/// A refused connection was never established: no `$disconnect`, and the observer knows why.
#[tokio::test]
async fn a_refused_connection_has_no_disconnect() {
    let wanted = api().one_way("$connect", always(status(403)));
    let mut served = wanted
        .one_way("$disconnect", always(body("")))
        .serve()
        .await;
    served.dial().await.handshake("/local", &[]).await;
    let refused = served.fact(|what| match what {
        What::Refused { status, why } => Some((*status, why.clone())),
        _ => None,
    });
    assert_eq!(refused.await, (403, "$connect answered 403".to_owned()));
    served.gateway.shutdown().await;
    assert_eq!(served.script.called(), ["$connect"]);
}
