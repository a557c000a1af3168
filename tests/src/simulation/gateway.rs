//! The gateway in memory: connections, posts, and what becomes of both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::Weak;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_chat::Caller;
use gatepost_gateway_client::ConnectionState;
use gatepost_gateway_client::Connections;
use gatepost_gateway_client::InvokeAsync;
use gatepost_gateway_client::InvokeError;
use gatepost_gateway_client::Payload;
use gatepost_gateway_client::PostError;
use gatepost_protocol::Action;
use gatepost_protocol::Answer;
use gatepost_protocol::Code;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::UserId;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::lambda::Lambda;
use super::life;
use super::weather::Thing;
use super::weather::Weather;

/// What comes to a client.
#[derive(Debug)]
pub(super) enum Inbound {
    /// A text frame that the chat posted.
    Frame(Bytes),
    /// The reply to the action with this number.
    Reply(u64, Result<Answer, Refused>),
    /// The connection ended.
    Closed,
}

/// A refusal as a client reads it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused {
    pub(super) code: Code,
    pub(super) retry_after_ms: Option<u64>,
    pub(super) expected: Option<u64>,
}

#[derive(Debug)]
struct Socket {
    caller: Caller,
    /// A post finds it only between the handshake's end and the close.
    is_open: bool,
    /// The client is no longer there, and the gateway does not know it yet.
    is_dead: bool,
    to_client: mpsc::UnboundedSender<Inbound>,
}

#[derive(Debug)]
pub(super) struct Gateway {
    weather: Arc<Weather>,
    sockets: Mutex<BTreeMap<ConnectionId, Socket>>,
    lambda: OnceLock<Weak<Lambda>>,
}

/// A connection as its client holds it.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) id: ConnectionId,
    pub(super) inbound: mpsc::UnboundedReceiver<Inbound>,
}

impl Gateway {
    pub(super) fn new(weather: Arc<Weather>) -> Arc<Self> {
        Arc::new(Self {
            weather,
            sockets: Mutex::default(),
            lambda: OnceLock::new(),
        })
    }

    /// The functions behind it.
    pub(super) fn serve(&self, lambda: &Arc<Lambda>) {
        let _ = self.lambda.set(Arc::downgrade(lambda));
    }

    fn sockets(&self) -> MutexGuard<'_, BTreeMap<ConnectionId, Socket>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lambda(&self) -> Option<Arc<Lambda>> {
        self.lambda.get().and_then(Weak::upgrade)
    }

    /// A handshake with its `$connect`.
    pub(super) async fn connect(&self, user: &UserId) -> Option<Connected> {
        let weather = &self.weather;
        sleep(weather.chance.ms(1..=20)).await;
        let (to_client, inbound) = mpsc::unbounded_channel();
        let number = self.sockets().len();
        let id: ConnectionId = format!("c{number}=").parse().ok()?;
        let caller = Caller {
            connection: id.clone(),
            user: user.clone(),
            name: user.to_string(),
            anonymous: false,
            connected_at: weather.trace.millis(),
            expires_at: None,
            message_id: String::new(),
            rooms: None,
            role: None,
        };
        let socket = Socket {
            caller: caller.clone(),
            is_open: false,
            is_dead: false,
            to_client,
        };
        self.sockets().insert(id.clone(), socket);
        weather.trace.say(|| format!("{user} opens {id}"));
        let admitted = self.lambda()?.connect(caller).await;
        sleep(weather.chance.ms(0..=20)).await;
        if !admitted {
            weather.trace.say(|| format!("{id} is refused"));
            return None;
        }
        if let Some(socket) = self.sockets().get_mut(&id) {
            socket.is_open = true;
        }
        if weather.strikes(30) {
            // The client gave up, and the gateway does not know.
            self.lose(&id);
            return None;
        }
        weather.trace.say(|| format!("{id} is open"));
        Some(Connected { id, inbound })
    }

    /// A frame of a client: an invocation of its own, which may be slow to begin, or come twice.
    pub(super) fn frame(&self, id: &ConnectionId, number: u64, action: &Action) {
        let sockets = self.sockets();
        let Some(socket) = sockets.get(id).filter(|socket| socket.is_open) else {
            return;
        };
        let Some(lambda) = self.lambda() else { return };
        let weather = &self.weather;
        let caller = Caller {
            message_id: format!("{id}{number}"),
            ..socket.caller.clone()
        };
        weather
            .trace
            .say(|| format!("{id} asks {number}: {}", action.name()));
        let copies = if weather.strikes(40) { 2 } else { 1 };
        for _ in 0..copies {
            let delay = match weather.strikes(40) {
                true => weather.chance.ms(100..=20_000),
                false => weather.chance.ms(1..=15),
            };
            let (caller, action) = (caller.clone(), action.clone());
            let (lambda, to_client) = (Arc::clone(&lambda), socket.to_client.clone());
            tokio::spawn(async move {
                sleep(delay).await;
                lambda.message(caller, number, action, to_client).await;
            });
        }
    }

    /// The client's side of a connection is gone; the gateway finds out later.
    pub(super) fn lose(&self, id: &ConnectionId) {
        self.weather.trace.say(|| format!("{id} is lost"));
        if let Some(socket) = self.sockets().get_mut(id) {
            socket.is_dead = true;
        }
        let wait = match self.weather.is_foul() {
            true => self.weather.chance.ms(0..=20_000),
            false => Duration::from_millis(10),
        };
        self.end(id, wait);
    }

    /// Ends a connection after a while, and has `$disconnect` told.
    fn end(&self, id: &ConnectionId, wait: Duration) {
        let (weather, id) = (Arc::clone(&self.weather), id.clone());
        let Some(lambda) = self.lambda() else { return };
        tokio::spawn(async move {
            sleep(wait).await;
            if !lambda.gateway.shut(&id) {
                return;
            }
            let times = match weather.is_foul() {
                true => weather.chance.of(0..=4).min(2),
                false => 1,
            };
            for _ in 0..times {
                let late = match weather.strikes(4) {
                    true => weather.chance.ms(0..=20_000),
                    false => weather.chance.ms(0..=100),
                };
                sleep(late).await;
                lambda.disconnect(&id).await;
            }
        });
    }

    /// Whether it was open.
    fn shut(&self, id: &ConnectionId) -> bool {
        let mut sockets = self.sockets();
        let Some(socket) = sockets.get_mut(id).filter(|socket| socket.is_open) else {
            return false;
        };
        self.weather.trace.say(|| format!("{id} is closed"));
        socket.is_open = false;
        let _ = socket.to_client.send(Inbound::Closed);
        true
    }
}

#[async_trait]
impl Connections for Gateway {
    async fn post(&self, to: &ConnectionId, payload: &Payload) -> Result<(), PostError> {
        let Weather { chance, trace, .. } = &*self.weather;
        life::step().await;
        let time = match self.weather.strikes(60) {
            true => chance.ms(50..=3_000),
            false => chance.ms(0..=4),
        };
        sleep(time).await;
        if self.weather.is_away(Thing::Posts) && !chance.one_in(4) {
            trace.say(|| format!("{} post to {to}: 429", life::name()));
            return Err(PostError::Throttled);
        }
        if self.weather.strikes(80) {
            trace.say(|| format!("{} post to {to}: not reached", life::name()));
            return Err(PostError::Unreachable("reset".into()));
        }
        let to_client = {
            let sockets = self.sockets();
            let socket = sockets.get(to).filter(|socket| socket.is_open);
            let Some(socket) = socket else {
                trace.say(|| format!("{} post to {to}: 410", life::name()));
                return Err(PostError::Gone);
            };
            (!socket.is_dead).then(|| socket.to_client.clone())
        };
        let copies = match self.weather.is_foul() {
            true => [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 0]
                [usize::try_from(chance.of(0..=13)).unwrap_or(0)],
            false => 1,
        };
        trace.say(|| format!("{} post to {to}: {copies} of it", life::name()));
        for _ in 0..copies {
            let (Some(to_client), bytes) = (to_client.clone(), payload.bytes().clone()) else {
                break;
            };
            let delay = match self.weather.strikes(10) {
                true => chance.ms(1..=600),
                false => Duration::ZERO,
            };
            if delay.is_zero() {
                let _ = to_client.send(Inbound::Frame(bytes));
            } else {
                tokio::spawn(async move {
                    sleep(delay).await;
                    let _ = to_client.send(Inbound::Frame(bytes));
                });
            }
        }
        life::step().await;
        match self.weather.strikes(100) {
            // It arrived, and nobody knows.
            true => Err(PostError::Unreachable("reset".into())),
            false => Ok(()),
        }
    }

    async fn get(&self, _: &ConnectionId) -> Result<ConnectionState, PostError> {
        Err(PostError::Gone)
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), PostError> {
        life::step().await;
        let is_open = self.sockets().get(id).is_some_and(|socket| socket.is_open);
        if !is_open {
            return Err(PostError::Gone);
        }
        self.end(id, Duration::ZERO);
        Ok(())
    }
}

#[async_trait]
impl InvokeAsync for Gateway {
    async fn invoke_async(&self, payload: Bytes) -> Result<(), InvokeError> {
        life::step().await;
        let Some(lambda) = self.lambda() else {
            return Ok(());
        };
        // An event may be lost, or come twice ("Invoking a function asynchronously").
        let copies = match self.weather.is_foul() {
            true => self.weather.chance.of(0..=9).clamp(0, 9),
            false => 1,
        };
        let copies = match copies {
            0 => 0,
            9 => 2,
            _ => 1,
        };
        for _ in 0..copies {
            lambda.start_fanout(&payload);
        }
        Ok(())
    }
}
