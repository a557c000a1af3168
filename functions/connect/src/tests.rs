use std::collections::BTreeMap;

use gatepost_store::open_registry;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use super::*;

const NOW: i64 = 1_000;

async fn connect(environment: &[(&str, &str)]) -> Connect {
    let environment: BTreeMap<&str, &str> = environment.iter().copied().collect();
    Connect::start(&environment).await.unwrap()
}

fn folder() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/log.db", folder.path().display());
    (folder, url)
}

fn event(headers: &Value, authorizer: &Value) -> String {
    let context = json!({
        "connectionId": "c1=", "requestId": "r", "connectedAt": 1_701_245_041_796_i64,
        "domainName": "h", "stage": "prod", "authorizer": authorizer,
    });
    json!({"headers": headers, "requestContext": context}).to_string()
}

fn ann() -> Value {
    json!({"principalId": "ann", "user": "ann", "name": "Ann"})
}

async fn answer(connect: &Connect, event: &str) -> Result<String, Failure> {
    let event: ConnectionEvent<'_> = serde_json::from_str(event).unwrap();
    let response = connect.connect(&event).await?;
    Ok(serde_json::to_string(&response).unwrap())
}

#[tokio::test]
async fn a_connection_is_recorded_with_its_user() {
    let (_folder, url) = folder();
    let connect = connect(&[("DATABASE_URL", &url), ("AUTH_MODE", "guest")]).await;
    let answered = answer(&connect, &event(&json!({}), &ann())).await.unwrap();
    assert_eq!(answered, r#"{"statusCode":200}"#);
    let registry = open_registry(None, &url).unwrap();
    let known = registry
        .connection(&"c1=".parse().unwrap(), NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(known.subscriber.user.as_str(), "ann");
    assert_eq!(known.subscriber.name, "Ann");
}

#[tokio::test]
async fn only_the_protocol_is_accepted_and_no_token_repeated() {
    let (_folder, url) = folder();
    let connect = connect(&[("DATABASE_URL", &url), ("AUTH_MODE", "guest")]).await;
    for (offer, accepted) in [
        ("gatepost.v1", true),
        ("gatepost.v1, aaa.bbb.ccc", true),
        ("other,gatepost.v1", true),
        ("gatepost.v2, aaa.bbb.ccc", false),
        ("aaa.bbb.ccc", false),
    ] {
        let headers = json!({"sec-websocket-protocol": offer});
        let answered = answer(&connect, &event(&headers, &ann())).await.unwrap();
        let expected = match accepted {
            true => r#"{"statusCode":200,"headers":{"Sec-WebSocket-Protocol":"gatepost.v1"}}"#,
            false => r#"{"statusCode":200}"#,
        };
        assert_eq!(answered, expected, "{offer}");
    }
}

#[tokio::test]
async fn a_registry_that_is_away_keeps_nobody_out() {
    let (_folder, url) = folder();
    // Nothing listens on port 1.
    let away = ("REDIS_URL", "redis://127.0.0.1:1");
    let connect = connect(&[("DATABASE_URL", &url), away, ("AUTH_MODE", "guest")]).await;
    let answered = answer(&connect, &event(&json!({}), &ann())).await.unwrap();
    assert_eq!(answered, r#"{"statusCode":200}"#);
}

#[tokio::test]
async fn a_token_that_ran_out_meanwhile_is_401() {
    let (_folder, url) = folder();
    let connect = connect(&[("DATABASE_URL", &url), ("AUTH_MODE", "jwt")]).await;
    let expired = json!({"user": "ann", "name": "Ann", "exp": "1"});
    let answered = answer(&connect, &event(&json!({}), &expired))
        .await
        .unwrap();
    assert_eq!(answered, r#"{"statusCode":401}"#);
}

#[tokio::test]
async fn an_event_without_an_identity_is_our_fault() {
    let (_folder, url) = folder();
    let connect = connect(&[("DATABASE_URL", &url), ("AUTH_MODE", "guest")]).await;
    let nobody = event(&json!({}), &json!({"principalId": "x"}));
    let failure = answer(&connect, &nobody).await.unwrap_err();
    assert!(matches!(failure, Failure::Fault(fault) if fault.error_type == "Payload.Invalid"));
}

#[tokio::test]
async fn what_is_missing_is_told_by_name() {
    let error = Connect::start(&BTreeMap::new())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("DATABASE_URL") && error.contains("AUTH_MODE"),
        "{error}"
    );
}
