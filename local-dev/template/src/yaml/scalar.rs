//! Scalars: which plain words mean something else than their letters.

use std::borrow::Cow;

use crate::node::Value;

/// The value of a plain scalar. CloudFormation reads YAML 1.1, where `yes` and `on` are booleans
/// ("Template formats" in its guide).
pub(super) fn plain(text: Cow<'_, str>) -> Value {
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
            Value::Text("true".to_owned())
        }
        "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            Value::Text("false".to_owned())
        }
        _ => Value::Text(text.into_owned()),
    }
}

/// Writes the surrogate pairs of JSON escapes (`\ud83d\ude00`) as YAML writes such a character
/// (`\U0001f600`). Only quoted text can hold such a pair and mean it.
pub(super) fn join_surrogates(text: &str) -> Cow<'_, str> {
    if !text.contains("\\ud") && !text.contains("\\uD") {
        return Cow::Borrowed(text);
    }
    let mut joined = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = rest.find('\\') {
        let (before, escape) = rest.split_at(found);
        joined.push_str(before);
        match surrogate_pair(escape) {
            Some(character) => {
                joined.push_str(&format!("\\U{character:08x}"));
                rest = &escape[12..];
            }
            // The backslash and what it escapes: `\\ud83d` is a backslash and letters.
            None => {
                let taken = escape
                    .char_indices()
                    .nth(2)
                    .map_or(escape.len(), |(i, _)| i);
                joined.push_str(&escape[..taken]);
                rest = &escape[taken..];
            }
        }
    }
    joined.push_str(rest);
    Cow::Owned(joined)
}

/// The character of a pair of escapes at the start of `text`.
fn surrogate_pair(text: &str) -> Option<u32> {
    let unit = |from: usize| {
        let digits = text.get(from..from + 6)?.strip_prefix("\\u")?;
        u32::from_str_radix(digits, 16).ok()
    };
    let high = unit(0).filter(|unit| (0xd800..0xdc00).contains(unit))?;
    let low = unit(6).filter(|unit| (0xdc00..0xe000).contains(unit))?;
    Some(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
}
