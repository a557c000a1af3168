//! Usage plans: which API keys open a stage, and how often.

use crate::project::Throttle;

/// Where `$connect` takes an API key from: `ApiKeySelectionExpression`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKeySource {
    /// The header `x-api-key`; the default.
    Header,
    /// `usageIdentifierKey` of the authorizer's answer.
    Authorizer,
}

/// `AWS::ApiGateway::UsagePlan`, for one stage of an API.
#[derive(Debug, Clone, PartialEq)]
pub struct UsagePlan {
    /// Logical ID.
    pub id: String,
    /// How fast each key may be used.
    pub throttle: Option<Throttle>,
    /// How often each key may be used.
    pub quota: Option<Quota>,
    /// Its keys.
    pub keys: Vec<ApiKey>,
}

/// `AWS::ApiGateway::ApiKey` of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its ID: ten lower-case letters and digits.
    pub id: String,
    /// What clients send.
    pub value: String,
    /// Whether it opens anything.
    pub enabled: bool,
}

/// `Quota` of a usage plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Requests in a period.
    pub limit: u32,
    /// Taken from the limit of the first period.
    pub offset: u32,
    /// The period, in UTC.
    pub period: Period,
}

/// The period of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// From midnight.
    Day,
    /// From Sunday.
    Week,
    /// From the first.
    Month,
}
