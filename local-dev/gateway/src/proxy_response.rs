//! What a function answers.
//!
//! Developer Guide, "Output format of a Lambda function for proxy integration": an object with
//! `statusCode` and, optionally, `headers`, `multiValueHeaders`, `body` and `isBase64Encoded`.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

/// A proxy response, whole and well formed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ProxyResponse {
    /// 200 to 599.
    pub(crate) status: u16,
    /// The body, decoded if it was base64; what is not UTF-8 then is replaced.
    pub(crate) body: String,
    headers: BTreeMap<String, String>,
}

/// Not an object with a `statusCode`: the gateway answers as if the function had failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    status_code: Value,
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    multi_value_headers: Option<BTreeMap<String, Vec<Value>>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: Option<bool>,
}

impl ProxyResponse {
    /// # Errors
    /// It is not a proxy response.
    pub(crate) fn read(json: &[u8]) -> Result<Self, Malformed> {
        let raw: Raw = serde_json::from_slice(json).map_err(|_| Malformed)?;
        let status = match &raw.status_code {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let status = status
            .filter(|status| (200..600).contains(status))
            .ok_or(Malformed)?;
        let body = raw.body.unwrap_or_default();
        let body = match raw.is_base64_encoded {
            // Not documented for WebSocket APIs; REST APIs decode.
            Some(true) => match STANDARD.decode(&body) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(_) => body,
            },
            _ => body,
        };
        let multi = raw.multi_value_headers.unwrap_or_default().into_iter();
        let multi = multi.filter_map(|(name, mut values)| Some((name, values.pop()?)));
        let headers = raw.headers.unwrap_or_default().into_iter().chain(multi);
        let headers = headers
            .filter_map(|(name, value)| Some((name, plain(value)?)))
            .collect();
        Ok(Self {
            status: u16::try_from(status).map_err(|_| Malformed)?,
            body,
            headers,
        })
    }

    /// A header, its name compared without regard to case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

fn plain(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses() {
        for (json, want) in [
            (r#"{"statusCode":200}"#, Ok((200, ""))),
            (r#"{"statusCode":"201","body":"x"}"#, Ok((201, "x"))),
            (
                r#"{"statusCode":401,"body":null,"headers":null,"multiValueHeaders":null}"#,
                Ok((401, "")),
            ),
            (
                r#"{"statusCode":200,"body":"aGk=","isBase64Encoded":true}"#,
                Ok((200, "hi")),
            ),
            (
                r#"{"statusCode":200,"body":"aGk=","isBase64Encoded":false}"#,
                Ok((200, "aGk=")),
            ),
            (
                r#"{"statusCode":200,"body":"x","cookies":[]}"#,
                Ok((200, "x")),
            ),
            ("null", Err(Malformed)),
            ("", Err(Malformed)),
            ("\"ok\"", Err(Malformed)),
            ("{}", Err(Malformed)),
            (r#"{"statusCode":null}"#, Err(Malformed)),
            (r#"{"statusCode":"ok"}"#, Err(Malformed)),
            (r#"{"statusCode":101}"#, Err(Malformed)),
            (r#"{"statusCode":600}"#, Err(Malformed)),
            (r#"{"statusCode":200.5}"#, Err(Malformed)),
            (r#"{"statusCode":200,"body":{"a":1}}"#, Err(Malformed)),
        ] {
            let got = ProxyResponse::read(json.as_bytes());
            let got = got.map(|response| (response.status, response.body));
            assert_eq!(
                got,
                want.map(|(status, body)| (status, body.to_owned())),
                "{json}"
            );
        }
    }

    #[test]
    fn a_header_is_found_in_either_map_and_any_case() {
        for json in [
            r#"{"statusCode":200,"headers":{"Sec-WebSocket-Protocol":"chat"}}"#,
            r#"{"statusCode":200,"headers":{"sec-websocket-protocol":"chat"}}"#,
            r#"{"statusCode":200,"multiValueHeaders":{"SEC-WEBSOCKET-PROTOCOL":["chat"]},"headers":{}}"#,
        ] {
            let response = ProxyResponse::read(json.as_bytes()).unwrap();
            assert_eq!(
                response.header("Sec-WebSocket-Protocol"),
                Some("chat"),
                "{json}"
            );
        }
        let none =
            ProxyResponse::read(br#"{"statusCode":200,"multiValueHeaders":{"a":[]}}"#).unwrap();
        assert_eq!(none.header("a"), None);
    }
}
