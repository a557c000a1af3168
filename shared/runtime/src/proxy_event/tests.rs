//! The events are those of AWS's pages and of public logs, read by this crate and by AWS's own.

use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequestTypeRequest;
use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;

use super::*;

const CONNECT: &str = r#"{
 "headers":{"Accept-Encoding":"gzip, deflate, br","Host":"abcd123.execute-api.us-east-1.amazonaws.com",
  "Origin":"https://site","sec-websocket-protocol":"gatepost.v1, aa.bb.cc","X-Forwarded-For":"185.69.197.15"},
 "multiValueHeaders":{"Host":["abcd123.execute-api.us-east-1.amazonaws.com"],"Origin":["https://site"],
  "sec-websocket-protocol":["gatepost.v1, aa.bb.cc"]},
 "queryStringParameters":{"a":"2"},"multiValueQueryStringParameters":{"a":["1","2"]},
 "requestContext":{"routeKey":"$connect","authorizer":{"principalId":"ann","user":"ann","name":"Ann","integrationLatency":42},
  "eventType":"CONNECT","extendedRequestId":"PJqB0E1tKRcF-Qw=","requestTime":"29/Nov/2023:08:04:01 +0000",
  "messageDirection":"IN","stage":"production","connectedAt":1701245041796,"requestTimeEpoch":1701245041798,
  "identity":{"userAgent":"Mozilla/5.0","sourceIp":"123.45.123.45"},"requestId":"PJqB0E1tKRcF-Qw=",
  "domainName":"abcd123.execute-api.us-east-1.amazonaws.com","connectionId":"PJqB0fHsqRcCHlw=","apiId":"abcd123"},
 "isBase64Encoded":false}"#;

const MESSAGE: &str = r#"{
 "requestContext":{"routeKey":"$default","authorizer":{"principalId":"ann","user":"ann","name":"Ann \"A\"","exp":"1800000000"},
  "messageId":"PJqCFfHyKRcCHlw=","eventType":"MESSAGE","extendedRequestId":"PJqCFEqHqRcFd0w=",
  "requestTime":"29/Nov/2023:08:04:03 +0000","messageDirection":"IN","stage":"production","connectedAt":1701245041796,
  "requestTimeEpoch":1701245043417,"identity":{"sourceIp":"123.45.123.45"},"requestId":"PJqCFEqHqRcFd0w=",
  "domainName":"abcd123.execute-api.us-east-1.amazonaws.com","connectionId":"PJqB0fHsqRcCHlw=","apiId":"aabbccdd"},
 "body":"{\"action\":\"ping\"}","isBase64Encoded":false}"#;

const DISCONNECT: &str = r#"{
 "headers":{"Host":"h","x-api-key":"","X-Forwarded-For":"","x-restapi":""},
 "multiValueHeaders":{"Host":["h"],"x-api-key":[""],"X-Forwarded-For":[""],"x-restapi":[""]},
 "requestContext":{"routeKey":"$disconnect","disconnectStatusCode":1005,"eventType":"DISCONNECT",
  "extendedRequestId":"TX0tuFp2joEF5Zw=","requestTime":"19/Feb/2024:07:21:46 +0000","messageDirection":"IN",
  "disconnectReason":"Client-side close frame status not set","stage":"develop","connectedAt":1708326702789,
  "requestTimeEpoch":1708327306706,"identity":{"sourceIp":"185.69.197.15"},"requestId":"TX0tuFp2joEF5Zw=",
  "domainName":"h","connectionId":"TXzPWdnOjoECGjA=","apiId":"nn27okk1we"},
 "isBase64Encoded":false}"#;

const AUTHORIZER: &str = r#"{"type":"REQUEST",
 "methodArn":"arn:aws:execute-api:us-east-1:123456789012:abcdef123/default/$connect",
 "headers":{"Connection":"upgrade","content-length":"0","Host":"h","Origin":"https://a","Upgrade":"websocket"},
 "multiValueHeaders":{"Host":["h"],"Origin":["https://a","https://b"]},
 "queryStringParameters":{"user":"ann"},"multiValueQueryStringParameters":{"user":["ann"]},"stageVariables":{},
 "requestContext":{"routeKey":"$connect","eventType":"CONNECT","messageDirection":"IN","stage":"default",
  "connectedAt":1674162806344,"requestTimeEpoch":1674162806345,"identity":{"sourceIp":"1.2.3.4"},"requestId":"r",
  "domainName":"h","connectionId":"c","apiId":"abcdef123"}}"#;

#[test]
fn a_connect_event_says_what_connect_needs() {
    let event: ConnectionEvent<'_> = serde_json::from_str(CONNECT).unwrap();
    let context = &event.request_context;
    assert_eq!(context.connection().unwrap().as_str(), "PJqB0fHsqRcCHlw=");
    assert_eq!(context.connected_at, 1_701_245_041_796);
    assert_eq!(context.identity().unwrap().user.as_str(), "ann");
    assert_eq!(
        context.management_endpoint(),
        "https://abcd123.execute-api.us-east-1.amazonaws.com/production"
    );
    assert!(event.headers.offers_v1());
    let offers: Vec<&str> = event.headers.subprotocols().collect();
    assert_eq!(offers, ["gatepost.v1", "aa.bb.cc"]);
}

#[test]
fn a_message_event_borrows_what_it_can() {
    let event: MessageEvent<'_> = serde_json::from_str(MESSAGE).unwrap();
    assert_eq!(event.body, r#"{"action":"ping"}"#);
    let context = &event.request_context;
    assert_eq!(context.message_id, "PJqCFfHyKRcCHlw=");
    assert!(matches!(context.message_id, Cow::Borrowed(_)));
    let identity = context.identity().unwrap();
    assert_eq!(identity.name, "Ann \"A\"");
    assert_eq!(identity.expires_at, Some(1_800_000_000_000));
}

#[test]
fn a_disconnect_event_says_how_it_ended() {
    let event: ConnectionEvent<'_> = serde_json::from_str(DISCONNECT).unwrap();
    assert_eq!(event.request_context.disconnect_status_code, Some(1005));
    event.request_context.identity().unwrap_err();
}

#[test]
fn an_authorizer_event_says_what_the_authorizer_needs() {
    let event: AuthorizerEvent = serde_json::from_str(AUTHORIZER).unwrap();
    assert!(event.method_arn.ends_with("/default/$connect"));
    assert_eq!(event.query_string_parameters["user"], "ann");
    let origins: Vec<&str> = event.headers.all("origin").collect();
    assert_eq!(origins, ["https://a", "https://b"]);
}

#[test]
fn maps_may_be_null_or_missing() {
    let event = r#"{"methodArn":"a","headers":null,"queryStringParameters":null}"#;
    let event: AuthorizerEvent = serde_json::from_str(event).unwrap();
    assert_eq!(event.headers.all("origin").count(), 0);
}

#[test]
fn awss_own_types_read_the_same() {
    let theirs: ApiGatewayWebsocketProxyRequest = serde_json::from_str(MESSAGE).unwrap();
    let ours: MessageEvent<'_> = serde_json::from_str(MESSAGE).unwrap();
    let context = &theirs.request_context;
    assert_eq!(theirs.body.unwrap(), ours.body);
    assert_eq!(
        context.connection_id.as_deref(),
        Some(&*ours.request_context.connection_id)
    );
    assert_eq!(context.connected_at, ours.request_context.connected_at);
    assert_eq!(
        context.request_id.as_deref(),
        Some(&*ours.request_context.request_id)
    );

    let theirs: ApiGatewayCustomAuthorizerRequestTypeRequest =
        serde_json::from_str(AUTHORIZER).unwrap();
    let ours: AuthorizerEvent = serde_json::from_str(AUTHORIZER).unwrap();
    assert_eq!(theirs.method_arn.unwrap(), ours.method_arn);
}
