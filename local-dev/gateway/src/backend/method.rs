//! What mapping templates do with values: steps, methods and operators.

use std::borrow::Cow;
use std::cmp::Ordering;

use gatepost_template::Access;
use gatepost_template::Method;
use gatepost_template::Operator;
use regex_lite::Regex;
use serde_json::Number;

use crate::backend::escape;
use crate::backend::render::Unrendered;
use crate::json::Json;
use crate::json::Reading;
use crate::json::read;

/// A step from a value; `None` if there is nothing.
pub(crate) fn step<'v>(
    from: Cow<'v, Json>,
    step: &Access,
    arguments: &mut impl Iterator<Item = Json>,
) -> Result<Option<Cow<'v, Json>>, Unrendered> {
    match step {
        Access::Property(name) => Ok(member(from, name)),
        Access::Index(_) | Access::Call(Method::Get, _) => {
            let index = arguments.next().unwrap_or(Json::Null);
            Ok(item(from, &index))
        }
        Access::Call(method, operands) => {
            let arguments: Vec<Json> = arguments.take(operands.len()).collect();
            Ok(call(*method, &from, &arguments)?.map(Cow::Owned))
        }
    }
}

fn member<'v>(from: Cow<'v, Json>, name: &str) -> Option<Cow<'v, Json>> {
    match from {
        Cow::Borrowed(json) => json.get(name).map(Cow::Borrowed),
        Cow::Owned(json) => json.get(name).cloned().map(Cow::Owned),
    }
}

fn item<'v>(from: Cow<'v, Json>, index: &Json) -> Option<Cow<'v, Json>> {
    match from.as_ref() {
        Json::Array(_) => {
            let index = integer(Some(index)).filter(|index| *index >= 0)?;
            match from {
                Cow::Borrowed(json) => json.item(index).map(Cow::Borrowed),
                Cow::Owned(json) => json.item(index).cloned().map(Cow::Owned),
            }
        }
        _ => member(from, &index.to_string()),
    }
}

/// A method of a value; `None` for a value that does not have it.
fn call(method: Method, of: &Json, arguments: &[Json]) -> Result<Option<Json>, Unrendered> {
    let argument = arguments.first().unwrap_or(&Json::Null);
    Ok(match (method, of) {
        (Method::ToString, of) => Some(Json::String(of.to_string())),
        (Method::Equals, of) => Some(Json::Bool(of == argument)),
        (Method::Size, Json::Array(items)) => Some(count(items.len())),
        (Method::Size, Json::Object(members)) => Some(count(members.len())),
        (Method::IsEmpty, Json::Array(items)) => Some(Json::Bool(items.is_empty())),
        (Method::IsEmpty, Json::Object(members)) => Some(Json::Bool(members.is_empty())),
        (Method::Contains, Json::Array(items)) => Some(Json::Bool(items.contains(argument))),
        (Method::ContainsKey, Json::Object(_)) => {
            Some(Json::Bool(of.get(&argument.to_string()).is_some()))
        }
        (Method::KeySet, Json::Object(members)) => {
            let names = members.iter().map(|(name, _)| Json::String(name.clone()));
            Some(Json::Array(names.collect()))
        }
        (Method::Values, Json::Object(members)) => {
            let values = members.iter().map(|(_, value)| value.clone());
            Some(Json::Array(values.collect()))
        }
        (Method::EntrySet, Json::Object(members)) => {
            let entry = |(name, value): &(String, Json)| {
                let key = ("key".to_owned(), Json::String(name.clone()));
                Json::Object(vec![key, ("value".to_owned(), value.clone())])
            };
            Some(Json::Array(members.iter().map(entry).collect()))
        }
        (Method::GetKey, Json::Object(_)) => of.get("key").cloned(),
        (Method::GetValue, Json::Object(_)) => of.get("value").cloned(),
        (method, Json::String(text)) => of_text(method, text, arguments)?,
        _ => None,
    })
}

fn of_text(method: Method, text: &str, arguments: &[Json]) -> Result<Option<Json>, Unrendered> {
    let argument = |at: usize| arguments.get(at).unwrap_or(&Json::Null).to_string();
    let string = |text: String| Some(Json::String(text));
    Ok(match method {
        Method::Length => Some(count(text.encode_utf16().count())),
        Method::IsEmpty => Some(Json::Bool(text.is_empty())),
        Method::Contains => Some(Json::Bool(text.contains(&argument(0)))),
        Method::EqualsIgnoreCase => Some(Json::Bool(
            text.to_lowercase() == argument(0).to_lowercase(),
        )),
        Method::ToUpperCase => string(text.to_uppercase()),
        Method::ToLowerCase => string(text.to_lowercase()),
        Method::Trim => string(text.trim().to_owned()),
        Method::StartsWith => Some(Json::Bool(text.starts_with(&argument(0)))),
        Method::EndsWith => Some(Json::Bool(text.ends_with(&argument(0)))),
        Method::Concat => string(text.to_owned() + &argument(0)),
        Method::IndexOf => {
            let units = |at: usize| text[..at].encode_utf16().count();
            let at = text.find(&argument(0)).map(units);
            Some(at.map_or_else(|| Json::Number((-1).into()), count))
        }
        Method::Substring => string(substring(text, arguments)?),
        Method::Replace => string(text.replace(&argument(0), &argument(1))),
        Method::ReplaceAll => {
            let pattern = pattern(&argument(0))?;
            string(pattern.replace_all(text, argument(1).as_str()).into_owned())
        }
        Method::Matches => {
            let pattern = pattern(&format!("^(?:{})$", argument(0)))?;
            Some(Json::Bool(pattern.is_match(text)))
        }
        Method::Split => {
            let pattern = pattern(&argument(0))?;
            let mut parts: Vec<&str> = pattern.split(text).collect();
            // Java leaves out empty parts at the end.
            while parts.len() > 1 && parts.last() == Some(&"") {
                parts.pop();
            }
            let parts = parts.into_iter().map(|part| Json::String(part.to_owned()));
            Some(Json::Array(parts.collect()))
        }
        _ => None,
    })
}

/// Java counts in UTF-16.
fn substring(text: &str, arguments: &[Json]) -> Result<String, Unrendered> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let bound = |at: usize, otherwise: usize| match arguments.get(at) {
        None => Some(otherwise),
        Some(bound) => usize::try_from(integer(Some(bound))?).ok(),
    };
    let range = bound(0, 0).zip(bound(1, units.len()));
    let part = range.and_then(|(from, to)| units.get(from..to));
    match part {
        Some(part) => Ok(String::from_utf16_lossy(part)),
        None => Err(Unrendered("`substring` is out of bounds".to_owned())),
    }
}

fn pattern(pattern: &str) -> Result<Regex, Unrendered> {
    Regex::new(pattern).map_err(|error| Unrendered(format!("a regular expression: {error}")))
}

/// `$util`.
pub(crate) fn of_util(method: Method, argument: &Json, reading: Reading) -> Option<Json> {
    let text = argument.to_string();
    Some(match method {
        Method::EscapeJavaScript => Json::String(escape::java_script(&text)),
        Method::UrlEncode => Json::String(escape::url_encode(&text)),
        Method::UrlDecode => Json::String(escape::url_decode(&text)),
        Method::Base64Encode => Json::String(escape::base64_encode(text.as_bytes())),
        Method::Base64Decode => Json::String(escape::base64_decode(&text)?),
        Method::ParseJson => read(&text, reading)?,
        _ => return None,
    })
}

/// An operator between values, of which either may be none.
pub(crate) fn binary(
    operator: Operator,
    left: Option<&Json>,
    right: Option<&Json>,
) -> Option<Json> {
    let ordering = |wanted: &[Ordering]| {
        let ordering = compare(left?, right?)?;
        Some(Json::Bool(wanted.contains(&ordering)))
    };
    match operator {
        Operator::Equal => Some(Json::Bool(equal(left, right))),
        Operator::NotEqual => Some(Json::Bool(!equal(left, right))),
        Operator::Less => ordering(&[Ordering::Less]),
        Operator::AtMost => ordering(&[Ordering::Less, Ordering::Equal]),
        Operator::More => ordering(&[Ordering::Greater]),
        Operator::AtLeast => ordering(&[Ordering::Greater, Ordering::Equal]),
        Operator::Add if is_text(left) || is_text(right) => {
            Some(Json::String(format!("{}{}", left?, right?)))
        }
        Operator::Add
        | Operator::Subtract
        | Operator::Multiply
        | Operator::Divide
        | Operator::Remainder => arithmetic(operator, left?, right?),
        Operator::And | Operator::Or => None,
    }
}

fn is_text(value: Option<&Json>) -> bool {
    matches!(value, Some(Json::String(_)))
}

/// Values of different kinds are equal if they print the same.
fn equal(left: Option<&Json>, right: Option<&Json>) -> bool {
    match (left, right) {
        (None, None) => true,
        (Some(left), Some(right)) => match compare(left, right) {
            Some(ordering) => ordering == Ordering::Equal,
            None => left == right || left.to_string() == right.to_string(),
        },
        (None, Some(_)) | (Some(_), None) => false,
    }
}

fn compare(left: &Json, right: &Json) -> Option<Ordering> {
    match (integer(Some(left)), integer(Some(right))) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => float(left)?.partial_cmp(&float(right)?),
    }
}

fn arithmetic(operator: Operator, left: &Json, right: &Json) -> Option<Json> {
    if let (Some(left), Some(right)) = (integer(Some(left)), integer(Some(right))) {
        let result = match operator {
            Operator::Add => left.checked_add(right),
            Operator::Subtract => left.checked_sub(right),
            Operator::Multiply => left.checked_mul(right),
            Operator::Divide => left.checked_div(right),
            _ => left.checked_rem(right),
        };
        return result.map(|number| Json::Number(number.into()));
    }
    let (left, right) = (float(left)?, float(right)?);
    let result = match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        _ => left % right,
    };
    Some(number(result))
}

/// A number, or null for what is none.
pub(crate) fn number(number: f64) -> Json {
    Number::from_f64(number).map_or(Json::Null, Json::Number)
}

fn count(count: usize) -> Json {
    Json::Number(count.into())
}

/// A whole number.
pub(crate) fn integer(value: Option<&Json>) -> Option<i64> {
    match value? {
        Json::Number(number) => number.as_i64(),
        _ => None,
    }
}

fn float(value: &Json) -> Option<f64> {
    match value {
        Json::Number(number) => number.as_f64(),
        _ => None,
    }
}
