//! What callers are told about each answer.

use bytes::Bytes;
use gatepost_gateway_client::ConnectionState;
use gatepost_gateway_client::Connections as _;
use gatepost_gateway_client::InvokeAsync as _;
use gatepost_gateway_client::InvokeError;
use gatepost_gateway_client::Payload;
use gatepost_gateway_client::PostError;
use gatepost_protocol::ConnectionId;

use crate::server::Does;
use crate::server::Server;
use crate::server::hurried;

fn id() -> ConnectionId {
    "L0SM9cOFvHcCIhw=".parse().unwrap()
}

#[tokio::test]
async fn a_post_carries_the_message_and_a_signature() {
    let mut server = Server::start(&[Does::Answers(200, "")]).await;
    server
        .gateway()
        .post(&id(), &Payload::new("{\"hello\":\"é\"}"))
        .await
        .unwrap();
    let seen = server.requests.recv().await.unwrap();
    assert_eq!(seen.head.method, "POST");
    assert_eq!(seen.head.uri, "/local/@connections/L0SM9cOFvHcCIhw%3D");
    assert_eq!(seen.head.headers["host"], server.address.to_string());
    assert_eq!(seen.head.headers["x-amz-date"], "19700101T000000Z");
    let authorization = seen.head.headers["authorization"].to_str().unwrap();
    assert!(authorization.starts_with(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/19700101/us-east-1/execute-api/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature="
    ));
    assert_eq!(seen.body, "{\"hello\":\"é\"}");
}

#[tokio::test]
async fn every_answer_to_a_post_becomes_what_the_caller_does_about_it() {
    type Is = fn(&Result<(), PostError>) -> bool;
    let cases: [(&'static [Does], Is); 11] = [
        (&[Does::Answers(200, "")], |r| r.is_ok()),
        (&[Does::Answers(204, "")], |r| r.is_ok()),
        (&[Does::Answers(410, "")], |r| {
            matches!(r, Err(PostError::Gone))
        }),
        (
            &[Does::Answers(
                400,
                r#"{"message":"Invalid connectionId: x"}"#,
            )],
            |r| matches!(r, Err(PostError::Gone)),
        ),
        (&[Does::Answers(400, r#"{"message":"no body"}"#)], |r| {
            matches!(r, Err(PostError::Unreachable(_)))
        }),
        (&[Does::Answers(413, "")], |r| {
            matches!(r, Err(PostError::TooLarge))
        }),
        (&[Does::Answers(429, "")], |r| {
            matches!(r, Err(PostError::Throttled))
        }),
        (
            &[Does::Answers(403, r#"{"message":"Forbidden\nsecret"}"#)],
            |r| matches!(r, Err(PostError::Forbidden(why)) if &**why == "Forbidden"),
        ),
        (&[Does::Answers(500, "")], |r| {
            matches!(r, Err(PostError::Unreachable(_)))
        }),
        (&[Does::Resets], |r| {
            matches!(r, Err(PostError::Unreachable(_)))
        }),
        (&[Does::Hangs], |r| {
            matches!(r, Err(PostError::Unreachable(_)))
        }),
    ];
    for (script, is) in cases {
        let server = Server::start(script).await;
        let result = server
            .gateway_within(hurried())
            .post(&id(), &Payload::new("x"))
            .await;
        assert!(is(&result), "{script:?}: {result:?}");
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_unreachable() {
    let server = Server::start(&[Does::Hangs]).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let gateway = Server {
        address: free,
        ..server
    }
    .gateway();
    let error = gateway.post(&id(), &Payload::new("x")).await.unwrap_err();
    assert!(matches!(error, PostError::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn a_connection_can_be_looked_at_and_closed() {
    let state = r#"{"connectedAt":"2020-04-30T20:10:33.236Z","identity":{"sourceIp":"192.0.2.1"},"lastActiveAt":"2020-04-30T20:10:42.997Z"}"#;
    let script: &'static [Does] = Vec::leak(vec![
        Does::Answers(200, state),
        Does::Answers(204, ""),
        Does::Answers(410, ""),
    ]);
    let mut server = Server::start(script).await;
    let gateway = server.gateway();
    let expected = ConnectionState {
        connected_at: 1_588_277_433_236,
        last_active_at: 1_588_277_442_997,
    };
    assert_eq!(gateway.get(&id()).await.unwrap(), expected);
    gateway.close(&id()).await.unwrap();
    assert!(matches!(gateway.close(&id()).await, Err(PostError::Gone)));
    for method in ["GET", "DELETE", "DELETE"] {
        assert_eq!(server.requests.recv().await.unwrap().head.method, method);
    }
}

#[tokio::test]
async fn an_invocation_is_an_event_to_the_named_function() {
    let mut server = Server::start(&[Does::Answers(202, "")]).await;
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:fanout";
    server
        .function(arn)
        .invoke_async(Bytes::from_static(b"{}"))
        .await
        .unwrap();
    let seen = server.requests.recv().await.unwrap();
    assert_eq!(
        seen.head.uri,
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Afanout/invocations"
    );
    assert_eq!(seen.head.headers["x-amz-invocation-type"], "Event");
    let authorization = seen.head.headers["authorization"].to_str().unwrap();
    assert!(authorization.contains("/us-east-1/lambda/aws4_request"));
    assert!(authorization.contains("SignedHeaders=host;x-amz-date;x-amz-invocation-type,"));
    assert_eq!(seen.body, "{}");
}

#[tokio::test]
async fn every_answer_to_an_invocation_becomes_what_the_caller_does_about_it() {
    type Is = fn(&Result<(), InvokeError>) -> bool;
    let cases: [(&'static [Does], Is); 5] = [
        (&[Does::Answers(202, "")], |r| r.is_ok()),
        (&[Does::Answers(429, "")], |r| {
            matches!(r, Err(InvokeError::Throttled))
        }),
        (&[Does::Answers(413, "")], |r| {
            matches!(r, Err(InvokeError::TooLarge))
        }),
        (
            &[Does::Answers(404, r#"{"Message":"Function not found"}"#)],
            |r| matches!(r, Err(InvokeError::Forbidden(why)) if &**why == "Function not found"),
        ),
        (&[Does::Answers(503, "")], |r| {
            matches!(r, Err(InvokeError::Unreachable(_)))
        }),
    ];
    for (script, is) in cases {
        let server = Server::start(script).await;
        let result = server
            .function("fanout")
            .invoke_async(Bytes::from_static(b"{}"))
            .await;
        assert!(is(&result), "{script:?}: {result:?}");
    }
}
