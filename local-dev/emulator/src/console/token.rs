//! The token of one start: who has it may use the console's API.
//!
//! It keeps out web pages, which can make a browser send requests here but can neither read the
//! console's page nor send a cookie that is `SameSite=Strict`, and clients on other machines when
//! `--host` lets those in. It does not keep out programs of the same person on this machine.

use std::fmt;

use http::HeaderMap;
use http::HeaderValue;
use http::header;
use serde::Serialize;

use crate::credentials::SMALL_LETTERS;
use crate::credentials::letters;

/// The header in which a program sends it.
pub(crate) const HEADER: &str = "x-gatepost-token";

/// 32 of 32 letters: 160 random bits.
const LENGTH: usize = 32;

/// The token of one start.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub(crate) struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

impl Token {
    /// From random bytes: `fill` fills a slice with them.
    ///
    /// # Errors
    /// Those of `fill`.
    pub(crate) fn generate<E>(fill: impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        letters(fill, SMALL_LETTERS, LENGTH).map(Self)
    }

    /// Whether a request shows it: a program in a header, the console's page in its cookie.
    pub(super) fn is_shown(&self, headers: &HeaderMap, port: u16) -> bool {
        if let Some(token) = headers.get(HEADER) {
            return self.is(token.as_bytes());
        }
        let name = cookie_name(port);
        let cookies = headers.get_all(header::COOKIE).iter();
        cookies
            .flat_map(|cookies| cookies.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|cookie| cookie.trim_ascii().strip_prefix(name.as_bytes()))
            .any(|value| value.strip_prefix(b"=").is_some_and(|token| self.is(token)))
    }

    /// Whether the query of a URL shows it: so a browser on another machine comes to the cookie.
    pub(super) fn is_in_query(&self, query: Option<&str>) -> bool {
        let mut pairs = query.unwrap_or_default().split('&');
        pairs.any(|pair| {
            pair.strip_prefix("token=")
                .is_some_and(|token| self.is(token.as_bytes()))
        })
    }

    /// What makes a browser show it to this API from now on, and to nobody else. Cookies know no
    /// ports: the name does, so that two emulators do not take each other's cookie away.
    pub(super) fn cookie(&self, port: u16) -> HeaderValue {
        let cookie = format!(
            "{}={}; Path=/_gatepost/; HttpOnly; SameSite=Strict",
            cookie_name(port),
            self.0
        );
        HeaderValue::try_from(cookie).expect("letters and digits make a header value")
    }

    /// Takes as long whichever byte differs.
    fn is(&self, shown: &[u8]) -> bool {
        let differs = |(a, b): (&u8, &u8)| a ^ b;
        shown.len() == self.0.len()
            && (self.0.as_bytes().iter().zip(shown).map(differs)).fold(0, |sum, d| sum | d) == 0
    }
}

fn cookie_name(port: u16) -> String {
    format!("gatepost-token-{port}")
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn token(first: u8) -> Token {
        Token::generate(|bytes| {
            bytes.fill(first);
            Ok::<_, std::convert::Infallible>(())
        })
        .unwrap()
    }

    fn shows(name: HeaderName, value: String) -> bool {
        let headers = HeaderMap::from_iter([(name, HeaderValue::try_from(value).unwrap())]);
        token(1).is_shown(&headers, 3001)
    }

    #[test]
    fn it_is_shown_in_its_header_or_in_the_cookie_of_its_port() {
        let (own, other) = (token(1).0, token(2).0);
        let header = HeaderName::from_static(HEADER);
        assert!(shows(header.clone(), own.clone()));
        for wrong in [other.clone(), String::new(), format!("{own}x")] {
            assert!(!shows(header.clone(), wrong));
        }
        for (cookie, admitted) in [
            (format!("gatepost-token-3001={own}"), true),
            (
                format!("a=b; gatepost-token-3001={other}; gatepost-token-3001={own};c=d"),
                true,
            ),
            (format!("gatepost-token-3002={own}"), false),
            (format!("gatepost-token-3001={other}"), false),
            ("gatepost-token-3001".to_owned(), false),
        ] {
            assert_eq!(shows(header::COOKIE, cookie.clone()), admitted, "{cookie}");
        }
        assert!(!token(1).is_shown(&HeaderMap::new(), 3001));
    }

    #[test]
    fn a_query_shows_it_too() {
        let own = token(1).0;
        assert!(token(1).is_in_query(Some(&format!("x=1&token={own}"))));
        assert!(!token(1).is_in_query(Some(&format!("token={own}0"))));
        assert!(!token(1).is_in_query(None));
    }

    #[test]
    fn it_stays_out_of_debug_output() {
        let token = token(7);
        assert!(!format!("{token:?}").contains(&token.0));
    }
}
