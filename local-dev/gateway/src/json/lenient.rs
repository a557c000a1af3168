//! JSON as a lenient reader takes it.
//!
//! API Gateway routed `{"action":"sendMessage", body:"hello"}` (logged in November 2023). The guide
//! names `JSONPath` for Java as what evaluates its paths, and json-smart in permissive mode is what
//! reads for that library: this is what that mode accepts, inferred for all but unquoted names.
//! Text that is no object and no array stays what it is: no JSON.

use serde_json::Number;

use crate::json::Json;
use crate::json::tree;

/// Deepest nesting, that of the strict reader.
const DEEPEST: usize = 128;

/// Reads an object or an array; what follows it is passed over.
pub(super) fn read(body: &str) -> Option<Json> {
    let mut reader = Reader {
        rest: body.trim_start_matches(is_space),
        depth: 0,
    };
    match reader.peek()? {
        '{' | '[' => reader.value(&[]),
        _ => None,
    }
}

/// What stands between tokens. No other white space is any.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

struct Reader<'t> {
    rest: &'t str,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches(is_space);
    }

    /// A value; one that is not quoted ends before one of `stops`.
    fn value(&mut self, stops: &[char]) -> Option<Json> {
        self.skip_space();
        match self.peek()? {
            ':' | '}' | ']' | ',' => None,
            '{' => self.nested(Self::object),
            '[' => self.nested(Self::array),
            quote @ ('"' | '\'') => self.quoted(quote).map(Json::String),
            _ => Some(plain(self.unquoted(stops))),
        }
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Option<Json>) -> Option<Json> {
        if self.depth >= DEEPEST {
            return None;
        }
        self.next();
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Option<Json> {
        let mut members = Vec::new();
        loop {
            self.skip_space();
            let name = match self.peek()? {
                // One comma too many is none.
                ',' => {
                    self.next();
                    continue;
                }
                '}' => {
                    self.next();
                    return Some(Json::Object(tree::last_of_each(members)));
                }
                ':' | ']' | '[' | '{' => return None,
                quote @ ('"' | '\'') => self.quoted(quote)?,
                _ => self.unquoted(&[':']).to_owned(),
            };
            self.skip_space();
            if self.next()? != ':' {
                return None;
            }
            members.push((name, self.value(&[',', '}'])?));
            self.skip_space();
            if !matches!(self.peek()?, ',' | '}') {
                return None;
            }
        }
    }

    fn array(&mut self) -> Option<Json> {
        let mut items = Vec::new();
        loop {
            self.skip_space();
            match self.peek()? {
                ',' => {
                    self.next();
                }
                ']' => {
                    self.next();
                    return Some(Json::Array(items));
                }
                _ => items.push(self.value(&[',', ']'])?),
            }
        }
    }

    /// A text in quotes. Characters that JSON has no escape for are left out, and so are controls.
    fn quoted(&mut self, quote: char) -> Option<String> {
        self.next();
        let mut text = String::new();
        // What `\ud83d\ude00` makes: the first half of a pair waits for the second.
        let mut units: Vec<u16> = Vec::new();
        loop {
            let c = self.next()?;
            let unit = match c {
                '\\' => match self.next()? {
                    'u' => Some(self.hex(4)?),
                    'x' => Some(self.hex(2)?),
                    escaped => {
                        flush(&mut units, &mut text);
                        text.extend(meaning(escaped));
                        None
                    }
                },
                c => {
                    flush(&mut units, &mut text);
                    if c == quote {
                        return Some(text);
                    }
                    if c >= ' ' {
                        text.push(c);
                    }
                    None
                }
            };
            units.extend(unit);
        }
    }

    fn hex(&mut self, digits: usize) -> Option<u16> {
        let (hex, rest) = self.rest.split_at_checked(digits)?;
        if !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        self.rest = rest;
        u16::from_str_radix(hex, 16).ok()
    }

    /// What is not in quotes, up to one of `stops`.
    fn unquoted(&mut self, stops: &[char]) -> &'t str {
        let end = self.rest.find(stops).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        token.trim_end_matches(is_space)
    }
}

fn flush(units: &mut Vec<u16>, text: &mut String) {
    if !units.is_empty() {
        text.push_str(&String::from_utf16_lossy(units));
        units.clear();
    }
}

fn meaning(escaped: char) -> Option<char> {
    match escaped {
        't' => Some('\t'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        '\\' | '/' | '"' | '\'' => Some(escaped),
        _ => None,
    }
}

/// What a word that is not in quotes means.
fn plain(token: &str) -> Json {
    match token {
        "null" => Json::Null,
        "true" => Json::Bool(true),
        "false" => Json::Bool(false),
        _ => number(token).map_or_else(|| Json::String(token.to_owned()), Json::Number),
    }
}

/// A number, which may begin with zeros.
fn number(token: &str) -> Option<Number> {
    let (sign, digits) = match token.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", token),
    };
    let first = digits.bytes().next()?;
    if !first.is_ascii_digit() {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    let zero = match digits.bytes().next() {
        Some(first) if first.is_ascii_digit() => "",
        _ => "0",
    };
    serde_json::from_str(&format!("{sign}{zero}{digits}")).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_strict_is_read() {
        for (body, want) in [
            // Logged on AWS.
            (
                r#"{"action":"sendMessage", body:"hello"}"#,
                r#"{"action":"sendMessage","body":"hello"}"#,
            ),
            (r#"{'action':'join'}"#, r#"{"action":"join"}"#),
            (r#"{action: join}"#, r#"{"action":"join"}"#),
            (r#"{a: b c , d: 1}"#, r#"{"a":"b c","d":1}"#),
            (
                r#"{a: 5, b: -007, c: 1.5e1, d: 0, e: 00}"#,
                r#"{"a":5,"b":-7,"c":15.0,"d":0,"e":0}"#,
            ),
            (
                r#"{a: 5x, b: -, c: .5, d: +1}"#,
                r#"{"a":"5x","b":"-","c":".5","d":"+1"}"#,
            ),
            (
                r#"{a: true, b: false, c: null, d: nul}"#,
                r#"{"a":true,"b":false,"c":null,"d":"nul"}"#,
            ),
            (r#"{,"a":1,,"b":2,}"#, r#"{"a":1,"b":2}"#),
            (
                r#"["a" 'b', [1,,2], {x:y},]"#,
                r#"["a","b",[1,2],{"x":"y"}]"#,
            ),
            (r#"{"a":1} and more"#, r#"{"a":1}"#),
            (r#"{"a":1}}"#, r#"{"a":1}"#),
            ("{\"a\":\"x\ny\"}", r#"{"a":"xy"}"#),
            (
                r#"{"a":'it\'s \x41\u00e9\ud83d\ude00\q'}"#,
                r#"{"a":"it's Aé😀"}"#,
            ),
            (r#"{'a':"\ud83d"}"#, r#"{"a":"�"}"#),
            (r#"{a:1,a:2,b:3}"#, r#"{"a":2,"b":3}"#),
            (r#"  {a:""}"#, r#"{"a":""}"#),
        ] {
            assert!(
                serde_json::from_str::<serde_json::Value>(body).is_err(),
                "{body}"
            );
            assert_eq!(
                read(body).map(|json| json.json()).as_deref(),
                Some(want),
                "{body}"
            );
        }
    }

    #[test]
    fn what_is_broken_is_no_json() {
        for body in [
            "",
            "hello",
            "'hello'",
            "5",
            "{",
            "[",
            "{a",
            "{a:",
            "{a:1",
            "{a}",
            "{:1}",
            "{a:}",
            "{a:b:c",
            "{\"a\" 1}",
            "{\"a\":\"b\" \"c\"}",
            "{\"a",
            "{\"a\\",
            "{'a\\u00",
            "{'a\\u+123':1}",
            "[}",
            "[:]",
            "{]}",
            "}",
            "]",
            ",",
            "{a:[}",
        ] {
            assert_eq!(read(body), None, "{body}");
        }
        assert_eq!(read(&"[".repeat(100_000)), None);
        assert_eq!(read(&"{a:".repeat(100_000)), None);
    }

    proptest! {
        #[test]
        fn no_body_panics(body in "\\PC{0,60}|[{}\\[\\]:,'\"\\\\ux0-9a\\n ]{0,60}") {
            let _ = read(&body);
        }

        /// Leniency adds: what strict JSON says of an object or an array stays.
        #[test]
        fn strict_json_means_the_same(json in crate::json::any_json()) {
            let text = json.json();
            let read = read(&text);
            match json {
                Json::Array(_) | Json::Object(_) => prop_assert_eq!(read, Some(json)),
                _ => prop_assert_eq!(read, None),
            }
        }

        /// Names that need no quotes mean the same without.
        #[test]
        fn names_may_stand_without_quotes(members in prop::collection::vec(("[a-z_]{1,6}", "[^\\\\\"\\p{C}]{0,10}"), 1..6)) {
            let quoted: Vec<String> = members.iter().map(|(n, v)| format!("\"{n}\":\"{v}\"")).collect();
            let bare: Vec<String> = members.iter().map(|(n, v)| format!("{n} : \"{v}\"")).collect();
            let strict: Json = serde_json::from_str(&format!("{{{}}}", quoted.join(","))).unwrap();
            prop_assert_eq!(read(&format!("{{{}}}", bare.join(" , "))), Some(strict));
        }
    }
}
