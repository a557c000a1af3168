//! Environments of the functions in this process, without Lambda around them: the chat on stores of
//! its own connections, posting to a bare gateway, with every post counted.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use gatepost_chat::Acted;
use gatepost_chat::Caller;
use gatepost_chat::Chat;
use gatepost_chat::Clock;
use gatepost_chat::Parts;
use gatepost_chat::Random;
use gatepost_chat::RoomPolicy;
use gatepost_chat::Sessions;
use gatepost_chat::Settings;
use gatepost_gateway_client::Access;
use gatepost_gateway_client::ConnectionState;
use gatepost_gateway_client::Connections;
use gatepost_gateway_client::Credentials;
use gatepost_gateway_client::Gateway;
use gatepost_gateway_client::InvokeAsync;
use gatepost_gateway_client::InvokeError;
use gatepost_gateway_client::Limits;
use gatepost_gateway_client::Payload;
use gatepost_gateway_client::PostError;
use gatepost_protocol::Answer;
use gatepost_protocol::ClientFrame;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Millis;
use gatepost_protocol::Seq;
use gatepost_store::Migrate;
use gatepost_store::Rates;
use tokio::time::Instant;

use crate::sender::Stores;
use crate::stack::now;

/// What an environment has of its deadline, as deployed.
const TIMEOUT: Duration = Duration::from_secs(28);

/// One environment.
#[derive(Debug, Clone)]
pub struct Environment {
    chat: Arc<Chat>,
}

/// What all environments of a run have in common.
#[derive(Debug, Default)]
pub struct Tally {
    /// Posts that were made.
    pub posts: AtomicU64,
    /// Of these, those that met a connection that was gone.
    pub gone: AtomicU64,
    /// Of these, those that failed for another reason: 429, or no answer.
    pub failed: AtomicU64,
    /// Invocations of the fan-out function.
    pub hand_overs: AtomicU64,
}

impl Environment {
    /// One that has connected to nothing yet.
    ///
    /// # Errors
    /// If an address is wrong.
    pub fn start(stores: &Stores, gateway: &str, tally: &Arc<Tally>) -> anyhow::Result<Self> {
        let gateway = Gateway::new(&gateway.parse()?, access(), Limits::default())?;
        let connections = Counted {
            gateway,
            tally: Arc::clone(tally),
        };
        let fanout = Arc::new(Workers {
            chat: OnceLock::new(),
            tally: Arc::clone(tally),
        });
        let chat = Arc::new(Chat::new(Parts {
            registry: gatepost_store::open_registry(Some(&stores.redis_url), &stores.database_url)?,
            history: gatepost_store::open_history(&stores.database_url, Migrate::Off)?,
            connections: Arc::new(connections),
            fanout: Arc::clone(&fanout) as Arc<dyn InvokeAsync>,
            clock: Arc::new(Machine),
            random: Arc::new(Machine),
            settings: Settings {
                sessions: Sessions::Multi,
                rooms: RoomPolicy::Open,
                declared: std::collections::BTreeMap::new(),
                rates: Rates {
                    per_user: 1_000_000,
                    per_room: 1_000_000,
                },
                ping_seconds: 270,
                guests: true,
                seed_room: "lobby".parse()?,
            },
        }));
        // The first is kept.
        let _ = fanout.chat.set(Arc::downgrade(&chat));
        Ok(Self { chat })
    }

    /// What a user's frame comes to.
    ///
    /// # Errors
    /// If it is not understood.
    pub async fn act(&self, user: &str, frame: &str) -> anyhow::Result<Acted> {
        let caller = Caller {
            connection: user.parse()?,
            user: user.parse()?,
            name: String::from(user),
            anonymous: false,
            connected_at: now(),
            expires_at: None,
            message_id: String::from("m"),
            rooms: None,
            role: None,
        };
        match gatepost_protocol::parse(frame) {
            Ok(ClientFrame::Action { action, .. }) => Ok(self.chat.act(&caller, action).await),
            other => anyhow::bail!("{frame}: {other:?}"),
        }
    }

    /// A user joins a room.
    ///
    /// # Errors
    /// If it may not.
    pub async fn join(&self, user: &str, room: &str) -> anyhow::Result<()> {
        self.act(user, r#"{"action":"hello"}"#).await?;
        let join = format!(r#"{{"action":"join","room":"{room}"}}"#);
        let acted = self.act(user, &join).await?;
        acted
            .outcome
            .map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        Ok(())
    }

    /// A user's `n`th message: durable when it is answered. What is to be done after it is handed back.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn send(&self, user: &str, frame: &str) -> anyhow::Result<(Seq, Rest)> {
        let acted = self.act(user, frame).await?;
        let answer = acted
            .outcome
            .map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        let Answer::Sent(sent) = answer else {
            anyhow::bail!("{frame}: {answer:?}");
        };
        let seq = sent.seq.context("a seq")?;
        Ok((seq, Rest(Arc::clone(&self.chat), acted.after)))
    }
}

/// What remains to be done after a reply.
#[derive(Debug)]
pub struct Rest(Arc<Chat>, Vec<gatepost_chat::After>);

impl Rest {
    /// Does it.
    pub async fn done(self) {
        let Self(chat, after) = self;
        chat.after(after, Instant::now() + TIMEOUT).await;
    }
}

fn access() -> Access {
    let credentials = || Credentials {
        access_key_id: String::from("ASIAEXAMPLE"),
        secret_access_key: String::from("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        session_token: Some("t".repeat(400)),
    };
    Access {
        region: String::from("eu-west-1"),
        credentials: Arc::new(credentials),
        clock: Arc::new(now),
    }
}

/// The clock and the randomness of the machine.
#[derive(Debug)]
struct Machine;

impl Clock for Machine {
    fn now(&self) -> Millis {
        now()
    }
}

impl Random for Machine {
    fn bits(&self) -> u64 {
        getrandom::u64().expect("the kernel gives random bytes")
    }
}

/// Starts each task at once, in this process.
#[derive(Debug)]
struct Workers {
    chat: OnceLock<std::sync::Weak<Chat>>,
    tally: Arc<Tally>,
}

#[async_trait]
impl InvokeAsync for Workers {
    async fn invoke_async(&self, payload: Bytes) -> Result<(), InvokeError> {
        self.tally.hand_overs.fetch_add(1, Ordering::Relaxed);
        let Some(chat) = self.chat.get().and_then(std::sync::Weak::upgrade) else {
            return Ok(());
        };
        if let Ok(task) = serde_json::from_slice(&payload) {
            tokio::spawn(async move { chat.work(task, Instant::now() + TIMEOUT).await });
        }
        Ok(())
    }
}

/// The gateway, with every post counted.
#[derive(Debug)]
struct Counted {
    gateway: Gateway,
    tally: Arc<Tally>,
}

#[async_trait]
impl Connections for Counted {
    async fn post(&self, to: &ConnectionId, payload: &Payload) -> Result<(), PostError> {
        self.tally.posts.fetch_add(1, Ordering::Relaxed);
        let posted = self.gateway.post(to, payload).await;
        match &posted {
            Ok(()) => {}
            Err(PostError::Gone) => drop(self.tally.gone.fetch_add(1, Ordering::Relaxed)),
            Err(_) => drop(self.tally.failed.fetch_add(1, Ordering::Relaxed)),
        }
        posted
    }

    async fn get(&self, id: &ConnectionId) -> Result<ConnectionState, PostError> {
        self.gateway.get(id).await
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), PostError> {
        self.gateway.close(id).await
    }
}
