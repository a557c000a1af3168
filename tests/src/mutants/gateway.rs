//! A gateway in memory: connections that are inboxes, and a network that loses and delays.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::Weak;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_chat::Chat;
use gatepost_chat::Task;
use gatepost_gateway_client::ConnectionState;
use gatepost_gateway_client::Connections;
use gatepost_gateway_client::InvokeAsync;
use gatepost_gateway_client::InvokeError;
use gatepost_gateway_client::Payload;
use gatepost_gateway_client::PostError;
use gatepost_protocol::ConnectionId;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio::time::sleep;

use crate::socket::Received;

/// How long a worker has.
const WORKER: Duration = Duration::from_secs(30);

/// The open connections and what befalls posts.
#[derive(Debug, Default)]
pub(super) struct Gateway {
    inboxes: Mutex<BTreeMap<ConnectionId, mpsc::UnboundedSender<Received>>>,
    /// So many posts are acknowledged and never arrive.
    pub(super) lose: AtomicUsize,
    /// Every other post arrives later than the one after it.
    pub(super) overtake: AtomicUsize,
    /// Posts to connections that were not open.
    pub(super) gone: AtomicUsize,
    chat: OnceLock<Weak<Chat>>,
}

impl Gateway {
    /// Where asynchronous invocations go.
    pub(super) fn serve(&self, chat: Weak<Chat>) {
        // Set once, when the world is made.
        let _ = self.chat.set(chat);
    }

    pub(super) fn open(&self, id: &ConnectionId, inbox: mpsc::UnboundedSender<Received>) {
        self.inboxes().insert(id.clone(), inbox);
    }

    pub(super) fn end(&self, id: &ConnectionId) {
        self.inboxes().remove(id);
    }

    /// Puts a text into a connection's inbox; `false` if it is not open.
    pub(super) fn deliver(&self, id: &ConnectionId, text: String) -> bool {
        let inbox = self.inboxes().get(id).cloned();
        inbox.is_some_and(|inbox| inbox.send(Received::Text(text)).is_ok())
    }

    fn inboxes(
        &self,
    ) -> std::sync::MutexGuard<'_, BTreeMap<ConnectionId, mpsc::UnboundedSender<Received>>> {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Connections for Gateway {
    async fn post(&self, to: &ConnectionId, payload: &Payload) -> Result<(), PostError> {
        let Some(inbox) = self.inboxes().get(to).cloned() else {
            self.gone.fetch_add(1, Ordering::SeqCst);
            return Err(PostError::Gone);
        };
        let take = |left: usize| left.checked_sub(1);
        if self
            .lose
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
            .is_ok()
        {
            return Ok(());
        }
        let text = String::from_utf8_lossy(payload.bytes()).into_owned();
        let overtaken = self
            .overtake
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take);
        let wait = match overtaken {
            Ok(left) if left.is_multiple_of(2) => Duration::from_millis(60),
            _ => Duration::ZERO,
        };
        tokio::spawn(async move {
            sleep(wait).await;
            // It may have closed meanwhile.
            let _ = inbox.send(Received::Text(text));
        });
        Ok(())
    }

    async fn get(&self, _: &ConnectionId) -> Result<ConnectionState, PostError> {
        Err(PostError::Gone)
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), PostError> {
        match self.inboxes().remove(id) {
            Some(inbox) => {
                let _ = inbox.send(Received::Close(1000, String::new()));
                Ok(())
            }
            None => Err(PostError::Gone),
        }
    }
}

#[async_trait]
impl InvokeAsync for Gateway {
    async fn invoke_async(&self, payload: Bytes) -> Result<(), InvokeError> {
        let task: Task = serde_json::from_slice(&payload)
            .map_err(|_| InvokeError::Forbidden("no task".into()))?;
        if let Some(chat) = self.chat.get().and_then(Weak::upgrade) {
            tokio::spawn(async move {
                // What fails is left to the next push, as after Lambda's last attempt.
                let _ = chat.work(task, Instant::now() + WORKER).await;
            });
        }
        Ok(())
    }
}
