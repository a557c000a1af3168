//! Identifiers, each valid once it exists.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use crate::limits::ACTION_ID_CHARS;
use crate::limits::USER_ID_BYTES;

/// Why a text is not the identifier it was offered as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct InvalidId {
    /// The kind of identifier, for example `room`.
    pub what: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The text of the identifier.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                let check: fn(&str) -> Result<(), InvalidId> = $check;
                check(&text)?;
                Ok(Self(text.into_boxed_str()))
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::try_from(String::from(text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.into_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// API Gateway's connection ID. Opaque, 1 to 128 visible ASCII characters.
    ConnectionId,
    |text| visible("connection", text, 128)
);

id!(
    /// A user, 1 to 64 bytes, opaque. `seed:` and `guest-` begin ids that only the server gives.
    UserId,
    |text| match text.len() {
        0 => Err(InvalidId { what: "user", why: "is empty" }),
        1..=USER_ID_BYTES => Ok(()),
        _ => Err(InvalidId { what: "user", why: "is longer than 64 bytes" }),
    }
);

id!(
    /// A page load of a browser client: 128 random bits as 16 to 64 characters of `[A-Za-z0-9_-]`.
    ClientId,
    |text| {
        if !(16..=64).contains(&text.len()) {
            return Err(InvalidId { what: "client", why: "is not 16 to 64 characters long" });
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            return Err(InvalidId { what: "client", why: "has a character outside [A-Za-z0-9_-]" });
        }
        Ok(())
    }
);

id!(
    /// A room: `[a-z0-9][a-z0-9._-]{0,63}`, or a reserved name with `:` that only the server makes,
    /// such as `dm:` and 32 hexadecimal digits.
    RoomName,
    |text| {
        if text.is_empty() || text.len() > 64 {
            return Err(InvalidId { what: "room", why: "is not 1 to 64 characters long" });
        }
        if !text.as_bytes()[0].is_ascii_lowercase() && !text.as_bytes()[0].is_ascii_digit() {
            return Err(InvalidId { what: "room", why: "does not begin with a-z or 0-9" });
        }
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-:".contains(&b);
        if !text.bytes().all(allowed) {
            return Err(InvalidId { what: "room", why: "has a character outside [a-z0-9._-]" });
        }
        Ok(())
    }
);

id!(
    /// What a client calls one of its actions, so that it knows the reply: at most 64 characters.
    ActionId,
    |text| {
        if text.chars().nth(ACTION_ID_CHARS).is_some() {
            return Err(InvalidId { what: "id", why: "is longer than 64 characters" });
        }
        Ok(())
    }
);

impl UserId {
    /// An id that somebody outside chose, for example a token's `sub` or a guest's `user`.
    ///
    /// # Errors
    /// If it is none, or one that only the server gives.
    pub fn chosen(text: &str) -> Result<Self, InvalidId> {
        let id: Self = text.parse()?;
        if id.is_reserved() {
            return Err(InvalidId {
                what: "user",
                why: "begins with seed: or guest-",
            });
        }
        Ok(id)
    }

    /// Whether it is a user of the seed's page.
    #[must_use]
    pub fn is_seed(&self) -> bool {
        self.0.starts_with("seed:")
    }

    /// Whether only the server gives this id.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.is_seed() || self.0.starts_with("guest-")
    }
}

impl RoomName {
    /// Whether only the server may make a room of this name.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.0.contains(':')
    }
}

fn visible(what: &'static str, text: &str, most: usize) -> Result<(), InvalidId> {
    if text.is_empty() || text.len() > most {
        return Err(InvalidId {
            what,
            why: "is empty or too long",
        });
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(InvalidId {
            what,
            why: "has a character that is not visible ASCII",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why<T>(result: Result<T, InvalidId>) -> Result<(), &'static str> {
        result.map(|_| ()).map_err(|e| e.why)
    }

    #[test]
    fn rooms_are_short_lower_case_names() {
        let long = "a".repeat(65);
        for (text, expected) in [
            ("lobby", Ok(())),
            ("0", Ok(())),
            ("a.b_c-d", Ok(())),
            ("dm:8b5090a9a0cf7d0ea4ad77ff936d1bdf", Ok(())),
            (&long[1..], Ok(())),
            ("", Err("is not 1 to 64 characters long")),
            (&long, Err("is not 1 to 64 characters long")),
            ("-a", Err("does not begin with a-z or 0-9")),
            (":a", Err("does not begin with a-z or 0-9")),
            ("Lobby", Err("does not begin with a-z or 0-9")),
            ("lobbY", Err("has a character outside [a-z0-9._-]")),
            ("a b", Err("has a character outside [a-z0-9._-]")),
            ("aä", Err("has a character outside [a-z0-9._-]")),
        ] {
            assert_eq!(why(text.parse::<RoomName>()), expected, "{text:?}");
        }
    }

    #[test]
    fn users_outside_cannot_choose_an_id_that_the_server_gives() {
        let long = "u".repeat(65);
        for (text, expected) in [
            ("ann", Ok(())),
            ("auth0|5f7c", Ok(())),
            ("seed", Ok(())),
            ("guest", Ok(())),
            (&long[1..], Ok(())),
            ("", Err("is empty")),
            (&long, Err("is longer than 64 bytes")),
            ("seed:1", Err("begins with seed: or guest-")),
            ("guest-1", Err("begins with seed: or guest-")),
        ] {
            assert_eq!(why(UserId::chosen(text)), expected, "{text:?}");
        }
    }

    #[test]
    fn clients_are_128_bits_in_some_url_safe_alphabet() {
        for (text, expected) in [
            ("0123456789abcdef", Ok(())),
            ("AAAAAAAAAAAAAAAAAAAA_-", Ok(())),
            ("0123456789abcde", Err("is not 16 to 64 characters long")),
            (
                "0123456789abcde+",
                Err("has a character outside [A-Za-z0-9_-]"),
            ),
        ] {
            assert_eq!(why(text.parse::<ClientId>()), expected, "{text:?}");
        }
    }

    #[test]
    fn connections_are_visible_ascii() {
        for (text, expected) in [
            ("L0SM9cOFvHcCIhw=", Ok(())),
            ("", Err("is empty or too long")),
            ("a b", Err("has a character that is not visible ASCII")),
        ] {
            assert_eq!(why(text.parse::<ConnectionId>()), expected, "{text:?}");
        }
    }
}
