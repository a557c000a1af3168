//! The gateway itself: what all connections share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::Request;
use http::Response;
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use crate::Config;
use crate::ConnectionView;
use crate::Fact;
use crate::Fault;
use crate::Id;
use crate::Invoke;
use crate::InvokeError;
use crate::Invoked;
use crate::Outcome;
use crate::PostError;
use crate::ServedApi;
use crate::Step;
use crate::Throttled;
use crate::What;
use crate::activity::Moment;
use crate::api_key::Usage;
use crate::backend;
use crate::casing::Casing;
use crate::close::Ending;
use crate::connection::Connection;
use crate::deployment::Function;
use crate::deployment::Stage;
use crate::endpoint::Endpoints;
use crate::endpoint::Host;
use crate::endpoint::Nowhere;
use crate::endpoint::split_path;
use crate::event;
use crate::expiry;
use crate::fault;
use crate::handshake;
use crate::id::Ids;
use crate::management;
use crate::refusal::Refusal;
use crate::registry::Registry;

/// The WebSocket APIs of a template, served. Clones are the same gateway. It needs a tokio runtime.
#[derive(Debug, Clone)]
pub struct Gateway(pub(crate) Arc<Core>);

impl Gateway {
    /// A gateway for `config.apis`, whose functions are called through `invoke`.
    #[must_use]
    pub fn new(config: Config, invoke: Arc<dyn Invoke>) -> Self {
        let core = Arc::new(Core::new(config, invoke));
        tokio::spawn(expiry::run(Arc::downgrade(&core)));
        Self(core)
    }

    /// Puts these APIs in the place of those before, without closing a connection: each message
    /// goes where the routes of its time lead. Connections of a stage that is gone go on as before.
    pub fn deploy(&self, apis: &[ServedApi]) {
        let core = &self.0;
        let endpoints = Endpoints::new(&core.endpoints.load(), &core.config, apis);
        core.endpoints.store(Arc::new(endpoints));
    }

    /// Whether a request with these headers for this path (of a URL, still encoded) is the
    /// gateway's: below a stage or what is mapped at a custom domain, or `/@connections/…` without
    /// a stage, which it refuses as AWS does.
    #[must_use]
    pub fn owns(&self, headers: &HeaderMap, path: &str) -> bool {
        split_path(path).0 == "@connections"
            || self.0.endpoints.load().locate(headers, path).is_ok()
    }

    /// Answers a request: `/{stage}` is the handshake, `/{stage}/@connections/{id}` the management
    /// API; at a custom domain the mapping key stands for the stage. A handshake that the gateway
    /// does not own is refused with 403; pass those on, too.
    /// The request must come from [`crate::serve_connection`], else a handshake cannot upgrade.
    pub async fn serve(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Full<Bytes>> {
        let core = &self.0;
        let uri = request.uri().clone();
        let endpoints = core.endpoints.load_full();
        let located = match endpoints.locate(request.headers(), uri.path()) {
            Ok(located) => located,
            Err(Nowhere(why)) => return core.refuse(Refusal::forbidden(why)).await,
        };
        let (first, below) = split_path(located.rest);
        if first == "@connections" {
            return management::serve(core, request, &located.stage, located.rest).await;
        }
        // Who calls `https://{domainName}/{stage}` at a domain that maps the stage to its root asks
        // for a route of this name (seen on AWS: aws-samples/simple-websockets-chat-app issue 40).
        if located.host == Host::Domain && split_path(below).0 == "@connections" {
            let refusal = Refusal::no_method(located.rest, request.method().as_str());
            let refusal = refusal.with_status(core.config.guesses.no_method);
            return core.refuse(refusal).await;
        }
        if !endpoints.lets_in(&located) {
            let refusal = Refusal::forbidden("the default endpoint is disabled");
            return core.refuse(refusal).await;
        }
        handshake::serve(core, request, &located, peer).await
    }

    /// Sends a text message to a connection: `POST @connections` without HTTP.
    ///
    /// # Errors
    /// The connection is gone or does not read, or the message is too large.
    pub fn post(&self, id: Id, text: &Bytes) -> Result<(), PostError> {
        management::post(&self.0, None, id, text)
    }

    /// Closes a connection: `DELETE @connections` without HTTP.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn close(&self, id: Id) -> Result<(), PostError> {
        let connection = self.0.registry.get(id).ok_or(PostError::Gone)?;
        connection.end(Ending::DELETED);
        Ok(())
    }

    /// Lets a fault befall a connection now, if it [is of a connection](Fault::is_of_connection).
    ///
    /// # Errors
    /// The connection is gone.
    pub fn strike(&self, id: Id, fault: &Fault) -> Result<(), PostError> {
        let connection = self.0.registry.get(id).ok_or(PostError::Gone)?;
        fault::strike(&connection, fault);
        Ok(())
    }

    /// The established connections, oldest first.
    #[must_use]
    pub fn connections(&self) -> Vec<ConnectionView> {
        let mut views: Vec<_> = self.0.registry.all().iter().map(|c| c.view()).collect();
        views.sort_by_key(|view| (view.connected_at, view.id));
        views
    }

    /// Refuses new connections with 503, closes every connection with 1001 `Going away`, and waits
    /// until each `$disconnect` is answered and each socket closed, at most `Limits::shutdown`.
    pub async fn shutdown(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
        for connection in self.0.registry.all() {
            connection.end(Ending::SHUTDOWN);
        }
        let _ = tokio::time::timeout(self.0.config.limits.shutdown, self.0.live.none()).await;
    }
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) endpoints: ArcSwap<Endpoints>,
    pub(crate) ids: Ids,
    pub(crate) invoke: Arc<dyn Invoke>,
    pub(crate) usage: Usage,
    /// Made with the first request of an HTTP integration.
    http: OnceLock<backend::Client>,
    pub(crate) registry: Registry,
    pub(crate) casing: Casing,
    pub(crate) live: Live,
    pub(crate) stopping: AtomicBool,
    pub(crate) held: fault::Held,
    pub(crate) parked: fault::Parked,
    /// `Limits::idle` and `Limits::lifetime` in milliseconds.
    pub(crate) idle_ms: u64,
    pub(crate) lifetime_ms: u64,
}

impl Core {
    fn new(config: Config, invoke: Arc<dyn Invoke>) -> Self {
        let millis = |limit: Duration| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let endpoints = Endpoints::new(&Endpoints::default(), &config, &config.apis);
        Self {
            endpoints: ArcSwap::from_pointee(endpoints),
            ids: Ids::new(&config.region, &*config.random),
            invoke,
            usage: Usage::default(),
            http: OnceLock::new(),
            registry: Registry::new(),
            casing: Casing::default(),
            live: Live::default(),
            stopping: AtomicBool::new(false),
            held: fault::Held::default(),
            parked: fault::Parked::default(),
            idle_ms: millis(config.limits.idle),
            lifetime_ms: millis(config.limits.lifetime),
            config,
        }
    }

    pub(crate) fn http(&self) -> &backend::Client {
        self.http.get_or_init(backend::Client::new)
    }

    pub(crate) fn now(&self) -> Moment {
        Moment {
            epoch_ms: self.config.clock.now_ms(),
            uptime_ms: self.config.clock.uptime_ms(),
        }
    }

    pub(crate) fn request(&self, at_ms: u64) -> event::Request {
        event::Request {
            id: self.ids.request(at_ms, &*self.config.random),
            at_ms,
        }
    }

    /// Counts a handshake at this stage.
    ///
    /// # Errors
    /// It is one too many.
    pub(crate) fn admit_connect(&self, stage: &Stage) -> Result<(), Throttled> {
        let now = || self.config.clock.machine_uptime();
        stage.deployed().throttles.call("$connect", now)?;
        self.config.throttles.connect(now)
    }

    /// Counts a message to this route.
    ///
    /// # Errors
    /// It is one too many.
    pub(crate) fn admit_message(&self, stage: &Stage, route: &str) -> Result<(), Throttled> {
        let now = || self.config.clock.machine_uptime();
        stage.deployed().throttles.call(route, now)?;
        self.config.throttles.request(now)
    }

    /// Counts a call of `@connections`, which no stage throttles.
    ///
    /// # Errors
    /// It is one too many.
    pub(crate) fn admit_management(&self) -> Result<(), Throttled> {
        let now = || self.config.clock.machine_uptime();
        self.config.throttles.request(now)
    }

    /// Tells the observer, if there is one that listens.
    pub(crate) fn tell(&self, connection: Id, what: impl FnOnce() -> What) {
        let observer = &self.config.observer;
        if observer.listening() {
            let at_ms = self.config.clock.now_ms();
            observer.observe(Fact {
                at_ms,
                connection,
                what: what(),
            });
        }
    }

    /// Calls a function and waits at most `function.timeout`; it runs on if that is too short.
    pub(crate) async fn call(
        &self,
        connection: &Connection,
        request: Id,
        route: &str,
        function: &Function,
        payload: Bytes,
    ) -> Outcome {
        let began = self.config.observer.listening().then(Instant::now);
        let outcome = match self.config.faults.armed() {
            false => self.invoke(function, payload.clone()).await,
            true => fault::invoke(self, connection, route, function, payload.clone()).await,
        };
        self.tell(connection.id, || What::Invoked {
            request,
            route: route.to_owned(),
            function: function.id.clone(),
            payload,
            outcome: outcome.clone(),
            took: began.map_or(Duration::ZERO, |began| began.elapsed()),
        });
        outcome
    }

    /// Calls a function that nobody waits for.
    pub(crate) async fn call_async(
        &self,
        connection: &Connection,
        request: Id,
        route: &str,
        function: &Function,
        payload: Bytes,
    ) -> Result<(), InvokeError> {
        let accepted = self
            .invoke
            .invoke_async(&function.id, payload.clone())
            .await;
        self.tell(connection.id, || What::Invoked {
            request,
            route: route.to_owned(),
            function: function.id.clone(),
            payload,
            outcome: match &accepted {
                Ok(()) => Outcome::Response(Bytes::new()),
                Err(InvokeError::Throttled) => Outcome::Throttled,
                Err(InvokeError::Unavailable(why)) => Outcome::NotInvoked(why.clone()),
            },
            took: Duration::ZERO,
        });
        accepted
    }

    /// What the function makes of it within its time.
    pub(crate) async fn invoke(&self, function: &Function, payload: Bytes) -> Outcome {
        let invoked = self.invoke.invoke(&function.id, payload);
        match tokio::time::timeout(function.timeout, invoked).await {
            Ok(Ok(Invoked::Response(response))) => Outcome::Response(response),
            Ok(Ok(Invoked::FunctionError(error))) => Outcome::FunctionError(error),
            Ok(Err(InvokeError::Throttled)) => Outcome::Throttled,
            Ok(Err(InvokeError::Unavailable(why))) => Outcome::NotInvoked(why),
            Err(_) => Outcome::TimedOut,
        }
    }

    /// The end of an established connection: it is no target of posts any more, and `$disconnect`
    /// is called, once. Its answer is ignored.
    pub(crate) fn disconnect(self: &Arc<Self>, connection: &Arc<Connection>, ending: &Ending) {
        self.registry.remove(connection.id);
        self.tell(connection.id, || What::Closed {
            code: ending.code,
            reason: ending.reason.clone().into_owned(),
            by: ending.by,
        });
        let deployed = connection.stage.deployed();
        let target = deployed.routes.get("$disconnect");
        let Some(target) = target.filter(|t| t.function.is_some() || t.backend.is_some()) else {
            return;
        };
        let injected = self
            .injected(
                Step::Disconnect,
                connection.id,
                &connection.stage.name,
                None,
            )
            .unwrap_or_default();
        let times = match injected.fault {
            Some(Fault::Drop) => return,
            Some(Fault::Duplicate) => 2,
            _ => 1,
        };
        let (core, target, connection) =
            (Arc::clone(self), Arc::clone(target), Arc::clone(connection));
        let request = self.request(self.config.clock.now_ms());
        let payload = event::disconnect(&connection, request, ending);
        let ending = ending.clone();
        let alive = self.live.enter();
        tokio::spawn(async move {
            if !injected.delay.is_zero() {
                tokio::time::sleep(injected.delay).await;
            }
            for _ in 0..times {
                let named = target.named(&connection.stage.deployed_full().variables);
                if let Some(function) = target.function.as_ref().or(named.as_ref()) {
                    let payload = payload.clone();
                    core.call(&connection, request.id, &target.key, function, payload)
                        .await;
                } else if let Some(backend) = &target.backend {
                    backend::disconnect(&core, &connection, request, &target, backend, &ending)
                        .await;
                }
            }
            drop((alive, core));
        });
    }

    /// Adds to an answer what every answer of the gateway has.
    pub(crate) fn stamp(&self, response: &mut Response<Full<Bytes>>) {
        let random = self.config.random.next().to_be_bytes();
        let more = self.config.random.next().to_be_bytes();
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&random);
        bytes[8..].copy_from_slice(&more);
        let mut text = Uuid::encode_buffer();
        let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
        let uuid = uuid.hyphenated().encode_lower(&mut text);
        let headers = response.headers_mut();
        let uuid = HeaderValue::from_str(uuid).expect("a UUID is ASCII");
        headers.insert("x-amzn-requestid", uuid);
        let id = self.request(self.config.clock.now_ms()).id;
        let id = HeaderValue::from_str(id.as_str()).expect("an id is ASCII");
        headers.insert("x-amz-apigw-id", id);
    }

    pub(crate) async fn refuse(&self, refusal: Refusal) -> Response<Full<Bytes>> {
        tracing::debug!(status = refusal.status.as_u16(), why = %refusal.why, "refused");
        let mut response = refusal.into_response();
        self.stamp(&mut response);
        self.casing.apply(&mut response).await;
        response
    }
}

/// Counts what shutdown waits for.
#[derive(Debug, Default)]
pub(crate) struct Live {
    counted: Arc<(AtomicUsize, Notify)>,
}

/// Counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Alive(Arc<(AtomicUsize, Notify)>);

impl Live {
    pub(crate) fn enter(&self) -> Alive {
        self.counted.0.fetch_add(1, Ordering::SeqCst);
        Alive(Arc::clone(&self.counted))
    }

    /// Waits until nothing is counted.
    async fn none(&self) {
        loop {
            let changed = self.counted.1.notified();
            if self.counted.0.load(Ordering::SeqCst) == 0 {
                return;
            }
            changed.await;
        }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        if self.0.0.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.1.notify_waiters();
        }
    }
}
