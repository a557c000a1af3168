//! The Lambda REQUEST authorizer of `$connect`.
//!
//! Developer Guide, "Create a Lambda REQUEST authorizer function" for WebSocket APIs, and "Output
//! from an API Gateway Lambda authorizer".

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::Serialize;
use serde::de::Deserializer;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde::ser::SerializeMap;
use serde::ser::Serializer;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::Latency;
use crate::connection::Connection;
use crate::head::Head;
use crate::policy::Decision;
use crate::policy::Policy;

/// What an authorizer said of a connection: it goes with every later event.
#[derive(Debug)]
pub(crate) struct Authorized {
    /// `principalId`.
    pub(crate) principal: String,
    /// `requestContext.authorizer`, serialised once.
    pub(crate) json: Box<RawValue>,
}

/// Whether every identity source is present and not empty; if not, the client gets 401 and the
/// authorizer is not called. Sources that do not exist for WebSocket APIs are `Err`.
pub(crate) fn has_identity(
    sources: &[String],
    head: &Head,
    connection: &Connection,
) -> Result<bool, UnknownSource> {
    let variables = &connection.stage.deployed().variables;
    for source in sources {
        let bare = source.strip_prefix('$').unwrap_or(source);
        let value = if let Some(name) = bare.strip_prefix("route.request.header.") {
            head.headers.header(name)
        } else if let Some(name) = bare.strip_prefix("route.request.querystring.") {
            head.query.last(name)
        } else if let Some(name) = bare.strip_prefix("stageVariables.") {
            variables.get(name).map(String::as_str)
        } else if let Some(name) = bare.strip_prefix("context.") {
            match name {
                "connectionId" => Some(connection.id.as_str()),
                "stage" => Some(connection.stage.name.as_str()),
                "identity.userAgent" => connection.user_agent.as_deref(),
                // Always there.
                "apiId" | "domainName" | "eventType" | "identity.sourceIp" | "requestId"
                | "routeKey" => continue,
                _ => None,
            }
        } else {
            return Err(UnknownSource(source.clone()));
        };
        if value.is_none_or(str::is_empty) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// An identity source that WebSocket APIs do not have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownSource(pub(crate) String);

/// An authorizer's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    principal: String,
    policy: Policy,
    context: Vec<(String, String)>,
    usage_key: Option<String>,
}

/// The answer is no policy, or too large, or its context is not flat: the client gets 500.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadAnswer(pub(crate) String);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    principal_id: Value,
    policy_document: Policy,
    #[serde(default)]
    context: Option<InOrder>,
    #[serde(default)]
    usage_identifier_key: Option<String>,
}

impl Answer {
    /// # Errors
    /// [`BadAnswer`] with the reason, for a person.
    pub(crate) fn read(json: &[u8], largest: usize) -> Result<Self, BadAnswer> {
        if json.len() > largest {
            let len = json.len();
            return Err(BadAnswer(format!(
                "the answer has {len} bytes, above {largest}"
            )));
        }
        let raw: Raw = serde_json::from_slice(json).map_err(|e| BadAnswer(e.to_string()))?;
        let principal = match raw.principal_id {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            _ => return Err(BadAnswer("principalId is not a string".to_owned())),
        };
        let mut context: Vec<(String, String)> = Vec::new();
        for (key, value) in raw.context.unwrap_or_default().0 {
            let value = match value {
                Value::String(text) => text,
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                Value::Null => continue,
                Value::Array(_) | Value::Object(_) => {
                    return Err(BadAnswer(format!(
                        "context.{key} is not a string, number or bool"
                    )));
                }
            };
            context.push((key, value));
        }
        Ok(Self {
            principal,
            policy: raw.policy_document,
            context,
            usage_key: raw.usage_identifier_key,
        })
    }

    pub(crate) fn decide(&self, method_arn: &str) -> Decision {
        self.policy.decide(method_arn)
    }

    /// `usageIdentifierKey`: the API key.
    pub(crate) fn usage_key(&self) -> Option<String> {
        self.usage_key.clone()
    }

    /// What later events carry: the principal, the context as strings, and, if that is wanted, how
    /// long the authorizer took.
    pub(crate) fn authorized(self, latency_ms: u64, latency: Latency) -> Authorized {
        let shown = Shown {
            principal: &self.principal,
            context: &self.context,
            latency: match latency {
                Latency::Absent => None,
                Latency::Number => Some(latency_ms.into()),
                Latency::String => Some(latency_ms.to_string().into()),
            },
        };
        let json = serde_json::value::to_raw_value(&shown).expect("strings and a number serialise");
        Authorized {
            json,
            principal: self.principal,
        }
    }
}

impl Authorized {
    /// As if an authorizer had answered with this context; its `principalId` is the principal.
    pub(crate) fn with(context: &[(String, String)]) -> Self {
        let principal = context.iter().find(|(key, _)| key == "principalId");
        let principal = principal.map_or("", |(_, value)| value);
        let shown = Shown {
            principal,
            context,
            latency: None,
        };
        Self {
            principal: principal.to_owned(),
            json: serde_json::value::to_raw_value(&shown).expect("strings serialise"),
        }
    }
}

/// `requestContext.authorizer`.
struct Shown<'a> {
    principal: &'a str,
    context: &'a [(String, String)],
    latency: Option<Value>,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("principalId", self.principal)?;
        let mut seen = HashSet::from(["principalId", "integrationLatency"]);
        for (key, value) in self.context {
            if seen.insert(key) {
                map.serialize_entry(key, value)?;
            }
        }
        if let Some(latency) = &self.latency {
            map.serialize_entry("integrationLatency", latency)?;
        }
        map.end()
    }
}

/// Members of an object in the order in which they were written.
#[derive(Default)]
struct InOrder(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for InOrder {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = InOrder;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(InOrder(members))
            }
        }
        json.deserialize_map(Members)
    }
}

/// Whether a failed authorizer meant 401: its error message is exactly `Unauthorized`.
pub(crate) fn is_unauthorized(function_error: &[u8]) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct FunctionError {
        error_message: String,
    }
    serde_json::from_slice::<FunctionError>(function_error)
        .is_ok_and(|error| error.error_message == "Unauthorized")
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#""policyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"*"}]}"#;

    fn shown(rest: &str) -> Result<String, BadAnswer> {
        let answer = Answer::read(format!("{{{POLICY},{rest}}}").as_bytes(), 8192)?;
        assert_eq!(answer.decide("arn"), Decision::Allow);
        Ok(answer.authorized(7, Latency::Number).json.get().to_owned())
    }

    #[test]
    fn context_values_are_strings_and_keep_their_order() {
        for (rest, want) in [
            (
                r#""principalId":"me""#,
                r#"{"principalId":"me","integrationLatency":7}"#,
            ),
            (
                r#""principalId":5,"context":null"#,
                r#"{"principalId":"5","integrationLatency":7}"#,
            ),
            (
                r#""principalId":"me","context":{"z":1,"a":true,"s":"t","n":null,"f":1.5,"principalId":"x"}"#,
                r#"{"principalId":"me","z":"1","a":"true","s":"t","f":"1.5","integrationLatency":7}"#,
            ),
        ] {
            assert_eq!(shown(rest).as_deref(), Ok(want));
        }
    }

    #[test]
    fn how_long_it_took_is_shown_as_is_wanted() {
        for (latency, want) in [
            (Latency::Absent, r#"{"principalId":"me"}"#),
            (
                Latency::Number,
                r#"{"principalId":"me","integrationLatency":7}"#,
            ),
            (
                Latency::String,
                r#"{"principalId":"me","integrationLatency":"7"}"#,
            ),
        ] {
            let json = format!(r#"{{"principalId":"me",{POLICY}}}"#);
            let answer = Answer::read(json.as_bytes(), 8192).unwrap();
            assert_eq!(answer.authorized(7, latency).json.get(), want);
        }
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for rest in [
            r#""principal":"me""#,
            r#""principalId":null"#,
            r#""principalId":"me","context":{"deep":{}}"#,
            r#""principalId":"me","context":{"list":[]}"#,
            r#""principalId":"me","context":[]"#,
        ] {
            assert!(shown(rest).is_err(), "{rest}");
        }
        assert!(Answer::read(br#"{"principalId":"me"}"#, 8192).is_err());
        let fits = format!(r#"{{"principalId":"me",{POLICY}}}"#);
        assert!(Answer::read(fits.as_bytes(), fits.len()).is_ok());
        assert!(Answer::read(fits.as_bytes(), fits.len() - 1).is_err());
    }

    #[test]
    fn only_the_exact_message_means_401() {
        for (error, want) in [
            (
                r#"{"errorMessage":"Unauthorized","errorType":"Error"}"#,
                true,
            ),
            (r#"{"errorMessage":"unauthorized"}"#, false),
            (r#"{"errorMessage":"Unauthorized!"}"#, false),
            ("Unauthorized", false),
        ] {
            assert_eq!(is_unauthorized(error.as_bytes()), want, "{error}");
        }
    }
}
