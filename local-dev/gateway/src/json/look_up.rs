//! What stands at a path, in a text or in a tree.

use std::borrow::Cow;
use std::fmt;

use gatepost_template::JsonPath;
use gatepost_template::JsonStep;
use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;

use crate::json::Json;
use crate::json::Reading;
use crate::json::lenient;
use crate::json::read;

/// Most values that one path may find: with `..` the work can be the square of the body.
const MOST: usize = 100_000;

/// The value at `path` of a body; `None` if the body is no JSON. What is not there is null.
///
/// This is on the way of every message: strict JSON is read through once, and nothing is stored
/// but the value that is wanted.
pub(crate) fn look_up(body: &str, path: &JsonPath, reading: Reading) -> Option<Json> {
    if !is_streamed(path) {
        return Some(find(&read(body, reading)?, path).into_owned());
    }
    let mut json = serde_json::Deserializer::from_str(body);
    let found = LookUp(path.steps())
        .deserialize(&mut json)
        .and_then(|found| json.end().map(|()| found));
    match found {
        Ok(found) => Some(found.unwrap_or(Json::Null)),
        Err(_) if reading == Reading::Lenient => {
            Some(find(&lenient::read(body)?, path).into_owned())
        }
        Err(_) => None,
    }
}

fn is_streamed(path: &JsonPath) -> bool {
    path.steps().iter().all(|step| match step {
        JsonStep::Key(_) => true,
        JsonStep::Index(index) => *index >= 0,
        JsonStep::Every | JsonStep::Slice(..) | JsonStep::Anywhere => false,
    })
}

/// The value at `path` in a tree; null if nothing is there. A path that can find several comes to
/// the array of them, which may be empty.
pub(crate) fn find<'j>(json: &'j Json, path: &JsonPath) -> Cow<'j, Json> {
    let mut found = Vec::new();
    collect(json, path.steps(), &mut found, &mut 0);
    if path.is_definite() {
        return match found.first() {
            Some(value) => Cow::Borrowed(value),
            None => Cow::Owned(Json::Null),
        };
    }
    Cow::Owned(Json::Array(found.into_iter().cloned().collect()))
}

fn collect<'j>(json: &'j Json, steps: &[JsonStep], found: &mut Vec<&'j Json>, work: &mut usize) {
    *work += 1;
    if *work > MOST {
        return;
    }
    let Some((step, rest)) = steps.split_first() else {
        found.push(json);
        return;
    };
    match step {
        JsonStep::Key(name) => {
            if let Some(value) = json.get(name) {
                collect(value, rest, found, work);
            }
        }
        JsonStep::Index(index) => {
            if let Some(value) = json.item(*index) {
                collect(value, rest, found, work);
            }
        }
        JsonStep::Every => children(json).for_each(|child| collect(child, rest, found, work)),
        JsonStep::Slice(from, to) => {
            if let Json::Array(items) = json {
                let bound = |bound: i64| {
                    let distance = usize::try_from(bound.unsigned_abs()).unwrap_or(usize::MAX);
                    match bound < 0 {
                        true => items.len().saturating_sub(distance),
                        false => distance.min(items.len()),
                    }
                };
                let (from, to) = (from.map_or(0, bound), to.map_or(items.len(), bound));
                let slice = items.get(from..to).unwrap_or_default();
                slice
                    .iter()
                    .for_each(|item| collect(item, rest, found, work));
            }
        }
        JsonStep::Anywhere => {
            collect(json, rest, found, work);
            children(json).for_each(|child| collect(child, steps, found, work));
        }
    }
}

/// Members of an object, items of an array.
fn children(json: &Json) -> impl Iterator<Item = &Json> {
    let (items, members) = match json {
        Json::Array(items) => (items.as_slice(), &[][..]),
        Json::Object(members) => (&[][..], members.as_slice()),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => (&[][..], &[][..]),
    };
    items.iter().chain(members.iter().map(|(_, value)| value))
}

/// Reads only what stands at a path; everything else is skipped without being stored.
#[derive(Clone, Copy)]
struct LookUp<'p>(&'p [JsonStep]);

impl<'de> DeserializeSeed<'de> for LookUp<'_> {
    type Value = Option<Json>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<Json>, D::Error> {
        match self.0 {
            [] => serde::Deserialize::deserialize(json).map(Some),
            _ => json.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for LookUp<'_> {
    type Value = Option<Json>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Json>, A::Error> {
        let mut found = None;
        while let Some(wanted) = map.next_key_seed(IsStep(self.0.first()))? {
            if wanted {
                // Of equal keys the last one counts.
                found = map.next_value_seed(LookUp(&self.0[1..]))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Option<Json>, A::Error> {
        let mut found = None;
        let wanted = match self.0.first() {
            Some(JsonStep::Index(wanted)) => Some(*wanted),
            _ => None,
        };
        for i in 0.. {
            let more = if wanted == Some(i) {
                seq.next_element_seed(LookUp(&self.0[1..]))?
                    .map(|value| found = value)
            } else {
                seq.next_element::<IgnoredAny>()?.map(|_| ())
            };
            if more.is_none() {
                break;
            }
        }
        Ok(found)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Option<Json>, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Option<Json>, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Option<Json>, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Option<Json>, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Option<Json>, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Option<Json>, E> {
        Ok(None)
    }
}

/// Compares a key without storing it.
struct IsStep<'p>(Option<&'p JsonStep>);

impl<'de> DeserializeSeed<'de> for IsStep<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for IsStep<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(matches!(self.0, Some(JsonStep::Key(wanted)) if wanted == key))
    }
}
