//! Events, byte for byte, in the shape that API Gateway has sent since 2022: Developer Guide, "Input
//! format of a Lambda function for proxy integration for WebSocket APIs" and "Create a Lambda
//! REQUEST authorizer function"; messages as logged. `aws_lambda_events` reads them, too: a second
//! reading of the same contract.

use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequestTypeRequest;
use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use gatepost_clock::Clock;
use gatepost_gateway::Id;
use serde_json::Value;
use serde_json::json;

use super::client::CLOSE;
use super::client::Client;
use super::client::FIN;
use super::client::KEY;
use super::client::frame;
use super::script::Call;
use super::script::always;
use super::script::response;
use super::script::status;
use super::served::Served;
use super::served::Wanted;
use super::served::api;

/// A moment of which a real event is known.
const THEN: u64 = 1_701_245_041_796;

fn wanted() -> Wanted {
    api()
        .one_way("$connect", always(status(200)))
        .one_way("$disconnect", always(status(200)))
        .one_way("$default", always(status(200)))
        .one_way("sendMessage", always(status(200)))
        .change(|wanted| wanted.clock = Clock::new(|| THEN, 1.0))
}

/// The payload, and its ids by name; each must have the form of an id.
fn read(call: &Call, ids: &[&str]) -> (String, Vec<String>) {
    let text = String::from_utf8(call.payload.to_vec()).unwrap();
    let context = call.event()["requestContext"].clone();
    let ids = ids.iter().map(|&id| {
        let id = context[id]
            .as_str()
            .unwrap_or_else(|| panic!("{id} is in {text}"))
            .to_owned();
        assert!(id.parse::<Id>().is_ok(), "{id}");
        id
    });
    (text.clone(), ids.collect())
}

/// The trace header, whose form must be X-Ray's.
fn trace_id(event: &Value) -> String {
    let trace = event["headers"]["X-Amzn-Trace-Id"]
        .as_str()
        .unwrap()
        .to_owned();
    let parts: Vec<&str> = trace.strip_prefix("Root=1-").unwrap().split('-').collect();
    assert_eq!(parts[0], "6566f071", "{trace}: the second in hexadecimal");
    assert_eq!((parts.len(), parts[1].len()), (2, 24), "{trace}");
    trace
}

async fn connected(served: &Served, path: &str, headers: &[&str]) -> Client {
    let mut client = served.dial().await;
    client.upgrade(path, headers).await;
    client
}

/// Headers sorted without regard to case, as the client wrote them, those of the hop left out; no
/// query keys without a query; no `body`, `path`, `httpMethod`, `resource`, no nulls.
#[tokio::test]
async fn the_event_of_connect() {
    let mut served = wanted().serve().await;
    let headers = [
        "Accept-encoding: gzip",
        "user-agent: wscat",
        "X-twice: 1",
        "ORIGIN: http://a",
        "X-twice: 2",
        "Content-Length: 0",
    ];
    connected(&served, "/local", &headers).await;
    let call = served.call_of("$connect").await;
    let trace = trace_id(&call.event());
    let (text, ids) = read(&call, &["requestId", "connectionId"]);
    let (request, connection) = (&ids[0], &ids[1]);
    let want = [
        r#"{"headers":{"Accept-encoding":"gzip","Host":"127.0.0.1:3001","ORIGIN":"http://a","#,
        &format!(r#""Sec-WebSocket-Key":"{KEY}","Sec-WebSocket-Version":"13","user-agent":"wscat","#),
        &format!(r#""X-Amzn-Trace-Id":"{trace}","X-Forwarded-For":"127.0.0.1","#),
        r#""X-Forwarded-Port":"3001","X-Forwarded-Proto":"http","X-twice":"2"},"#,
        r#""multiValueHeaders":{"Accept-encoding":["gzip"],"Host":["127.0.0.1:3001"],"ORIGIN":["http://a"],"#,
        &format!(r#""Sec-WebSocket-Key":["{KEY}"],"Sec-WebSocket-Version":["13"],"user-agent":["wscat"],"#),
        &format!(r#""X-Amzn-Trace-Id":["{trace}"],"X-Forwarded-For":["127.0.0.1"],"#),
        r#""X-Forwarded-Port":["3001"],"X-Forwarded-Proto":["http"],"X-twice":["1","2"]},"#,
        r#""requestContext":{"routeKey":"$connect","eventType":"CONNECT","#,
        &format!(r#""extendedRequestId":"{request}","requestTime":"29/Nov/2023:08:04:01 +0000","#),
        r#""messageDirection":"IN","stage":"local","connectedAt":1701245041796,"#,
        r#""requestTimeEpoch":1701245041796,"#,
        r#""identity":{"userAgent":"wscat","sourceIp":"127.0.0.1"},"#,
        &format!(r#""requestId":"{request}","domainName":"127.0.0.1:3001","#),
        &format!(r#""connectionId":"{connection}","apiId":"abcdef1234"}},"isBase64Encoded":false}}"#),
    ]
    .concat();
    assert_eq!(text, want);
    let event: ApiGatewayWebsocketProxyRequest = serde_json::from_str(&text).unwrap();
    assert_eq!(
        event.request_context.connection_id.as_ref(),
        Some(connection)
    );
    assert_eq!(event.request_context.connected_at, 1_701_245_041_796);
    assert_eq!(event.headers["origin"], "http://a");
}

/// Query strings are decoded; of equal names the last value counts (serverless-offline's suite and
/// the rule of REST APIs). Stage variables are there when the stage has any.
#[tokio::test]
async fn the_query_and_stage_variables_are_in_the_event_of_connect() {
    let wanted = wanted().change(|wanted| {
        let variables = &mut wanted.api.stages[0].variables;
        variables.insert("table".to_owned(), "chat".to_owned());
    });
    let mut served = wanted.serve().await;
    let mut client = connected(&served, "/local?a=1&b=%C3%A9+x&a=2", &[]).await;
    let call = served.call_of("$connect").await;
    let (text, _) = read(&call, &[]);
    let query = concat!(
        r#""queryStringParameters":{"a":"2","b":"é x"},"#,
        r#""multiValueQueryStringParameters":{"a":["1","2"],"b":["é x"]},"#,
        r#""stageVariables":{"table":"chat"},"requestContext":{"routeKey":"$connect","#,
    );
    assert!(text.contains(query), "{text}");
    client.text("x").await;
    let message = served.call_of("$default").await.event();
    assert_eq!(message["stageVariables"], json!({"table": "chat"}));
    client.drop_tcp();
    let disconnect = served.call_of("$disconnect").await.event();
    assert_eq!(disconnect["stageVariables"], json!({"table": "chat"}));
}

/// Logged November 2023: no headers, the route that was chosen, `userAgent` only if there is one.
#[tokio::test]
async fn the_event_of_a_message() {
    let mut served = wanted().serve().await;
    let mut client = connected(&served, "/local", &[]).await;
    let body = r#"{"action":"sendMessage","text":"é \"\u0001"}"#;
    client.text(body).await;
    let call = served.call_of("sendMessage").await;
    let (text, ids) = read(&call, &["requestId", "connectionId", "messageId"]);
    let (request, connection, message) = (&ids[0], &ids[1], &ids[2]);
    let want = [
        &format!(r#"{{"requestContext":{{"routeKey":"sendMessage","messageId":"{message}","#),
        &format!(r#""eventType":"MESSAGE","extendedRequestId":"{request}","#),
        r#""requestTime":"29/Nov/2023:08:04:01 +0000","messageDirection":"IN","stage":"local","#,
        r#""connectedAt":1701245041796,"requestTimeEpoch":1701245041796,"#,
        r#""identity":{"sourceIp":"127.0.0.1"},"#,
        &format!(r#""requestId":"{request}","domainName":"127.0.0.1:3001","#),
        &format!(r#""connectionId":"{connection}","apiId":"abcdef1234"}},"#),
        &format!(r#""body":{},"isBase64Encoded":false}}"#, Value::from(body)),
    ]
    .concat();
    assert_eq!(text, want);
    assert_eq!(
        message[12..],
        connection[12..],
        "a message's id ends as its connection's does"
    );
    let event: ApiGatewayWebsocketProxyRequest = serde_json::from_str(&text).unwrap();
    assert_eq!(event.body.as_deref(), Some(body));
    assert_eq!(
        event.request_context.route_key.as_deref(),
        Some("sendMessage")
    );
}

/// Logged February 2024: four headers, of which only `Host` has a value.
#[tokio::test]
async fn the_event_of_disconnect() {
    let mut served = wanted().serve().await;
    let mut client = connected(&served, "/local", &["User-Agent: Firefox"]).await;
    client.send(&frame(FIN | CLOSE, b"")).await;
    let call = served.call_of("$disconnect").await;
    let (text, ids) = read(&call, &["requestId", "connectionId"]);
    let (request, connection) = (&ids[0], &ids[1]);
    let want = [
        r#"{"headers":{"Host":"127.0.0.1:3001","x-api-key":"","X-Forwarded-For":"","x-restapi":""},"#,
        r#""multiValueHeaders":{"Host":["127.0.0.1:3001"],"x-api-key":[""],"X-Forwarded-For":[""],"x-restapi":[""]},"#,
        r#""requestContext":{"routeKey":"$disconnect","disconnectStatusCode":1005,"eventType":"DISCONNECT","#,
        &format!(r#""extendedRequestId":"{request}","requestTime":"29/Nov/2023:08:04:01 +0000","#),
        r#""messageDirection":"IN","disconnectReason":"Client-side close frame status not set","#,
        r#""stage":"local","connectedAt":1701245041796,"requestTimeEpoch":1701245041796,"#,
        r#""identity":{"userAgent":"Firefox","sourceIp":"127.0.0.1"},"#,
        &format!(r#""requestId":"{request}","domainName":"127.0.0.1:3001","#),
        &format!(r#""connectionId":"{connection}","apiId":"abcdef1234"}},"isBase64Encoded":false}}"#),
    ]
    .concat();
    assert_eq!(text, want);
    let event: ApiGatewayWebsocketProxyRequest = serde_json::from_str(&text).unwrap();
    assert_eq!(event.request_context.disconnect_status_code, Some(1005));
}

/// localstack issue 7191 has an event of AWS: maps are there even when empty, `Connection`,
/// `content-length` and `Upgrade` are seen, `connectionId` is given already.
#[tokio::test]
async fn the_event_of_the_authorizer() {
    let policy = json!({ "principalId": "me", "context": { "role": "admin" }, "policyDocument": {
        "Statement": [{ "Action": "*", "Effect": "Allow", "Resource": "*" }] } });
    let mut served = wanted()
        .authorizer(&[], always(response(&policy)))
        .serve()
        .await;
    connected(&served, "/local", &[]).await;
    let call = served.call_of("authorizer").await;
    let trace = trace_id(&call.event());
    let (text, ids) = read(&call, &["requestId", "connectionId"]);
    let (request, connection) = (&ids[0], &ids[1]);
    let want = [
        r#"{"type":"REQUEST","#,
        r#""methodArn":"arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/local/$connect","#,
        r#""headers":{"Connection":"upgrade","content-length":"0","Host":"127.0.0.1:3001","#,
        &format!(r#""Sec-WebSocket-Key":"{KEY}","Sec-WebSocket-Version":"13","Upgrade":"websocket","#),
        &format!(r#""X-Amzn-Trace-Id":"{trace}","X-Forwarded-For":"127.0.0.1","#),
        r#""X-Forwarded-Port":"3001","X-Forwarded-Proto":"http"},"#,
        r#""multiValueHeaders":{"Connection":["upgrade"],"content-length":["0"],"Host":["127.0.0.1:3001"],"#,
        &format!(r#""Sec-WebSocket-Key":["{KEY}"],"Sec-WebSocket-Version":["13"],"Upgrade":["websocket"],"#),
        &format!(r#""X-Amzn-Trace-Id":["{trace}"],"X-Forwarded-For":["127.0.0.1"],"#),
        r#""X-Forwarded-Port":["3001"],"X-Forwarded-Proto":["http"]},"#,
        r#""queryStringParameters":{},"multiValueQueryStringParameters":{},"stageVariables":{},"#,
        r#""requestContext":{"routeKey":"$connect","eventType":"CONNECT","#,
        &format!(r#""extendedRequestId":"{request}","requestTime":"29/Nov/2023:08:04:01 +0000","#),
        r#""messageDirection":"IN","stage":"local","connectedAt":1701245041796,"#,
        r#""requestTimeEpoch":1701245041796,"identity":{"sourceIp":"127.0.0.1"},"#,
        &format!(r#""requestId":"{request}","domainName":"127.0.0.1:3001","#),
        &format!(r#""connectionId":"{connection}","apiId":"abcdef1234"}}}}"#),
    ]
    .concat();
    assert_eq!(text, want);
    let event: ApiGatewayCustomAuthorizerRequestTypeRequest = serde_json::from_str(&text).unwrap();
    assert!(event.method_arn.unwrap().ends_with("/local/$connect"));

    // boto3 issue 3789: `authorizer` stands behind the status code and before the message id.
    let (connect, _) = read(&served.call_of("$connect").await, &[]);
    let start = r#""requestContext":{"routeKey":"$connect","authorizer":{"principalId":"me","role":"admin"},"eventType""#;
    assert!(connect.contains(start), "{connect}");
    let event: ApiGatewayWebsocketProxyRequest = serde_json::from_str(&connect).unwrap();
    assert_eq!(
        event.request_context.connection_id.as_ref(),
        Some(connection)
    );
}

/// A client's own forwarding header is kept and added to; a trace that it began goes on.
#[tokio::test]
async fn forwarding_headers_are_added_to() {
    let mut served = wanted().serve().await;
    let sent = [
        "x-forwarded-for: 203.0.113.9",
        "x-amzn-trace-id: Root=1-a-b",
        "X-Forwarded-Proto: gopher",
    ];
    connected(&served, "/local", &sent).await;
    let headers = served.call_of("$connect").await.event()["headers"].clone();
    assert_eq!(headers["X-Forwarded-For"], "203.0.113.9, 127.0.0.1");
    assert_eq!(headers["x-amzn-trace-id"], "Root=1-a-b");
    assert_eq!(headers["X-Forwarded-Proto"], "http");
}
