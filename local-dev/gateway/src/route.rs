//! Route selection: what `RouteSelectionExpression` makes of a message.
//!
//! Developer Guide, "Create routes for WebSocket APIs in API Gateway" and "WebSocket selection
//! expressions in API Gateway": what cannot be resolved is empty; values that are not strings are
//! stringified.

use std::fmt::Write;

use gatepost_template::Expression;
use gatepost_template::Part;
use gatepost_template::Variable;

use crate::json::Reading;
use crate::json::look_up;

/// The route key that the expression makes of a message; `None` if the message is no JSON and the
/// expression asks for something in it.
pub(crate) fn key(expression: &Expression, body: &str, reading: Reading) -> Option<String> {
    let mut key = String::new();
    for part in expression.parts() {
        match part {
            Part::Static(text) => key.push_str(text),
            Part::Variable(Variable::Body(path)) => {
                let value = look_up(body, path, reading)?;
                write!(key, "{value}").expect("writing to a string does not fail");
            }
            // Routes do not have other variables.
            Part::Variable(_) => {}
        }
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn lenient(expression: &str, body: &str) -> Option<String> {
        key(&Expression::parse(expression), body, Reading::Lenient)
    }

    fn strict(expression: &str, body: &str) -> Option<String> {
        key(&Expression::parse(expression), body, Reading::Strict)
    }

    #[test]
    fn expressions() {
        let body = r#"{"action":"join","service":"chat","n":7,"f":1.5,"t":true,"z":null,
            "list":["item1","item2"],"deep":{"er":{"est":"bottom"},"list":[{"a":"x"},{"a":"y"}]},
            "$request.body.action":"odd","a b":"spaced","twice":1,"twice":"last"}"#;
        for (expression, want) in [
            ("$request.body.action", "join"),
            ("${request.body.action}", "join"),
            (
                "${request.body.service}/${request.body.action}",
                "chat/join",
            ),
            ("$request.body.service/$request.body.action", "chat/join"),
            // "WebSocket selection expressions in API Gateway" has these two.
            (
                "${request.body.action}-${request.body.invalidPath}",
                "join-",
            ),
            ("\\$default", "$default"),
            ("$request.body.deep.er.est", "bottom"),
            ("$request.body.deep['er'].est", "bottom"),
            ("${request.body.deep.list[1].a}", "y"),
            ("${request.body.deep.list[-1].a}", "y"),
            ("${request.body.deep.list[2].a}", ""),
            ("${request.body['a b']}", "spaced"),
            ("${request.body['$request.body.action']}", "odd"),
            ("$request.body.list", "[item1, item2]"),
            ("$request.body.list[0]", "item1"),
            ("$request.body.list[*]", "[item1, item2]"),
            ("$request.body.list[1:]", "[item2]"),
            ("$request.body.list[:-1]", "[item1]"),
            ("$request.body.list[5:2]", "[]"),
            ("$request.body.deep.list[*].a", "[x, y]"),
            ("$request.body..a", "[x, y]"),
            ("$request.body.deep.er.*", "[bottom]"),
            ("$request.body.n", "7"),
            ("$request.body.f", "1.5"),
            ("$request.body.t", "true"),
            ("$request.body.z", ""),
            ("$request.body.deep.er", "{est=bottom}"),
            ("$request.body.action.more", ""),
            ("$request.body.list.x", ""),
            ("$request.body.twice", "last"),
            ("$request.body.missing", ""),
            ("static", "static"),
            ("v1.$request.body.action", "v1.join"),
            ("$request.header.x", ""),
            ("$request.body...action", ""),
            ("$", ""),
            ("", ""),
        ] {
            for reading in [Reading::Lenient, Reading::Strict] {
                assert_eq!(
                    key(&Expression::parse(expression), body, reading).as_deref(),
                    Some(want),
                    "{expression}"
                );
            }
        }
    }

    #[test]
    fn an_object_that_is_not_strict_json_is_routed_unless_that_is_switched_off() {
        for body in [
            // Logged on AWS.
            r#"{"action":"sendMessage", body:"hello"}"#,
            r#"{'action':'sendMessage'}"#,
            r#"{action:sendMessage,}"#,
            r#"{"action":"sendMessage"} x"#,
        ] {
            let expression = "$request.body.action";
            assert_eq!(lenient(expression, body).as_deref(), Some("sendMessage"));
            assert_eq!(
                lenient("$request.body..action", body).as_deref(),
                Some("[sendMessage]")
            );
            assert_eq!(strict(expression, body), None, "{body}");
        }
    }

    #[test]
    fn what_is_not_json_has_no_value() {
        for body in ["", "hello", "{", "{action"] {
            assert_eq!(lenient("$request.body.action", body), None, "{body}");
            assert_eq!(lenient("$request.body..action", body), None, "{body}");
            assert_eq!(lenient("$request.body", body), None, "{body}");
        }
        for body in ["5", "\"text\"", "null", "[]", "{}", "true", "-1.5"] {
            assert_eq!(
                lenient("$request.body.action", body).as_deref(),
                Some(""),
                "{body}"
            );
        }
        assert_eq!(lenient("same", "hello").as_deref(), Some("same"));
    }

    #[test]
    fn a_path_that_looks_everywhere_ends_soon() {
        let body = format!("{}1{}", "[".repeat(120), "]".repeat(120));
        assert!(lenient("$request.body..a..b..c..d..e..f", &body).is_some());
        let wide = format!("[{}]", vec!["[1,2,3]"; 10_000].join(","));
        assert!(lenient("$request.body..*..*..*", &wide).is_some());
    }

    proptest! {
        #[test]
        fn no_expression_and_no_body_panics(expression in "\\PC{0,40}|[$\\\\{}.\\[\\]a-z'0-9*:-]{0,30}|\\$request\\.body[.\\[\\]'a0:*-]{0,12}", body in "\\PC{0,60}|[\\[\\]{}:,\"'a0 ]{0,40}") {
            let _ = lenient(&expression, &body);
            let _ = strict(&expression, &body);
        }

        #[test]
        fn a_value_is_found_at_its_path(keys in prop::collection::vec("[a-zA-Z_][a-zA-Z0-9_]{0,8}", 1..5), value in "\\PC{0,20}") {
            let mut body = Value::String(value.clone());
            for key in keys.iter().rev() {
                body = serde_json::json!({ "other": [1, {"x": null}], key: body });
            }
            let expression = format!("$request.body.{}", keys.join("."));
            prop_assert_eq!(lenient(&expression, &body.to_string()), Some(value));
        }

        /// The reader that stores nothing and the one that stores everything agree.
        #[test]
        fn both_ways_of_looking_up_agree(json in crate::json::any_json(), path in "(\\.[a-z]|\\[[0-3]\\]){0,4}") {
            let path = gatepost_template::JsonPath::parse(&path).unwrap();
            let streamed = look_up(&json.json(), &path, Reading::Strict);
            prop_assert_eq!(streamed, Some(crate::json::find(&json, &path).into_owned()));
        }
    }
}
