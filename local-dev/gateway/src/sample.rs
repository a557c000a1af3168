//! The event that a route sends, without anybody who connected: for whoever wants to call a
//! function as the gateway does.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::header;

use crate::Gateway;
use crate::authorizer::Authorized;
use crate::close::Ending;
use crate::connection::Connection;
use crate::connection::Opening;
use crate::event;
use crate::head::Head;

/// Who is said to have connected.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

impl Gateway {
    /// The function of a stage's route and the event that it sends: of a message `body`, or of `$connect`
    /// and `$disconnect`, which have none. The connection has a new id and does not exist: posts to
    /// it are answered 410. No authorizer is asked: if `context` is not empty, it is what one said.
    /// `None` if the route calls no function.
    #[must_use]
    pub fn event(
        &self,
        stage: &str,
        route: &str,
        body: &str,
        context: &[(String, String)],
    ) -> Option<(String, Bytes)> {
        let core = &self.0;
        let endpoints = core.endpoints.load();
        let path = format!("/{stage}");
        let located = endpoints.locate(&HeaderMap::new(), &path).ok()?;
        let stage = located.stage;
        let deployed = stage.deployed();
        let target = deployed.routes.get(route)?;
        let function = target.function.as_ref()?;
        let now = core.now();
        let opening = Opening {
            id: core.ids.connection(now.epoch_ms, &*core.config.random),
            stage: Arc::clone(&stage),
            now,
            source_ip: CLIENT,
            user_agent: None,
            host: core.config.authority.as_str().into(),
            is_named: false,
            deflate: false,
            first_message: 0,
        };
        let connection = Connection::new(opening, &core.config.limits);
        if !context.is_empty() {
            connection.set_authorizer(Authorized::with(context));
        }
        let request = core.request(now.epoch_ms);
        let payload = match route {
            "$connect" => {
                let head = head(&core.config.authority);
                event::connect(&connection, &head, request)
            }
            "$disconnect" => {
                let ending = Ending::by_client(None);
                event::disconnect(&connection, request, &ending)
            }
            _ => {
                let message = core.ids.message(now.epoch_ms, connection.id, 0);
                event::message(&connection, request, message, &target.key, body)
            }
        };
        Some((function.id.clone(), payload))
    }
}

/// The head of a handshake with nothing more than a handshake needs (RFC 6455 §4.1).
fn head(authority: &str) -> Head {
    let mut headers = HeaderMap::new();
    if let Ok(host) = HeaderValue::from_str(authority) {
        headers.insert(header::HOST, host);
    }
    let fixed = [
        (header::UPGRADE, "websocket"),
        (header::CONNECTION, "Upgrade"),
        (header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
        (header::SEC_WEBSOCKET_VERSION, "13"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let trace = "Root=1-00000000-000000000000000000000000".to_owned();
    Head::new(&headers, None, None, CLIENT, authority, trace)
}
