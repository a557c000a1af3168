//! Which properties a type has: those that are read, those without effect here, and those that
//! are told not to be emulated. The names are of the types' pages in the CloudFormation and SAM
//! references.

use crate::eval::Scope;
use crate::finding::Finding;
use crate::finding::Findings;
use crate::node::Node;
use crate::suggest::did_you_mean;

/// Properties of a type.
#[derive(Debug)]
pub(super) struct Shape {
    /// What it is the shape of.
    pub(super) of: &'static str,
    /// Properties that are read.
    pub(super) read: &'static [&'static str],
    /// Properties without effect on this machine: permissions, logs, tags, capacity.
    pub(super) inert: &'static [&'static str],
    /// Properties that have an effect on AWS which is missing here, and what that means.
    pub(super) missing: &'static [(&'static str, &'static str)],
}

/// Notes properties that are unknown or not emulated.
pub(super) fn check(shape: &Shape, node: &Node, scope: &Scope, findings: &mut Findings) {
    if node.call().is_some() {
        return;
    }
    for entry in node.entries() {
        let name = entry.key.as_str();
        if shape.read.contains(&name) || shape.inert.contains(&name) {
            continue;
        }
        if let Some((_, meaning)) = shape.missing.iter().find(|(known, _)| *known == name) {
            if !is_off(&entry.value, scope) {
                let what = format!("`{name}` is not emulated: {meaning}");
                findings.unsupported(Finding::new(&entry.at, what));
            }
            continue;
        }
        let known = shape.read.iter().chain(shape.inert).copied();
        let known = known.chain(shape.missing.iter().map(|(name, _)| *name));
        findings.unsupported(Finding {
            at: entry.at.clone(),
            what: format!("`{name}` is no property of {}", shape.of),
            help: did_you_mean(name, known),
        });
    }
}

/// Whether a value says that the property has no effect: false, nothing, an empty list or map.
fn is_off(node: &Node, scope: &Scope) -> bool {
    match scope.reduce(node) {
        Ok(Some(value)) => match value.as_text() {
            Some(text) => text == "false",
            None => value.items().is_empty() && value.entries().is_empty(),
        },
        Ok(None) => true,
        Err(_) => false,
    }
}

/// The shape of a resource's type, if its properties are read.
pub(super) fn of(kind: &str) -> Option<&'static Shape> {
    RESOURCES.iter().find(|shape| shape.of == kind)
}

/// What properties of HTTP APIs have to do with WebSocket APIs.
const HTTP_ONLY: &str = "it is for HTTP APIs only";
const MODELS: &str = "messages are not validated";
const DROPPED: &str = "events that failed are dropped";

const RESOURCES: &[Shape] = &[
    Shape {
        of: "AWS::ApiGatewayV2::Api",
        read: &["ProtocolType", "RouteSelectionExpression"],
        inert: &[
            "ApiKeySelectionExpression",
            "Description",
            "DisableSchemaValidation",
            "FailOnWarnings",
            "IpAddressType",
            "Name",
            "Tags",
            "Version",
        ],
        missing: &[
            ("BasePath", HTTP_ONLY),
            ("Body", HTTP_ONLY),
            ("BodyS3Location", HTTP_ONLY),
            ("CorsConfiguration", HTTP_ONLY),
            ("CredentialsArn", HTTP_ONLY),
            (
                "DisableExecuteApiEndpoint",
                "on AWS the API answers at a custom domain only",
            ),
            ("RouteKey", HTTP_ONLY),
            ("Target", HTTP_ONLY),
        ],
    },
    Shape {
        of: "AWS::ApiGatewayV2::Stage",
        read: &[
            "ApiId",
            "AutoDeploy",
            "DefaultRouteSettings",
            "DeploymentId",
            "RouteSettings",
            "StageName",
            "StageVariables",
        ],
        inert: &["AccessLogSettings", "Description", "Tags"],
        missing: &[("ClientCertificateId", "it is for HTTP integrations")],
    },
    Shape {
        of: "AWS::ApiGatewayV2::Route",
        read: &[
            "ApiId",
            "AuthorizationType",
            "AuthorizerId",
            "RouteKey",
            "RouteResponseSelectionExpression",
            "Target",
        ],
        inert: &["OperationName"],
        missing: &[
            ("ApiKeyRequired", "connections without a key are let in"),
            ("AuthorizationScopes", HTTP_ONLY),
            ("ModelSelectionExpression", MODELS),
            ("RequestModels", MODELS),
            ("RequestParameters", "nothing is required or mapped"),
        ],
    },
    Shape {
        of: "AWS::ApiGatewayV2::RouteResponse",
        read: &["ApiId", "RouteId", "RouteResponseKey"],
        inert: &[],
        missing: &[
            ("ModelSelectionExpression", "responses are sent as they are"),
            ("ResponseModels", "responses are sent as they are"),
            ("ResponseParameters", "responses are sent as they are"),
        ],
    },
    Shape {
        of: "AWS::ApiGatewayV2::Integration",
        read: &[
            "ApiId",
            "CredentialsArn",
            "IntegrationType",
            "IntegrationUri",
            "RequestParameters",
            "RequestTemplates",
            "ResponseParameters",
            "TemplateSelectionExpression",
            "TimeoutInMillis",
        ],
        // `IntegrationMethod` is always POST for functions; the others belong to integrations
        // that are told not to be emulated as a whole.
        inert: &[
            "ConnectionId",
            "ConnectionType",
            "ContentHandlingStrategy",
            "Description",
            "IntegrationMethod",
            "IntegrationSubtype",
            "PassthroughBehavior",
            "PayloadFormatVersion",
            "TlsConfig",
        ],
        missing: &[],
    },
    Shape {
        of: "AWS::ApiGatewayV2::IntegrationResponse",
        read: &[],
        inert: &[
            "ApiId",
            "ContentHandlingStrategy",
            "IntegrationId",
            "IntegrationResponseKey",
            "ResponseParameters",
            "ResponseTemplates",
            "TemplateSelectionExpression",
        ],
        missing: &[],
    },
    Shape {
        of: "AWS::ApiGatewayV2::Authorizer",
        read: &["ApiId", "AuthorizerType", "AuthorizerUri", "IdentitySource"],
        inert: &["AuthorizerCredentialsArn", "Name"],
        missing: &[
            ("AuthorizerPayloadFormatVersion", HTTP_ONLY),
            ("AuthorizerResultTtlInSeconds", HTTP_ONLY),
            ("EnableSimpleResponses", HTTP_ONLY),
            ("IdentityValidationExpression", HTTP_ONLY),
            ("JwtConfiguration", HTTP_ONLY),
        ],
    },
    Shape {
        of: "AWS::ApiGatewayV2::Deployment",
        read: &[],
        inert: &["ApiId", "Description", "StageName"],
        missing: &[],
    },
    Shape {
        of: "AWS::Lambda::Function",
        read: &[
            "Code",
            "Environment",
            "FunctionName",
            "Handler",
            "MemorySize",
            "PackageType",
            "ReservedConcurrentExecutions",
            "Runtime",
            "Timeout",
        ],
        inert: &[
            "Architectures",
            "CapacityProviderConfig",
            "CodeSigningConfigArn",
            "Description",
            "EphemeralStorage",
            "FunctionScalingConfig",
            "ImageConfig",
            "KmsKeyArn",
            "LoggingConfig",
            "PublishToLatestPublished",
            "RecursiveLoop",
            "Role",
            "RuntimeManagementConfig",
            "SnapStart",
            "Tags",
            "TracingConfig",
            "VpcConfig",
        ],
        missing: &[
            ("DeadLetterConfig", DROPPED),
            ("DurableConfig", "executions are not durable"),
            ("FileSystemConfigs", "nothing is mounted"),
            ("Layers", "the function finds its own code only"),
            ("TenancyConfig", "tenants share environments"),
        ],
    },
    Shape {
        of: "AWS::Serverless::Function",
        read: &[
            "AutoPublishAlias",
            "CodeUri",
            "Environment",
            "EventInvokeConfig",
            "Events",
            "FunctionName",
            "Handler",
            "ImageUri",
            "InlineCode",
            "MemorySize",
            "PackageType",
            "ReservedConcurrentExecutions",
            "Runtime",
            "Timeout",
        ],
        inert: &[
            "Architectures",
            "AssumeRolePolicyDocument",
            "AutoPublishAliasAllProperties",
            "AutoPublishCodeSha256",
            "CapacityProviderConfig",
            "CodeSigningConfigArn",
            "DeploymentPreference",
            "Description",
            "EphemeralStorage",
            "FunctionScalingConfig",
            "ImageConfig",
            "KmsKeyArn",
            "LoggingConfig",
            "PermissionsBoundary",
            "Policies",
            "PropagateTags",
            "ProvisionedConcurrencyConfig",
            "PublishToLatestPublished",
            "RecursiveLoop",
            "Role",
            "RolePath",
            "RuntimeManagementConfig",
            "SnapStart",
            "SourceKMSKeyArn",
            "Tags",
            "Tracing",
            "VersionDeletionPolicy",
            "VersionDescription",
            "VpcConfig",
        ],
        missing: &[
            ("DeadLetterQueue", DROPPED),
            ("DurableConfig", "executions are not durable"),
            ("FileSystemConfigs", "nothing is mounted"),
            ("FunctionUrlConfig", "the function has no URL"),
            ("Layers", "the function finds its own code only"),
            ("TenancyConfig", "tenants share environments"),
        ],
    },
    Shape {
        of: "AWS::Serverless::WebSocketApi",
        read: &[
            "Auth",
            "DefaultRouteSettings",
            "RouteSelectionExpression",
            "RouteSettings",
            "Routes",
            "StageName",
            "StageVariables",
        ],
        inert: &[
            "AccessLogSettings",
            "ApiKeySelectionExpression",
            "Description",
            "DisableSchemaValidation",
            "FailOnWarnings",
            "IpAddressType",
            "Name",
            "PropagateTags",
            "Tags",
        ],
        missing: &[
            (
                "DisableExecuteApiEndpoint",
                "on AWS the API answers at a custom domain only",
            ),
            ("Domain", "the API answers on this machine only"),
        ],
    },
    Shape {
        of: "AWS::Lambda::Permission",
        read: &["Action", "FunctionName", "Principal", "SourceArn"],
        inert: &[
            "EventSourceToken",
            "FunctionUrlAuthType",
            "InvokedViaFunctionUrl",
            "PrincipalOrgID",
            "SourceAccount",
        ],
        missing: &[],
    },
    Shape {
        of: "AWS::Lambda::EventInvokeConfig",
        read: &[
            "FunctionName",
            "MaximumEventAgeInSeconds",
            "MaximumRetryAttempts",
            "Qualifier",
        ],
        inert: &[],
        missing: &[("DestinationConfig", DROPPED)],
    },
    Shape {
        of: "AWS::Lambda::Alias",
        read: &["FunctionName", "Name"],
        inert: &[
            "Description",
            "FunctionVersion",
            "ProvisionedConcurrencyConfig",
        ],
        missing: &[("RoutingConfig", "all calls reach the code that is here")],
    },
    Shape {
        of: "AWS::Lambda::Version",
        read: &["FunctionName"],
        inert: &[
            "CodeSha256",
            "Description",
            "FunctionScalingConfig",
            "ProvisionedConcurrencyConfig",
            "RuntimePolicy",
        ],
        missing: &[],
    },
];

/// A route of `AWS::Serverless::WebSocketApi`.
pub(super) const SAM_ROUTE: Shape = Shape {
    of: "a route of AWS::Serverless::WebSocketApi",
    read: &[
        "FunctionArn",
        "IntegrationTimeout",
        "RouteResponseSelectionExpression",
        // These become properties of the route that SAM makes, and are told there.
        "ApiKeyRequired",
        "ModelSelectionExpression",
        "RequestModels",
        "RequestParameters",
    ],
    inert: &["OperationName"],
    missing: &[],
};

/// `Auth` of `AWS::Serverless::WebSocketApi`.
pub(super) const SAM_AUTH: Shape = Shape {
    of: "Auth of AWS::Serverless::WebSocketApi",
    read: &["AuthArn", "AuthType", "IdentitySource"],
    inert: &["InvokeRole", "Name"],
    missing: &[],
};

/// `EventInvokeConfig` of a SAM function.
pub(super) const INVOKE_CONFIG: Shape = Shape {
    of: "EventInvokeConfig",
    read: &["MaximumEventAgeInSeconds", "MaximumRetryAttempts"],
    inert: &[],
    missing: &[("DestinationConfig", DROPPED)],
};

/// `Events` of the type `Schedule`.
pub(super) const SCHEDULE: Shape = Shape {
    of: "a Schedule event",
    read: &["Enabled", "Input", "Schedule", "State"],
    inert: &["Description", "Name", "RetryPolicy"],
    missing: &[("DeadLetterConfig", DROPPED)],
};

/// `Events` of the type `ScheduleV2`.
pub(super) const SCHEDULE_V2: Shape = Shape {
    of: "a ScheduleV2 event",
    read: &["Input", "ScheduleExpression", "State"],
    inert: &[
        "Description",
        "FlexibleTimeWindow",
        "GroupName",
        "KmsKeyArn",
        "Name",
        "OmitName",
        "PermissionsBoundary",
        "RetryPolicy",
        "RoleArn",
        "ScheduleExpressionTimezone",
    ],
    missing: &[
        ("DeadLetterConfig", DROPPED),
        ("EndDate", "the schedule goes on"),
        ("StartDate", "the schedule begins at once"),
    ],
};

/// Attributes of a resource beside its properties.
pub(super) const ATTRIBUTES: Shape = Shape {
    of: "a resource (an attribute)",
    read: &[
        "Condition",
        "IgnoreGlobals",
        "Metadata",
        "Properties",
        "Type",
    ],
    inert: &[
        "Connectors",
        "CreationPolicy",
        "DeletionPolicy",
        "DependsOn",
        "UpdatePolicy",
        "UpdateReplacePolicy",
    ],
    missing: &[],
};

/// Types that are no business of an emulator: permissions, logs, metrics, keys, networks, names,
/// and stores that functions reach by an address in their environment.
const IRRELEVANT: &[&str] = &[
    "AWS::ApiGateway::Account",
    "AWS::ApplicationAutoScaling::",
    "AWS::Backup::",
    "AWS::CDK::Metadata",
    "AWS::Cassandra::",
    "AWS::CertificateManager::",
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::CloudFront::",
    "AWS::CloudTrail::",
    "AWS::CloudWatch::",
    "AWS::CodeDeploy::",
    "AWS::EC2::",
    "AWS::ElastiCache::",
    "AWS::IAM::",
    "AWS::KMS::",
    "AWS::Logs::",
    "AWS::MemoryDB::",
    "AWS::RDS::",
    "AWS::ResourceGroups::",
    "AWS::Route53::",
    "AWS::S3::",
    "AWS::SSM::",
    "AWS::SecretsManager::",
    "AWS::WAFv2::",
    "AWS::XRay::",
];

/// Whether a type is no business of an emulator.
pub(super) fn is_irrelevant(kind: &str) -> bool {
    IRRELEVANT.iter().any(|known| match known.ends_with("::") {
        true => kind.starts_with(known),
        false => kind == *known,
    })
}

/// Types that are read, for suggestions.
pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    RESOURCES.iter().map(|shape| shape.of)
}
