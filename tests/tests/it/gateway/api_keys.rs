//! API keys: "WebSocket selection expressions in API Gateway" and "Usage plans and API keys for REST
//! APIs in API Gateway"; refusals as REST APIs have them ("Gateway response types for API Gateway").

use gatepost_template::ApiKey;
use gatepost_template::ApiKeySource;
use gatepost_template::Period;
use gatepost_template::Quota;
use gatepost_template::Throttle;
use gatepost_template::UsagePlan;
use serde_json::Value;
use serde_json::json;

use super::script::Does;
use super::script::always;
use super::script::response;
use super::script::status;
use super::served::Wanted;
use super::served::api;

const FORBIDDEN: &str = r#"{"message":"Forbidden"}"#;

/// `$connect` asks for a key of this plan, whose keys are `good` and, switched off, `off`.
pub(super) fn asking(throttle: Option<Throttle>, quota: Option<Quota>) -> Wanted {
    let key = |value: &str, enabled| ApiKey {
        id: format!("id-of-{value}"),
        value: value.to_owned(),
        enabled,
    };
    let wanted = api()
        .one_way("$connect", always(status(200)))
        .one_way("$default", always(status(200)));
    wanted.change(|wanted| {
        wanted
            .api
            .routes
            .get_mut("$connect")
            .unwrap()
            .api_key_required = true;
        wanted.api.stages[0].usage_plans.push(UsagePlan {
            id: "Plan".to_owned(),
            throttle,
            quota,
            keys: vec![key("good", true), key("off", false)],
        });
    })
}

/// The key is the header `x-api-key`; without a good one nobody gets in, and nothing is called.
#[tokio::test]
async fn connect_asks_for_the_key_in_the_header() {
    let served = asking(None, None).serve().await;
    for header in [
        "X-Other: good",
        "x-api-key: bad",
        "x-api-key: off",
        "x-api-key: ",
    ] {
        let answer = served.dial().await.handshake("/local", &[header]).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (403, FORBIDDEN),
            "{header}"
        );
        let head = answer.head.to_ascii_lowercase();
        assert!(
            head.contains("\r\nx-amzn-errortype: forbiddenexception\r\n"),
            "{head}"
        );
    }
    assert_eq!(served.script.called(), [] as [&str; 0]);
    served
        .dial()
        .await
        .upgrade("/local", &["X-API-Key: good"])
        .await;
}

/// A logged event (a fixture of `aws_lambda_events`) has the key in `identity`, before the address,
/// and keeps the header. In what needs no key it is null ("API Gateway mapping template and access
/// logging variable reference"), so that later events lack it.
#[tokio::test]
async fn the_event_of_connect_names_the_key() {
    let mut served = asking(None, None).serve().await;
    let mut client = served.dial().await;
    client.upgrade("/local", &["x-api-key: good"]).await;
    let call = served.call().await;
    assert_eq!(call.event()["headers"]["x-api-key"], "good");
    let text = String::from_utf8(call.payload.to_vec()).unwrap();
    let identity = r#""identity":{"apiKey":"good","apiKeyId":"id-of-good","sourceIp":"127.0.0.1"}"#;
    assert!(text.contains(identity), "{text}");
    client.text("hello").await;
    let event = served.call().await.event();
    assert_eq!(event["requestContext"]["identity"]["apiKey"], Value::Null);
}

/// `$context.authorizer.usageIdentifierKey`: the authorizer names the key, whatever the header says.
#[tokio::test]
async fn an_authorizer_can_name_the_key() {
    let authorizer = Does::Answers(Box::new(|event| {
        let statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        response(&json!({
            "principalId": "ann",
            "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
            "usageIdentifierKey": event["queryStringParameters"]["key"],
        }))
    }));
    let wanted = asking(None, None)
        .authorizer(&[], authorizer)
        .change(|wanted| wanted.api.api_key_source = ApiKeySource::Authorizer);
    let served = wanted.serve().await;
    served.dial().await.upgrade("/local?key=good", &[]).await;
    let answer = served
        .dial()
        .await
        .handshake("/local?key=bad", &["x-api-key: good"])
        .await;
    assert_eq!((answer.status, answer.body.as_str()), (403, FORBIDDEN));
    assert_eq!(
        served.script.called(),
        ["authorizer", "$connect", "authorizer"]
    );
}

/// The throttle of a plan, and its quota, are told apart by their texts.
#[tokio::test]
async fn a_key_that_is_used_too_often_is_refused() {
    let throttle = Throttle {
        rate: Some(0.0),
        burst: Some(1),
    };
    let quota = Quota {
        limit: 1,
        offset: 0,
        period: Period::Month,
    };
    for (throttle, quota, kind, message) in [
        (
            Some(throttle),
            None,
            "toomanyrequestsexception",
            "Too Many Requests",
        ),
        (
            None,
            Some(quota),
            "limitexceededexception",
            "Limit Exceeded",
        ),
    ] {
        let served = asking(throttle, quota).serve().await;
        let key = ["x-api-key: good"];
        served.dial().await.upgrade("/local", &key).await;
        let answer = served.dial().await.handshake("/local", &key).await;
        assert_eq!(answer.status, 429);
        assert_eq!(answer.body, format!(r#"{{"message":"{message}"}}"#));
        let head = answer.head.to_ascii_lowercase();
        assert!(
            head.contains(&format!("\r\nx-amzn-errortype: {kind}\r\n")),
            "{head}"
        );
    }
}

/// Only `$connect` asks for a key and counts: messages go on when the quota is used up.
#[tokio::test]
async fn messages_need_no_key_and_do_not_count() {
    let quota = Quota {
        limit: 1,
        offset: 0,
        period: Period::Day,
    };
    let mut served = asking(None, Some(quota)).serve().await;
    let mut client = served.dial().await;
    client.upgrade("/local", &["x-api-key: good"]).await;
    for _ in 0..3 {
        client.text("hello").await;
        served.call_of("$default").await;
    }
}
