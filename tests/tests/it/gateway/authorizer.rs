//! The REQUEST authorizer of `$connect`: Developer Guide, "Create a Lambda REQUEST authorizer
//! function" for WebSocket APIs.

use std::time::Duration;

use gatepost_gateway::InvokeError;
use gatepost_gateway::What;
use serde_json::Value;
use serde_json::json;

use super::script::Does;
use super::script::Result;
use super::script::always;
use super::script::body;
use super::script::function_error;
use super::script::response;
use super::script::status;
use super::served::api;

const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/local/$connect";

fn policy(effect: &str, resource: &str) -> Value {
    json!({ "principalId": "me", "policyDocument": { "Version": "2012-10-17", "Statement": [
        { "Action": "execute-api:Invoke", "Effect": effect, "Resource": resource } ] } })
}

fn allows() -> Does {
    always(response(&policy("Allow", ARN)))
}

/// 401, 403 and 500 with the bodies of REST APIs ("Gateway response types"); only an allowed
/// request reaches `$connect`.
#[tokio::test]
async fn what_the_authorizer_answers_decides() {
    let failed = r#"{"message":null}"#;
    let denied = r#"{"Message":"User is not authorized to access this resource"}"#;
    let explicit =
        r#"{"Message":"User is not authorized to access this resource with an explicit deny"}"#;
    let mut big = policy("Allow", "*");
    big["context"] = json!({ "x": "y".repeat(8 * 1024) });
    let cases: Vec<(Result, u16, &str)> = vec![
        (response(&policy("Allow", ARN)), 101, ""),
        (
            response(&policy(
                "Allow",
                "arn:aws:execute-api:*:*:abcdef1234/local/*",
            )),
            101,
            "",
        ),
        (response(&policy("Deny", "*")), 403, explicit),
        (
            response(&policy("Allow", "arn:aws:execute-api:*:*:*/prod/*")),
            403,
            denied,
        ),
        (
            function_error("Unauthorized"),
            401,
            r#"{"message":"Unauthorized"}"#,
        ),
        (function_error("boom"), 500, failed),
        (response(&json!({"principalId": "me"})), 500, failed),
        (response(&json!(null)), 500, failed),
        (body("yes"), 500, failed),
        (response(&big), 500, failed),
    ];
    for (result, want, text) in cases {
        let shown = format!("{result:?}");
        let wanted = api().one_way("$connect", always(status(200)));
        let served = wanted.authorizer(&[], always(result)).serve().await;
        let answer = served.dial().await.handshake("/local", &[]).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (want, text),
            "{shown}"
        );
        let called = if want == 101 {
            vec!["authorizer", "$connect"]
        } else {
            vec!["authorizer"]
        };
        assert_eq!(served.script.called(), called, "{shown}");
    }
}

/// The page above: a request without one of the identity sources gets 401 and the function is not
/// called.
#[tokio::test]
async fn without_an_identity_source_the_function_is_not_called() {
    let sources = [
        "route.request.header.Auth",
        "route.request.querystring.token",
    ];
    let wanted = api()
        .one_way("$connect", always(status(200)))
        .authorizer(&sources, allows());
    let served = wanted.serve().await;
    for (path, headers) in [
        ("/local", &[][..]),
        ("/local?token=t", &[]),
        ("/local?token=t", &["Auth: "]),
        ("/local", &["Auth: a"]),
        ("/local?token=", &["Auth: a"]),
        ("/local?Token=t", &["Auth: a"]),
    ] {
        let answer = served.dial().await.handshake(path, headers).await;
        assert_eq!(answer.status, 401, "{path} {headers:?}");
        assert_eq!(answer.body, r#"{"message":"Unauthorized"}"#);
        assert_eq!(
            answer.header("x-amzn-ErrorType"),
            Some("UnauthorizedException")
        );
    }
    assert!(served.script.called().is_empty());
    served
        .dial()
        .await
        .upgrade("/local?token=t", &["auth: a"])
        .await;
    assert_eq!(served.script.called(), ["authorizer", "$connect"]);
}

/// The names of `$context` and of stage variables are sources, too, as they are of REST APIs
/// ("Identity sources" in API reference, `CreateAuthorizer`, shows them for both).
#[tokio::test]
async fn stage_variables_and_the_context_are_identity_sources() {
    for (source, headers, want) in [
        ("stageVariables.token", &[][..], 101),
        ("$stageVariables.token", &[], 101),
        ("stageVariables.empty", &[], 401),
        ("stageVariables.other", &[], 401),
        ("context.identity.sourceIp", &[], 101),
        ("$context.stage", &[], 101),
        ("context.identity.userAgent", &[], 401),
        ("context.identity.userAgent", &["User-Agent: wscat"], 101),
        ("context.identity.caller", &[], 401),
    ] {
        let wanted = api()
            .one_way("$connect", always(status(200)))
            .authorizer(&[source], allows())
            .change(|wanted| {
                let variables = &mut wanted.api.stages[0].variables;
                variables.insert("token".to_owned(), "t".to_owned());
                variables.insert("empty".to_owned(), String::new());
            });
        let served = wanted.serve().await;
        let answer = served.dial().await.handshake("/local", headers).await;
        assert_eq!(answer.status, want, "{source} {headers:?}");
        assert_eq!(served.script.called().is_empty(), want == 401, "{source}");
    }
}

/// A function that takes too long, is throttled or cannot be called has not authorized anybody;
/// "Gateway response types", `AUTHORIZER_FAILURE`: 500.
#[tokio::test]
async fn an_authorizer_that_does_not_answer_is_500() {
    let waits = api()
        .one_way("$connect", always(status(200)))
        .authorizer(&[], Does::Waits)
        .limits(|limits| limits.integration = Duration::from_millis(50));
    let unavailable = Err(InvokeError::Unavailable("no binary".to_owned()));
    let mut servers = vec![waits.serve().await];
    for result in [Err(InvokeError::Throttled), unavailable] {
        let wanted = api().one_way("$connect", always(status(200)));
        servers.push(wanted.authorizer(&[], always(result)).serve().await);
    }
    for mut served in servers {
        let answer = served.dial().await.handshake("/local", &[]).await;
        assert_eq!(answer.status, 500);
        assert_eq!(answer.body, r#"{"message":null}"#);
        let kind = answer.header("x-amzn-ErrorType");
        assert_eq!(kind, Some("AuthorizerConfigurationException"));
        assert_eq!(served.script.called(), ["authorizer"]);
        served.call().await;
    }
}

/// "Output from an API Gateway Lambda authorizer": the context is flat, "you can't return a JSON
/// object or array as a valid value of any key".
#[tokio::test]
async fn a_context_that_is_not_flat_is_500() {
    for context in [
        json!({"deep": {"a": 1}}),
        json!({"list": [1]}),
        json!([]),
        json!("x"),
    ] {
        let mut answer = policy("Allow", "*");
        answer["context"] = context;
        let wanted = api().one_way("$connect", always(status(200)));
        let wanted = wanted.authorizer(&[], always(response(&answer)));
        let mut served = wanted.serve().await;
        let got = served.dial().await.handshake("/local", &[]).await;
        assert_eq!(
            (got.status, got.body.as_str()),
            (500, r#"{"message":null}"#)
        );
        let why = served.fact(|what| match what {
            What::Refused { why, .. } => Some(why.clone()),
            _ => None,
        });
        assert!(!why.await.is_empty());
    }
}

/// What a person who looks for the cause is told: the gateway's answer does not say it.
#[tokio::test]
async fn why_a_policy_cannot_be_evaluated_is_told() {
    let mut answer = policy("Allow", "*");
    answer["policyDocument"]["Statement"][0]["Condition"] =
        json!({"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}});
    let wanted = api().one_way("$connect", always(status(200)));
    let wanted = wanted.authorizer(&[], always(response(&answer)));
    let mut served = wanted.serve().await;
    let got = served.dial().await.handshake("/local", &[]).await;
    assert_eq!(got.status, 500);
    let why = served.fact(|what| match what {
        What::Refused { why, .. } => Some(why.clone()),
        _ => None,
    });
    let why = why.await;
    assert!(why.contains("Condition"), "{why}");
}

/// The authorizer runs once and protects all routes; "Output from an API Gateway Lambda authorizer":
/// context values are strings. boto3 issue 3789 shows them on `$disconnect`.
#[tokio::test]
async fn its_context_goes_with_every_later_event() {
    let mut answer = policy("Allow", "*");
    answer["context"] = json!({ "name": "Zoë", "n": 5, "ok": true });
    let mut served = api()
        .one_way("$connect", always(status(200)))
        .one_way("$default", always(status(200)))
        .one_way("$disconnect", always(status(200)))
        .authorizer(&[], always(response(&answer)))
        .serve()
        .await;
    let mut client = served.connect().await;
    client.text("hi").await;
    assert!(served.call_of("authorizer").await.event()["requestContext"]["authorizer"].is_null());
    let mut seen = vec![
        served.call_of("$connect").await.event(),
        served.call_of("$default").await.event(),
    ];
    client.drop_tcp();
    seen.push(served.call_of("$disconnect").await.event());
    for event in seen {
        let authorizer = &event["requestContext"]["authorizer"];
        assert_eq!(authorizer["principalId"], "me");
        assert_eq!(authorizer["name"], "Zoë");
        assert_eq!(authorizer["n"], "5");
        assert_eq!(authorizer["ok"], "true");
    }
    assert_eq!(
        served
            .script
            .called()
            .iter()
            .filter(|f| *f == "authorizer")
            .count(),
        1
    );
}
