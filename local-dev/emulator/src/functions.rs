//! Where the gateway and the functions meet: calls go one way, and what both tell of themselves
//! becomes facts.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use gatepost_clock::Clock;
use gatepost_gateway as gateway;
use gatepost_gateway::What;
use gatepost_runtime_api as runtime_api;
use gatepost_runtime_api::Lambda;

use crate::board::Board;
use crate::facts::ByWhom;
use crate::facts::Fact;
use crate::facts::Journal;
use crate::facts::Kind;
use crate::facts::Recorder;
use crate::facts::Result as Came;

/// The functions, as the gateway calls them.
#[derive(Debug)]
pub(crate) struct Functions {
    /// Those that run.
    lambda: Arc<Lambda>,
    /// Why the others do not, by logical ID.
    unsupported: ArcSwap<BTreeMap<String, String>>,
}

impl Functions {
    /// Those that run, and why the others do not.
    pub(crate) fn new(lambda: Arc<Lambda>, unsupported: BTreeMap<String, String>) -> Self {
        Self {
            lambda,
            unsupported: ArcSwap::from_pointee(unsupported),
        }
    }

    /// Says anew why functions do not run.
    pub(crate) fn set_unsupported(&self, unsupported: BTreeMap<String, String>) {
        self.unsupported.store(Arc::new(unsupported));
    }
}

#[async_trait]
impl gateway::Invoke for Functions {
    async fn invoke(
        &self,
        function: &str,
        payload: Bytes,
    ) -> Result<gateway::Invoked, gateway::InvokeError> {
        let reason = self.unsupported.load().get(function).cloned();
        if let Some(reason) = reason {
            return Err(gateway::InvokeError::Unavailable(reason));
        }
        match self.lambda.invoke(function, payload).await {
            Ok(runtime_api::Outcome::Response(response)) => {
                Ok(gateway::Invoked::Response(response))
            }
            Ok(runtime_api::Outcome::FunctionError(error)) => {
                Ok(gateway::Invoked::FunctionError(error))
            }
            Err(error) => Err(not_invoked(&error)),
        }
    }

    async fn invoke_async(
        &self,
        function: &str,
        payload: Bytes,
    ) -> Result<(), gateway::InvokeError> {
        if let Some(reason) = self.unsupported.load().get(function) {
            return Err(gateway::InvokeError::Unavailable(reason.clone()));
        }
        let accepted = self.lambda.invoke_async(function, payload);
        accepted.map(|_| ()).map_err(|error| not_invoked(&error))
    }
}

fn not_invoked(error: &runtime_api::InvokeError) -> gateway::InvokeError {
    match error {
        runtime_api::InvokeError::Throttled(_) => gateway::InvokeError::Throttled,
        runtime_api::InvokeError::NotFound(_)
        | runtime_api::InvokeError::Recursive(_)
        | runtime_api::InvokeError::TooLarge(_)
        | runtime_api::InvokeError::Stopping => {
            gateway::InvokeError::Unavailable(error.to_string())
        }
    }
}

/// What the functions tell goes on the board and into the journal.
pub(crate) fn lambda_observer(
    board: Arc<Board>,
    journal: Arc<Journal>,
    clock: Clock,
) -> Arc<dyn Fn(runtime_api::Fact) + Send + Sync> {
    Arc::new(move |fact| {
        let at = clock.now_ms();
        for kind in board.note(at, &fact.function, fact.event) {
            journal.record(Fact { at, kind });
        }
    })
}

/// What the gateway tells goes into the journal.
#[derive(Debug)]
pub(crate) struct GatewayObserver {
    /// Where facts go.
    pub(crate) journal: Arc<Journal>,
    /// Where they go with bodies, if anybody wants that.
    pub(crate) recorder: Arc<Recorder>,
}

impl gateway::Observer for GatewayObserver {
    fn listening(&self) -> bool {
        true
    }

    fn observe(&self, fact: gateway::Fact) {
        self.recorder.note(&fact);
        let kind = kind(fact.connection, fact.what);
        self.journal.record(Fact {
            at: fact.at_ms,
            kind,
        });
    }
}

/// A fact of the gateway in our words: lengths instead of messages, no address.
fn kind(connection: gateway::Id, what: What) -> Kind {
    match what {
        What::Refused { status, why } => Kind::Refused {
            connection,
            status,
            why,
        },
        What::Connected {
            stage,
            subprotocol,
            principal,
            ..
        } => Kind::Connected {
            connection,
            stage,
            subprotocol,
            principal,
        },
        What::MessageIn {
            request,
            route,
            body,
            ..
        } => Kind::Received {
            connection,
            request,
            route,
            bytes: body.len(),
        },
        What::Throttled { request, by } => Kind::RequestThrottled {
            connection,
            request,
            quota: by.name(),
        },
        What::Invoked {
            request,
            route,
            function,
            outcome,
            took,
            ..
        } => Kind::Routed {
            connection,
            request,
            route,
            function,
            outcome: match outcome {
                gateway::Outcome::Response(_) => Came::Response,
                gateway::Outcome::FunctionError(_) => Came::FunctionError,
                gateway::Outcome::TimedOut => Came::TimedOut,
                gateway::Outcome::Throttled | gateway::Outcome::NotInvoked(_) => Came::NotInvoked,
            },
            duration_ms: took.as_secs_f64() * 1000.0,
        },
        What::Integrated {
            request,
            route,
            calls,
            outcome,
            took,
        } => Kind::Integrated {
            connection,
            request,
            route,
            calls,
            status: outcome.as_ref().ok().copied(),
            why: outcome.err(),
            duration_ms: took.as_secs_f64() * 1000.0,
        },
        What::MessageOut { origin, body } => {
            let bytes = body.len();
            match origin {
                gateway::Origin::Post => Kind::Posted { connection, bytes },
                gateway::Origin::RouteResponse(request) => Kind::Answered {
                    connection,
                    request,
                    bytes,
                },
                gateway::Origin::GatewayError(error) => Kind::ErrorSent {
                    connection,
                    request: error.request,
                    route: error.route,
                    cause: error.cause,
                    why: error.why,
                    message: error.message,
                    bytes,
                },
            }
        }
        What::NotSent { len, why, .. } => Kind::NotSent {
            connection,
            bytes: len,
            why: match why {
                gateway::PostRefusal::Gone => "gone",
                gateway::PostRefusal::QueueFull => "client does not read",
            },
        },
        What::Closed { code, reason, by } => Kind::Disconnected {
            connection,
            code,
            reason,
            by: match by {
                gateway::ClosedBy::Client => ByWhom::Client,
                gateway::ClosedBy::Gateway => ByWhom::Gateway,
                gateway::ClosedBy::Management => ByWhom::Management,
                gateway::ClosedBy::Network => ByWhom::Network,
            },
        },
    }
}
