//! The routes before an integration: a message, `$connect`, `$disconnect`.

use std::sync::Arc;

use bytes::Bytes;
use gatepost_template::Backend;
use http::HeaderValue;

use super::Answer;
use super::Call;
use super::Failure;
use super::run;
use crate::Cause;
use crate::Id;
use crate::Origin;
use crate::close::Ending;
use crate::connection::Connection;
use crate::deployment::Target;
use crate::error_frame::Failed;
use crate::error_frame::send_error;
use crate::event;
use crate::gateway::Core;
use crate::head::Head;
use crate::json::Json;
use crate::message::send;
use crate::refusal::Refusal;

/// Calls the integration of a message's route and sends to the client what becomes of it.
pub(crate) async fn message(
    core: &Arc<Core>,
    connection: &Connection,
    request: event::Request,
    target: &Target,
    backend: &Backend,
    message: Id,
    text: &str,
) {
    let call = Call {
        core,
        connection,
        request,
        route: &target.key,
        context: event::message_context(connection, request, message, &target.key),
        params: params(None),
        head: None,
        deployed: connection.stage.deployed_full(),
        body: text,
        is_answered: target.two_way,
    };
    let failed = |cause| Failed {
        request: request.id,
        route: Some(target.key.as_str()),
        cause,
    };
    match run(backend, &call).await {
        Ok(_) if !target.two_way => {}
        Ok(answer) if answer.body.is_empty() => {}
        Ok(answer) if answer.body.len() <= core.config.limits.message => {
            let origin = || Origin::RouteResponse(request.id);
            send(core, connection, origin, &Bytes::from(answer.body));
        }
        Ok(_) => {
            let longest = core.config.limits.message;
            let why = || format!("its integration answered more than {longest} bytes");
            let text = "Internal server error";
            send_error(core, connection, failed(Cause::Answer), text, why);
        }
        Err(failure) => {
            let text = match &failure {
                Failure::Throttled => &core.config.guesses.throttled_text,
                other => other.message(),
            };
            let why = || failure.why().to_owned();
            send_error(core, connection, failed(failure.cause()), text, why);
        }
    }
}

/// Calls the integration of `$connect`: the subprotocol, or what the client gets instead.
pub(crate) async fn connect(
    core: &Core,
    connection: &Connection,
    head: &Head,
    request: event::Request,
    target: &Target,
    backend: &Backend,
) -> Result<Option<HeaderValue>, Refusal> {
    let call = Call {
        core,
        connection,
        request,
        route: &target.key,
        context: event::connect_context(connection, request),
        params: params(Some(head)),
        head: Some(head),
        deployed: connection.stage.deployed_full(),
        body: "",
        is_answered: true,
    };
    let answer = run(backend, &call).await.map_err(refusal)?;
    admit(&answer)
}

/// The status of the answer decides, as it does with a function.
fn admit(answer: &Answer) -> Result<Option<HeaderValue>, Refusal> {
    if answer.status >= 300 {
        return Err(Refusal::by_function(answer.status));
    }
    let subprotocol = answer
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-protocol"));
    subprotocol
        .map(|(_, value)| HeaderValue::from_str(value))
        .transpose()
        .map_err(|_| Refusal::bad_gateway("Sec-WebSocket-Protocol is no header value"))
}

fn refusal(failure: Failure) -> Refusal {
    match failure {
        Failure::Internal(why) => Refusal::not_invoked("").because(why),
        Failure::UnsupportedMediaType => Refusal::unsupported_media_type("no template fits"),
        Failure::Unreachable(why) => Refusal::unreachable("").because(why),
        Failure::TimedOut => Refusal::timed_out("$connect timed out"),
        Failure::Throttled => Refusal::throttled("$connect is throttled"),
    }
}

/// Calls the integration of `$disconnect`; its answer is ignored.
pub(crate) async fn disconnect(
    core: &Core,
    connection: &Connection,
    request: event::Request,
    target: &Target,
    backend: &Backend,
    ending: &Ending,
) {
    let call = Call {
        core,
        connection,
        request,
        route: &target.key,
        context: event::disconnect_context(connection, request, ending),
        params: params(None),
        head: None,
        deployed: connection.stage.deployed_full(),
        body: "",
        is_answered: false,
    };
    if let Err(failure) = run(backend, &call).await {
        tracing::debug!(why = failure.why(), "the integration of $disconnect failed");
    }
}

/// `$input.params()`: there are none but on `$connect`.
fn params(head: Option<&Head>) -> Json {
    let empty = || Json::Object(Vec::new());
    let (query, header) = match head {
        Some(head) => (
            Json::of(&head.query.single()),
            Json::of(&head.headers.single()),
        ),
        None => (empty(), empty()),
    };
    let named = [
        ("path", empty()),
        ("querystring", query),
        ("header", header),
    ];
    Json::Object(named.map(|(name, value)| (name.to_owned(), value)).into())
}
