//! What a resource has beside its properties: the attributes of its type, and its name on AWS
//! ("Return values" on each type's page).

use crate::eval::Resource;
use crate::eval::Scope;
use crate::eval::Stop;
use crate::eval::unresolved;
use crate::finding::At;
use crate::finding::Finding;
use crate::suggest::did_you_mean;

/// All attributes of types of which a template names one by mistake sooner or later.
const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("AWS::ApiGateway::ApiKey", &["APIKeyId"]),
    ("AWS::ApiGateway::UsagePlan", &["Id"]),
    ("AWS::ApiGateway::UsagePlanKey", &["Id"]),
    (
        "AWS::ApiGatewayV2::Api",
        &["ApiEndpoint", "ApiId", "ExecuteApiArn"],
    ),
    ("AWS::ApiGatewayV2::ApiMapping", &["ApiMappingId"]),
    ("AWS::ApiGatewayV2::Authorizer", &["AuthorizerId"]),
    ("AWS::ApiGatewayV2::Deployment", &["DeploymentId"]),
    (
        "AWS::ApiGatewayV2::DomainName",
        &[
            "DomainNameArn",
            "RegionalDomainName",
            "RegionalHostedZoneId",
        ],
    ),
    ("AWS::ApiGatewayV2::Integration", &["IntegrationId"]),
    (
        "AWS::ApiGatewayV2::IntegrationResponse",
        &["IntegrationResponseId"],
    ),
    ("AWS::ApiGatewayV2::Model", &["ModelId"]),
    ("AWS::ApiGatewayV2::Route", &["RouteId"]),
    ("AWS::ApiGatewayV2::RouteResponse", &["RouteResponseId"]),
    ("AWS::ApiGatewayV2::Stage", &[]),
    ("AWS::Lambda::Alias", &["AliasArn"]),
    ("AWS::Lambda::Function", FUNCTION),
    ("AWS::Lambda::Version", &["FunctionArn", "Version"]),
    ("AWS::Serverless::Function", FUNCTION),
];
const FUNCTION: &[&str] = &[
    "Arn",
    "SnapStartResponse",
    "SnapStartResponse.ApplyOn",
    "SnapStartResponse.OptimizationStatus",
];

/// Types of which `Ref` is the name, and the property that gives it.
const NAMES: &[(&str, &str)] = &[
    ("AWS::DynamoDB::GlobalTable", "TableName"),
    ("AWS::DynamoDB::Table", "TableName"),
    ("AWS::Events::EventBus", "Name"),
    ("AWS::IAM::Role", "RoleName"),
    ("AWS::Kinesis::Stream", "Name"),
    ("AWS::KinesisFirehose::DeliveryStream", "DeliveryStreamName"),
    ("AWS::KMS::Alias", "AliasName"),
    ("AWS::Logs::LogGroup", "LogGroupName"),
    ("AWS::S3::Bucket", "BucketName"),
    ("AWS::SSM::Parameter", "Name"),
    ("AWS::Serverless::SimpleTable", "TableName"),
];

impl Scope {
    /// The name that a template gives a resource which exists on AWS only.
    pub(super) fn given_name(&self, resource: &Resource) -> Result<Option<String>, Stop> {
        let kind = resource.kind.as_str();
        let named = NAMES.iter().find(|(known, _)| *known == kind);
        let Some((property, value)) =
            named.and_then(|(_, property)| Some((property, resource.properties.get(property)?)))
        else {
            return Ok(None);
        };
        let what = format!("`{property}` of `{}`", resource.id);
        self.visit(what, &value.at, || self.text(value))
    }
}

/// Why an attribute has no value here: there is none of that name, or only AWS knows it.
pub(super) fn unknown(resource: &Resource, attribute: &str, at: &At) -> Stop {
    let (id, kind) = (&resource.id, resource.kind.as_str());
    let known = ATTRIBUTES.iter().find(|(known, _)| *known == kind);
    match known {
        Some((_, known)) if !known.contains(&attribute) => {
            let all = || match known {
                [] => "this type has none".to_owned(),
                known => format!("it has `{}`", known.join("`, `")),
            };
            let help = did_you_mean(attribute, known.iter().copied());
            let what = format!("`{id}` ({kind}) has no attribute `{attribute}`");
            Stop::Wrong(Finding::new(at, what).help(help.unwrap_or_else(all)))
        }
        Some(_) | None => unresolved(
            at,
            format!("`{attribute}` of `{id}` ({kind}) is known on AWS only"),
        ),
    }
}
