//! Models: messages that do not fit are refused before the integration.
//!
//! Developer Guide, "Request validation for WebSocket APIs in API Gateway".

use gatepost_template::RequestModels;

use crate::json::Reading;
use crate::json::read;
use crate::route;

/// Whether a message fits the model that the expression selects, or else that of `$default`. Without
/// either it fits none.
pub(crate) fn accepts(models: &RequestModels, text: &str, reading: Reading) -> bool {
    let key = route::key(&models.selection, text, reading);
    let by_key = |key: &str| models.by_key.get(key);
    let model = key.and_then(|key| by_key(&key));
    let Some(model) = model.or_else(|| by_key("$default")) else {
        return false;
    };
    let message = match serde_json::from_str(text) {
        Ok(message) => Some(message),
        Err(_) => read(text, reading).and_then(|json| serde_json::to_value(&json).ok()),
    };
    message.is_some_and(|message| model.accepts(&message))
}
