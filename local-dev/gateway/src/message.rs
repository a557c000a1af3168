//! A message of a client: route, event, function, answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::FutureExt;

use crate::Cause;
use crate::Fault;
use crate::Id;
use crate::Origin;
use crate::Outcome;
use crate::Step;
use crate::What;
use crate::backend;
use crate::connection::Connection;
use crate::deployment::Function;
use crate::deployment::Routes;
use crate::deployment::Target;
use crate::error_frame::Failed;
use crate::error_frame::no_route;
use crate::error_frame::send_error;
use crate::error_frame::send_refusal;
use crate::event;
use crate::fault;
use crate::gateway::Core;
use crate::model;
use crate::proxy_response::ProxyResponse;
use crate::route;

/// What a client is told of whatever is no fault of its own.
const INTERNAL: &str = "Internal server error";

/// Starts what a message leads to. Invocations of one connection start in the order of its messages
/// and run beside each other (nothing promises an order: Developer Guide, "Set up a route
/// response": responses are asynchronous).
pub(crate) fn start(core: &Arc<Core>, connection: &Arc<Connection>, text: &str) {
    let now = core.now();
    connection.activity().touch(now);
    let message = core
        .ids
        .message(now.epoch_ms, connection.id, connection.number_message());
    let request = core.request(now.epoch_ms);
    let stage = &connection.stage.name;
    match core
        .injected(Step::Message, connection.id, stage, None)
        .and_then(|injected| injected.fault)
    {
        Some(Fault::Drop) => return,
        Some(fault) => fault::strike(connection, &fault),
        None => {}
    }
    let deployed = connection.stage.deployed();
    let target = select(core, &deployed.routes, text);
    core.tell(connection.id, || What::MessageIn {
        message,
        request: request.id,
        route: target.map(|target| target.key.clone()),
        body: Bytes::copy_from_slice(text.as_bytes()),
    });
    let failed = |route, cause| Failed {
        request: request.id,
        route,
        cause,
    };
    let Some(target) = target else {
        let failed = failed(None, Cause::NoRoute);
        return send_error(core, connection, failed, "Forbidden", || {
            no_route(&deployed.routes, text, core.config.guesses.json)
        });
    };
    let failed = |cause| failed(Some(target.key.as_str()), cause);
    if let Err(by) = core.admit_message(&connection.stage, &target.key) {
        core.tell(connection.id, || What::Throttled {
            request: Some(request.id),
            by,
        });
        let (failed, text) = (
            failed(Cause::Throttled),
            &core.config.guesses.throttled_text,
        );
        return send_error(core, connection, failed, text, || by.to_string());
    }
    if let Some(models) = &target.models
        && !model::accepts(models, text, core.config.guesses.json)
    {
        return send_refusal(core, connection, request.id, message, &target.key);
    }
    if target.function.is_none() {
        return match (&target.backend, &target.not_emulated) {
            (Some(_), _) => start_backend(core, connection, request, message, target, text),
            (None, Some(what)) => {
                let why = || format!("its integration is not emulated: {what}");
                send_error(core, connection, failed(Cause::NotEmulated), INTERNAL, why);
            }
            (None, None) => {
                let why = || "the route has no Target in the template".to_owned();
                send_error(core, connection, failed(Cause::NoTarget), INTERNAL, why);
            }
        };
    }
    let payload = event::message(connection, request, message, &target.key, text);
    let under_way = UnderWay::new(core, connection);
    let (core, target) = (Arc::clone(core), Arc::clone(target));
    let mut answer = Box::pin(async move {
        if let Some(function) = &target.function {
            answer(
                &core,
                &under_way.connection,
                request.id,
                &target,
                function,
                payload,
            )
            .await;
        }
    });
    // Polled here first, so that messages reach the function in their order; then in a task of its
    // own, so that it goes on when the connection ends.
    if answer.as_mut().now_or_never().is_none() {
        tokio::spawn(answer);
    }
}

/// The same for an integration that is no function's proxy.
fn start_backend(
    core: &Arc<Core>,
    connection: &Arc<Connection>,
    request: event::Request,
    message: Id,
    target: &Arc<Target>,
    text: &str,
) {
    let under_way = UnderWay::new(core, connection);
    let (core, target, text) = (Arc::clone(core), Arc::clone(target), text.to_owned());
    tokio::spawn(async move {
        let connection = &under_way.connection;
        let deployed = connection.stage.deployed_full();
        if let Some(function) = target.named(&deployed.variables) {
            let payload = event::message(connection, request, message, &target.key, &text);
            answer(&core, connection, request.id, &target, &function, payload).await;
        } else if let Some(backend) = &target.backend {
            backend::message(&core, connection, request, &target, backend, message, &text).await;
        }
    });
}

/// The route of a message: the one that the expression names, else `$default`. `$connect` and
/// `$disconnect` are no routes of messages.
fn select<'a>(core: &Core, routes: &'a Routes, text: &str) -> Option<&'a Arc<Target>> {
    let key = route::key(&routes.expression, text, core.config.guesses.json);
    let is_predefined = matches!(key.as_deref(), Some("$connect" | "$disconnect"));
    if is_predefined && !core.config.guesses.predefined_to_default {
        return None;
    }
    key.filter(|_| !is_predefined)
        .and_then(|key| routes.get(&key))
        .or_else(|| routes.get("$default"))
}

async fn answer(
    core: &Core,
    connection: &Connection,
    request: Id,
    target: &Target,
    function: &Function,
    payload: Bytes,
) {
    let outcome = core
        .call(connection, request, &target.key, function, payload)
        .await;
    let longest = core.config.limits.message;
    let (cause, message, what) = match outcome {
        Outcome::Response(_) if !target.two_way => return,
        Outcome::Response(response) => match ProxyResponse::read(&response) {
            Ok(response) if response.body.is_empty() => return,
            // Developer Guide, "Quotas …": a message has at most 128 KB. What a longer one becomes
            // is not documented.
            Ok(response) if response.body.len() <= longest => {
                let origin = || Origin::RouteResponse(request);
                return send(core, connection, origin, &Bytes::from(response.body));
            }
            Ok(_) => {
                let what = format!("answered more than {longest} bytes");
                (Cause::Answer, INTERNAL, what)
            }
            Err(_) => {
                let what = "answered no object with a statusCode and, if any, a body that is text";
                (Cause::Answer, INTERNAL, what.to_owned())
            }
        },
        Outcome::FunctionError(_) => (Cause::FunctionError, INTERNAL, "failed".to_owned()),
        Outcome::NotInvoked(why) => (
            Cause::NotInvoked,
            INTERNAL,
            format!("was not called: {why}"),
        ),
        Outcome::TimedOut => {
            let what = "did not answer in time".to_owned();
            (Cause::TimedOut, "Endpoint request timed out", what)
        }
        Outcome::Throttled => {
            let message = core.config.guesses.throttled_text.as_str();
            (Cause::Throttled, message, "is throttled".to_owned())
        }
    };
    let failed = Failed {
        request,
        route: Some(&target.key),
        cause,
    };
    send_error(core, connection, failed, message, || {
        format!("{} {what}", function.id)
    });
}

/// How many times the bound of posts may wait of answers. A client that asks for much at once is not
/// one that does not read: its connection is not read while the bound is reached, and what it asked
/// before gets its answer.
const ANSWERS: usize = 16;

/// Sends to the client what was made for it; if it does not read at all, or is gone, that is lost.
pub(crate) fn send(
    core: &Core,
    connection: &Connection,
    origin: impl FnOnce() -> Origin,
    body: &Bytes,
) {
    let bound = core.config.limits.out_queue.saturating_mul(ANSWERS);
    match fault::send(core, connection, body, bound) {
        Ok(()) => core.tell(connection.id, || What::MessageOut {
            origin: origin(),
            body: body.clone(),
        }),
        Err(why) => core.tell(connection.id, || What::NotSent {
            origin: origin(),
            len: body.len(),
            why,
        }),
    }
}

/// Counts a message until it is answered.
struct UnderWay {
    connection: Arc<Connection>,
    wake: bool,
}

impl UnderWay {
    fn new(core: &Core, connection: &Arc<Connection>) -> Self {
        connection.under_way.fetch_add(1, Ordering::SeqCst);
        Self {
            connection: Arc::clone(connection),
            wake: core.config.limits.messages_at_once.is_some(),
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.connection.under_way.fetch_sub(1, Ordering::SeqCst);
        if self.wake {
            self.connection.task().wake();
        }
    }
}
