//! Models of routes.

use serde_json::Map;
use serde_json::Number;
use serde_json::Value as Json;

use crate::eval::Resource;
use crate::finding::Finding;
use crate::mapping::Expression;
use crate::model::Model;
use crate::model::RequestModels;
use crate::node::Node;
use crate::node::Value;
use crate::read::Reader;
use crate::read::api::Parts;
use crate::suggest::did_you_mean;

impl<'s> Reader<'s> {
    /// The models that a route's messages must fit; without a `ModelSelectionExpression` none are
    /// looked at.
    pub(super) fn models(
        &mut self,
        route: &'s Resource,
        parts: &Parts<'s>,
    ) -> Option<RequestModels> {
        let properties = &route.properties;
        let name = "ModelSelectionExpression";
        let selection = Expression::parse(&self.text(properties, name)?);
        if let (Some(why), Some(node)) = (selection.unknown(), properties.get(name)) {
            let what = format!("`{name}`: {why}: it resolves to nothing");
            self.findings.fails_on_aws(Finding::new(&node.at, what));
        }
        let mut models = RequestModels {
            selection,
            by_key: std::collections::BTreeMap::new(),
        };
        let map = self.value(properties, "RequestModels");
        for entry in map.as_ref().map_or(&[][..], Node::entries) {
            let named = self.scope.text(&entry.value);
            let Some(named) = self.findings.take(named) else {
                continue;
            };
            if let Some(model) = self.model(&named, &entry.value, parts) {
                models.by_key.insert(entry.key.clone(), model);
            }
        }
        Some(models)
    }

    /// The model of this name, or of this ID.
    fn model(&mut self, named: &str, node: &Node, parts: &Parts<'s>) -> Option<Model> {
        let mut names = Vec::new();
        for part in parts
            .iter()
            .filter(|part| part.kind == "AWS::ApiGatewayV2::Model")
        {
            let name = self.required(part, "Name")?;
            if name == named || part.id == named {
                return self.schema(part);
            }
            names.push(name);
        }
        self.findings.error(
            Finding::new(&node.at, format!("this API has no model `{named}`"))
                .maybe_help(did_you_mean(named, names.iter().map(String::as_str))),
        );
        None
    }

    fn schema(&mut self, resource: &'s Resource) -> Option<Model> {
        let Some(node) = resource.properties.get("Schema") else {
            self.missing(resource, "Schema");
            return None;
        };
        let json = match self.scope.reduce(node) {
            Ok(Some(value)) => match value.as_text() {
                Some(text) => serde_json::from_str(text).map_err(|error| error.to_string()),
                None => Ok(schema(&value)),
            },
            other => {
                self.findings.take(other);
                return None;
            }
        };
        match json.and_then(|json| Model::new(&json)) {
            Ok(model) => Some(model),
            Err(why) => {
                let what = format!("the schema of `{}` is none: {why}", resource.id);
                self.findings.error(Finding::new(&node.at, what));
                None
            }
        }
    }
}

/// Keywords whose values are schemas by name.
const BY_NAME: &[&str] = &[
    "definitions",
    "dependencies",
    "patternProperties",
    "properties",
];
/// Keywords whose values are one schema, or a list of them, or a boolean.
const SCHEMAS: &[&str] = &[
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "items",
    "not",
    "oneOf",
];

/// A schema of a tree whose scalars are all text: each keyword says what kind its values are.
fn schema(node: &Node) -> Json {
    let members = node.entries().iter().map(|entry| {
        let (keyword, value) = (entry.key.as_str(), &entry.value);
        let json = if BY_NAME.contains(&keyword) {
            let schemas = value.entries().iter();
            Json::Object(schemas.map(|e| (e.key.clone(), either(&e.value))).collect())
        } else if SCHEMAS.contains(&keyword) {
            either(value)
        } else if keyword == "enum" {
            let kind = node.get("type").and_then(Node::as_text);
            Json::Array(value.items().iter().map(|item| typed(item, kind)).collect())
        } else {
            typed(value, kind_of(keyword))
        };
        (entry.key.clone(), json)
    });
    Json::Object(members.collect::<Map<_, _>>())
}

/// A schema, a list of schemas or of names, or a boolean.
fn either(node: &Node) -> Json {
    match &node.value {
        Value::Map(_) => schema(node),
        Value::List(items) => Json::Array(items.iter().map(either).collect()),
        Value::Text(_) | Value::Null => typed(node, Some("boolean")),
    }
}

/// What kind the values of a keyword are (JSON Schema draft 4, "Validation").
fn kind_of(keyword: &str) -> Option<&'static str> {
    match keyword {
        "maxItems" | "maxLength" | "maxProperties" | "maximum" | "minItems" | "minLength"
        | "minProperties" | "minimum" | "multipleOf" => Some("number"),
        "exclusiveMaximum" | "exclusiveMinimum" | "uniqueItems" => Some("boolean"),
        _ => None,
    }
}

/// A value of a kind; text that is none of it stays text.
fn typed(node: &Node, kind: Option<&str>) -> Json {
    match (&node.value, kind) {
        (Value::Null, _) => Json::Null,
        (Value::List(items), _) => Json::Array(items.iter().map(|i| typed(i, kind)).collect()),
        (Value::Map(entries), _) => {
            let members = entries
                .iter()
                .map(|e| (e.key.clone(), typed(&e.value, kind)));
            Json::Object(members.collect())
        }
        (Value::Text(text), Some("number" | "integer")) => {
            let number = serde_json::from_str::<Number>(text);
            number.map_or_else(|_| Json::String(text.clone()), Json::Number)
        }
        (Value::Text(text), Some("boolean")) => match text.as_str() {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            _ => Json::String(text.clone()),
        },
        (Value::Text(text), _) => Json::String(text.clone()),
    }
}
