//! Secrets as Secrets Manager gives them.

use gatepost_gateway_client::SecretError;

use crate::server::Does;
use crate::server::Server;

#[tokio::test]
async fn a_secret_is_asked_for_by_a_signed_request() {
    let mut server = Server::start(&[Does::Answers(
        200,
        r#"{"ARN":"arn:x","Name":"db","SecretString":"hush","VersionStages":["AWSCURRENT"]}"#,
    )])
    .await;
    assert_eq!(server.secrets().text("arn:x").await.unwrap(), "hush");
    let seen = server.requests.recv().await.unwrap();
    assert_eq!(
        (seen.head.method.as_str(), seen.head.uri.path()),
        ("POST", "/")
    );
    assert_eq!(
        seen.head.headers["x-amz-target"],
        "secretsmanager.GetSecretValue"
    );
    assert_eq!(
        seen.head.headers["content-type"],
        "application/x-amz-json-1.1"
    );
    let authorization = seen.head.headers["authorization"].to_str().unwrap();
    assert!(authorization.contains(
        "/us-east-1/secretsmanager/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature="
    ));
    assert_eq!(seen.body, r#"{"SecretId":"arn:x"}"#);
}

#[tokio::test]
async fn every_other_answer_is_the_operators_or_later() {
    type Is = fn(&SecretError) -> bool;
    let forbidden: Is = |error| matches!(error, SecretError::Forbidden(_));
    let unreachable: Is = |error| matches!(error, SecretError::Unreachable(_));
    let cases: [(&'static [Does], Is); 5] = [
        (
            &[Does::Answers(
                400,
                r#"{"__type":"ResourceNotFoundException","Message":"no"}"#,
            )],
            forbidden,
        ),
        (
            &[Does::Answers(200, r#"{"SecretBinary":"AA=="}"#)],
            forbidden,
        ),
        (&[Does::Answers(200, "")], forbidden),
        (&[Does::Answers(429, "")], unreachable),
        (&[Does::Answers(500, "")], unreachable),
    ];
    for (script, is) in cases {
        let server = Server::start(script).await;
        let error = server.secrets().text("arn:x").await.unwrap_err();
        assert!(is(&error), "{script:?}: {error}");
    }
}
