use std::sync::Arc;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost_runtime::Limits;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use ring::signature::EcdsaKeyPair;
use ring::signature::Ed25519KeyPair;
use ring::signature::KeyPair as _;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::*;
use crate::admission::Keys;
use crate::admission::Mode;
use crate::admission::Refused;
use crate::admission::Tokens;
use crate::jwt;
use crate::jwt::Refusal;

const NOW: Millis = 1_800_000_000_000;
const RS256: &str = include_str!("../jwt/rs256.jwt");
const RSA_PEM: &str = include_str!("../jwt/rsa.pub.pem");

/// What the server answers, and how often it was asked.
#[derive(Debug, Clone, Default)]
struct Served(Arc<Mutex<(String, usize)>>);

impl Served {
    fn answer(&self, status: &str, body: &str) {
        let length = body.len();
        self.0.lock().unwrap().0 =
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
    }

    fn keys(&self, keys: &[Value]) {
        self.answer("200 OK", &json!({ "keys": keys }).to_string());
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

/// An issuer's server on loopback, and the keys that are read from it.
async fn issuer() -> (Served, PublishedKeys) {
    let served = Served::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys?v=1", listener.local_addr().unwrap());
    let answers = served.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4_096];
            let length = stream.read(&mut request).await.unwrap();
            assert!(request[..length].starts_with(b"GET /keys?v=1 HTTP/1.1\r\n"));
            let answer = {
                let mut answers = answers.0.lock().unwrap();
                answers.1 += 1;
                answers.0.clone()
            };
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let document = Document::new(&url.parse().unwrap(), Limits::default(), Arc::new(|| NOW));
    (served, PublishedKeys::new(document.unwrap()))
}

/// The signing halves of an issuer's keys.
struct Signers {
    random: SystemRandom,
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
}

impl Signers {
    fn new() -> Self {
        let random = SystemRandom::new();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let ec = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random);
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let ed = Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap();
        Self {
            random,
            ec: ec.unwrap(),
            ed,
        }
    }

    fn ec(&self, kid: &str) -> Value {
        let point = self.ec.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256",
            "x": base64(&point[1..33]), "y": base64(&point[33..])})
    }

    fn ed(&self, kid: &str) -> Value {
        let x = base64(self.ed.public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x})
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = match header["alg"].as_str() {
            Some("EdDSA") => base64(self.ed.sign(signed.as_bytes()).as_ref()),
            _ => base64(
                self.ec
                    .sign(&self.random, signed.as_bytes())
                    .unwrap()
                    .as_ref(),
            ),
        };
        format!("{signed}.{signature}")
    }
}

/// The public half of what signed `rs256.jwt`.
fn rsa(kid: &str) -> Value {
    let key = gatepost_runtime::config::RsaPublicKey::from_pem(RSA_PEM).unwrap();
    // SEQUENCE and INTEGER of two length bytes each, and the zero before the modulus.
    let modulus = &key.der()[9..9 + 256];
    json!({"kty": "RSA", "kid": kid, "use": "sig", "n": base64(modulus), "e": "AQAB"})
}

fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn part(value: &Value) -> String {
    base64(value.to_string().as_bytes())
}

fn claims() -> Value {
    json!({"sub": "ann", "aud": "chat", "iss": "https://id.example", "exp": NOW / 1_000 + 60})
}

fn mode(keys: PublishedKeys) -> Mode {
    let rules = jwt::Rules {
        audience: String::from("chat"),
        issuer: Some(String::from("https://id.example")),
    };
    let keys = Keys::Published(Box::new(keys));
    Mode::Jwt(Box::new(Tokens { keys, rules }))
}

async fn admitted(mode: &Mode, token: &str) -> Result<(), Refused> {
    let event = json!({"methodArn": "arn:m", "queryStringParameters": {"token": token}});
    let event = serde_json::from_value(event).unwrap();
    let identity = crate::admission::identity(&event, mode, NOW, || unreachable!()).await;
    identity.map(|identity| assert_eq!(identity.user.as_str(), "ann"))
}

/// Claims of `rs256.jwt` are its own; the key's `kid` is the one that it names.
fn kid_of(token: &str) -> String {
    let header = URL_SAFE_NO_PAD
        .decode(token.split('.').next().unwrap())
        .unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    String::from(header["kid"].as_str().unwrap())
}

#[tokio::test]
async fn a_token_is_read_with_the_key_that_it_names() {
    let (served, keys) = issuer().await;
    let signers = Signers::new();
    served.keys(&[signers.ec("a"), signers.ed("b"), rsa(&kid_of(RS256))]);
    let mode = mode(keys);
    for (alg, kid) in [("ES256", "a"), ("EdDSA", "b")] {
        let token = signers.token(&json!({"alg": alg, "kid": kid}), &claims());
        admitted(&mode, &token).await.unwrap();
    }
    admitted(&mode, RS256).await.unwrap();
    assert_eq!(served.asked(), 1, "the keys are kept");
}

#[tokio::test]
async fn tokens_that_do_not_hold_are_refused() {
    let (served, keys) = issuer().await;
    let (signers, stranger) = (Signers::new(), Signers::new());
    let point = signers.ec.public_key().as_ref().to_vec();
    let (ec, rsa_kid) = (signers.ec("a"), kid_of(RS256));
    let with = |name: &str, value: Value| {
        let mut key = ec.clone();
        key[name] = value;
        key["kid"] = json!(format!("{name}-{}", key[name]));
        key
    };
    served.keys(&[
        ec.clone(),
        signers.ed("b"),
        rsa(&rsa_kid),
        signers.ec("twice"),
        stranger.ec("twice"),
        with("use", json!("enc")),
        with("key_ops", json!(["sign"])),
        with("alg", json!("HS256")),
        with("crv", json!("P-384")),
        with("kty", json!("oct")),
        with("y", json!("AAAA")),
        json!({"kty": "oct", "kid": "oct", "k": base64(&point)}),
    ]);
    let mode = mode(keys);
    let es = |kid: &str| json!({"alg": "ES256", "kid": kid});
    let hs = |header: &Value, secret: &[u8]| {
        let signed = format!("{}.{}", part(header), part(&claims()));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        format!(
            "{signed}.{}",
            base64(hmac::sign(&key, signed.as_bytes()).as_ref())
        )
    };
    let claim = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        signers.token(&es("a"), &claims)
    };
    let good = signers.token(&es("a"), &claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let header_with = |name: &str, value: Value| {
        let mut header = es("a");
        header[name] = value;
        stranger.token(&header, &claims())
    };
    let mut table = vec![
        (String::new(), Refusal::Missing),
        (String::from("a.b.c"), Refusal::Malformed),
        (format!("{good}="), Refusal::Malformed),
        (format!("{good}.{signature}"), Refusal::Malformed),
        ("a".repeat(5_000), Refusal::TooLong),
        // Whose key it is.
        (
            signers.token(&json!({"alg": "ES256"}), &claims()),
            Refusal::Key,
        ),
        (signers.token(&es("nobody"), &claims()), Refusal::Key),
        (signers.token(&es("../a"), &claims()), Refusal::Key),
        (signers.token(&es("a "), &claims()), Refusal::Key),
        (
            signers.token(&json!({"alg": "ES256", "kid": ["a"]}), &claims()),
            Refusal::Key,
        ),
        (
            signers.token(&json!({"alg": "ES256", "kid": null}), &claims()),
            Refusal::Key,
        ),
        (signers.token(&es("twice"), &claims()), Refusal::Key),
        (stranger.token(&es("twice"), &claims()), Refusal::Key),
        // The algorithm is the key's.
        (
            signers.token(&json!({"alg": "EdDSA", "kid": "a"}), &claims()),
            Refusal::Algorithm,
        ),
        (signers.token(&es("b"), &claims()), Refusal::Algorithm),
        (signers.token(&es(&rsa_kid), &claims()), Refusal::Algorithm),
        (
            hs(&json!({"alg": "HS256", "kid": "a"}), &point),
            Refusal::Algorithm,
        ),
        (
            hs(&json!({"alg": "HS256", "kid": rsa_kid}), RSA_PEM.as_bytes()),
            Refusal::Algorithm,
        ),
        (
            hs(&json!({"alg": "HS256", "kid": "oct"}), &point),
            Refusal::Key,
        ),
        (
            format!("{}.{payload}.", part(&json!({"alg": "none", "kid": "a"}))),
            Refusal::Algorithm,
        ),
        (format!("{}.{payload}.", part(&es("a"))), Refusal::Signature),
        (header_with("crit", json!(["exp"])), Refusal::Algorithm),
        // Where the header leads is not looked at.
        (
            header_with("jku", json!("http://127.0.0.1:1/keys")),
            Refusal::Signature,
        ),
        (
            header_with("x5u", json!("http://127.0.0.1:1/cert")),
            Refusal::Signature,
        ),
        (header_with("jwk", stranger.ec("a")), Refusal::Signature),
        (stranger.token(&es("a"), &claims()), Refusal::Signature),
        (
            format!("{header}.{}.{signature}", part(&json!({"sub": "root"}))),
            Refusal::Signature,
        ),
        (format!("{signed}.{}", base64(&[0; 64])), Refusal::Signature),
        // Claims.
        (claim("exp", json!(NOW / 1_000)), Refusal::Expired),
        (claim("exp", json!(null)), Refusal::Expired),
        (claim("nbf", json!(NOW / 1_000 + 61)), Refusal::Early),
        (claim("aud", json!("other")), Refusal::Audience),
        (claim("iss", json!("https://evil.example")), Refusal::Issuer),
        (claim("sub", json!("guest-1")), Refusal::Identity),
    ];
    // Keys that are published but are none to sign tokens with.
    for kid in [
        r#"use-"enc""#,
        r#"key_ops-["sign"]"#,
        r#"alg-"HS256""#,
        r#"crv-"P-384""#,
        r#"kty-"oct""#,
        r#"y-"AAAA""#,
    ] {
        table.push((signers.token(&es(kid), &claims()), Refusal::Key));
    }
    assert!(table.len() >= 25);
    for (token, expected) in table {
        let refused = admitted(&mode, &token).await.unwrap_err();
        assert_eq!(refused, Refused::Token(expected), "{token}");
    }
    admitted(&mode, &good).await.unwrap();
    assert_eq!(served.asked(), 1, "strangers make nobody ask again at once");
}

#[tokio::test]
async fn a_new_key_is_asked_for_and_strangers_do_not_make_ask_often() {
    let (served, keys) = issuer().await;
    let signers = Signers::new();
    served.keys(&[signers.ec("old")]);
    keys.key("old", NOW).await.unwrap();
    served.keys(&[signers.ec("new")]);
    // Too soon after the last time.
    let soon = keys.key("new", NOW + ASK_AGAIN_MS - 1).await;
    assert!(matches!(soon, Err(KeyError::Unknown)));
    assert_eq!(served.asked(), 1);
    let later = NOW + ASK_AGAIN_MS;
    keys.key("new", later).await.unwrap();
    let gone = keys.key("old", later).await;
    assert!(matches!(gone, Err(KeyError::Unknown)), "it was withdrawn");
    for number in 0..50 {
        let stranger = keys.key(&format!("{number}"), later + 1_000).await;
        assert!(matches!(stranger, Err(KeyError::Unknown)));
    }
    assert_eq!(served.asked(), 2);
}

#[tokio::test]
async fn keys_are_fetched_anew_and_outlive_their_server_for_a_while() {
    let (served, keys) = issuer().await;
    served.keys(&[Signers::new().ec("a")]);
    keys.key("a", NOW).await.unwrap();
    keys.key("a", NOW + FRESH_MS - 1).await.unwrap();
    assert_eq!(served.asked(), 1);
    keys.key("a", NOW + FRESH_MS).await.unwrap();
    assert_eq!(served.asked(), 2);
    let fetched = NOW + FRESH_MS;
    for (status, body) in [
        ("503 Service Unavailable", "{}"),
        ("302 Found", r#"{"keys":[]}"#),
        ("200 OK", "<html>"),
        ("200 OK", r#"{"keys":[]}"#),
    ] {
        served.answer(status, body);
        let before = served.asked();
        let at = fetched + FRESH_MS + i64::try_from(before).unwrap() * RETRY_MS;
        keys.key("a", at).await.unwrap();
        keys.key("a", at + RETRY_MS - 1).await.unwrap();
        assert_eq!(served.asked(), before + 1, "{status} {body}");
    }
    let old = keys.key("a", fetched + KEPT_MS).await;
    assert!(matches!(old, Err(KeyError::Unavailable)));
}

#[tokio::test]
async fn without_any_keys_nobody_is_called_unauthorized() {
    let (served, keys) = issuer().await;
    served.answer("500 Internal Server Error", "");
    let token = Signers::new().token(&json!({"alg": "ES256", "kid": "a"}), &claims());
    let refused = admitted(&mode(keys), &token).await.unwrap_err();
    assert_eq!(refused, Refused::NoKeys);
}
