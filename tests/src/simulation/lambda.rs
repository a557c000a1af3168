//! The functions: processes that keep a chat warm, and invocations that die.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use gatepost_chat::Caller;
use gatepost_chat::Chat;
use gatepost_chat::Parts;
use gatepost_chat::Settings;
use gatepost_chat::Task;
use gatepost_protocol::Action;
use gatepost_protocol::ConnectionId;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio::time::sleep;

use super::gateway::Gateway;
use super::gateway::Inbound;
use super::gateway::Refused;
use super::life;
use super::life::Life;
use super::weather::Weather;
use crate::ending::Stores;

/// The timeout of the message function, and of the fan-out function.
const MESSAGE: Duration = Duration::from_secs(25);
const FANOUT: Duration = Duration::from_secs(60);

/// After so long Lambda repeats an asynchronous invocation that failed, once as deployed.
const RETRY: Duration = Duration::from_secs(60);

/// How often the sweep comes.
const SWEEP: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Lambda {
    pub(super) weather: Arc<Weather>,
    pub(super) gateway: Arc<Gateway>,
    stores: Stores,
    settings: Settings,
    /// Environments that wait for an event.
    free: Mutex<Vec<Arc<Chat>>>,
    invocations: AtomicU64,
}

impl Lambda {
    pub(super) fn new(
        weather: Arc<Weather>,
        gateway: Arc<Gateway>,
        stores: Stores,
        settings: Settings,
    ) -> Arc<Self> {
        let lambda = Arc::new(Self {
            weather,
            gateway,
            stores,
            settings,
            free: Mutex::default(),
            invocations: AtomicU64::new(0),
        });
        lambda.gateway.serve(&lambda);
        lambda
    }

    fn free(&self) -> MutexGuard<'_, Vec<Arc<Chat>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An environment, warm if there is one that the event goes to.
    fn environment(&self) -> Arc<Chat> {
        let mut free = self.free();
        if !free.is_empty() && !self.weather.chance.one_in(10) {
            let last = free.len() as u64 - 1;
            let index = usize::try_from(self.weather.chance.of(0..=last)).unwrap_or(0);
            return free.swap_remove(index);
        }
        Arc::new(Chat::new(Parts {
            registry: Arc::clone(&self.stores.registry),
            history: Arc::clone(&self.stores.history),
            connections: Arc::clone(&self.gateway) as _,
            fanout: Arc::clone(&self.gateway) as _,
            clock: Arc::new(self.weather.trace.clone()),
            random: Arc::new(self.weather.chance.clone()),
            settings: self.settings.clone(),
        }))
    }

    /// One invocation; `None` if it died.
    async fn invoke<T>(
        &self,
        what: &str,
        limit: Duration,
        work: impl AsyncFnOnce(Arc<Chat>) -> T,
    ) -> Option<T> {
        let number = self.invocations.fetch_add(1, Ordering::SeqCst);
        let steps = match self.weather.strikes(25) {
            true => self.weather.chance.of(0..=30),
            false => u64::MAX,
        };
        let life = Life::new(format!("{what}#{number}"), steps);
        let chat = self.environment();
        let done = life.live(limit, work(Arc::clone(&chat))).await;
        match done {
            Some(_) => self.free().push(chat),
            None => self.weather.trace.say(|| format!("{what}#{number} dies")),
        }
        done
    }

    pub(super) async fn connect(&self, caller: Caller) -> bool {
        let work = async |chat: Arc<Chat>| chat.connected(&caller).await.is_ok();
        self.invoke("connect", MESSAGE, work).await == Some(true)
    }

    pub(super) async fn disconnect(&self, id: &ConnectionId) {
        let work = async |chat: Arc<Chat>| chat.disconnected(id).await;
        self.invoke("disconnect", MESSAGE, work).await;
    }

    pub(super) async fn message(
        &self,
        caller: Caller,
        number: u64,
        action: Action,
        to_client: mpsc::UnboundedSender<Inbound>,
    ) {
        let what = format!("{}{number}", caller.connection);
        let ends_at = Instant::now() + MESSAGE;
        let work = async |chat: Arc<Chat>| {
            life::step().await;
            let acted = chat.act(&caller, action).await;
            let outcome = acted.outcome.map_err(|refusal| Refused {
                code: refusal.code,
                retry_after_ms: refusal.retry_after_ms,
                expected: refusal.expected,
            });
            life::step().await;
            let _ = to_client.send(Inbound::Reply(number, outcome));
            life::step().await;
            chat.after(acted.after, ends_at).await;
        };
        self.invoke(&what, MESSAGE, work).await;
    }

    /// An asynchronous invocation of the fan-out function.
    pub(super) fn start_fanout(self: &Arc<Self>, payload: &Bytes) {
        let Ok(task) = serde_json::from_slice::<Task>(payload) else {
            unreachable!("a task reads as it was written");
        };
        let lambda = Arc::clone(self);
        tokio::spawn(async move {
            sleep(lambda.weather.chance.ms(1..=50)).await;
            if !lambda.fanout(task.clone()).await {
                sleep(RETRY).await;
                lambda.fanout(task).await;
            }
        });
    }

    async fn fanout(&self, task: Task) -> bool {
        let what = match &task {
            Task::Drain { .. } => "drain",
            Task::Left { .. } => "left",
            Task::Sweep => "sweep",
        };
        let ends_at = Instant::now() + FANOUT;
        let work = async |chat: Arc<Chat>| chat.work(task, ends_at).await.is_ok();
        self.invoke(what, FANOUT, work).await == Some(true)
    }

    /// The schedule of the sweep.
    pub(super) async fn sweep(self: Arc<Self>) {
        loop {
            sleep(SWEEP).await;
            self.start_fanout(&Task::Sweep.to_payload());
        }
    }
}
