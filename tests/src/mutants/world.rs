//! The chat's core with clients, but without Lambda and sockets: what the functions do with it, in
//! one process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use gatepost_chat::Acted;
use gatepost_chat::Caller;
use gatepost_chat::Chat;
use gatepost_chat::Clock;
use gatepost_chat::Parts;
use gatepost_chat::Random;
use gatepost_chat::RoomPolicy;
use gatepost_chat::Sessions;
use gatepost_chat::Settings;
use gatepost_protocol::ClientFrame;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Millis;
use gatepost_protocol::error_reply;
use gatepost_protocol::ok_reply;
use gatepost_protocol::parse;
use gatepost_store::Rates;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::gateway::Gateway;
use crate::client::Client;
use crate::client::Dial;
use crate::client::Link;
use crate::client::Manner;
use crate::client::Outgoing;
use crate::ending::Stores;
use crate::stack::now;

/// How long a function has after its answer.
const AFTER: Duration = Duration::from_secs(25);

#[derive(Debug)]
struct Wall;

impl Clock for Wall {
    fn now(&self) -> Millis {
        now()
    }
}

impl Random for Wall {
    fn bits(&self) -> u64 {
        getrandom::u64().expect("the system draws random numbers")
    }
}

/// A chat, its gateway, and what a scene may hold up.
#[derive(Debug)]
pub(super) struct World {
    pub(super) chat: Arc<Chat>,
    pub(super) gateway: Arc<Gateway>,
    connections: AtomicU64,
    messages: AtomicU64,
    /// Permits to call `$disconnect`.
    pub(super) disconnects: Semaphore,
    /// Permits to open a connection after its `$connect`.
    pub(super) opens: Semaphore,
    /// `$connect` functions that have ended.
    pub(super) connected: AtomicU64,
    /// Replies to sends are lost.
    pub(super) loses_replies: AtomicBool,
}

/// Permits that do not end.
pub(super) const FREELY: usize = 1 << 20;

impl World {
    pub(super) fn new(stores: &Stores, ping_seconds: u32) -> Arc<Self> {
        let gateway = Arc::new(Gateway::default());
        let chat = Arc::new(Chat::new(Parts {
            registry: Arc::clone(&stores.registry),
            history: Arc::clone(&stores.history),
            connections: Arc::clone(&gateway) as _,
            fanout: Arc::clone(&gateway) as _,
            clock: Arc::new(Wall),
            random: Arc::new(Wall),
            settings: Settings {
                sessions: Sessions::Multi,
                rooms: RoomPolicy::Open,
                rates: Rates {
                    per_user: 0,
                    per_room: 0,
                },
                ping_seconds,
                guests: true,
                declared: BTreeMap::new(),
                seed_room: "lobby".parse().expect("a room's name"),
            },
        }));
        gateway.serve(Arc::downgrade(&chat));
        Arc::new(Self {
            chat,
            gateway,
            connections: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            disconnects: Semaphore::new(FREELY),
            opens: Semaphore::new(FREELY),
            connected: AtomicU64::new(0),
            loses_replies: AtomicBool::new(false),
        })
    }

    /// Starts a client, named as its user.
    pub(super) fn client(
        self: &Arc<Self>,
        user: &str,
        manner: Manner,
        recorder: &crate::checker::Recorder,
    ) -> Client {
        let dial = Arc::new(Door(Arc::clone(self)));
        Client::start(dial, user, user, manner, recorder)
    }

    /// A frame: its reply, and then what is done after it.
    async fn frame(&self, caller: &Caller, text: &str) {
        let message = self.messages.fetch_add(1, Ordering::SeqCst);
        let caller = Caller {
            message_id: format!("m{message}"),
            ..caller.clone()
        };
        let Ok(ClientFrame::Action { id, action }) = parse(text) else {
            panic!("a client of the tests sends actions: {text}");
        };
        let is_send = action.name() == "send";
        let Acted {
            outcome,
            degraded,
            after,
        } = self.chat.act(&caller, action).await;
        let reply = match outcome {
            Ok(answer) => id.map(|id| ok_reply(&id, answer, degraded)),
            Err(refusal) => Some(error_reply(id.as_ref(), &refusal.to_reply(String::new()))),
        };
        if let Some(reply) = reply
            && !(is_send && self.loses_replies.load(Ordering::SeqCst))
        {
            self.gateway.deliver(&caller.connection, reply);
        }
        self.chat.after(after, Instant::now() + AFTER).await;
    }
}

/// Where clients of a world come in.
#[derive(Debug)]
struct Door(Arc<World>);

#[async_trait]
impl Dial for Door {
    async fn dial(&self, user: &str) -> anyhow::Result<Link> {
        let world = Arc::clone(&self.0);
        let number = world.connections.fetch_add(1, Ordering::SeqCst);
        let caller = Caller {
            connection: format!("c{number}").parse()?,
            user: user.parse()?,
            name: user.to_owned(),
            anonymous: false,
            connected_at: now(),
            expires_at: None,
            message_id: String::new(),
            rooms: None,
            role: None,
        };
        world
            .chat
            .connected(&caller)
            .await
            .map_err(|refusal| anyhow::anyhow!("refused: {}", refusal.message))?;
        world.connected.fetch_add(1, Ordering::SeqCst);
        world.opens.acquire().await?.forget();
        let (out, frames) = mpsc::unbounded_channel();
        let (to_client, inbox) = mpsc::unbounded_channel();
        world.gateway.open(&caller.connection, to_client);
        tokio::spawn(serve(world, caller, frames));
        Ok(Link { out, inbox })
    }
}

/// Frames of one connection run beside each other, as invocations do.
async fn serve(world: Arc<World>, caller: Caller, mut frames: mpsc::UnboundedReceiver<Outgoing>) {
    while let Some(Outgoing::Text(text)) = frames.recv().await {
        let (world, caller) = (Arc::clone(&world), caller.clone());
        tokio::spawn(async move { world.frame(&caller, &text).await });
    }
    let id: ConnectionId = caller.connection;
    world.gateway.end(&id);
    if let Ok(permit) = world.disconnects.acquire().await {
        permit.forget();
        world.chat.disconnected(&id).await;
    }
}
