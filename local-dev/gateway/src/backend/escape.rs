//! The escapes of `$util`.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::AsciiSet;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::percent_decode_str;
use percent_encoding::utf8_percent_encode;

/// As a text of JavaScript: both quotes, the slash and the backslash, and what is not ASCII.
pub(crate) fn java_script(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(b'\n') => escaped.push_str("\\n"),
            Ok(b'\r') => escaped.push_str("\\r"),
            Ok(b'\t') => escaped.push_str("\\t"),
            Ok(0x08) => escaped.push_str("\\b"),
            Ok(0x0c) => escaped.push_str("\\f"),
            Ok(c @ (b'"' | b'\'' | b'\\' | b'/')) => {
                escaped.push('\\');
                escaped.push(char::from(c));
            }
            Ok(c @ 0x20..=0x7e) => escaped.push(char::from(c)),
            _ => write!(escaped, "\\u{unit:04X}").expect("writing to a string does not fail"),
        }
    }
    escaped
}

/// As Java's `URLEncoder` does: a space is a plus.
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*')
    .remove(b' ');

pub(crate) fn url_encode(text: &str) -> String {
    utf8_percent_encode(text, FORM)
        .to_string()
        .replace(' ', "+")
}

pub(crate) fn url_decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

pub(crate) fn base64_encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// `None` if it is no base64; what is not UTF-8 is replaced.
pub(crate) fn base64_decode(text: &str) -> Option<String> {
    let bytes = STANDARD.decode(text.trim()).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(
            java_script("it's \"a/b\"\\\n é😀"),
            "it\\'s \\\"a\\/b\\\"\\\\\\n \\u00E9\\uD83D\\uDE00"
        );
        assert_eq!(url_encode("a b&c=é*-_.~"), "a+b%26c%3D%C3%A9*-_.%7E");
        assert_eq!(url_decode("a+b%26c%3D%C3%A9"), "a b&c=é");
        assert_eq!(base64_encode("hé".as_bytes()), "aMOp");
        assert_eq!(base64_decode("aMOp").as_deref(), Some("hé"));
        assert_eq!(base64_decode("?"), None);
    }
}
