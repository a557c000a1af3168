//! What a function with a Lambda proxy integration returns.

use gatepost_protocol::PROTOCOL;
use serde::Serialize;

/// A response to API Gateway. On `$connect` the status decides; on a two-way route `body` is sent to
/// the client as one text frame, whatever the status.
///
/// AWS: "Set up route responses for WebSocket APIs in API Gateway".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyResponse {
    /// HTTP status.
    pub status_code: u16,
    /// The subprotocol that `$connect` accepts.
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Subprotocol>,
    /// The frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// The one header that API Gateway passes on from `$connect`. (AWS: "Set up a `$connect` route that
/// requires a WebSocket subprotocol".)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Subprotocol {
    #[serde(rename = "Sec-WebSocket-Protocol")]
    name: &'static str,
}

impl ProxyResponse {
    /// 200 without a word.
    #[must_use]
    pub const fn ok() -> Self {
        Self {
            status_code: 200,
            headers: None,
            body: None,
        }
    }

    /// 200, and the subprotocol `gatepost.v1`.
    #[must_use]
    pub const fn with_subprotocol() -> Self {
        Self {
            status_code: 200,
            headers: Some(Subprotocol { name: PROTOCOL }),
            body: None,
        }
    }

    /// 200 and a frame.
    #[must_use]
    pub const fn frame(body: String) -> Self {
        Self {
            status_code: 200,
            headers: None,
            body: Some(body),
        }
    }

    /// Refuses a `$connect`: the client sees this status.
    #[must_use]
    pub const fn refused(status_code: u16) -> Self {
        Self {
            status_code,
            headers: None,
            body: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::apigw::ApiGatewayProxyResponse;
    use serde_json::Value;

    use super::*;

    fn written(response: &ProxyResponse) -> String {
        serde_json::to_string(response).unwrap()
    }

    #[test]
    fn a_response_has_what_it_says_and_no_more() {
        let frame = ProxyResponse::frame(String::from(r#"{"reply":"1"}"#));
        assert_eq!(written(&ProxyResponse::ok()), r#"{"statusCode":200}"#);
        assert_eq!(
            written(&frame),
            r#"{"statusCode":200,"body":"{\"reply\":\"1\"}"}"#
        );
        let subprotocol = written(&ProxyResponse::with_subprotocol());
        let expected = r#"{"statusCode":200,"headers":{"Sec-WebSocket-Protocol":"gatepost.v1"}}"#;
        assert_eq!(subprotocol, expected);
        assert_eq!(
            written(&ProxyResponse::refused(403)),
            r#"{"statusCode":403}"#
        );
    }

    #[test]
    fn it_reads_like_awss_own_type() {
        let mut response: Value =
            serde_json::from_str(&written(&ProxyResponse::with_subprotocol())).unwrap();
        // The type wants both maps; API Gateway does not.
        response["multiValueHeaders"] = Value::Object(serde_json::Map::new());
        let response: ApiGatewayProxyResponse = serde_json::from_value(response).unwrap();
        assert_eq!(response.status_code, 200);
        assert_eq!(response.headers["sec-websocket-protocol"], "gatepost.v1");
    }
}
