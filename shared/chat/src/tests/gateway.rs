//! The gateway in memory: what was posted to whom, and connections that misbehave.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_gateway_client::ConnectionState;
use gatepost_gateway_client::Connections;
use gatepost_gateway_client::InvokeAsync;
use gatepost_gateway_client::InvokeError;
use gatepost_gateway_client::Payload;
use gatepost_gateway_client::PostError;
use gatepost_protocol::ConnectionId;
use tokio::time::Instant;
use tokio::time::sleep;

use super::turnstile::Turnstile;
use crate::Task;

/// How a connection takes a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Takes(Duration),
    Gone,
    /// 429 so many times, then it takes.
    Throttled(u32),
    /// No answer, ever.
    Hangs,
    Unreachable,
}

#[derive(Debug)]
pub(crate) struct MemoryGateway {
    state: Mutex<State>,
    turnstile: Turnstile,
}

#[derive(Debug, Default)]
struct State {
    manners: HashMap<ConnectionId, Manner>,
    /// How long a connection without a manner of its own takes.
    all_take: Duration,
    frames: HashMap<ConnectionId, Vec<(Instant, String)>>,
    closed: Vec<ConnectionId>,
    tasks: Vec<Task>,
    posts: usize,
    under_way: usize,
    most_under_way: usize,
    under_way_to: HashMap<ConnectionId, usize>,
    is_forbidden: bool,
    /// Posts a second over all connections, as a bucket of a tenth of it.
    bucket: Option<(u32, f64, Instant)>,
}

impl MemoryGateway {
    pub(crate) fn new(turnstile: Turnstile) -> Self {
        Self {
            state: Mutex::default(),
            turnstile,
        }
    }

    pub(crate) fn is(&self, connection: &str, manner: Manner) {
        self.state
            .lock()
            .unwrap()
            .manners
            .insert(connection.parse().unwrap(), manner);
    }

    pub(crate) fn all_take(&self, time: Duration) {
        self.state.lock().unwrap().all_take = time;
    }

    pub(crate) fn forbid(&self, is_forbidden: bool) {
        self.state.lock().unwrap().is_forbidden = is_forbidden;
    }

    pub(crate) fn throttle(&self, per_second: u32) {
        self.state.lock().unwrap().bucket = Some((per_second, 0.0, Instant::now()));
    }

    /// The frames that a connection took, in the order in which it took them.
    pub(crate) fn frames(&self, connection: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let frames = state
            .frames
            .get(&connection.parse::<ConnectionId>().unwrap());
        frames.map_or_else(Vec::new, |frames| {
            frames.iter().map(|(_, text)| text.clone()).collect()
        })
    }

    pub(crate) fn arrivals(&self, connection: &str) -> Vec<Instant> {
        let state = self.state.lock().unwrap();
        let frames = state
            .frames
            .get(&connection.parse::<ConnectionId>().unwrap());
        frames.map_or_else(Vec::new, |frames| {
            frames.iter().map(|(at, _)| *at).collect()
        })
    }

    pub(crate) fn closed(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.closed.iter().map(ToString::to_string).collect()
    }

    pub(crate) fn take_tasks(&self) -> Vec<Task> {
        std::mem::take(&mut self.state.lock().unwrap().tasks)
    }

    pub(crate) fn posts(&self) -> usize {
        self.state.lock().unwrap().posts
    }

    pub(crate) fn most_under_way(&self) -> usize {
        self.state.lock().unwrap().most_under_way
    }

    fn begin(&self, to: &ConnectionId) -> Result<Manner, PostError> {
        let mut state = self.state.lock().unwrap();
        state.posts += 1;
        if state.is_forbidden {
            return Err(PostError::Forbidden(
                "no execute-api:ManageConnections".into(),
            ));
        }
        if let Some((rate, tokens, at)) = &mut state.bucket {
            let rate = f64::from(*rate);
            *tokens = (*tokens + at.elapsed().as_secs_f64() * rate).min(rate / 10.0);
            *at = Instant::now();
            if *tokens < 1.0 {
                return Err(PostError::Throttled);
            }
            *tokens -= 1.0;
        }
        let manner = state
            .manners
            .get(to)
            .copied()
            .unwrap_or(Manner::Takes(state.all_take));
        if let Manner::Throttled(times @ 1..) = manner {
            state
                .manners
                .insert(to.clone(), Manner::Throttled(times - 1));
            return Err(PostError::Throttled);
        }
        state.under_way += 1;
        state.most_under_way = state.most_under_way.max(state.under_way);
        let to_this = state.under_way_to.entry(to.clone()).or_default();
        *to_this += 1;
        assert_eq!(*to_this, 1, "two posts to {to} at a time");
        Ok(manner)
    }
}

/// Counts a post down, also one that was given up.
struct UnderWay<'a>(&'a MemoryGateway, &'a ConnectionId);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().unwrap();
        state.under_way -= 1;
        *state.under_way_to.get_mut(self.1).unwrap() -= 1;
    }
}

#[async_trait]
impl Connections for MemoryGateway {
    async fn post(&self, to: &ConnectionId, payload: &Payload) -> Result<(), PostError> {
        self.turnstile.pass().await;
        let manner = self.begin(to)?;
        let _under_way = UnderWay(self, to);
        match manner {
            Manner::Gone => return Err(PostError::Gone),
            Manner::Unreachable => return Err(PostError::Unreachable("reset".into())),
            Manner::Hangs => std::future::pending().await,
            Manner::Takes(Duration::ZERO) | Manner::Throttled(_) => {}
            Manner::Takes(time) => sleep(time).await,
        }
        let text = String::from_utf8(payload.bytes().to_vec()).unwrap();
        assert!(
            text.len() <= gatepost_protocol::limits::FRAME_BYTES,
            "{} bytes",
            text.len()
        );
        let mut state = self.state.lock().unwrap();
        state
            .frames
            .entry(to.clone())
            .or_default()
            .push((Instant::now(), text));
        Ok(())
    }

    async fn get(&self, _: &ConnectionId) -> Result<ConnectionState, PostError> {
        Err(PostError::Gone)
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), PostError> {
        let mut state = self.state.lock().unwrap();
        state.closed.push(id.clone());
        state.manners.insert(id.clone(), Manner::Gone);
        Ok(())
    }
}

#[async_trait]
impl InvokeAsync for MemoryGateway {
    async fn invoke_async(&self, payload: Bytes) -> Result<(), InvokeError> {
        let task = serde_json::from_slice(&payload).unwrap();
        self.state.lock().unwrap().tasks.push(task);
        Ok(())
    }
}
