//! What `gatepost record` writes: frames and events with their bodies. Nothing is made or kept
//! unless somebody records.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use gatepost_gateway as gateway;
use gatepost_gateway::What;
use serde_json::Value;
use serde_json::json;
use tokio::sync::broadcast;

/// Records that may wait for somebody who records; beyond it the oldest are lost, which is recorded.
const WAITING: usize = 4096;

/// Passes records to those who asked for them.
#[derive(Debug)]
pub(crate) struct Recorder {
    listeners: AtomicUsize,
    records: broadcast::Sender<Arc<str>>,
}

/// Somebody who records, until it is dropped.
#[derive(Debug)]
pub(crate) struct Recording {
    recorder: Arc<Recorder>,
    records: broadcast::Receiver<Arc<str>>,
}

impl Recorder {
    /// Nobody records yet.
    pub(crate) fn new() -> Self {
        Self {
            listeners: AtomicUsize::new(0),
            records: broadcast::Sender::new(WAITING),
        }
    }

    /// Begins to record.
    pub(crate) fn listen(self: &Arc<Self>) -> Recording {
        self.listeners.fetch_add(1, Ordering::Relaxed);
        Recording {
            recorder: Arc::clone(self),
            records: self.records.subscribe(),
        }
    }

    /// Takes a fact of the gateway, if anybody records.
    pub(crate) fn note(&self, fact: &gateway::Fact) {
        if self.listeners.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut record = record(&fact.what);
        record["at"] = fact.at_ms.into();
        record["connection"] = fact.connection.as_str().into();
        // Nobody may listen any more.
        let _ = self.records.send(record.to_string().into());
    }
}

impl Recording {
    /// The next record, one JSON object; `None` when the emulator ends.
    pub(crate) async fn next(&mut self) -> Option<String> {
        match self.records.recv().await {
            Ok(record) => Some(record.to_string()),
            Err(broadcast::error::RecvError::Lagged(count)) => {
                Some(json!({ "record": "lost", "count": count }).to_string())
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.recorder.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

fn record(what: &What) -> Value {
    match what {
        What::Refused { status, .. } => json!({ "record": "refused", "status": status }),
        What::Connected {
            stage, subprotocol, ..
        } => json!({ "record": "connected", "stage": stage, "subprotocol": subprotocol }),
        What::MessageIn { route, body, .. } => {
            json!({ "record": "message", "route": route, "body": text(body) })
        }
        What::Invoked {
            route,
            function,
            payload,
            outcome,
            took,
            ..
        } => {
            let (came, answer) = match outcome {
                gateway::Outcome::Response(answer) => ("response", Some(text(answer))),
                gateway::Outcome::FunctionError(error) => ("function_error", Some(text(error))),
                gateway::Outcome::TimedOut => ("timed_out", None),
                gateway::Outcome::Throttled => ("throttled", None),
                gateway::Outcome::NotInvoked(_) => ("not_invoked", None),
            };
            json!({
                "record": "invoked", "route": route, "function": function,
                "event": serde_json::from_slice::<Value>(payload).unwrap_or_default(),
                "outcome": came, "answer": answer,
                "duration_ms": took.as_secs_f64() * 1000.0,
            })
        }
        What::Integrated {
            route,
            calls,
            outcome,
            took,
            ..
        } => json!({
            "record": "integrated", "route": route, "calls": calls,
            "status": outcome.as_ref().ok(), "why": outcome.as_ref().err(),
            "duration_ms": took.as_secs_f64() * 1000.0,
        }),
        What::MessageOut { origin, body } => {
            let by = match origin {
                gateway::Origin::RouteResponse(_) => "route_response",
                gateway::Origin::GatewayError(_) => "gateway_error",
                gateway::Origin::Post => "post",
            };
            json!({ "record": "sent", "by": by, "body": text(body) })
        }
        What::Throttled { .. } => json!({ "record": "throttled" }),
        What::NotSent { .. } => json!({ "record": "not_sent" }),
        What::Closed { code, reason, by } => {
            let by = match by {
                gateway::ClosedBy::Client => "client",
                gateway::ClosedBy::Gateway => "gateway",
                gateway::ClosedBy::Management => "management",
                gateway::ClosedBy::Network => "network",
            };
            json!({ "record": "closed", "code": code, "reason": reason, "by": by })
        }
    }
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
