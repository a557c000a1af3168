//! JSON as the gateway meets it in messages: an own tree that keeps the order of members, read
//! strictly or as leniently as API Gateway does, searched by path, and printed in two ways.

mod lenient;
mod look_up;
mod print;
mod tree;

pub(crate) use look_up::find;
pub(crate) use look_up::look_up;
pub(crate) use tree::Json;

/// How bodies that are not strict JSON are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Objects and arrays with unquoted or single-quoted names and texts, commas too many, leading
    /// zeros or text behind them are read. That AWS routes a message with an unquoted name was
    /// logged; the rest is inferred from the library that reads so.
    Lenient,
    /// What RFC 8259 does not allow is no JSON.
    Strict,
}

/// Reads a whole body.
pub(crate) fn read(body: &str, reading: Reading) -> Option<Json> {
    match serde_json::from_str(body) {
        Ok(json) => Some(json),
        Err(_) if reading == Reading::Lenient => lenient::read(body),
        Err(_) => None,
    }
}

/// Any tree.
#[cfg(test)]
pub(crate) fn any_json() -> impl proptest::strategy::Strategy<Value = Json> {
    use proptest::prelude::*;

    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(|number| Json::Number(number.into())),
        "\\PC{0,8}".prop_map(Json::String),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        let members = prop::collection::vec(("[a-z \"'\\\\]{0,4}", inner.clone()), 0..5);
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(Json::Array),
            members.prop_map(|members| Json::Object(tree::last_of_each(members))),
        ]
    })
}
