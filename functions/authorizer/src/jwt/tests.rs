use serde_json::Value;
use serde_json::json;

use super::*;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const NOW: Millis = 1_800_000_000_000;
const EXP: i64 = 1_800_000_060;

/// Made with openssl: `alg` RS256, `kid` and `jku` that lead astray, `exp` in the year 2100.
const RS256: &str = include_str!("rs256.jwt");
const RSA_PEM: &str = include_str!("rsa.pub.pem");

/// A deployment with a key of its own.
struct Deployment {
    key: Key,
    rules: Rules,
}

fn rules() -> Deployment {
    let issuer = Some(String::from("https://id.example"));
    Deployment {
        key: Key::hs256(SECRET),
        rules: Rules {
            audience: String::from("chat"),
            issuer,
        },
    }
}

fn rsa_rules() -> Deployment {
    Deployment {
        key: Key::Rs256(RsaPublicKey::from_pem(RSA_PEM).unwrap()),
        ..rules()
    }
}

fn verify(token: &str, deployment: &Deployment, now: Millis) -> Result<Claims, Refusal> {
    Token::parse(token)?.verify(&deployment.key, &deployment.rules, now)
}

fn good() -> Value {
    json!({"sub": "ann", "name": "Ann", "aud": "chat", "iss": "https://id.example", "exp": EXP})
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn signed_with(secret: &[u8], header: &Value, claims: &str) -> String {
    let signed = format!("{}.{claims}", part(header));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn token(claims: &Value) -> String {
    signed_with(
        SECRET,
        &json!({"alg": "HS256", "typ": "JWT"}),
        &part(claims),
    )
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = good();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = good();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn refusal(token: &str) -> Refusal {
    verify(token, &rules(), NOW).expect_err(token)
}

#[test]
fn a_good_token_is_read() {
    for claims in [
        good(),
        with("aud", json!(["other", "chat"])),
        with("nbf", json!(1_800_000_030)),
        with("iat", json!(1_800_000_000)),
        with("exp", json!(1_800_000_060.5)),
        with("extra", json!({"deep": [1, 2]})),
    ] {
        let read = verify(&token(&claims), &rules(), NOW).unwrap();
        assert_eq!(read.sub, "ann");
        assert_eq!(read.name.as_deref(), Some("Ann"));
        assert_eq!(read.expires_at(), EXP * 1_000);
    }
    let mut any_issuer = rules();
    any_issuer.rules.issuer = None;
    verify(&token(&without("iss")), &any_issuer, NOW).unwrap();
}

#[test]
fn an_rsa_token_is_read_with_the_public_key() {
    assert_eq!(verify(RS256, &rsa_rules(), NOW).unwrap().sub, "ann");
    let last = RS256.len() - 1;
    let flipped = format!(
        "{}{}",
        &RS256[..last],
        if RS256.ends_with('A') { 'Q' } else { 'A' }
    );
    assert_eq!(
        verify(&flipped, &rsa_rules(), NOW).unwrap_err(),
        Refusal::Signature
    );
}

#[test]
fn the_deployments_algorithm_is_the_only_one() {
    let claims = part(&good());
    let none = |alg: &str, tail: &str| format!("{}.{claims}.{tail}", part(&json!({"alg": alg})));
    for token in [
        none("none", ""),
        none("None", ""),
        none("nOnE", "AA"),
        none("NONE", ""),
    ] {
        assert_eq!(refusal(&token), Refusal::Algorithm);
        assert_eq!(
            verify(&token, &rsa_rules(), NOW).unwrap_err(),
            Refusal::Algorithm
        );
    }
    for alg in [
        "HS384", "HS512", "ES256", "PS256", "RS256", "hs256", "HS256 ", "",
    ] {
        assert_eq!(
            refusal(&signed_with(SECRET, &json!({"alg": alg}), &claims)),
            Refusal::Algorithm
        );
    }
    // The public key is no secret: a token signed with its text as one must not pass.
    let key = RsaPublicKey::from_pem(RSA_PEM).unwrap();
    for secret in [RSA_PEM.as_bytes(), RSA_PEM.trim().as_bytes(), key.der()] {
        let confused = signed_with(secret, &json!({"alg": "HS256"}), &claims);
        assert_eq!(
            verify(&confused, &rsa_rules(), NOW).unwrap_err(),
            Refusal::Algorithm
        );
        let disguised = signed_with(secret, &json!({"alg": "RS256"}), &claims);
        assert_eq!(
            verify(&disguised, &rsa_rules(), NOW).unwrap_err(),
            Refusal::Signature
        );
    }
    assert_eq!(refusal(RS256), Refusal::Algorithm);
    let critical = json!({"alg": "HS256", "crit": ["b64"], "b64": false});
    assert_eq!(
        refusal(&signed_with(SECRET, &critical, &claims)),
        Refusal::Algorithm
    );
}

#[test]
fn a_signature_is_of_all_of_the_token_by_this_key() {
    let good_token = token(&good());
    let (signed, signature) = good_token.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let forged = part(&with("sub", json!("root")));
    let other_key = signed_with(
        b"fedcba9876543210fedcba9876543210",
        &json!({"alg": "HS256"}),
        &part(&good()),
    );
    let header_with_kid = json!({"alg": "HS256", "kid": "../../dev/null", "jwk": {"k": "AA"}});
    let led_astray = signed_with(b"\0", &header_with_kid, &part(&good()));
    for bad in [
        format!("{header}.{forged}.{signature}"),
        format!("{signed}."),
        format!("{signed}.{}", &signature[..40]),
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0; 32])),
        other_key,
        led_astray,
    ] {
        assert_eq!(refusal(&bad), Refusal::Signature, "{bad}");
    }
}

#[test]
fn what_is_no_token_is_malformed() {
    let good_token = token(&good());
    let (signed, signature) = good_token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let doubled = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","alg":"HS256"}"#);
    assert_eq!(refusal(""), Refusal::Missing);
    assert_eq!(refusal(&"a".repeat(LONGEST + 1)), Refusal::TooLong);
    for bad in [
        String::from("."),
        String::from(".."),
        String::from("a.b"),
        String::from("Bearer"),
        format!("Bearer {good_token}"),
        format!("{good_token}="),
        format!("{good_token} "),
        format!("{good_token}.x"),
        format!("{header}.{claims}.{signature}.{signature}"),
        format!("{header}.{claims}.+/{}", &signature[2..]),
        format!("{doubled}.{claims}.{signature}"),
        format!("{}.{claims}.{signature}", part(&json!("HS256"))),
        format!("{}.{claims}.{signature}", part(&json!({"typ": "JWT"}))),
        format!("{}.{claims}.{signature}", part(&json!({"alg": ["HS256"]}))),
        format!("{}.{claims}.{signature}", part(&json!({"alg": null}))),
        signed_with(
            SECRET,
            &json!({"alg": "HS256"}),
            &URL_SAFE_NO_PAD.encode("not json"),
        ),
        signed_with(SECRET, &json!({"alg": "HS256"}), "*"),
    ] {
        assert_eq!(refusal(&bad), Refusal::Malformed, "{bad}");
    }
}

#[test]
fn claims_that_do_not_hold_are_refused() {
    for (claims, expected) in [
        (without("exp"), Refusal::Expired),
        (with("exp", json!(1_800_000_000)), Refusal::Expired),
        (with("exp", json!(1_799_999_999)), Refusal::Expired),
        (with("exp", json!(0)), Refusal::Expired),
        (with("exp", json!(-1)), Refusal::Expired),
        (with("exp", json!("1900000000")), Refusal::Expired),
        (with("exp", json!(null)), Refusal::Expired),
        (with("nbf", json!(1_800_000_061)), Refusal::Early),
        (with("iat", json!(1_800_000_061)), Refusal::Early),
        (with("nbf", json!("now")), Refusal::Identity),
        (without("aud"), Refusal::Audience),
        (with("aud", json!("Chat")), Refusal::Audience),
        (with("aud", json!("")), Refusal::Audience),
        (with("aud", json!([])), Refusal::Audience),
        (with("aud", json!(["chat2"])), Refusal::Audience),
        (with("aud", json!({"chat": true})), Refusal::Identity),
        (without("iss"), Refusal::Issuer),
        (with("iss", json!("https://id.example/")), Refusal::Issuer),
        (with("iss", json!("https://evil.example")), Refusal::Issuer),
        (without("sub"), Refusal::Identity),
        (with("sub", json!(42)), Refusal::Identity),
        (with("rooms", json!("lobby")), Refusal::Identity),
        (json!([]), Refusal::Expired),
    ] {
        assert_eq!(refusal(&token(&claims)), expected, "{claims}");
    }
}
