//! The handshake request as events show it.

use std::net::IpAddr;

use http::HeaderMap;
use http::header;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeMap;

/// Names and values in the order in which events list them, equal names beside each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pairs(Vec<(String, String)>);

impl Pairs {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter()
    }

    /// The last value of a name, compared exactly.
    pub(crate) fn last(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// The last value of a header, compared without regard to case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .0
            .iter()
            .rev()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Replaces a header.
    pub(crate) fn set_header(&mut self, name: &str, value: String) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.0.push((name.to_owned(), value));
    }

    pub(crate) fn without_headers(&self, names: &[&str]) -> Self {
        let keep = |name: &str| {
            !names
                .iter()
                .any(|without| name.eq_ignore_ascii_case(without))
        };
        Self(
            self.0
                .iter()
                .filter(|(name, _)| keep(name))
                .cloned()
                .collect(),
        )
    }

    /// Every real event lists its headers sorted by name without regard to case.
    pub(crate) fn sort_as_headers(&mut self) {
        self.0
            .sort_by_cached_key(|(name, _)| name.to_ascii_lowercase());
    }

    fn same_name(a: &(String, String), b: &(String, String)) -> bool {
        a.0 == b.0
    }

    /// `headers`: of a repeated one the last value.
    pub(crate) fn single(&self) -> Single<'_> {
        Single(self)
    }

    /// `multiValueHeaders`: all values.
    pub(crate) fn multi(&self) -> Multi<'_> {
        Multi(self)
    }
}

/// Serialises as an object of strings.
pub(crate) struct Single<'a>(&'a Pairs);

impl Serialize for Single<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for same in self.0.0.chunk_by(Pairs::same_name) {
            let (name, value) = &same[same.len() - 1];
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Serialises as an object of arrays of strings.
pub(crate) struct Multi<'a>(&'a Pairs);

impl Serialize for Multi<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for same in self.0.0.chunk_by(Pairs::same_name) {
            let values: Vec<&str> = same.iter().map(|(_, value)| value.as_str()).collect();
            map.serialize_entry(&same[same.len() - 1].0, &values)?;
        }
        map.end()
    }
}

/// The handshake request.
#[derive(Debug)]
pub(crate) struct Head {
    /// Sorted, those that the gateway adds included.
    pub(crate) headers: Pairs,
    /// Decoded, in the order of the URL, equal names together.
    pub(crate) query: Pairs,
    pub(crate) user_agent: Option<String>,
}

impl Head {
    /// `names` are the client's header names as it wrote them, where they are known; else they
    /// become `Sec-WebSocket-Key` and so on. `authority` is the gateway's `host:port`.
    pub(crate) fn new(
        headers: &HeaderMap,
        names: Option<&[Box<str>]>,
        query: Option<&str>,
        source_ip: IpAddr,
        authority: &str,
        trace_id: String,
    ) -> Self {
        let text =
            |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let mut pairs = Pairs(
            headers
                .iter()
                .map(|(name, value)| (client_name(name.as_str(), names), text(value)))
                .collect(),
        );
        let forwarded = match pairs.header("x-forwarded-for") {
            Some(before) => format!("{before}, {source_ip}"),
            None => source_ip.to_string(),
        };
        let port = authority.rsplit_once(':').map_or("80", |(_, port)| port);
        pairs.set_header("X-Forwarded-For", forwarded);
        pairs.set_header("X-Forwarded-Port", port.to_owned());
        pairs.set_header("X-Forwarded-Proto", "http".to_owned());
        if pairs.header("x-amzn-trace-id").is_none() {
            pairs.set_header("X-Amzn-Trace-Id", trace_id);
        }
        pairs.sort_as_headers();
        Self {
            headers: pairs,
            query: query.map(read_query).unwrap_or_default(),
            user_agent: headers.get(header::USER_AGENT).map(text),
        }
    }
}

/// The name as the client wrote it.
fn client_name(name: &str, names: Option<&[Box<str>]>) -> String {
    let written = names.and_then(|names| names.iter().find(|n| n.eq_ignore_ascii_case(name)));
    written.map_or_else(|| title_case(name), |written| written.to_string())
}

/// `sec-websocket-key` → `Sec-WebSocket-Key`.
fn title_case(name: &str) -> String {
    let word = |word: &str| match word {
        "websocket" => "WebSocket".to_owned(),
        _ => {
            let mut chars = word.chars();
            chars.next().map_or_else(String::new, |c| {
                c.to_ascii_uppercase().to_string() + chars.as_str()
            })
        }
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

/// Decodes a query string; a name that comes again joins the first one.
fn read_query(query: &str) -> Pairs {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name), decode(value));
        let at = pairs
            .iter()
            .rposition(|(n, _)| *n == name)
            .map_or(pairs.len(), |i| i + 1);
        pairs.insert(at, (name, value));
    }
    Pairs(pairs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(value: &impl Serialize) -> String {
        serde_json::to_string(value).unwrap()
    }

    fn head(headers: &[(&'static str, &'static str)], names: Option<&[Box<str>]>) -> Head {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, http::HeaderValue::from_static(value));
        }
        let ip = IpAddr::from([192, 0, 2, 1]);
        Head::new(&map, names, None, ip, "127.0.0.1:3001", "Root=1".to_owned())
    }

    #[test]
    fn headers_are_sorted_and_keep_the_clients_spelling() {
        let sent = [("x-b", "1"), ("host", "h"), ("accept", "*/*"), ("x-b", "2")];
        let names: Vec<Box<str>> = ["X-b", "HOST", "accept", "X-b"].map(Box::from).to_vec();
        let head = head(&sent, Some(&names));
        assert_eq!(
            json(&head.headers.single()),
            r#"{"accept":"*/*","HOST":"h","X-Amzn-Trace-Id":"Root=1","X-b":"2","X-Forwarded-For":"192.0.2.1","X-Forwarded-Port":"3001","X-Forwarded-Proto":"http"}"#
        );
        assert!(json(&head.headers.multi()).contains(r#""X-b":["1","2"]"#));
    }

    #[test]
    fn unknown_spellings_become_title_case() {
        let head = head(
            &[
                ("sec-websocket-key", "k"),
                ("x-forwarded-for", "203.0.113.9"),
            ],
            None,
        );
        assert_eq!(head.headers.header("SEC-WEBSOCKET-KEY"), Some("k"));
        assert!(json(&head.headers.single()).starts_with(r#"{"Sec-WebSocket-Key":"k""#));
        assert_eq!(
            head.headers.header("x-forwarded-for"),
            Some("203.0.113.9, 192.0.2.1")
        );
    }

    proptest! {
        /// What was encoded comes back, however it was encoded.
        #[test]
        fn any_query_is_read_as_it_was_written(pairs in prop::collection::vec(("\\PC{1,8}", "\\PC{0,8}"), 0..6)) {
            let encode = |text: &str| -> String {
                text.bytes().map(|b| match b {
                    b' ' => "+".to_owned(),
                    b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
                    b => format!("%{b:02x}"),
                }).collect()
            };
            let query: Vec<String> = pairs.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect();
            let read = read_query(&query.join("&"));
            for (name, _) in &pairs {
                let mut sent = pairs.iter().filter(|(n, _)| n == name).map(|(_, v)| v);
                let got: Vec<&String> = read.0.iter().filter(|(n, _)| n == name).map(|(_, v)| v).collect();
                prop_assert_eq!(&got, &sent.by_ref().collect::<Vec<_>>());
            }
            prop_assert_eq!(read.0.len(), pairs.len());
        }

        #[test]
        fn any_bytes_of_a_query_are_read_without_a_panic(query in "[ -~]{0,60}") {
            let read = read_query(&query);
            let _ = (json(&read.single()), json(&read.multi()));
        }
    }

    #[test]
    fn queries_are_decoded_and_the_last_value_wins() {
        for (query, single, multi) in [
            ("", "{}", "{}"),
            ("a=1", r#"{"a":"1"}"#, r#"{"a":["1"]}"#),
            (
                "a=1&b=x&a=2",
                r#"{"a":"2","b":"x"}"#,
                r#"{"a":["1","2"],"b":["x"]}"#,
            ),
            (
                "n=%C3%A9+%2B&flag&e=",
                r#"{"n":"é +","flag":"","e":""}"#,
                r#"{"n":["é +"],"flag":[""],"e":[""]}"#,
            ),
            ("&&a=b=c", r#"{"a":"b=c"}"#, r#"{"a":["b=c"]}"#),
            (
                "A=1&a=2",
                r#"{"A":"1","a":"2"}"#,
                r#"{"A":["1"],"a":["2"]}"#,
            ),
        ] {
            let pairs = read_query(query);
            assert_eq!(json(&pairs.single()), single, "{query}");
            assert_eq!(json(&pairs.multi()), multi, "{query}");
        }
    }
}
