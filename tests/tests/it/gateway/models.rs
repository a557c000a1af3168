//! Models: "Request validation for WebSocket APIs in API Gateway".

use gatepost_gateway::What;
use gatepost_template::Expression;
use gatepost_template::Model;
use gatepost_template::RequestModels;
use serde_json::json;

use super::script::always;
use super::script::status;
use super::served::Wanted;
use super::served::api;

/// `$default` with models for `add` and, if asked for, everything else.
fn validating(with_default: bool) -> Wanted {
    let numbers = json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "required": ["action", "a"],
        "properties": {"a": {"type": "integer", "maximum": 9, "exclusiveMaximum": true}},
    });
    let mut models = RequestModels {
        selection: Expression::parse("$request.body.action"),
        by_key: [("add".to_owned(), Model::new(&numbers).unwrap())].into(),
    };
    if with_default {
        let any = Model::new(&json!({"type": "object"})).unwrap();
        models.by_key.insert("$default".to_owned(), any);
    }
    let wanted = api().one_way("$default", always(status(200)));
    wanted.change(|wanted| {
        wanted.api.routes.get_mut("$default").unwrap().models = Some(models);
    })
}

/// What does not fit gets the guide's frame and reaches nobody, proxy integration or not; without a
/// model for its key and without `$default` nothing fits.
#[tokio::test]
async fn a_message_that_does_not_fit_its_model_is_refused() {
    for (with_default, text, fits) in [
        (true, r#"{"action":"add","a":8}"#, true),
        (true, r#"{"action":"add","a":9}"#, false),
        (true, r#"{"action":"add","a":"8"}"#, false),
        (true, r#"{"action":"add"}"#, false),
        (true, r#"{"action":"other"}"#, true),
        (true, "[]", false),
        (true, "no JSON", false),
        (false, r#"{"action":"add","a":8}"#, true),
        (false, r#"{"action":"other"}"#, false),
    ] {
        let mut served = validating(with_default).serve().await;
        let mut client = served.connect().await;
        client.text(text).await;
        if fits {
            assert_eq!(served.call().await.event()["body"], text);
            continue;
        }
        let message = served.fact(|what| match what {
            What::MessageIn { message, .. } => Some(*message),
            _ => None,
        });
        let message = message.await;
        let id = served.only_id();
        let want = format!(
            r#"{{"message" : "Bad request body", "connectionId": "{id}", "messageId": "{message}"}}"#
        );
        assert_eq!(client.next_text().await, want, "{text}");
        assert_eq!(served.script.called(), [] as [&str; 0]);
    }
}
