//! From `GET /{stage}` to an established connection.
//!
//! Order of the checks: stage, handshake, throttles, authorizer, `$connect`. The two calls run in a task of
//! their own: if the client leaves meanwhile, a `$connect` that said yes is still followed by its
//! `$disconnect`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use fastwebsockets::upgrade::UpgradeFut;

use gatepost_sigv4::Request as SignedRequest;
use gatepost_sigv4::SignatureError;
use gatepost_template::ApiKeySource;
use gatepost_template::Authorizer;
use http::HeaderValue;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::Fault;
use crate::Outcome;
use crate::Step;
use crate::What;
use crate::api_key;
use crate::authorizer;
use crate::backend;
use crate::close::Ending;
use crate::connection::Connection;
use crate::connection::Opening;
use crate::deflate;
use crate::deployment::Function;
use crate::deployment::Stage;
use crate::deployment::Target;
use crate::endpoint::Host;
use crate::endpoint::Located;
use crate::event;
use crate::fault;
use crate::gateway::Core;
use crate::head::Head;
use crate::policy::Decision;
use crate::proxy_response::ProxyResponse;
use crate::refusal::Refusal;
use crate::session;
use crate::stream::HeaderNames;
use crate::stream::Tapped;
use crate::upgrade;

/// What `$connect` decided: the subprotocol, or what the client gets instead.
pub(crate) type Admission = Result<Option<HeaderValue>, Refusal>;

/// Answers a request for a stage.
pub(crate) async fn serve(
    core: &Arc<Core>,
    mut request: Request<Incoming>,
    located: &Located<'_>,
    peer: SocketAddr,
) -> Response<Full<Bytes>> {
    if let Err(refusal) = upgrade::check(core, &request, located.rest) {
        let status = refusal.status;
        let mut response = core.refuse(refusal).await;
        if status == StatusCode::UPGRADE_REQUIRED {
            upgrade::name_what_is_required(&mut response);
        }
        return response;
    }
    if let Err(throttled) = core.admit_connect(&located.stage) {
        let refusal = Refusal::throttled("").because(throttled.to_string());
        let now_ms = core.config.clock.now_ms();
        let id = core.ids.connection(now_ms, &*core.config.random);
        core.tell(id, || What::Refused {
            status: refusal.status.as_u16(),
            why: refusal.why.to_string(),
        });
        return core.refuse(refusal).await;
    }
    // The checks above are stricter than those of the upgrade, which cannot fail after them.
    let Ok((upgrade_response, upgrade)) = fastwebsockets::upgrade::upgrade(&mut request) else {
        return core
            .refuse(Refusal::bad_handshake("the handshake is incomplete"))
            .await;
    };
    let extension = match core.config.guesses.deflate {
        true => deflate::agree(request.headers()),
        false => None,
    };
    let signature = signature(core, &located.stage, &request);
    let now = core.now();
    let head = Head::new(
        request.headers(),
        request
            .extensions()
            .get::<HeaderNames>()
            .map(|names| &*names.0),
        request.uri().query(),
        peer.ip(),
        &core.config.authority,
        trace_id(core, now.epoch_ms),
    );
    let random = core.config.random.next();
    let opening = Opening {
        id: core.ids.connection(now.epoch_ms, &*core.config.random),
        stage: Arc::clone(&located.stage),
        now,
        source_ip: peer.ip(),
        user_agent: head.user_agent.as_deref().map(Box::from),
        host: head
            .headers
            .header("host")
            .unwrap_or(&core.config.authority)
            .into(),
        is_named: located.host != Host::Machine,
        deflate: extension.is_some(),
        first_message: u16::try_from(random & 0x7fff).unwrap_or(0),
    };
    let connection = Arc::new(Connection::new(opening, &core.config.limits));
    match core
        .fault(Step::Handshake, connection.id, &located.stage.name)
        .await
    {
        Some(Fault::Status(StatusCode::TOO_MANY_REQUESTS)) => {
            return core
                .refuse(Refusal::throttled("a fault was injected"))
                .await;
        }
        Some(Fault::Status(status)) => return core.refuse(Refusal::injected(status)).await,
        Some(Fault::Reset) => {
            let mut answer = Response::default();
            fault::reset_instead(answer.extensions_mut());
            return answer;
        }
        Some(_) | None => {}
    }
    let (answer, answered) = oneshot::channel();
    tokio::spawn(establish(
        Arc::clone(core),
        connection,
        head,
        signature,
        upgrade,
        answer,
    ));
    match answered.await {
        Ok(Ok(subprotocol)) => {
            let mut response = upgrade_response.map(|_| Full::default());
            if let Some(subprotocol) = subprotocol {
                response
                    .headers_mut()
                    .insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
            }
            if let Some(extension) = extension {
                response
                    .headers_mut()
                    .insert(header::SEC_WEBSOCKET_EXTENSIONS, extension);
            }
            core.casing.apply(&mut response).await;
            response
        }
        Ok(Err(refusal)) => core.refuse(refusal).await,
        Err(_) => {
            core.refuse(Refusal::not_invoked("the handshake was abandoned"))
                .await
        }
    }
}

/// `Root=1-{8 hex: seconds}-{24 hex}` (X-Ray Developer Guide, "Tracing header").
fn trace_id(core: &Core, now_ms: u64) -> String {
    let (a, b) = (core.config.random.next(), core.config.random.next());
    format!(
        "Root=1-{:08x}-{a:016x}{:08x}",
        now_ms / 1000,
        b & 0xffff_ffff
    )
}

/// Asks the authorizer and `$connect`, answers the handshake, and serves the connection.
async fn establish(
    core: Arc<Core>,
    connection: Arc<Connection>,
    head: Head,
    signature: Result<(), SignatureError>,
    upgrade: UpgradeFut,
    answer: oneshot::Sender<Admission>,
) {
    let alive = core.live.enter();
    let subprotocol = match admit(&core, &connection, &head, signature).await {
        Ok(subprotocol) => subprotocol,
        Err(refusal) => {
            core.tell(connection.id, || What::Refused {
                status: refusal.status.as_u16(),
                why: refusal.why.to_string(),
            });
            // If nobody waits for it, the client has gone.
            let _ = answer.send(Err(refusal));
            return;
        }
    };
    core.registry.insert(&connection);
    core.tell(connection.id, || What::Connected {
        stage: connection.stage.name.clone(),
        source_ip: connection.source_ip,
        user_agent: head.user_agent.clone(),
        subprotocol: subprotocol
            .as_ref()
            .map(|s| String::from_utf8_lossy(s.as_bytes()).into_owned()),
        principal: match connection.authorizer() {
            Some(authorizer) => Some(authorizer.principal.clone()),
            None => connection
                .is_signed()
                .then(|| connection.stage.caller.principal_id.clone()),
        },
    });
    drop(head);
    // Shutdown may have looked for connections before this one was there.
    if core.stopping.load(Ordering::SeqCst) {
        connection.end(Ending::SHUTDOWN);
    }
    let injected = core.injected(Step::Connected, connection.id, &connection.stage.name, None);
    if let Some(fault) = injected.and_then(|injected| injected.fault) {
        fault::strike(&connection, &fault);
    }
    // If nobody waits for it, there is no upgrade either.
    let _ = answer.send(Ok(subprotocol));
    match upgraded(upgrade).await {
        Some((stream, first)) => {
            tokio::spawn(session::run(core, connection, stream, first, alive));
        }
        None => {
            let lost = core.config.guesses.phrase(Ending::LOST);
            core.disconnect(&connection, &lost);
        }
    }
}

/// The socket, and what the client sent right after its handshake.
async fn upgraded(upgrade: UpgradeFut) -> Option<(TcpStream, Bytes)> {
    let upgraded = upgrade.await.ok()?.into_inner().into_inner();
    match upgraded.downcast::<TokioIo<Tapped>>() {
        Ok(parts) => Some((parts.io.into_inner().stream, parts.read_buf)),
        Err(_) => {
            tracing::error!(
                "a handshake came from a connection that serve_connection did not serve"
            );
            None
        }
    }
}

/// The signature of a handshake, if `$connect` wants one: in a header, or, as browsers cannot set
/// any, in the query of a presigned URL (Developer Guide, "Control access to a WebSocket API with
/// AWS IAM authorization").
fn signature(
    core: &Core,
    stage: &Stage,
    request: &Request<Incoming>,
) -> Result<(), SignatureError> {
    let deployed = stage.deployed();
    match deployed.routes.get("$connect") {
        Some(target) if target.iam => core.config.signatures.authorize(&SignedRequest {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            payload: &[],
        }),
        Some(_) | None => Ok(()),
    }
}

async fn admit(
    core: &Core,
    connection: &Connection,
    head: &Head,
    signature: Result<(), SignatureError>,
) -> Admission {
    // The integration on `$connect` is optional (Developer Guide, "Manage connected users and
    // client apps: $connect and $disconnect routes"), and so is the route.
    let deployed = connection.stage.deployed_full();
    let Some(target) = deployed.routes.get("$connect") else {
        return Ok(None);
    };
    let request = core.request(core.config.clock.now_ms());
    if target.iam {
        signature?;
        connection.set_signed();
    }
    let by_header =
        target.api_key_required && deployed.routes.api_key_source == ApiKeySource::Header;
    if by_header {
        api_key::check(core, connection, head.headers.header("x-api-key"))?;
    }
    let mut usage_key = None;
    if let Some(authorizer) = &target.authorizer {
        usage_key = authorize(core, connection, head, request, authorizer).await?;
    }
    if target.api_key_required && !by_header {
        api_key::check(core, connection, usage_key.as_deref())?;
    }
    let named = target.named(&deployed.variables);
    let Some(function) = target.function.as_ref().or(named.as_ref()) else {
        if let Some(backend) = &target.backend {
            return backend::connect(core, connection, head, request, target, backend).await;
        }
        return match target.without_target {
            true => Ok(None),
            false => Err(Refusal::not_invoked(
                "the integration of $connect is not emulated",
            )),
        };
    };
    integrate(core, connection, head, request, target, function).await
}

async fn integrate(
    core: &Core,
    connection: &Connection,
    head: &Head,
    request: event::Request,
    target: &Target,
    function: &Function,
) -> Admission {
    let payload = event::connect(connection, head, request);
    let response = match core
        .call(connection, request.id, &target.key, function, payload)
        .await
    {
        Outcome::Response(response) => response,
        Outcome::FunctionError(_) => return Err(Refusal::bad_gateway("$connect failed")),
        Outcome::TimedOut => return Err(Refusal::timed_out("$connect timed out")),
        Outcome::Throttled => return Err(Refusal::throttled("$connect is throttled")),
        Outcome::NotInvoked(why) => return Err(Refusal::not_invoked("").because(why)),
    };
    let response = ProxyResponse::read(&response)
        .map_err(|_| Refusal::bad_gateway("$connect did not answer a proxy response"))?;
    if response.status >= 300 {
        let refusal = Refusal::by_function(response.status);
        return Err(match core.config.guesses.connect_body {
            true => refusal.with_body(response.body),
            false => refusal,
        });
    }
    // The only header that is honoured (Developer Guide, "$connect routes that require a WebSocket
    // subprotocol").
    let subprotocol = response
        .header("Sec-WebSocket-Protocol")
        .map(HeaderValue::from_str);
    subprotocol
        .transpose()
        .map_err(|_| Refusal::bad_gateway("Sec-WebSocket-Protocol is no header value"))
}

async fn authorize(
    core: &Core,
    connection: &Connection,
    head: &Head,
    request: event::Request,
    authorizer: &Authorizer,
) -> Result<Option<String>, Refusal> {
    match authorizer::has_identity(&authorizer.identity_sources, head, connection) {
        Ok(true) => {}
        Ok(false) => {
            return Err(Refusal::unauthorized(
                "an identity source is missing or empty",
            ));
        }
        Err(unknown) => {
            let why = format!("WebSocket APIs have no identity source {}", unknown.0);
            return Err(Refusal::authorizer_failed(why));
        }
    }
    let arn = format!(
        "{}/{}/$connect",
        connection.stage.arn, connection.stage.name
    );
    let payload = event::authorize(connection, head, request, &arn);
    let function = Function {
        id: authorizer.function.clone(),
        timeout: core.config.limits.integration,
    };
    let began = tokio::time::Instant::now();
    let failed = |why: &str| Err(Refusal::authorizer_failed(why.to_owned()));
    let answer = match core
        .call(connection, request.id, "authorizer", &function, payload)
        .await
    {
        Outcome::Response(answer) => answer,
        Outcome::FunctionError(error) if authorizer::is_unauthorized(&error) => {
            return Err(Refusal::unauthorized(
                "the authorizer failed with Unauthorized",
            ));
        }
        Outcome::FunctionError(_) => return failed("the authorizer failed"),
        Outcome::TimedOut => return failed("the authorizer timed out"),
        Outcome::Throttled => return failed("the authorizer is throttled"),
        Outcome::NotInvoked(why) => return failed(&why),
    };
    let answer = authorizer::Answer::read(&answer, core.config.limits.authorizer_result)
        .map_err(|bad| Refusal::authorizer_failed(bad.0))?;
    match answer.decide(&arn) {
        Decision::Allow => {
            let latency = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let usage_key = answer.usage_key();
            let shown = core.config.guesses.authorizer_latency;
            connection.set_authorizer(answer.authorized(latency, shown));
            Ok(usage_key)
        }
        Decision::ExplicitDeny => Err(Refusal::explicit_deny("the policy denies")),
        Decision::ImplicitDeny => Err(Refusal::implicit_deny("the policy does not allow")),
    }
}
