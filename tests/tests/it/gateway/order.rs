//! In which order a handshake is checked for who it is and how often it comes: throttles, signature,
//! API key, authorizer, `$connect`. Inferred from REST APIs, and from the execution log of a WebSocket
//! API, where "Verifying Usage Plan" stands before "Starting execution". What is before that is in
//! `handshake::the_checks_come_in_their_order`.

use gatepost_sigv4::Mode;
use gatepost_template::Throttle;
use serde_json::json;

use super::api_keys::asking;
use super::script::always;
use super::script::response;
use super::served::Served;
use super::served::Wanted;
use super::signer::Unsigned;
use super::signer::signatures;

/// One handshake, and then none for a long time.
const ONCE: Throttle = Throttle {
    rate: Some(0.001),
    burst: Some(1),
};

fn once(wanted: Wanted) -> Wanted {
    wanted.change(|wanted| wanted.api.stages[0].default_throttle = ONCE)
}

/// Status and error type of a handshake.
async fn refused(served: &Served, target: &str, headers: &[&str]) -> (u16, String) {
    let answer = served.dial().await.handshake(target, headers).await;
    let error_type = answer.header("x-amzn-ErrorType").unwrap_or_default();
    (answer.status, error_type.to_owned())
}

fn is(status: u16, error_type: &str) -> (u16, String) {
    (status, error_type.to_owned())
}

#[tokio::test]
async fn a_throttle_counts_what_has_no_signature_and_comes_before_it() {
    let (strict, _errors) = signatures(Mode::Strict);
    let wanted = once(asking(None, None)).iam();
    let served = wanted.change(|wanted| wanted.signatures = strict);
    let served = served.serve().await;
    // What is no handshake for the stage is not counted.
    let nowhere = is(403, "ForbiddenException");
    assert_eq!(refused(&served, "/local/below", &[]).await, nowhere);
    assert_eq!(
        refused(&served, "/local", &[]).await,
        is(403, "MissingAuthenticationTokenException")
    );
    for _ in 0..2 {
        assert_eq!(
            refused(&served, "/local", &[]).await,
            is(429, "TooManyRequestsException")
        );
    }
    assert_eq!(refused(&served, "/local/below", &[]).await, nowhere);
    assert!(served.script.called().is_empty());
}

#[tokio::test]
async fn a_signature_comes_before_an_api_key() {
    let (strict, _errors) = signatures(Mode::Strict);
    let wanted = asking(None, None).iam();
    let served = wanted.change(|wanted| wanted.signatures = strict);
    let served = served.serve().await;
    assert_eq!(
        refused(&served, "/local", &["x-api-key: bad"]).await,
        is(403, "MissingAuthenticationTokenException")
    );
    let handshake = Unsigned {
        method: "GET",
        target: "/local",
        headers: &[],
        payload: b"",
    };
    assert_eq!(
        refused(&served, &handshake.presigned(60), &["x-api-key: bad"]).await,
        is(403, "ForbiddenException")
    );
    assert!(served.script.called().is_empty());
}

#[tokio::test]
async fn an_api_key_in_a_header_comes_before_the_authorizer_and_that_before_connect() {
    let deny = json!({ "principalId": "me", "policyDocument": { "Statement": [] } });
    let wanted = asking(None, None);
    let wanted = wanted.authorizer(&["route.request.header.Auth"], always(response(&deny)));
    let served = wanted.serve().await;
    assert_eq!(
        refused(&served, "/local", &["x-api-key: bad"]).await,
        is(403, "ForbiddenException")
    );
    assert_eq!(
        refused(&served, "/local", &["x-api-key: bad", "Auth: a"]).await,
        is(403, "ForbiddenException")
    );
    assert_eq!(
        refused(&served, "/local", &["x-api-key: good"]).await,
        is(401, "UnauthorizedException")
    );
    assert!(served.script.called().is_empty());
    assert_eq!(
        refused(&served, "/local", &["x-api-key: good", "Auth: a"]).await,
        is(403, "AccessDeniedException")
    );
    assert_eq!(served.script.called(), ["authorizer"]);
}
