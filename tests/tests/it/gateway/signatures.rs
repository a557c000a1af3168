//! Signatures of requests to `@connections`: Developer Guide, "Control access to a WebSocket API
//! with AWS IAM authorization"; answers as API Gateway gave them (see `answers.rs` of
//! `local-dev/sigv4`, which holds every text).

use gatepost_sigv4::Mode;

use super::served::Answer;
use super::served::Served;
use super::served::api;
use super::signer::Errors;
use super::signer::Unsigned;
use super::signer::signatures;

/// A gateway that verifies in this mode, and what it finds wrong.
async fn served(mode: Mode) -> (Served, Errors) {
    let (signatures, errors) = signatures(mode);
    let wanted = api().change(|wanted| wanted.signatures = signatures);
    (wanted.serve().await, errors)
}

async fn send(served: &Served, bytes: &[u8]) -> Answer {
    let mut client = served.dial().await;
    client.send(bytes).await;
    client.answer().await
}

fn request<'a>(method: &'a str, target: &'a str, payload: &'a [u8]) -> Unsigned<'a> {
    let headers = &[
        ("content-type", "application/octet-stream"),
        ("x-amz-user-agent", "a  b"),
    ];
    Unsigned {
        method,
        target,
        headers,
        payload,
    }
}

/// `@` and `=` encoded or not: what is signed is what is sent, encoded once more (okigan/awscurl
/// issue 61 and the requests of four SDKs).
#[tokio::test]
async fn signed_requests_are_answered() {
    let (served, _errors) = served(Mode::Strict).await;
    let mut client = served.connect().await;
    let id = served.only_id();
    let encoded = id.replace('=', "%3D");
    for target in [
        format!("/local/@connections/{id}"),
        format!("/local/@connections/{encoded}"),
        format!("/local/%40connections/{encoded}"),
        format!("/local/@connections/{encoded}?b=2&a=1+1"),
    ] {
        let answer = send(&served, &request("POST", &target, "ü".as_bytes()).signed()).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{target}");
        assert_eq!(client.next_text().await, "ü");
        assert_eq!(
            send(&served, &request("GET", &target, b"").signed())
                .await
                .status,
            200
        );
    }
    let target = format!("/local/@connections/{encoded}");
    assert_eq!(
        send(&served, &request("DELETE", &target, b"").signed())
            .await
            .status,
        204
    );
    assert_eq!(client.closed().await.0, 1000);
    let answer = send(&served, &request("DELETE", &target, b"").signed()).await;
    assert_eq!(answer.header("x-amzn-ErrorType"), Some("GoneException"));
}

/// 403 whatever is asked for: who it is comes before what there is.
#[tokio::test]
async fn unsigned_requests_are_missing_their_token() {
    let (served, mut errors) = served(Mode::Strict).await;
    let _client = served.connect().await;
    let id = served.only_id();
    for (method, target) in [
        ("POST", format!("/local/@connections/{id}")),
        ("GET", format!("/local/@connections/{id}")),
        ("DELETE", format!("/local/@connections/{id}")),
        ("POST", "/local/@connections/not-an-id".to_owned()),
        ("GET", "/local/@connections/aJz0Md6VoAMCIbQ=".to_owned()),
        ("PUT", "/local/@connections".to_owned()),
    ] {
        let answer = served.http(method, &target, b"x").await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (403, r#"{"message":"Missing Authentication Token"}"#),
            "{method} {target}"
        );
        let error_type = Some("MissingAuthenticationTokenException");
        assert_eq!(answer.header("x-amzn-ErrorType"), error_type);
        assert_eq!(answer.header("Content-Type"), Some("application/json"));
        assert!(answer.header("x-amzn-RequestId").is_some());
        assert!(answer.header("x-amz-apigw-id").is_some());
        assert_eq!(errors.recv().await, Some(("missing", true)));
    }
    assert_eq!(served.gateway.connections().len(), 1);
    // The stage comes first, and so does the length: what is too long is not kept to be hashed.
    let answer = served
        .http("POST", &format!("/other/@connections/{id}"), b"x")
        .await;
    assert_eq!(answer.body, r#"{"message":"Forbidden"}"#);
    let long = vec![b'x'; 128 * 1024 + 1];
    assert_eq!(
        served
            .http("POST", &format!("/local/@connections/{id}"), &long)
            .await
            .status,
        413
    );
}

/// Whatever is changed after signing: the client gets the string it should have signed.
#[tokio::test]
async fn changed_requests_do_not_match_their_signature() {
    let (served, mut errors) = served(Mode::Strict).await;
    let mut client = served.connect().await;
    let id = served.only_id();
    let target = format!("/local/@connections/{}", id.replace('=', "%3D"));
    let signed = String::from_utf8(request("POST", &target, b"hello").signed()).unwrap();
    for (from, to) in [
        ("hello", "hellO"),
        ("POST ", "GET "),
        ("%3D HTTP", "%3D?a=1 HTTP"),
        ("%3D HTTP", "= HTTP"),
        ("Host: 127.0.0.1:3001", "Host: 127.0.0.1:3002"),
        ("octet-stream", "octet-streaM"),
        (
            "x-amz-date: 20261122T081037Z",
            "x-amz-date: 20261122T081038Z",
        ),
    ] {
        assert!(signed.contains(from), "{signed}");
        let answer = send(&served, signed.replacen(from, to, 1).as_bytes()).await;
        assert_eq!(answer.status, 403, "{to}");
        assert_eq!(
            answer.header("x-amzn-ErrorType"),
            Some("InvalidSignatureException")
        );
        let shown = "The Canonical String for this request should have been\\n'";
        assert!(answer.body.contains(shown), "{}", answer.body);
        assert_eq!(errors.recv().await, Some(("mismatch", true)));
    }
    let other_key = signed.replace("ASIAEXAMPLE", "ASIAOTHER");
    let answer = send(&served, other_key.as_bytes()).await;
    assert_eq!(
        answer.body,
        r#"{"message":"The security token included in the request is invalid."}"#
    );
    assert_eq!(
        answer.header("x-amzn-ErrorType"),
        Some("UnrecognizedClientException")
    );
    assert_eq!(send(&served, signed.as_bytes()).await.status, 200);
    assert_eq!(client.next_text().await, "hello");
}

/// `--sigv4 warn` answers everything, and tells what AWS would have refused.
#[tokio::test]
async fn a_warning_is_told_and_the_request_answered() {
    let (served, mut errors) = served(Mode::Warn).await;
    let mut client = served.connect().await;
    let target = format!("/local/@connections/{}", served.only_id());
    let signed = request("POST", &target, b"signed").signed();
    assert_eq!(send(&served, &signed).await.status, 200);
    assert_eq!(client.next_text().await, "signed");
    assert_eq!(served.http("POST", &target, b"unsigned").await.status, 200);
    assert_eq!(client.next_text().await, "unsigned");
    assert_eq!(errors.recv().await, Some(("missing", false)));
}
