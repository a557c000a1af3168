use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::Value;
use serde_json::json;

use super::*;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc/prod/$connect";

fn authorizer(mode: Mode, origins: &[&str]) -> Authorizer {
    let origins = Origins::Listed(origins.iter().copied().map(String::from).collect());
    Authorizer::new(
        mode,
        origins,
        || 1_800_000_000_000,
        || "guest-1".parse().unwrap(),
    )
}

fn tokens() -> Mode {
    let audience = String::from("chat");
    let issuer = None;
    Mode::Jwt(Box::new(Tokens {
        keys: Keys::Own(jwt::Key::hs256(SECRET)),
        rules: jwt::Rules { audience, issuer },
    }))
}

fn token(claims: Value) -> String {
    let mut claims = claims;
    claims["aud"] = json!("chat");
    claims["exp"] = json!(1_800_000_060);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "HS256"})), part(&claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
    format!("{signed}.{signature}")
}

#[expect(clippy::needless_pass_by_value, reason = "so that a table reads well")]
fn event(headers: Value, query: Value) -> AuthorizerEvent {
    let event = json!({"methodArn": ARN, "headers": headers, "queryStringParameters": query});
    serde_json::from_value(event).unwrap()
}

/// With a key of its own it waits for nobody.
fn decide(authorizer: &Authorizer, event: AuthorizerEvent) -> Result<Authorization, Failure> {
    let executor = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    executor.block_on(authorizer.decide(event))
}

fn allowed(authorizer: &Authorizer, event: AuthorizerEvent) -> Value {
    let authorization = serde_json::to_value(decide(authorizer, event).unwrap()).unwrap();
    let statement = &authorization["policyDocument"]["Statement"];
    assert_eq!(statement.as_array().unwrap().len(), 1);
    assert_eq!(statement[0]["Resource"], ARN);
    assert_eq!(statement[0]["Effect"], "Allow");
    authorization["context"].clone()
}

fn unauthorized(authorizer: &Authorizer, event: AuthorizerEvent) -> bool {
    matches!(decide(authorizer, event), Err(Failure::Unauthorized))
}

fn denied(authorizer: &Authorizer, event: AuthorizerEvent) -> bool {
    let authorization = serde_json::to_value(decide(authorizer, event).unwrap()).unwrap();
    assert!(authorization.get("context").is_none());
    authorization["policyDocument"]["Statement"][0]["Effect"] == "Deny"
}

#[test]
fn a_guest_is_who_the_guest_says() {
    let guests = authorizer(Mode::Guest, &[]);
    for (query, expected) in [
        (
            json!({"user": "ann", "name": "Ann Lee"}),
            json!({"user": "ann", "name": "Ann Lee"}),
        ),
        (
            json!({"user": "ann"}),
            json!({"user": "ann", "name": "ann"}),
        ),
        (
            json!({"user": "\u{202e}x"}),
            json!({"user": "\u{202e}x", "name": "Guest"}),
        ),
        (
            json!({"user": "a", "name": "A\u{30a}sa"}),
            json!({"user": "a", "name": "Åsa"}),
        ),
        (
            json!({}),
            json!({"user": "guest-1", "name": "guest-1", "anonymous": "true"}),
        ),
        (
            json!(null),
            json!({"user": "guest-1", "name": "guest-1", "anonymous": "true"}),
        ),
        (
            json!({"user": "", "name": "Bo"}),
            json!({"user": "guest-1", "name": "Bo", "anonymous": "true"}),
        ),
    ] {
        assert_eq!(allowed(&guests, event(json!({}), query)), expected);
    }
}

#[test]
fn a_guest_cannot_take_an_id_or_a_name_that_is_not_to_be_had() {
    let guests = authorizer(Mode::Guest, &[]);
    for query in [
        json!({"user": "seed:1"}),
        json!({"user": "guest-1"}),
        json!({"user": "u".repeat(65)}),
        json!({"user": "ann", "name": "a\nb"}),
        json!({"user": "ann", "name": "\u{202e}nna"}),
        json!({"user": "ann", "name": "a\u{200b}b"}),
        json!({"user": "ann", "name": "n".repeat(65)}),
        json!({"name": "\u{2066}"}),
    ] {
        assert!(
            unauthorized(&guests, event(json!({}), query.clone())),
            "{query}"
        );
    }
}

#[test]
fn a_token_comes_in_the_query_or_behind_the_subprotocol() {
    let with_tokens = authorizer(tokens(), &[]);
    let token = token(json!({"sub": "ann", "name": "Ann", "rooms": ["lobby"], "roles": ["staff"]}));
    let expected = json!({
        "user": "ann", "name": "Ann", "exp": "1800000060", "rooms": "lobby", "roles": "staff"
    });
    let offered = |offer: String| event(json!({"sec-websocket-protocol": offer}), json!(null));
    for good in [
        event(json!({}), json!({"token": token})),
        offered(format!("gatepost.v1, {token}")),
        offered(format!("other,gatepost.v1,{token}")),
    ] {
        assert_eq!(allowed(&with_tokens, good), expected);
    }
    for bad in [
        event(json!({}), json!({})),
        event(json!({}), json!({"token": ""})),
        event(json!({}), json!({"user": "ann", "name": "Ann"})),
        event(
            json!({"Authorization": format!("Bearer {token}")}),
            json!({}),
        ),
        offered(token.clone()),
        offered(format!("{token}, gatepost.v1")),
        offered(String::from("gatepost.v1")),
        // The query decides where there are two.
        event(
            json!({"Sec-WebSocket-Protocol": format!("gatepost.v1, {token}")}),
            json!({"token": "x"}),
        ),
    ] {
        assert!(unauthorized(&with_tokens, bad.clone()), "{bad:?}");
    }
}

#[test]
fn a_signed_token_still_cannot_name_what_is_no_identity() {
    let with_tokens = authorizer(tokens(), &[]);
    for claims in [
        json!({"sub": ""}),
        json!({"sub": "guest-1"}),
        json!({"sub": "seed:1"}),
        json!({"sub": "u".repeat(65)}),
        json!({"sub": "ann", "name": "a\u{7}"}),
        json!({"sub": "ann", "rooms": ["Lobby"]}),
        json!({"sub": "ann", "roles": ["two words"]}),
        json!({"sub": "ann", "rooms": vec!["lobby"; 500]}),
    ] {
        let query = json!({"token": token(claims.clone())});
        assert!(
            unauthorized(&with_tokens, event(json!({}), query)),
            "{claims}"
        );
    }
}

#[test]
fn a_page_needs_an_origin_of_the_list_and_others_need_none() {
    let guests = authorizer(Mode::Guest, &["https://chat.example"]);
    let from = |headers: Value| event(headers, json!({"user": "ann"}));
    allowed(&guests, from(json!({})));
    allowed(&guests, from(json!({"Origin": "https://chat.example"})));
    allowed(&guests, from(json!({"origin": "https://chat.example"})));
    for headers in [
        json!({"Origin": "https://evil.example"}),
        json!({"origin": "null"}),
        json!({"ORIGIN": ""}),
        json!({"Origin": "https://chat.example.evil.example"}),
        json!({"Origin": "http://chat.example"}),
    ] {
        assert!(denied(&guests, from(headers.clone())), "{headers}");
    }
    let twice = json!({
        "methodArn": ARN,
        "headers": {"Origin": "https://chat.example"},
        "multiValueHeaders": {"Origin": ["https://evil.example", "https://chat.example"]},
    });
    assert!(denied(&guests, serde_json::from_value(twice).unwrap()));
    let any = Authorizer::new(
        Mode::Guest,
        Origins::Any,
        || 0,
        || "guest-1".parse().unwrap(),
    );
    allowed(&any, from(json!({"Origin": "https://evil.example"})));
}

#[test]
fn the_origin_is_looked_at_before_the_token() {
    let with_tokens = authorizer(tokens(), &["https://chat.example"]);
    let evil = json!({"Origin": "https://evil.example"});
    assert!(denied(&with_tokens, event(evil, json!({"token": "x"}))));
}

#[test]
fn random_guests_differ_and_are_guests() {
    let (one, other) = (admission::random_guest(), admission::random_guest());
    assert_ne!(one, other);
    assert!(one.as_str().starts_with("guest-") && one.as_str().len() == 30);
}
