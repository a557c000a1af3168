//! Where AWS is, and under which credentials.

use gatepost_gateway_client::Credentials;
use http::Uri;

use super::Reading;

/// Where the `@connections` API is, if not at the address in the proxy event.
pub const AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI: &str =
    "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI";
/// Where Lambda's API is, if not at `https://lambda.{region}.amazonaws.com`.
pub const AWS_ENDPOINT_URL_LAMBDA: &str = "AWS_ENDPOINT_URL_LAMBDA";
/// Where Secrets Manager is, if not at `https://secretsmanager.{region}.amazonaws.com`.
pub const AWS_ENDPOINT_URL_SECRETS_MANAGER: &str = "AWS_ENDPOINT_URL_SECRETS_MANAGER";
/// The region. Lambda sets it.
pub const AWS_REGION: &str = "AWS_REGION";
/// The access key's name. Lambda sets it.
pub const AWS_ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
/// The access key. Lambda sets it.
pub const AWS_SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
/// What makes a temporary access key valid. Lambda sets it.
pub const AWS_SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
/// Name or ARN of the `fanout` function. Required by the functions that fan out.
pub const GATEPOST_FANOUT: &str = "GATEPOST_FANOUT";

/// Where AWS is, and under which credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsConfig {
    /// See [`AWS_REGION`].
    pub region: String,
    /// The function's own.
    pub credentials: Credentials,
    /// See [`AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI`].
    pub management: Option<Uri>,
    /// See [`AWS_ENDPOINT_URL_LAMBDA`].
    pub lambda: Uri,
    /// See [`AWS_ENDPOINT_URL_SECRETS_MANAGER`].
    pub secrets_manager: Uri,
}

impl AwsConfig {
    /// Reads where AWS is.
    pub fn read(reading: &mut Reading<'_>) -> Option<Self> {
        let region = reading.required(AWS_REGION, "Lambda sets it");
        let access_key_id = reading.required(AWS_ACCESS_KEY_ID, "Lambda sets it");
        let secret_access_key = reading.required(AWS_SECRET_ACCESS_KEY, "Lambda sets it");
        let session_token = reading.text(AWS_SESSION_TOKEN);
        let management = endpoint(reading, AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI);
        let lambda = endpoint(reading, AWS_ENDPOINT_URL_LAMBDA);
        let secrets_manager = endpoint(reading, AWS_ENDPOINT_URL_SECRETS_MANAGER);
        let region = region?;
        let of = |service: &str| {
            format!("https://{service}.{region}.amazonaws.com")
                .parse()
                .ok()
        };
        let (default_lambda, default_secrets) = (of("lambda"), of("secretsmanager"));
        if default_lambda.is_none() {
            reading.problem(AWS_REGION, "cannot be a part of a host name");
        }
        Some(Self {
            management: management?,
            lambda: lambda?.or(default_lambda)?,
            secrets_manager: secrets_manager?.or(default_secrets)?,
            credentials: Credentials {
                access_key_id: access_key_id?,
                secret_access_key: secret_access_key?,
                session_token,
            },
            region,
        })
    }
}

/// An endpoint: `None` after a problem, `Some(None)` if it is not set.
#[expect(clippy::option_option, reason = "what is not set is no problem")]
fn endpoint(reading: &mut Reading<'_>, name: &'static str) -> Option<Option<Uri>> {
    reading.parse(name, None, "http://host:port or https://host", |text| {
        let uri: Uri = text.parse().ok()?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        (is_http && uri.authority().is_some()).then_some(Some(uri))
    })
}
