//! Secrets that AWS Secrets Manager keeps. They are read when a function starts and hold for the
//! life of its environment: a rotated one is known to the environments that come after it.

use std::sync::Arc;

use gatepost_gateway_client::Access;
use gatepost_gateway_client::Limits;
use gatepost_gateway_client::SecretsManager;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use serde::Deserialize;

use crate::StartError;
use crate::clock;
use crate::config;
use crate::config::AwsConfig;
use crate::config::Environment;
use crate::config::JWT_SECRET_ARN;
use crate::config::LEAST_SECRET;
use crate::config::Secret;
use crate::config::SecretSource;

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager did not give it.
    #[error("the secret {arn} cannot be read")]
    Unread {
        /// Its ARN.
        arn: String,
        /// Why.
        #[source]
        source: gatepost_gateway_client::SecretError,
    },
    /// Its text cannot be joined with the URL that stands in the environment.
    #[error("the secret {arn} is not an object with username and password, for the URL beside it")]
    NoLogin {
        /// Its ARN.
        arn: String,
    },
    /// It is no key for HS256.
    #[error("the secret {arn}, which {JWT_SECRET_ARN} names, is shorter than {LEAST_SECRET} bytes")]
    Short {
        /// Its ARN.
        arn: String,
    },
}

/// What RDS keeps of a database user, among other things.
#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
}

/// The value of a secret, asked for where it is kept.
///
/// # Errors
/// If Secrets Manager does not give it, or it is not what its use needs.
pub async fn secret(
    environment: &dyn Environment,
    source: SecretSource,
) -> Result<Secret, StartError> {
    let (arn, url) = match source {
        SecretSource::Value(value) => return Ok(value),
        SecretSource::Arn { arn, url } => (arn, url),
    };
    let aws = config::read(environment, AwsConfig::read)?;
    let manager = SecretsManager::new(&aws.secrets_manager, access(&aws), Limits::default())?;
    let text = match manager.text(&arn).await {
        Ok(text) => text,
        Err(source) => return Err(SecretError::Unread { arn, source }.into()),
    };
    match url {
        None => Ok(Secret::new(text)),
        Some(url) => Ok(with_login(&url, &text).ok_or(SecretError::NoLogin { arn })?),
    }
}

/// The key of HS256 tokens, asked for where it is kept.
///
/// # Errors
/// As [`secret`], and if the key is shorter than RFC 7518 section 3.2 allows.
pub async fn signing_secret(
    environment: &dyn Environment,
    source: SecretSource,
) -> Result<Secret, StartError> {
    let arn = match &source {
        // Was looked at together with the environment.
        SecretSource::Value(_) => None,
        SecretSource::Arn { arn, .. } => Some(arn.clone()),
    };
    let key = secret(environment, source).await?;
    match arn {
        Some(arn) if key.expose().len() < LEAST_SECRET => Err(SecretError::Short { arn }.into()),
        _ => Ok(key),
    }
}

/// On whose behalf this function signs.
pub(crate) fn access(aws: &AwsConfig) -> Access {
    // Lambda gives an environment new credentials only with a new environment.
    let credentials = aws.credentials.clone();
    Access {
        region: aws.region.clone(),
        credentials: Arc::new(move || credentials.clone()),
        clock: Arc::new(clock::now),
    }
}

fn with_login(url: &Secret, text: &str) -> Option<Secret> {
    let Login { username, password } = serde_json::from_str(text).ok()?;
    let (scheme, rest) = url.expose().split_once("://")?;
    // A user in the URL gives way to the secret's.
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let username = utf8_percent_encode(&username, NON_ALPHANUMERIC);
    let password = utf8_percent_encode(&password, NON_ALPHANUMERIC);
    Some(Secret::new(format!(
        "{scheme}://{username}:{password}@{host}{path}"
    )))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::io::AsyncReadExt as _;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf";

    /// What becomes of a secret that Secrets Manager answers with `body`.
    async fn read(status: &str, body: &str, url: Option<&str>) -> Result<Secret, StartError> {
        ask(status, body, url, secret).await
    }

    async fn ask(
        status: &str,
        body: &str,
        url: Option<&str>,
        read: impl AsyncFnOnce(&dyn Environment, SecretSource) -> Result<Secret, StartError>,
    ) -> Result<Secret, StartError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 16_384];
            let length = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let environment = BTreeMap::from([
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "hush"),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", endpoint.as_str()),
        ]);
        let source = SecretSource::Arn {
            arn: String::from(ARN),
            url: url.map(Secret::new),
        };
        let secret = read(&environment, source).await;
        let request = served.await.unwrap();
        assert!(
            request.contains("/eu-west-1/secretsmanager/aws4_request"),
            "{request}"
        );
        secret
    }

    #[tokio::test]
    async fn a_secret_is_the_whole_value_or_the_login_of_a_url() {
        let whole = read("200 OK", r#"{"SecretString":"mysql://u:p@h/d"}"#, None)
            .await
            .unwrap();
        assert_eq!(whole.expose(), "mysql://u:p@h/d");
        let login = r#"{"SecretString":"{\"username\":\"chat\",\"password\":\"a/b@c\",\"engine\":\"mysql\"}"}"#;
        for (url, expected) in [
            ("mysql://h:3306/d", "mysql://chat:a%2Fb%40c@h:3306/d"),
            (
                "mysql://old:pw@h/d?ssl-mode=REQUIRED",
                "mysql://chat:a%2Fb%40c@h/d?ssl-mode=REQUIRED",
            ),
            (
                "rediss+cluster://h:6379",
                "rediss+cluster://chat:a%2Fb%40c@h:6379",
            ),
        ] {
            assert_eq!(
                read("200 OK", login, Some(url)).await.unwrap().expose(),
                expected
            );
        }
    }

    #[tokio::test]
    async fn what_keeps_a_secret_away_is_told_without_the_secret() {
        let refused = r#"{"__type":"AccessDeniedException","Message":"not for you"}"#;
        let error = read("400 Bad Request", refused, None).await.unwrap_err();
        assert!(error.to_string().contains(ARN), "{error}");
        let error = read("200 OK", r#"{"SecretString":"hush"}"#, Some("mysql://h/d")).await;
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("username and password") && !error.contains("hush"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_kept_key_shorter_than_its_hash_keeps_the_function_from_starting() {
        let body = |length| format!(r#"{{"SecretString":"{}"}}"#, "k".repeat(length));
        let short = ask("200 OK", &body(31), None, signing_secret).await;
        let error = short.unwrap_err().to_string();
        assert!(
            error.contains("JWT_SECRET_ARN") && error.contains(ARN) && !error.contains("kk"),
            "{error}"
        );
        let key = ask("200 OK", &body(32), None, signing_secret).await;
        assert_eq!(key.unwrap().expose().len(), 32);
    }
}
