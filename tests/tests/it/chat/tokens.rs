//! Tokens whose keys an issuer publishes, and what becomes of a connection whose token runs out.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost_tests::member::Member;
use gatepost_tests::socket::Socket;
use gatepost_tests::stack::Stack;
use gatepost_tests::stack::now;
use ring::rand::SystemRandom;
use ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use ring::signature::EcdsaKeyPair;
use ring::signature::KeyPair as _;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::time::timeout;

/// An issuer of tokens with its server.
struct Issuer {
    url: String,
    random: SystemRandom,
    key: EcdsaKeyPair,
}

impl Issuer {
    async fn start() -> anyhow::Result<Self> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random);
        let key = key.expect("the key");
        let point = key.public_key().as_ref().to_vec();
        let (x, y) = (base64(&point[1..33]), base64(&point[33..]));
        let key_set = json!({"keys": [
            {"kty": "EC", "crv": "P-256", "kid": "first", "x": x, "y": y},
        ]});
        let body = key_set.to_string();
        let length = body.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/jwks.json", listener.local_addr()?);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                // A client that goes away has no answer to get.
                let _ = stream.read(&mut [0; 4_096]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Ok(Self { url, random, key })
    }

    fn token(&self, kid: &str, user: &str, seconds: i64) -> anyhow::Result<String> {
        let part = |value: Value| base64(value.to_string().as_bytes());
        let exp = now() / 1_000 + seconds;
        let header = part(json!({"alg": "ES256", "kid": kid, "jku": "http://127.0.0.1:9/"}));
        let claims = part(json!({"sub": user, "aud": "chat", "exp": exp}));
        let signed = format!("{header}.{claims}");
        let signature = self.key.sign(&self.random, signed.as_bytes());
        let signature = signature.expect("a signature");
        Ok(format!("{signed}.{}", base64(signature.as_ref())))
    }

    fn environment(&self) -> [(&str, &str); 4] {
        [
            ("AUTH_MODE", "jwt"),
            ("JWT_AUDIENCE", "chat"),
            ("JWT_JWKS_URL", &self.url),
            ("ALLOWED_ORIGINS", "https://chat.example"),
        ]
    }

    async fn stack(&self) -> anyhow::Result<Stack> {
        Stack::sqlite(&self.environment()).await
    }
}

fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

async fn status(stack: &Stack, token: &str) -> anyhow::Result<u16> {
    let url = format!("{}?token={token}", stack.websocket);
    Ok(match Socket::handshake(&url, &[]).await? {
        Ok(_) => 101,
        Err(refused) => refused.status,
    })
}

#[tokio::test]
async fn the_keys_of_the_issuer_open_the_door() -> anyhow::Result<()> {
    let (issuer, stranger) = (Issuer::start().await?, Issuer::start().await?);
    let stack = issuer.stack().await?;
    let url = format!(
        "{}?token={}",
        stack.websocket,
        issuer.token("first", "ann", 60)?
    );
    let mut ann = Member::open(&url).await?;
    let hello = ann.ok(json!({"action": "hello"})).await?;
    assert_eq!(hello["user"]["id"], "ann");
    for (token, expected) in [
        (issuer.token("first", "ann", 60)?, 101),
        (issuer.token("first", "ann", -1)?, 401),
        (issuer.token("second", "ann", 60)?, 401),
        (stranger.token("first", "ann", 60)?, 401),
        (String::from("x"), 401),
    ] {
        assert_eq!(status(&stack, &token).await?, expected);
    }
    Ok(())
}

#[tokio::test]
async fn a_token_that_runs_out_ends_what_the_connection_may_do() -> anyhow::Result<()> {
    let issuer = Issuer::start().await?;
    let stack = issuer.stack().await?;
    let url = format!(
        "{}?token={}",
        stack.websocket,
        issuer.token("first", "ann", 3)?
    );
    let mut ann = Member::open(&url).await?;
    let hello = ann.ok(json!({"action": "hello"})).await?;
    let expires_at = hello["expires_at"].as_i64();
    assert!(expires_at.is_some_and(|at| at <= now() + 3_000), "{hello}");
    ann.join("room").await?;
    let refused = loop {
        let leave = json!({"action": "leave", "room": "other"});
        let reply = ann.act(leave).await?;
        match reply.get("error") {
            Some(error) if error["code"] != "rate_limited" => break error.clone(),
            _ => {}
        }
    };
    assert_eq!(refused["code"], "unauthorized");
    assert!(expires_at.is_some_and(|at| at <= now()));
    let say = json!({"action": "send", "room": "room", "body": {"text": "late"}});
    assert_eq!(ann.refused(say).await?["code"], "unauthorized");
    // The ping that would have renewed the connection ends it.
    let ping = json!({"action": "ping"});
    assert_eq!(ann.refused(ping).await?["code"], "unauthorized");
    let bye = ann.event("bye").await?;
    assert_eq!(
        (&bye["code"], &bye["reconnect"]),
        (&json!("expiring"), &json!(true))
    );
    assert_eq!(ann.closed().await?, 1000);
    assert!(stack.log("room").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn who_vanished_leaves_when_the_lease_ends_on_sqlite() -> anyhow::Result<()> {
    let issuer = Issuer::start().await?;
    let stack = issuer.stack().await?;
    who_vanished_leaves_when_the_lease_ends(&issuer, &stack).await
}

#[tokio::test]
async fn who_vanished_leaves_when_the_lease_ends_on_redis_and_mariadb() -> anyhow::Result<()> {
    let issuer = Issuer::start().await?;
    let stack = Stack::servers(&issuer.environment()).await?;
    who_vanished_leaves_when_the_lease_ends(&issuer, &stack).await
}

/// No lease outlives the token: so it ends soon.
async fn who_vanished_leaves_when_the_lease_ends(
    issuer: &Issuer,
    stack: &Stack,
) -> anyhow::Result<()> {
    let open = async |user: &str, seconds| {
        let token = issuer.token("first", user, seconds)?;
        let mut member = Member::open(&format!("{}?token={token}", stack.websocket)).await?;
        member.ok(json!({"action": "hello"})).await?;
        member.join("room").await?;
        anyhow::Ok(member)
    };
    let mut ann = open("ann", 600).await?;
    let eve = open("eve", 4).await?;
    let never = json!({"effect": "drop", "match": {"step": "disconnect"}});
    let never = stack.emulator.fault(never).await?;
    drop(eve);
    stack.emulator.fired(&never).await?;
    // Whoever is still there finds it out.
    let left = loop {
        ann.ok(json!({"action": "ping", "rooms": {"room": 0}}))
            .await?;
        let next = timeout(Duration::from_millis(200), ann.event("left"));
        if let Ok(left) = next.await {
            break left?;
        }
    };
    assert_eq!(
        (&left["room"], &left["user"]["id"]),
        (&json!("room"), &json!("eve"))
    );
    assert_eq!(stack.subscriptions("room").await?, 1);
    Ok(())
}
