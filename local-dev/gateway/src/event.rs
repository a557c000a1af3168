//! Lambda's proxy events, in the shape and key order that API Gateway has sent since 2022: what is
//! not known is absent, never null.
//!
//! Developer Guide, "Input format of a Lambda function for proxy integration for WebSocket APIs"
//! shows `$connect` and `$disconnect`, "Create a Lambda REQUEST authorizer function" the
//! authorizer's; the rest is from logged events.

use std::collections::BTreeMap;

use bytes::Bytes;
use gatepost_template::ApiKey;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::Id;
use crate::close::Ending;
use crate::connection::Connection;
use crate::date::request_time;
use crate::head::Head;
use crate::head::Multi;
use crate::head::Pairs;
use crate::head::Single;
use crate::json::Json;

/// The request an event is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) id: Id,
    pub(crate) at_ms: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    route_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    disconnect_status_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<Id>,
    event_type: &'static str,
    extended_request_id: Id,
    request_time: String,
    message_direction: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    disconnect_reason: Option<&'a str>,
    stage: &'a str,
    connected_at: u64,
    request_time_epoch: u64,
    identity: Identity<'a>,
    request_id: Id,
    domain_name: &'a str,
    connection_id: Id,
    api_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<&'a str>,
    source_ip: std::net::IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
}

impl<'a> Identity<'a> {
    /// With `AWS_IAM` also who signed; the order of keys is that of REST APIs' events.
    fn new(connection: &'a Connection, event_type: &str, key: Option<&'a ApiKey>) -> Self {
        let stage = &connection.stage;
        let is_shown =
            connection.is_signed() && (stage.caller_in_every_event || event_type == "CONNECT");
        let caller = is_shown.then_some(&stage.caller);
        let principal_id = caller.map(|caller| caller.principal_id.as_str());
        Self {
            api_key: key.map(|key| key.value.as_str()),
            api_key_id: key.map(|key| key.id.as_str()),
            user_arn: caller.map(|caller| caller.arn.as_str()),
            user_agent: connection.user_agent.as_deref(),
            account_id: caller.map(|_| stage.account.as_str()),
            caller: principal_id,
            source_ip: connection.source_ip,
            access_key: caller.map(|caller| caller.access_key_id.as_str()),
            user: principal_id,
        }
    }
}

impl<'a> RequestContext<'a> {
    fn new(
        connection: &'a Connection,
        request: Request,
        route_key: &'a str,
        event_type: &'static str,
    ) -> Self {
        // Only `$connect` asks for a key; in what does not, it is null (mapping template reference,
        // `$context.identity.apiKey`).
        let key = connection.api_key().filter(|_| event_type == "CONNECT");
        Self {
            route_key,
            disconnect_status_code: None,
            authorizer: connection.authorizer().map(|authorizer| &*authorizer.json),
            message_id: None,
            event_type,
            extended_request_id: request.id,
            request_time: request_time(request.at_ms),
            message_direction: "IN",
            disconnect_reason: None,
            stage: &connection.stage.name,
            connected_at: connection.connected_at,
            request_time_epoch: request.at_ms,
            identity: Identity::new(connection, event_type, key),
            request_id: request.id,
            domain_name: connection.domain_name(),
            connection_id: connection.id,
            api_id: &connection.stage.api_id,
        }
    }
}

/// `$context` of a message's mapping templates.
pub(crate) fn message_context(
    connection: &Connection,
    request: Request,
    message: Id,
    route_key: &str,
) -> Json {
    let context = RequestContext::new(connection, request, route_key, "MESSAGE");
    Json::of(&RequestContext {
        message_id: Some(message),
        ..context
    })
}

/// `$context` of the mapping templates of `$connect`.
pub(crate) fn connect_context(connection: &Connection, request: Request) -> Json {
    Json::of(&RequestContext::new(
        connection, request, "$connect", "CONNECT",
    ))
}

/// `$context` of the mapping templates of `$disconnect`.
pub(crate) fn disconnect_context(
    connection: &Connection,
    request: Request,
    ending: &Ending,
) -> Json {
    let context = RequestContext::new(connection, request, "$disconnect", "DISCONNECT");
    Json::of(&RequestContext {
        disconnect_status_code: Some(ending.code),
        disconnect_reason: Some(&ending.reason),
        ..context
    })
}

type Variables = BTreeMap<String, String>;

/// Every real sample without stage variables lacks the key.
fn known(variables: &Variables) -> Option<&Variables> {
    Some(variables).filter(|variables| !variables.is_empty())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Connect<'a> {
    headers: Single<'a>,
    multi_value_headers: Multi<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_string_parameters: Option<Single<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_query_string_parameters: Option<Multi<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage_variables: Option<&'a Variables>,
    request_context: RequestContext<'a>,
    is_base64_encoded: bool,
}

/// The event of `$connect`: without `Connection`, `Upgrade` and `content-length`, which only the
/// authorizer sees.
pub(crate) fn connect(connection: &Connection, head: &Head, request: Request) -> Bytes {
    let deployed = connection.stage.deployed();
    let headers = head
        .headers
        .without_headers(&["connection", "upgrade", "content-length"]);
    let query = Some(&head.query).filter(|query| !query.is_empty());
    json(&Connect {
        headers: headers.single(),
        multi_value_headers: headers.multi(),
        query_string_parameters: query.map(Pairs::single),
        multi_value_query_string_parameters: query.map(Pairs::multi),
        stage_variables: known(&deployed.variables),
        request_context: RequestContext::new(connection, request, "$connect", "CONNECT"),
        is_base64_encoded: false,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Authorize<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    method_arn: &'a str,
    headers: Single<'a>,
    multi_value_headers: Multi<'a>,
    query_string_parameters: Single<'a>,
    multi_value_query_string_parameters: Multi<'a>,
    stage_variables: &'a Variables,
    request_context: RequestContext<'a>,
}

/// The event of a REQUEST authorizer. Its maps are there even when they are empty.
pub(crate) fn authorize(
    connection: &Connection,
    head: &Head,
    request: Request,
    method_arn: &str,
) -> Bytes {
    let deployed = connection.stage.deployed();
    let mut headers = head.headers.clone();
    headers.set_header("Connection", "upgrade".to_owned());
    headers.set_header("content-length", "0".to_owned());
    headers.set_header("Upgrade", "websocket".to_owned());
    headers.sort_as_headers();
    json(&Authorize {
        kind: "REQUEST",
        method_arn,
        headers: headers.single(),
        multi_value_headers: headers.multi(),
        query_string_parameters: head.query.single(),
        multi_value_query_string_parameters: head.query.multi(),
        stage_variables: &deployed.variables,
        request_context: RequestContext::new(connection, request, "$connect", "CONNECT"),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    stage_variables: Option<&'a Variables>,
    request_context: RequestContext<'a>,
    body: &'a str,
    is_base64_encoded: bool,
}

/// The event of a message: no headers and no query.
pub(crate) fn message(
    connection: &Connection,
    request: Request,
    message: Id,
    route_key: &str,
    body: &str,
) -> Bytes {
    let deployed = connection.stage.deployed();
    let context = RequestContext::new(connection, request, route_key, "MESSAGE");
    let event = Message {
        stage_variables: known(&deployed.variables),
        request_context: RequestContext {
            message_id: Some(message),
            ..context
        },
        body,
        is_base64_encoded: false,
    };
    // What is around the body has seldom more than 1,000 bytes.
    let mut json = Vec::with_capacity(1024 + body.len() + body.len() / 8);
    serde_json::to_writer(&mut json, &event).expect(SERIALISES);
    json.into()
}

#[derive(Serialize)]
struct DisconnectHeaders<T> {
    #[serde(rename = "Host")]
    host: T,
    #[serde(rename = "x-api-key")]
    api_key: T,
    #[serde(rename = "X-Forwarded-For")]
    forwarded_for: T,
    #[serde(rename = "x-restapi")]
    rest_api: T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Disconnect<'a> {
    headers: DisconnectHeaders<&'a str>,
    multi_value_headers: DisconnectHeaders<[&'a str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage_variables: Option<&'a Variables>,
    request_context: RequestContext<'a>,
    is_base64_encoded: bool,
}

/// The event of `$disconnect`: four headers, of which only `Host` has a value.
pub(crate) fn disconnect(connection: &Connection, request: Request, ending: &Ending) -> Bytes {
    let deployed = connection.stage.deployed();
    let host = connection.host.as_ref();
    let context = RequestContext::new(connection, request, "$disconnect", "DISCONNECT");
    json(&Disconnect {
        headers: DisconnectHeaders {
            host,
            api_key: "",
            forwarded_for: "",
            rest_api: "",
        },
        multi_value_headers: DisconnectHeaders {
            host: [host],
            api_key: [""],
            forwarded_for: [""],
            rest_api: [""],
        },
        stage_variables: known(&deployed.variables),
        request_context: RequestContext {
            disconnect_status_code: Some(ending.code),
            disconnect_reason: Some(&ending.reason),
            ..context
        },
        is_base64_encoded: false,
    })
}

const SERIALISES: &str = "events have string keys and no failing parts";

fn json(event: &impl Serialize) -> Bytes {
    serde_json::to_vec(event).expect(SERIALISES).into()
}
