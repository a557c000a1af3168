//! Models: JSON schemas that messages must fit.

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonschema::Draft;
use jsonschema::Validator;
use serde_json::Value;

use crate::mapping::Expression;

/// The models of a route: `RequestModels` with a `ModelSelectionExpression`.
#[derive(Debug, Clone)]
pub struct RequestModels {
    /// Comes to a key; a message for which there is no model, and none at `$default`, fits none.
    pub selection: Expression,
    /// The models by key.
    pub by_key: BTreeMap<String, Model>,
}

/// `AWS::ApiGatewayV2::Model`.
#[derive(Debug, Clone)]
pub struct Model(Arc<Validator>);

impl Model {
    /// A model of a JSON schema, draft 4 ("Request validation for WebSocket APIs").
    ///
    /// # Errors
    /// It is no JSON schema; why.
    pub fn new(schema: &Value) -> Result<Self, String> {
        jsonschema::options()
            .with_draft(Draft::Draft4)
            .build(schema)
            .map(|validator| Self(Arc::new(validator)))
            .map_err(|error| format!("{} at `{}`", error, error.instance_path()))
    }

    /// Whether a message fits.
    #[must_use]
    pub fn accepts(&self, message: &Value) -> bool {
        self.0.is_valid(message)
    }
}
