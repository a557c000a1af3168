//! Who a connection acts for: written by the authorizer, read by every function from the proxy
//! event. No function believes a frame about it.

use std::collections::BTreeMap;

use gatepost_protocol::Millis;
use gatepost_protocol::RoomName;
use gatepost_protocol::UserId;
use serde::Deserialize;

/// Who a connection acts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user: UserId,
    /// The user's name.
    pub name: String,
    /// An anonymous guest: may become a seed client.
    pub anonymous: bool,
    /// When the token runs out.
    pub expires_at: Option<Millis>,
    /// The only rooms that the token is for; `None`: no limit.
    pub rooms: Option<Vec<RoomName>>,
    /// The token's roles. None of them has a space in it. `moderator` and `owner` are the bearer's
    /// in every room that the bearer may read; others are an application's own.
    pub roles: Vec<String>,
}

/// Why the authorizer's context is not an identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the authorizer's context has no valid {0}")]
pub struct NoIdentity(pub &'static str);

/// The context as API Gateway passes it on: every value a string. (AWS: "API Gateway mapping
/// template and access logging variable reference", `$context.authorizer.property`.)
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct AuthorizerContext {
    user: Option<String>,
    name: Option<String>,
    anonymous: Option<String>,
    exp: Option<String>,
    rooms: Option<String>,
    roles: Option<String>,
}

impl Identity {
    /// The context that the authorizer answers.
    #[must_use]
    pub fn to_context(&self) -> BTreeMap<&'static str, String> {
        let mut context =
            BTreeMap::from([("user", self.user.to_string()), ("name", self.name.clone())]);
        if self.anonymous {
            context.insert("anonymous", String::from("true"));
        }
        if let Some(at) = self.expires_at {
            context.insert("exp", at.div_euclid(1_000).to_string());
        }
        if let Some(rooms) = &self.rooms {
            let rooms: Vec<&str> = rooms.iter().map(RoomName::as_str).collect();
            context.insert("rooms", rooms.join(" "));
        }
        if !self.roles.is_empty() {
            context.insert("roles", self.roles.join(" "));
        }
        context
    }
}

impl TryFrom<AuthorizerContext> for Identity {
    type Error = NoIdentity;

    fn try_from(context: AuthorizerContext) -> Result<Self, NoIdentity> {
        let user = context.user.ok_or(NoIdentity("user"))?;
        let user = UserId::try_from(user).map_err(|_| NoIdentity("user"))?;
        let name = context.name.ok_or(NoIdentity("name"))?;
        let seconds = context.exp.map(|exp| exp.parse::<i64>()).transpose();
        let seconds = seconds.map_err(|_| NoIdentity("exp"))?;
        let rooms = context
            .rooms
            .map(|rooms| rooms.split_whitespace().map(str::parse).collect());
        Ok(Self {
            user,
            name,
            anonymous: context.anonymous.as_deref() == Some("true"),
            expires_at: seconds.map(|seconds| seconds.saturating_mul(1_000)),
            rooms: rooms.transpose().map_err(|_| NoIdentity("rooms"))?,
            roles: context
                .roles
                .iter()
                .flat_map(|roles| roles.split_whitespace())
                .map(String::from)
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through_api_gateway(identity: &Identity) -> Result<Identity, NoIdentity> {
        let context = serde_json::to_value(identity.to_context()).unwrap();
        serde_json::from_value::<AuthorizerContext>(context)
            .unwrap()
            .try_into()
    }

    #[test]
    fn an_identity_comes_through_the_context_whole() {
        let guest = Identity {
            user: "ann".parse().unwrap(),
            name: String::from("Ann Lee"),
            anonymous: false,
            expires_at: None,
            rooms: None,
            roles: Vec::new(),
        };
        let token = Identity {
            expires_at: Some(1_800_000_000_000),
            rooms: Some(vec!["lobby".parse().unwrap(), "ops".parse().unwrap()]),
            roles: vec![String::from("moderator")],
            ..guest.clone()
        };
        let nowhere = Identity {
            rooms: Some(Vec::new()),
            ..token.clone()
        };
        let anonymous = Identity {
            anonymous: true,
            ..guest.clone()
        };
        for identity in [guest, token, nowhere, anonymous] {
            assert_eq!(through_api_gateway(&identity).unwrap(), identity);
        }
    }

    #[test]
    fn a_context_that_is_no_identity_is_told_by_its_field() {
        for (context, field) in [
            (r#"{"principalId":"x"}"#, "user"),
            (r#"{"user":"","name":"A"}"#, "user"),
            (r#"{"user":"a"}"#, "name"),
            (r#"{"user":"a","name":"A","exp":"soon"}"#, "exp"),
            (r#"{"user":"a","name":"A","rooms":"Lobby"}"#, "rooms"),
        ] {
            let context: AuthorizerContext = serde_json::from_str(context).unwrap();
            assert_eq!(Identity::try_from(context).unwrap_err(), NoIdentity(field));
        }
    }
}
