//! Who comes in, and as whom.

use gatepost_protocol::Millis;
use gatepost_protocol::PROTOCOL;
use gatepost_protocol::RoomName;
use gatepost_protocol::UserId;
use gatepost_protocol::display_name;
use gatepost_runtime::AuthorizerEvent;
use gatepost_runtime::Headers;
use gatepost_runtime::Identity;
use gatepost_runtime::config::Origins;

use crate::jwt;
use crate::keys::KeyError;
use crate::keys::PublishedKeys;

/// How clients say who they are.
#[derive(Debug)]
pub enum Mode {
    /// `?user=…&name=…`, believed. Without `user`: an anonymous guest.
    Guest,
    /// `?token=…`, or behind `gatepost.v1` as a subprotocol.
    Jwt(Box<Tokens>),
}

/// What tokens must be.
#[derive(Debug)]
pub struct Tokens {
    /// What they are signed with.
    pub keys: Keys,
    /// What they say.
    pub rules: jwt::Rules,
}

/// What checks tokens' signatures.
#[derive(Debug)]
pub enum Keys {
    /// The deployment's own key.
    Own(jwt::Key),
    /// One of those that the issuer publishes.
    Published(Box<PublishedKeys>),
}

impl Tokens {
    async fn verify(&self, token: &str, now: Millis) -> Result<jwt::Claims, Refused> {
        let token = jwt::Token::parse(token)?;
        let claims = match &self.keys {
            Keys::Own(key) => token.verify(key, &self.rules, now),
            Keys::Published(keys) => {
                let kid = token.kid().ok_or(jwt::Refusal::Key)?;
                let key = keys.key(kid, now).await.map_err(|error| match error {
                    KeyError::Unknown => Refused::Token(jwt::Refusal::Key),
                    KeyError::Unavailable => Refused::NoKeys,
                })?;
                token.verify(&key, &self.rules, now)
            }
        };
        Ok(claims?)
    }
}

/// Why nobody comes in. For the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The page's origin is not listed.
    #[error("the origin is not in ALLOWED_ORIGINS")]
    Origin,
    /// The guest's id or name.
    #[error("the guest's {0}")]
    Guest(#[from] gatepost_protocol::InvalidId),
    /// The token.
    #[error(transparent)]
    Token(#[from] jwt::Refusal),
    /// Nobody's fault who comes: the issuer's keys are not known.
    #[error("the keys of JWT_JWKS_URL cannot be had")]
    NoKeys,
}

/// Roles and rooms that fit API Gateway's 8 KB for a whole authorization.
const LONGEST_LIST: usize = 2_048;

/// Lets pages in by their origin. A browser always says it and a page cannot change it; whoever
/// says none is no page.
pub(crate) fn origin(headers: &Headers, allowed: &Origins) -> Result<(), Refused> {
    let mut origins = headers.all("Origin");
    match (origins.next(), origins.next()) {
        (None, _) => Ok(()),
        (Some(origin), None) if allowed.admit(origin) => Ok(()),
        _ => Err(Refused::Origin),
    }
}

/// Who it is.
pub(crate) async fn identity(
    event: &AuthorizerEvent,
    mode: &Mode,
    now: Millis,
    random_guest: fn() -> UserId,
) -> Result<Identity, Refused> {
    let query = |name: &str| event.query_string_parameters.get(name).map(String::as_str);
    match mode {
        Mode::Guest => Ok(guest(query("user"), query("name"), random_guest)?),
        Mode::Jwt(tokens) => {
            let token = query("token").or_else(|| offered_token(&event.headers));
            let claims = tokens.verify(token.unwrap_or_default(), now).await?;
            Ok(of_token(&claims).ok_or(jwt::Refusal::Identity)?)
        }
    }
}

/// The subprotocol offered right behind `gatepost.v1`: a browser cannot send a token in any other
/// header.
fn offered_token(headers: &Headers) -> Option<&str> {
    let mut offers = headers
        .subprotocols()
        .skip_while(|offer| *offer != PROTOCOL);
    offers.nth(1)
}

fn guest(
    user: Option<&str>,
    name: Option<&str>,
    random_guest: fn() -> UserId,
) -> Result<Identity, gatepost_protocol::InvalidId> {
    let chosen = user.filter(|user| !user.is_empty());
    let user = chosen.map_or_else(|| Ok(random_guest()), UserId::chosen)?;
    let name = match name.filter(|name| !name.is_empty()) {
        Some(name) => display_name(name)?,
        None => name_of(&user),
    };
    Ok(Identity {
        anonymous: chosen.is_none(),
        user,
        name,
        expires_at: None,
        rooms: None,
        roles: Vec::new(),
    })
}

fn of_token(claims: &jwt::Claims) -> Option<Identity> {
    let user = UserId::chosen(&claims.sub).ok()?;
    let name = match &claims.name {
        Some(name) => display_name(name).ok()?,
        None => name_of(&user),
    };
    let rooms = claims.rooms.as_ref().map(|rooms| {
        rooms
            .iter()
            .map(|room| room.parse().ok())
            .collect::<Option<Vec<RoomName>>>()
    });
    let rooms = match rooms {
        Some(listed) => Some(listed?),
        None => None,
    };
    let roles = claims.roles.as_deref().unwrap_or_default();
    let plain = |role: &String| !role.is_empty() && role.bytes().all(|b| b.is_ascii_graphic());
    let long = |lengths: usize| lengths > LONGEST_LIST;
    let of_rooms = rooms
        .iter()
        .flatten()
        .map(|room| room.as_str().len() + 1)
        .sum();
    if !roles.iter().all(plain)
        || long(roles.iter().map(|role| role.len() + 1).sum())
        || long(of_rooms)
    {
        return None;
    }
    Some(Identity {
        user,
        name,
        anonymous: false,
        expires_at: Some(claims.expires_at()),
        rooms,
        roles: roles.to_vec(),
    })
}

/// What a user without a name is called: the id where it can be shown, `Guest` where not.
fn name_of(user: &UserId) -> String {
    display_name(user.as_str()).unwrap_or_else(|_| String::from("Guest"))
}

/// `guest-` and 96 random bits.
pub(crate) fn random_guest() -> UserId {
    let mut random = [0; 12];
    getrandom::fill(&mut random).expect("the kernel gives random bytes");
    let mut id = String::from("guest-");
    for byte in random {
        for digit in [byte >> 4, byte & 15] {
            id.push(char::from_digit(u32::from(digit), 16).expect("a digit is below 16"));
        }
    }
    id.parse().expect("30 characters are a user id")
}
