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
use gatepost_chat::Task;
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
use gatepost_store::Rates;
use gatepost_store::Registry;
use gatepost_store::open_history;
use gatepost_store::open_registry;
use serde_json::json;
use tempfile::TempDir;

use super::*;

const NOW: Millis = 1_800_000_000_000;

/// What was left to the fan-out function. Nobody may be posted to.
#[derive(Debug, Default)]
struct Left(Mutex<Vec<Task>>);

#[async_trait]
impl InvokeAsync for Left {
    async fn invoke_async(&self, payload: Bytes) -> Result<(), InvokeError> {
        self.0
            .lock()
            .unwrap()
            .push(serde_json::from_slice(&payload).unwrap());
        Ok(())
    }
}

#[async_trait]
impl Connections for Left {
    async fn post(&self, _: &ConnectionId, _: &Payload) -> Result<(), PostError> {
        panic!("$disconnect posts to nobody")
    }

    async fn get(&self, _: &ConnectionId) -> Result<ConnectionState, PostError> {
        panic!("$disconnect asks for nobody")
    }

    async fn close(&self, _: &ConnectionId) -> Result<(), PostError> {
        panic!("$disconnect closes nobody")
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

struct Stage {
    chat: Arc<Chat>,
    disconnect: Disconnect,
    registry: Arc<dyn Registry>,
    left: Arc<Left>,
    _folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/log.db", folder.path().display());
        let history = open_history(&url, Migrate::Auto).unwrap();
        let registry = open_registry(None, &url).unwrap();
        let left = Arc::new(Left::default());
        let chat = Arc::new(Chat::new(Parts {
            registry: Arc::clone(&registry),
            history: Arc::clone(&history),
            connections: Arc::clone(&left) as Arc<dyn Connections>,
            fanout: Arc::clone(&left) as Arc<dyn InvokeAsync>,
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
        }));
        let backend = Backend {
            chat: Arc::clone(&chat),
            posts: None,
            history,
            retention_days: 0,
        };
        let disconnect = Disconnect::new(backend);
        Self {
            chat,
            disconnect,
            registry,
            left,
            _folder: folder,
        }
    }

    async fn act(&self, connection: &str, frame: &str) {
        let caller = Caller {
            connection: connection.parse().unwrap(),
            user: "ann".parse().unwrap(),
            name: String::from("Ann"),
            anonymous: false,
            connected_at: NOW,
            expires_at: None,
            message_id: String::from("m"),
            rooms: None,
            role: None,
        };
        let Ok(ClientFrame::Action { action, .. }) = parse(frame) else {
            panic!("{frame}")
        };
        self.chat.act(&caller, action).await.outcome.unwrap();
    }

    async fn ends(&self, connection: &str) {
        let context = json!({
            "connectionId": connection, "requestId": "r", "connectedAt": NOW,
            "disconnectStatusCode": 1001, "domainName": "h", "stage": "prod",
        });
        let event = json!({"requestContext": context}).to_string();
        self.disconnect
            .disconnect(&serde_json::from_str(&event).unwrap())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_ended_is_gone_and_its_rooms_are_told_by_another() {
    let stage = Stage::new();
    stage.act("c1", r#"{"action":"hello"}"#).await;
    stage.act("c1", r#"{"action":"join","room":"lobby"}"#).await;
    stage.ends("c1").await;
    let known = stage
        .registry
        .connection(&"c1".parse().unwrap(), NOW)
        .await
        .unwrap();
    assert_eq!(known, None);
    let left = stage.left.0.lock().unwrap();
    let [Task::Left { gone }] = &left[..] else {
        panic!("{left:?}")
    };
    assert_eq!(gone[0].user.id.as_str(), "ann");
    assert_eq!(gone[0].rooms[0].room.as_str(), "lobby");
}

#[tokio::test]
async fn a_room_still_has_a_user_with_another_connection() {
    let stage = Stage::new();
    for connection in ["c1", "c2"] {
        stage.act(connection, r#"{"action":"hello"}"#).await;
        stage
            .act(connection, r#"{"action":"join","room":"lobby"}"#)
            .await;
    }
    stage.ends("c1").await;
    let left = stage.left.0.lock().unwrap();
    let rooms = |task: &Task| match task {
        Task::Left { gone } => gone.iter().map(|departure| departure.rooms.len()).sum(),
        Task::Drain { .. } | Task::Sweep => 0,
    };
    assert_eq!(left.iter().map(rooms).sum::<usize>(), 0);
}

#[tokio::test]
async fn the_end_of_a_connection_that_nobody_knows_is_taken_too_and_twice() {
    let stage = Stage::new();
    stage.ends("unknown").await;
    stage.ends("unknown").await;
    assert!(stage.left.0.lock().unwrap().is_empty());
}
