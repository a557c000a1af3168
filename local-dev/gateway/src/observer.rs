//! What the gateway tells of what it does.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::Id;
use crate::Throttled;

/// Is told everything that happens, for a console and for tests. Called where it happens, so it
/// must not block.
pub trait Observer: fmt::Debug + Send + Sync {
    /// Whether anybody listens; facts are made only then.
    fn listening(&self) -> bool;
    /// Takes a fact.
    fn observe(&self, fact: Fact);
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn listening(&self) -> bool {
        false
    }

    fn observe(&self, _fact: Fact) {}
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// To which connection; ids are given before `$connect`, so a refused one has an id, too.
    pub connection: Id,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The handshake was refused.
    Refused {
        /// The HTTP status the client got.
        status: u16,
        /// Why, for a person.
        why: String,
    },
    /// The connection is established.
    Connected {
        /// The stage.
        stage: String,
        /// The client's address.
        source_ip: IpAddr,
        /// The client's `User-Agent`.
        user_agent: Option<String>,
        /// The subprotocol that `$connect` chose.
        subprotocol: Option<String>,
        /// `principalId` of the authorizer.
        principal: Option<String>,
    },
    /// A message of the client.
    MessageIn {
        /// `messageId` of its event.
        message: Id,
        /// `requestId` of its event.
        request: Id,
        /// The route it goes to; `None` when there is none and the client is told `Forbidden`.
        route: Option<String>,
        /// The text.
        body: Bytes,
    },
    /// A message of the client, which is told `Too Many Requests`, or a call of `@connections`, which
    /// gets 429, was one too many.
    Throttled {
        /// `requestId` of the message's event.
        request: Option<Id>,
        /// What refused it.
        by: Throttled,
    },
    /// A function was called, and what came of it.
    Invoked {
        /// `requestId` of the event.
        request: Id,
        /// The route key, or `authorizer`.
        route: String,
        /// Logical ID of the function.
        function: String,
        /// The payload.
        payload: Bytes,
        /// What came of it.
        outcome: Outcome,
        /// How long the gateway waited.
        took: Duration,
    },
    /// An integration that is no function was called, and what came of it.
    Integrated {
        /// `requestId` of the event.
        request: Id,
        /// The route key.
        route: String,
        /// `MOCK`, or method and URL without its query.
        calls: String,
        /// The status, or why there is none.
        outcome: Result<u16, String>,
        /// How long the gateway waited.
        took: Duration,
    },
    /// A message to the client was queued or written.
    MessageOut {
        /// Where it comes from.
        origin: Origin,
        /// The text.
        body: Bytes,
    },
    /// A message to the client was refused.
    NotSent {
        /// Where it comes from.
        origin: Origin,
        /// Its length in bytes.
        len: usize,
        /// Why.
        why: PostRefusal,
    },
    /// The connection ended; `$disconnect` follows if there is one.
    Closed {
        /// `disconnectStatusCode`.
        code: u16,
        /// `disconnectReason`.
        reason: String,
        /// Who closed it.
        by: ClosedBy,
    },
}

/// What came of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The function's response.
    Response(Bytes),
    /// A function error.
    FunctionError(Bytes),
    /// The integration timed out; the function may still run.
    TimedOut,
    /// The function was not called: its concurrency is used up.
    Throttled,
    /// The function was not called; why.
    NotInvoked(String),
}

/// Why a message of a client came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// It names no route, and there is no `$default`.
    NoRoute,
    /// Its route has no target.
    NoTarget,
    /// The integration of its route is not emulated.
    NotEmulated,
    /// It does not fit the model of its route.
    Model,
    /// A quota is used up, or the function's concurrency.
    Throttled,
    /// The function cannot be called.
    NotInvoked,
    /// The function failed.
    FunctionError,
    /// The integration took too long.
    TimedOut,
    /// The answer of the function or the integration cannot be used.
    Answer,
    /// An integration that is no function's proxy failed.
    Integration,
}

impl Cause {
    /// Its name in facts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoRoute => "no_route",
            Self::NoTarget => "no_target",
            Self::NotEmulated => "not_emulated",
            Self::Model => "model",
            Self::Throttled => "throttled",
            Self::NotInvoked => "not_invoked",
            Self::FunctionError => "function_error",
            Self::TimedOut => "timed_out",
            Self::Answer => "answer",
            Self::Integration => "integration",
        }
    }
}

/// A message of a client came to nothing, and the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayError {
    /// `requestId` of the message's event.
    pub request: Id,
    /// The key of its route; `None` when there is none.
    pub route: Option<String>,
    /// Why.
    pub cause: Cause,
    /// The same for a person. The route key that a message named can be part of it, shortened.
    pub why: String,
    /// What the client is told: `message` of the frame.
    pub message: String,
}

/// Where a message to the client comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A route response to this request.
    RouteResponse(Id),
    /// An error of the gateway.
    GatewayError(GatewayError),
    /// A post to `@connections`.
    Post,
}

/// Why a message was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostRefusal {
    /// The connection is gone.
    Gone,
    /// The client does not read.
    QueueFull,
}

/// Who closed a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedBy {
    /// The client, with a close frame.
    Client,
    /// The gateway: a limit, a violation of the protocol, shutdown.
    Gateway,
    /// `DELETE @connections`.
    Management,
    /// Nobody: the TCP connection ended.
    Network,
}
