use std::sync::Arc;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_chat::Caller;
use gatepost_chat::Chat;
use gatepost_chat::Clock;
use gatepost_chat::Parts;
use gatepost_chat::Random;
use gatepost_chat::RoomPolicy;
use gatepost_chat::Sessions;
use gatepost_chat::Settings;
use gatepost_gateway_client::ConnectionState;
use gatepost_gateway_client::Connections;
use gatepost_gateway_client::InvokeAsync;
use gatepost_gateway_client::InvokeError;
use gatepost_gateway_client::Payload;
use gatepost_gateway_client::PostError;
use gatepost_protocol::ClientFrame;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Millis;
use gatepost_protocol::parse;
use gatepost_store::Migrate;
use gatepost_store::Range;
use gatepost_store::Rates;
use gatepost_store::Registry;
use gatepost_store::open_history;
use gatepost_store::open_registry;
use serde_json::Value;
use serde_json::value::RawValue;
use tempfile::TempDir;

use super::*;

const DAY: Millis = 86_400_000;

/// What every connection was posted. No function may be started.
#[derive(Debug, Default)]
struct Clients(Mutex<Vec<Value>>);

#[async_trait]
impl Connections for Clients {
    async fn post(&self, _: &ConnectionId, payload: &Payload) -> Result<(), PostError> {
        let frame = serde_json::from_slice(payload.bytes()).unwrap();
        self.0.lock().unwrap().push(frame);
        Ok(())
    }

    async fn get(&self, _: &ConnectionId) -> Result<ConnectionState, PostError> {
        Err(PostError::Gone)
    }

    async fn close(&self, _: &ConnectionId) -> Result<(), PostError> {
        Ok(())
    }
}

#[async_trait]
impl InvokeAsync for Clients {
    async fn invoke_async(&self, payload: Bytes) -> Result<(), InvokeError> {
        panic!("{payload:?} is left to another")
    }
}

/// The log's own clock goes on by itself.
#[derive(Debug)]
struct Wall;

impl Clock for Wall {
    fn now(&self) -> Millis {
        clock::now()
    }
}

impl Random for Wall {
    fn bits(&self) -> u64 {
        7
    }
}

struct Stage {
    fanout: Fanout,
    registry: Arc<dyn Registry>,
    clients: Arc<Clients>,
    _folder: TempDir,
}

impl Stage {
    /// With the clock of retention.
    fn new(retention_days: u32, clock: fn() -> Millis) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/log.db", folder.path().display());
        let history = open_history(&url, Migrate::Auto).unwrap();
        let registry = open_registry(None, &url).unwrap();
        let clients = Arc::new(Clients::default());
        let chat = Arc::new(Chat::new(Parts {
            registry: Arc::clone(&registry),
            history: Arc::clone(&history),
            connections: Arc::clone(&clients) as Arc<dyn Connections>,
            fanout: Arc::clone(&clients) as Arc<dyn InvokeAsync>,
            clock: Arc::new(Wall),
            random: Arc::new(Wall),
            settings: Settings {
                sessions: Sessions::Multi,
                rooms: RoomPolicy::Open,
                declared: std::collections::BTreeMap::new(),
                rates: Rates {
                    per_user: 0,
                    per_room: 0,
                },
                ping_seconds: 270,
                guests: true,
                seed_room: "lobby".parse().unwrap(),
            },
        }));
        let backend = Backend {
            chat,
            posts: None,
            history,
            retention_days,
        };
        Self {
            registry,
            fanout: Fanout::new(backend, clock),
            clients,
            _folder: folder,
        }
    }

    /// An action whose fan-out never comes, as if its function had died.
    async fn act(&self, frame: &str) {
        let caller = Caller {
            connection: "c1".parse().unwrap(),
            user: "ann".parse().unwrap(),
            name: String::from("Ann"),
            anonymous: false,
            connected_at: clock::now(),
            expires_at: None,
            message_id: String::from("m"),
            rooms: None,
            role: None,
        };
        let Ok(ClientFrame::Action { action, .. }) = parse(frame) else {
            panic!("{frame}")
        };
        let acted = self.fanout.backend.chat.act(&caller, action).await;
        drop(acted.outcome.unwrap());
    }

    async fn said_in_the_lobby(&self) {
        self.act(r#"{"action":"hello"}"#).await;
        self.act(r#"{"action":"join","room":"lobby"}"#).await;
        self.act(r#"{"action":"send","room":"lobby","body":{"text":"hi"}}"#)
            .await;
    }

    async fn invoke(&self, payload: &str) -> Result<(), Failure> {
        let payload = RawValue::from_string(String::from(payload)).unwrap();
        let deadline = clock::now() + 60_000;
        let invocation = Invocation {
            payload: &payload,
            request_id: "r",
            deadline,
        };
        self.fanout
            .invoke(invocation)
            .await
            .map(|answer| assert!(answer.after.is_none()))
    }

    fn got(&self) -> Vec<String> {
        let got = self.clients.0.lock().unwrap();
        let text = |frame: &Value| frame["items"][0]["body"]["text"].as_str().map(String::from);
        got.iter().filter_map(text).collect()
    }
}

#[tokio::test]
async fn a_shard_that_was_left_is_served_before_the_answer() {
    let stage = Stage::new(0, clock::now);
    stage.said_in_the_lobby().await;
    // Its function still came to this before it left the rest.
    stage
        .registry
        .raise_head(&"lobby".parse().unwrap(), 1)
        .await
        .unwrap();
    stage
        .invoke(r#"{"task":"drain","room":"lobby","shard":0}"#)
        .await
        .unwrap();
    assert_eq!(stage.got(), ["hi"]);
    // A task may come twice.
    stage
        .invoke(r#"{"task":"drain","room":"lobby","shard":0}"#)
        .await
        .unwrap();
    assert_eq!(stage.got(), ["hi"]);
}

#[tokio::test]
async fn the_sweep_finds_what_nobody_left() {
    for sweep in [
        r#"{"task":"sweep"}"#,
        r#"{"version":"0","id":"1","detail-type":"Scheduled Event","source":"aws.events","detail":{}}"#,
    ] {
        let stage = Stage::new(0, clock::now);
        stage.said_in_the_lobby().await;
        stage.invoke(sweep).await.unwrap();
        assert_eq!(stage.got(), ["hi"], "{sweep}");
    }
}

#[tokio::test]
async fn the_sweep_purges_what_is_older_than_it_may_be() {
    for (days, clock, left) in [
        (0, (|| clock::now() + 1_000 * DAY) as fn() -> Millis, 1),
        (30, || clock::now() + 29 * DAY, 1),
        (30, || clock::now() + 31 * DAY, 0),
    ] {
        let stage = Stage::new(days, clock);
        stage.said_in_the_lobby().await;
        stage.invoke(r#"{"task":"sweep"}"#).await.unwrap();
        let history = &stage.fanout.backend.history;
        let entries = history
            .entries(&"lobby".parse().unwrap(), Range::Newest, 10)
            .await;
        assert_eq!(entries.unwrap().len(), left, "after {days} days");
    }
}

#[tokio::test]
async fn what_is_no_task_is_refused() {
    let stage = Stage::new(0, clock::now);
    for payload in [
        "{}",
        "null",
        r#""sweep""#,
        r#"{"task":"fly"}"#,
        r#"{"task":"drain","room":"../x","shard":0}"#,
        r#"{"detail-type":"Object Created"}"#,
    ] {
        let failure = stage.invoke(payload).await.unwrap_err();
        let Failure::Fault(fault) = failure else {
            panic!("{payload}")
        };
        assert_eq!(fault.error_type, "Payload.Invalid", "{payload}");
    }
}
