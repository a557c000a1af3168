//! The function with real stores, and clients that are only a list of what they got.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
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
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Millis;
use gatepost_runtime::Backend;
use gatepost_runtime::Failure;
use gatepost_runtime::Function as _;
use gatepost_runtime::Invocation;
use gatepost_runtime::MessageEvent;
use gatepost_runtime::Work;
use gatepost_store::Migrate;
use gatepost_store::Rates;
use gatepost_store::open_history;
use gatepost_store::open_registry;
use serde_json::Value;
use serde_json::json;
use serde_json::value::RawValue;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::Message;

/// When everything happens.
pub(super) const NOW: Millis = 1_800_000_000_000;

/// What each connection was posted.
#[derive(Debug, Default)]
pub(super) struct Clients(
    Mutex<BTreeMap<String, Vec<Value>>>,
    /// Connections whose next post is reset.
    Mutex<BTreeSet<String>>,
);

impl Clients {
    pub(super) fn got(&self, connection: &str) -> Vec<Value> {
        self.0
            .lock()
            .unwrap()
            .get(connection)
            .cloned()
            .unwrap_or_default()
    }

    pub(super) fn reset_next(&self, connection: &str) {
        self.1.lock().unwrap().insert(String::from(connection));
    }

    pub(super) fn got_nothing(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }
}

#[async_trait]
impl Connections for Clients {
    async fn post(&self, to: &ConnectionId, payload: &Payload) -> Result<(), PostError> {
        if self.1.lock().unwrap().remove(to.as_str()) {
            return Err(PostError::Unreachable("reset".into()));
        }
        let frame = serde_json::from_slice(payload.bytes()).unwrap();
        let mut got = self.0.lock().unwrap();
        got.entry(String::from(to.as_str()))
            .or_default()
            .push(frame);
        Ok(())
    }

    async fn get(&self, _: &ConnectionId) -> Result<ConnectionState, PostError> {
        Err(PostError::Gone)
    }

    async fn close(&self, _: &ConnectionId) -> Result<(), PostError> {
        Ok(())
    }
}

#[derive(Debug)]
struct Nobody;

#[async_trait]
impl InvokeAsync for Nobody {
    async fn invoke_async(&self, _: Bytes) -> Result<(), InvokeError> {
        Ok(())
    }
}

#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Millis {
        NOW
    }
}

impl Random for Fixed {
    fn bits(&self) -> u64 {
        7
    }
}

/// The function, and everything around it.
pub(super) struct Stage {
    message: Message,
    pub(super) clients: Arc<Clients>,
    _folder: TempDir,
}

/// What a frame came to: the reply, and the work after it.
pub(super) struct Came {
    pub(super) reply: Option<Value>,
    pub(super) work: Option<Work>,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self::with(None)
    }

    /// With the registry at a URL, or beside the log.
    pub(super) fn with(redis: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/log.db", folder.path().display());
        let history = open_history(&url, Migrate::Auto).unwrap();
        let clients = Arc::new(Clients::default());
        let parts = Parts {
            registry: open_registry(redis, &url).unwrap(),
            history: Arc::clone(&history),
            connections: Arc::clone(&clients) as Arc<dyn Connections>,
            fanout: Arc::new(Nobody),
            clock: Arc::new(Fixed),
            random: Arc::new(Fixed),
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
        };
        let chat = Arc::new(Chat::new(parts));
        let backend = Backend {
            chat,
            posts: None,
            history,
            retention_days: 0,
        };
        Self {
            message: Message::new(backend),
            clients,
            _folder: folder,
        }
    }

    /// A frame of a guest: `connection` is the id of both.
    pub(super) async fn frame(&self, user: &str, frame: &str) -> Came {
        self.frame_as(user, &json!({"user": user, "name": user}), frame)
            .await
    }

    pub(super) async fn frame_as(&self, connection: &str, identity: &Value, frame: &str) -> Came {
        let event = event(connection, identity, frame);
        let event: MessageEvent<'_> = serde_json::from_str(&event).unwrap();
        let ends_at = Instant::now() + Duration::from_secs(30);
        let (reply, work) = self.message.frame(&event, ends_at).await.unwrap();
        Came {
            reply: reply.map(|reply| serde_json::from_str(&reply).unwrap()),
            work,
        }
    }

    /// A frame, and all that follows it.
    pub(super) async fn done(&self, user: &str, frame: &str) -> Value {
        let Came { reply, work } = self.frame(user, frame).await;
        if let Some(work) = work {
            work.await;
        }
        reply.unwrap()
    }

    /// What the function answers to an event, whoever sends it.
    pub(super) async fn invoke(&self, payload: &Value) -> Result<Value, Failure> {
        let payload = RawValue::from_string(payload.to_string()).unwrap();
        let invocation = Invocation {
            payload: &payload,
            request_id: "lambda-1",
            deadline: gatepost_runtime::clock::now() + 30_000,
        };
        let answer = self.message.invoke(invocation).await?;
        if let Some(work) = answer.after {
            work.await;
        }
        Ok(serde_json::to_value(answer.response).unwrap())
    }

    pub(super) async fn fails(&self, identity: &Value) -> bool {
        let event = event("c", identity, r#"{"action":"ping"}"#);
        let event: MessageEvent<'_> = serde_json::from_str(&event).unwrap();
        self.message.frame(&event, Instant::now()).await.is_err()
    }
}

pub(super) fn event(connection: &str, identity: &Value, frame: &str) -> String {
    let context = json!({
        "routeKey": "$default", "connectionId": connection, "requestId": "gw-1", "messageId": "m-1",
        "connectedAt": NOW - 1_000, "domainName": "h", "stage": "prod", "authorizer": identity,
    });
    json!({"requestContext": context, "body": frame, "isBase64Encoded": false}).to_string()
}
