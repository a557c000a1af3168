//! The events of a Lambda proxy integration, as far as the functions need them: everything else,
//! the client's address above all, is skipped unread.
//!
//! AWS: "Input format of a Lambda function for proxy integration for WebSocket APIs".

use std::borrow::Cow;
use std::collections::BTreeMap;

use gatepost_chat::Caller;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Millis;
use gatepost_protocol::PROTOCOL;
use gatepost_protocol::Role;
use serde::Deserialize;

use crate::Fault;
use crate::Identity;
use crate::identity::AuthorizerContext;

/// What API Gateway says of the connection and of this request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestContext<'a> {
    /// The connection, as API Gateway calls it.
    #[serde(borrow)]
    pub connection_id: Cow<'a, str>,
    /// What a client quotes when it asks what went wrong.
    #[serde(borrow, default)]
    pub request_id: Cow<'a, str>,
    /// When the connection was made.
    pub connected_at: Millis,
    /// The host that the client connected to.
    #[serde(borrow, default)]
    pub domain_name: Cow<'a, str>,
    /// The stage.
    #[serde(borrow, default)]
    pub stage: Cow<'a, str>,
    /// The frame's own id, on MESSAGE: the same if the invocation is repeated.
    #[serde(borrow, default)]
    pub message_id: Cow<'a, str>,
    /// Why the connection ended, on DISCONNECT.
    pub disconnect_status_code: Option<i64>,
    #[serde(default)]
    authorizer: AuthorizerContext,
}

impl RequestContext<'_> {
    /// The connection.
    ///
    /// # Errors
    /// [`Fault`] if it is no connection ID.
    pub fn connection(&self) -> Result<ConnectionId, Fault> {
        self.connection_id
            .parse()
            .map_err(|_| Fault::payload("the event's connectionId is not one"))
    }

    /// Who the connection acts for.
    ///
    /// # Errors
    /// [`Fault`] if the API has no authorizer, or another one.
    pub fn identity(&self) -> Result<Identity, Fault> {
        let identity = Identity::try_from(self.authorizer.clone());
        identity.map_err(|error| Fault::payload(error.to_string()))
    }

    /// On whose behalf the chat acts.
    ///
    /// # Errors
    /// As [`connection`](Self::connection) and [`identity`](Self::identity).
    pub fn caller(&self) -> Result<Caller, Fault> {
        let connection = self.connection()?;
        let Identity {
            user,
            name,
            anonymous,
            expires_at,
            rooms,
            roles,
        } = self.identity()?;
        Ok(Caller {
            connection,
            user,
            name,
            anonymous,
            connected_at: self.connected_at,
            expires_at,
            message_id: self.message_id.clone().into_owned(),
            rooms,
            role: role(&roles),
        })
    }

    /// Where `@connections` of this API is: right for the API's own host name, and for a custom
    /// one only if its mapping key is the stage's name.
    #[must_use]
    pub fn management_endpoint(&self) -> String {
        format!("https://{}/{}", self.domain_name, self.stage)
    }
}

/// The highest of a token's roles that the chat knows; an application's own mean nothing to it.
fn role(roles: &[String]) -> Option<Role> {
    let known = roles.iter().filter_map(|role| match role.as_str() {
        "owner" => Some(Role::Owner),
        "moderator" => Some(Role::Moderator),
        _ => None,
    });
    known.max()
}

/// A frame of a client.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageEvent<'a> {
    /// The connection and the request.
    #[serde(borrow)]
    pub request_context: RequestContext<'a>,
    /// The frame.
    #[serde(borrow, default)]
    pub body: Cow<'a, str>,
}

/// A new connection, or its end.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionEvent<'a> {
    /// The connection and the request.
    #[serde(borrow)]
    pub request_context: RequestContext<'a>,
    /// The headers of the handshake.
    #[serde(flatten)]
    pub headers: Headers,
}

/// What the authorizer of `$connect` is asked.
///
/// AWS: "Control access to WebSocket APIs with AWS Lambda REQUEST authorizers".
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerEvent {
    /// The ARN of `$connect`: what a policy allows.
    pub method_arn: String,
    /// The headers of the handshake.
    #[serde(flatten)]
    pub headers: Headers,
    /// The query, decoded; of a name that occurs twice the last value.
    #[serde(default, deserialize_with = "or_empty")]
    pub query_string_parameters: BTreeMap<String, String>,
}

/// The headers of a handshake. Names keep the client's spelling; they are compared without case.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Headers {
    #[serde(default, deserialize_with = "or_empty")]
    headers: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_empty")]
    multi_value_headers: BTreeMap<String, Vec<String>>,
}

impl Headers {
    /// Every value of the header.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        let of_name = move |found: &str| found.eq_ignore_ascii_case(name);
        let several = self
            .multi_value_headers
            .iter()
            .filter(move |(found, _)| of_name(found));
        let several = several.flat_map(|(_, values)| values).map(String::as_str);
        let one = self.headers.iter().filter(move |(found, _)| of_name(found));
        // The map of lists says all that the other says.
        let one = one.filter(|_| self.multi_value_headers.is_empty());
        several.chain(one.map(|(_, value)| value.as_str()))
    }

    /// The subprotocols that the client offers, in its order (RFC 6455 section 11.3.4).
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        let offers = self
            .all("Sec-WebSocket-Protocol")
            .flat_map(|value| value.split(','));
        offers.map(str::trim).filter(|offer| !offer.is_empty())
    }

    /// Whether the client offers `gatepost.v1`.
    #[must_use]
    pub fn offers_v1(&self) -> bool {
        self.subprotocols().any(|offer| offer == PROTOCOL)
    }
}

/// A map that older events give as `null`.
fn or_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
