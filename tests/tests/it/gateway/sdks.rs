//! `@connections` as the SDKs see it: boto3 (Python) and the SDK for JavaScript v3, unmodified, with
//! signatures that are verified. What the model of the API names (`GoneException`,
//! `PayloadTooLargeException`, `LimitExceededException`, `ForbiddenException`) must be what a caller
//! can catch.

use std::path::Path;
use std::process::Stdio;
use std::str::FromStr;
use std::sync::Arc;

use gatepost_gateway_client as gateway_client;
use gatepost_gateway_client::Access;
use gatepost_gateway_client::Connections;
use gatepost_gateway_client::Payload;
use gatepost_gateway_client::PostError;
use gatepost_protocol::ConnectionId;
use gatepost_sigv4::Credentials;
use gatepost_sigv4::Mode;
use gatepost_sigv4::Signatures;
use gatepost_sigv4::Verifier;
use gatepost_tests::emulator::python;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::io::Lines;
use tokio::process::Child;
use tokio::process::ChildStdin;
use tokio::process::ChildStdout;
use tokio::process::Command;

use super::script::Does;
use super::script::status;
use super::served::Served;
use super::served::api;
use super::signer::REGION;
use super::signer::credentials;

/// A program that calls the management API with an SDK.
struct Caller {
    name: &'static str,
    _child: Child,
    ask: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Caller {
    fn start(sdk: &'static str, endpoint: &str, credentials: &Credentials) -> Self {
        let callers = Path::new(env!("CARGO_MANIFEST_DIR")).join("callers");
        let (program, script) = match sdk {
            "boto3" => (python(), "management.py"),
            _ => ("node".into(), "management.mjs"),
        };
        let mut child = Command::new(program)
            .arg(callers.join(script))
            .arg(endpoint)
            .env("AWS_ACCESS_KEY_ID", &credentials.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key)
            .env(
                "AWS_SESSION_TOKEN",
                credentials.session_token.as_deref().unwrap_or(""),
            )
            .env("AWS_REGION", REGION)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("run ./tests/run once");
        Self {
            name: sdk,
            ask: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()).lines(),
            _child: child,
        }
    }

    async fn call(&mut self, what: &str, id: &str, bytes: usize) -> Value {
        let request = json!({ "do": what, "id": id, "bytes": bytes });
        self.ask
            .write_all(format!("{request}\n").as_bytes())
            .await
            .unwrap();
        let line = tokio::time::timeout(super::served::PATIENCE, self.answers.next_line()).await;
        let line = line.expect("an answer").unwrap();
        serde_json::from_str(&line.expect("run ./tests/run once")).unwrap()
    }

    /// A call that must fail, with an exception of this class.
    async fn fails(
        &mut self,
        what: &str,
        id: &str,
        bytes: usize,
        status: u16,
        exception: &str,
    ) -> Value {
        let answer = self.call(what, id, bytes).await;
        let name = self.name;
        assert_eq!(answer["status"], status, "{name}: {answer}");
        assert_eq!(answer["code"], exception, "{name}: {answer}");
        assert!(answer["request_id"].is_string(), "{name}: {answer}");
        answer
    }
}

const SDKS: [&str; 2] = ["boto3", "the SDK for JavaScript"];

/// SDKs sign with the time of day.
fn strict() -> Signatures {
    let verifier = Verifier::new(credentials(), REGION, "execute-api");
    let clock = || (now_ms() / 1000).cast_signed();
    Signatures::checked(Mode::Strict, verifier, clock, |_, _| ())
}

fn now_ms() -> u64 {
    gatepost_clock::Clock::system(1.0).machine_ms()
}

fn endpoint(served: &Served, stage: &str) -> String {
    format!("http://{}{stage}", served.address)
}

#[tokio::test]
async fn sdks_post_look_at_and_close_connections() {
    let served = api()
        .change(|wanted| wanted.signatures = strict())
        .serve()
        .await;
    for sdk in SDKS {
        let mut client = served.dial().await;
        client.upgrade("/local", &["User-Agent: a client"]).await;
        let id = served.only_id();
        let mut caller = Caller::start(sdk, &endpoint(&served, "/local"), &credentials());
        let posted = caller.call("post", &id, 5).await;
        assert_eq!(posted["status"], 200, "{sdk}: {posted}");
        assert!(posted["request_id"].is_string(), "{sdk}: {posted}");
        assert_eq!(client.next_text().await, "xxxxx");
        let seen = caller.call("get", &id, 0).await;
        assert_eq!(seen["status"], 200, "{sdk}: {seen}");
        assert_eq!(
            (&seen["source_ip"], &seen["user_agent"]),
            (&json!("127.0.0.1"), &json!("a client"))
        );
        let times =
            ["connected_at", "last_active_at"].map(|at| seen[at].as_str().unwrap().to_owned());
        assert!(times[0] <= times[1], "{sdk}: {seen}");
        let deleted = caller.call("delete", &id, 0).await;
        assert_eq!(deleted["status"], 204, "{sdk}: {deleted}");
        assert_eq!(client.closed().await.0, 1000);
    }
}

#[tokio::test]
async fn sdks_raise_the_exceptions_of_the_model() {
    let wanted = api().change(|wanted| wanted.signatures = strict());
    let served = wanted
        .limits(|limits| limits.out_queue = 256 * 1024)
        .serve()
        .await;
    for sdk in SDKS {
        let mut caller = Caller::start(sdk, &endpoint(&served, "/local"), &credentials());
        for what in ["post", "get", "delete"] {
            let gone = caller
                .fails(what, "aJz0Md6VoAMCIbQ=", 1, 410, "GoneException")
                .await;
            assert_eq!(gone["exception"], "GoneException", "{sdk}");
            // Not in the model: a class of its own in no SDK.
            let malformed = caller
                .fails(what, "not-an-id", 1, 400, "BadRequestException")
                .await;
            assert_eq!(
                malformed["message"], "Invalid connectionId: not-an-id",
                "{sdk}"
            );
        }
        let client = served.connect().await;
        let id = served.only_id();
        let long = caller
            .fails("post", &id, 128 * 1024 + 1, 413, "PayloadTooLargeException")
            .await;
        assert_eq!(long["exception"], "PayloadTooLargeException", "{sdk}");
        let full = loop {
            let answer = caller.call("post", &id, 128 * 1024).await;
            if answer["status"] != 200 {
                break answer;
            }
        };
        assert_eq!(full["status"], 429, "{sdk}: {full}");
        assert_eq!(full["exception"], "LimitExceededException", "{sdk}: {full}");
        client.drop_tcp();
        served.gateway.close(id.parse().unwrap()).unwrap();

        // The wrong stage, and none (aws-sdk-php issue 1955, aws-sdk-js-v3 issue 1830).
        for stage in ["/other", ""] {
            let mut caller = Caller::start(sdk, &endpoint(&served, stage), &credentials());
            let forbidden = caller
                .fails("post", &id, 1, 403, "ForbiddenException")
                .await;
            assert_eq!(forbidden["exception"], "ForbiddenException", "{sdk}");
        }
        let other = Credentials {
            access_key_id: "ASIAOTHER".to_owned(),
            ..credentials()
        };
        let mut caller = Caller::start(sdk, &endpoint(&served, "/local"), &other);
        caller
            .fails("get", &id, 0, 403, "UnrecognizedClientException")
            .await;
        let other = Credentials {
            secret_access_key: "another".to_owned(),
            ..credentials()
        };
        let mut caller = Caller::start(sdk, &endpoint(&served, "/local"), &other);
        caller
            .fails("get", &id, 0, 403, "InvalidSignatureException")
            .await;
    }
}

/// The client of this project's own functions, which shares no code with the verifier.
#[tokio::test]
async fn the_client_of_our_functions_tells_its_caller_what_to_do() {
    let wanted = api().change(|wanted| wanted.signatures = strict());
    let wanted = wanted.limits(|limits| limits.out_queue = 256 * 1024);
    let served = wanted.serve().await;
    let mut client = served.connect().await;
    let connection = ConnectionId::from_str(&served.only_id()).unwrap();
    let gateway = |stage: &str, credentials: Credentials| {
        let credentials = gateway_client::Credentials {
            access_key_id: credentials.access_key_id,
            secret_access_key: credentials.secret_access_key,
            session_token: credentials.session_token,
        };
        let access = Access {
            region: REGION.to_owned(),
            credentials: Arc::new(move || credentials.clone()),
            clock: Arc::new(|| now_ms().cast_signed()),
        };
        let endpoint = endpoint(&served, stage).parse().unwrap();
        gateway_client::Gateway::new(&endpoint, access, gateway_client::Limits::default()).unwrap()
    };
    let ours = gateway("/local", credentials());
    ours.post(&connection, &Payload::new("hi")).await.unwrap();
    assert_eq!(client.next_text().await, "hi");
    let state = ours.get(&connection).await.unwrap();
    assert!(state.connected_at <= state.last_active_at);
    let long = Payload::new(vec![b'x'; 128 * 1024 + 1]);
    let refused = ours.post(&connection, &long).await;
    assert!(matches!(refused, Err(PostError::TooLarge)), "{refused:?}");
    let most = Payload::new(vec![b'x'; 128 * 1024]);
    let refused = loop {
        if let Err(refused) = ours.post(&connection, &most).await {
            break refused;
        }
    };
    assert!(matches!(refused, PostError::Throttled), "{refused:?}");
    client.drop_tcp();
    let unknown = ConnectionId::from_str("aJz0Md6VoAMCIbQ=").unwrap();
    let refused = ours.close(&unknown).await;
    assert!(matches!(refused, Err(PostError::Gone)), "{refused:?}");
    let other_secret = Credentials {
        secret_access_key: "another".to_owned(),
        ..credentials()
    };
    for theirs in [
        gateway("/other", credentials()),
        gateway("/local", other_secret),
    ] {
        let refused = theirs.post(&connection, &Payload::new("x")).await;
        assert!(
            matches!(refused, Err(PostError::Forbidden(_))),
            "{refused:?}"
        );
    }
}

/// re:Post, "How do I resolve 410 `GoneException` errors": the connection is established only when
/// `$connect` has answered.
#[tokio::test]
async fn sdks_cannot_post_to_a_connection_inside_its_own_connect() {
    let wanted = api().one_way("$connect", Does::Waits);
    let mut served = wanted
        .change(|wanted| wanted.signatures = strict())
        .serve()
        .await;
    let mut client = served.dial().await;
    let handshake = tokio::spawn(async move {
        client.upgrade("/local", &[]).await;
        client
    });
    let call = served.call().await;
    let id = call.event()["requestContext"]["connectionId"]
        .as_str()
        .unwrap()
        .to_owned();
    for sdk in SDKS {
        let mut caller = Caller::start(sdk, &endpoint(&served, "/local"), &credentials());
        caller.fails("post", &id, 1, 410, "GoneException").await;
    }
    call.answer(status(200));
    handshake.await.unwrap();
}
