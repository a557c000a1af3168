//! JSON as text: as JSON, and as the value of an expression.

use std::fmt;
use std::fmt::Write;

use serde::Serialize;
use serde::ser::SerializeMap;
use serde::ser::Serializer;

use crate::json::Json;

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => items.serialize(serializer),
            Self::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl Json {
    /// Compact JSON.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("a tree of JSON serialises")
    }
}

/// A value as API Gateway prints it in expressions and templates: an array as `[item1, item2]`
/// ("WebSocket selection expressions in API Gateway"), an object as Java prints a map, null as
/// nothing; the last two are guesses.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Bool(value) => value.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::String(text) => f.write_str(text),
            Self::Array(items) => {
                f.write_char('[')?;
                for (i, item) in items.iter().enumerate() {
                    f.write_str(if i > 0 { ", " } else { "" })?;
                    item.fmt(f)?;
                }
                f.write_char(']')
            }
            Self::Object(members) => {
                f.write_char('{')?;
                for (i, (name, value)) in members.iter().enumerate() {
                    f.write_str(if i > 0 { ", " } else { "" })?;
                    write!(f, "{name}={value}")?;
                }
                f.write_char('}')
            }
        }
    }
}
