//! `AuthorizationType: AWS_IAM` on `$connect`: Developer Guide, "Control access to a WebSocket API
//! with AWS IAM authorization". Browsers cannot set headers, so they open presigned URLs (mhart/aws4
//! issue 99).

use gatepost_gateway::What;
use gatepost_sigv4::Mode;
use gatepost_sigv4::Signatures;
use serde_json::Value;
use serde_json::json;

use super::client::Answer;
use super::script::always;
use super::script::status;
use super::served::Wanted;
use super::served::api;
use super::signer::NOW;
use super::signer::Unsigned;
use super::signer::signatures;
use super::signer::signatures_at;

fn iam(signatures: Signatures) -> Wanted {
    api()
        .one_way("$connect", always(status(200)))
        .one_way("$default", always(status(200)))
        .one_way("$disconnect", always(status(200)))
        .iam()
        .change(|wanted| wanted.signatures = signatures)
}

fn handshake(target: &str) -> Unsigned<'_> {
    Unsigned {
        method: "GET",
        target,
        headers: &[],
        payload: b"",
    }
}

#[track_caller]
fn is_missing_its_token(answer: &Answer) {
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (403, r#"{"message":"Missing Authentication Token"}"#)
    );
    let error_type = answer.header("x-amzn-ErrorType");
    assert_eq!(error_type, Some("MissingAuthenticationTokenException"));
}

/// Also when the command line only warns: it is the template that wants the signature.
#[tokio::test]
async fn an_unsigned_handshake_is_missing_its_token() {
    for mode in [Mode::Strict, Mode::Warn] {
        let (signatures, mut errors) = signatures(mode);
        let mut served = iam(signatures).serve().await;
        let answer = served.dial().await.handshake("/local", &[]).await;
        is_missing_its_token(&answer);
        let refused = |what: &What| match what {
            What::Refused { status, why } => Some((*status, why.clone())),
            _ => None,
        };
        let (status, why) = served.fact(refused).await;
        assert_eq!((status, why.as_str()), (403, "the request is not signed"));
        assert_eq!(errors.recv().await, Some(("missing", true)));
        assert!(served.script.called().is_empty());
    }
}

#[tokio::test]
async fn a_handshake_is_signed_in_a_header_or_in_its_url() {
    let (strict, _) = signatures(Mode::Strict);
    let served = iam(strict).serve().await;
    let lines = handshake("/local?room=a%20b").lines();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    served
        .dial()
        .await
        .upgrade("/local?room=a%20b", &lines)
        .await;
    for target in ["/local", "/local/", "/local?room=a+b&x"] {
        let presigned = handshake(target).presigned(60);
        served.dial().await.upgrade(&presigned, &[]).await;
        let changed = format!("{presigned}&y=1");
        let answer = served.dial().await.handshake(&changed, &[]).await;
        assert_eq!(answer.status, 403, "{changed}");
        let error_type = answer.header("x-amzn-ErrorType");
        assert_eq!(error_type, Some("InvalidSignatureException"), "{changed}");
    }
    // The signature of another URL, and a header beside a presigned URL.
    assert_eq!(
        served.dial().await.handshake("/local", &lines).await.status,
        403
    );
    let presigned = handshake("/local").presigned(60);
    assert_eq!(
        served
            .dial()
            .await
            .handshake(&presigned, &lines)
            .await
            .status,
        403
    );
}

/// How long a presigned URL holds is said by `X-Amz-Expires`: IAM User Guide, "Add the signature to
/// the request".
#[tokio::test]
async fn a_presigned_url_expires() {
    for (seconds, expired) in [(60, false), (59, true)] {
        let (strict, mut errors) = signatures_at(NOW + 60, Mode::Strict);
        let served = iam(strict).serve().await;
        let presigned = handshake("/local").presigned(seconds);
        let answer = served.dial().await.handshake(&presigned, &[]).await;
        assert_eq!(answer.status, if expired { 403 } else { 101 }, "{answer:?}");
        if expired {
            assert!(
                answer.body.contains("Signature expired: 20261122T081037Z"),
                "{answer:?}"
            );
            assert_eq!(errors.recv().await, Some(("expired", true)));
        }
    }
}

/// Developer Guide, "API Gateway mapping template and access logging variable reference": what
/// `$context.identity` knows of who signed. Keys are in the order of REST APIs' events.
#[tokio::test]
async fn events_say_who_signed() {
    let (strict, _) = signatures(Mode::Strict);
    let mut served = iam(strict).serve().await;
    let presigned = handshake("/local").presigned(60);
    let mut client = served.dial().await;
    client.upgrade(&presigned, &["User-Agent: a client"]).await;
    let connect = served.call_of("$connect").await;
    client.text("hi").await;
    let message = served.call_of("$default").await;
    client.drop_tcp();
    let disconnect = served.call_of("$disconnect").await;
    let expected = json!({
        "userArn": "arn:aws:sts::123456789012:assumed-role/caller/me",
        "userAgent": "a client",
        "accountId": "123456789012",
        "caller": "AROAEXAMPLE:me",
        "sourceIp": "127.0.0.1",
        "accessKey": "ASIAEXAMPLE",
        "user": "AROAEXAMPLE:me",
    });
    for call in [connect, message, disconnect] {
        let event: Value = call.event();
        assert_eq!(
            event["requestContext"]["identity"], expected,
            "{}",
            call.function
        );
        let text = String::from_utf8(call.payload.to_vec()).unwrap();
        let identity = &text[text.find("\"identity\"").unwrap()..];
        let keys = [
            "userArn",
            "userAgent",
            "accountId",
            "caller",
            "sourceIp",
            "accessKey",
            "user\"",
        ];
        let places = keys.map(|key| identity.find(&format!("\"{key}")).unwrap());
        assert!(places.is_sorted(), "{identity}");
    }
    let connected = |what: &What| match what {
        What::Connected { principal, .. } => Some(principal.clone()),
        _ => None,
    };
    let principal = served.fact(connected).await;
    assert_eq!(principal.as_deref(), Some("AROAEXAMPLE:me"));
}

/// With `--sigv4 off` nobody looks: whoever connects counts as the one who may.
#[tokio::test]
async fn everybody_may_connect_when_signatures_are_off() {
    let mut served = iam(Signatures::unchecked()).serve().await;
    served.connect().await;
    let event = served.call_of("$connect").await.event();
    let identity = &event["requestContext"]["identity"];
    assert_eq!(identity["caller"], "AROAEXAMPLE:me");
}

/// Without `AWS_IAM` a signature is a header as any other.
#[tokio::test]
async fn other_handshakes_are_not_verified() {
    let (strict, _) = signatures(Mode::Strict);
    let wanted = api().one_way("$connect", always(status(200)));
    let mut served = wanted
        .change(|wanted| wanted.signatures = strict)
        .serve()
        .await;
    served
        .dial()
        .await
        .upgrade("/local", &["Authorization: Bearer x"])
        .await;
    let event = served.call_of("$connect").await.event();
    assert_eq!(event["headers"]["Authorization"], "Bearer x");
    assert_eq!(
        event["requestContext"]["identity"],
        json!({ "sourceIp": "127.0.0.1" })
    );
}
