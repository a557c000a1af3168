//! Properties of what stands inside of resources.

use super::DROPPED;
use super::Shape;

/// A route of `AWS::Serverless::WebSocketApi`.
pub(in crate::read) const SAM_ROUTE: Shape = Shape {
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
pub(in crate::read) const SAM_AUTH: Shape = Shape {
    of: "Auth of AWS::Serverless::WebSocketApi",
    read: &["AuthArn", "AuthType", "IdentitySource"],
    inert: &["InvokeRole", "Name"],
    missing: &[],
};

/// `Domain` of `AWS::Serverless::WebSocketApi`.
pub(in crate::read) const SAM_DOMAIN: Shape = Shape {
    of: "Domain of AWS::Serverless::WebSocketApi",
    read: &["BasePath", "DomainName"],
    inert: &[
        "CertificateArn",
        "EndpointConfiguration",
        "OwnershipVerificationCertificateArn",
        "Route53",
        "SecurityPolicy",
        "TruststoreUri",
        "TruststoreVersion",
    ],
    missing: &[(
        "MutualTlsAuthentication",
        "clients are not asked for a certificate",
    )],
};

/// `EventInvokeConfig` of a SAM function.
pub(in crate::read) const INVOKE_CONFIG: Shape = Shape {
    of: "EventInvokeConfig",
    read: &[
        "DestinationConfig",
        "MaximumEventAgeInSeconds",
        "MaximumRetryAttempts",
    ],
    inert: &[],
    missing: &[],
};

/// `Events` of the type `Schedule`.
pub(in crate::read) const SCHEDULE: Shape = Shape {
    of: "a Schedule event",
    read: &["Enabled", "Input", "Schedule", "State"],
    inert: &["Description", "Name", "RetryPolicy"],
    missing: &[("DeadLetterConfig", DROPPED)],
};

/// `Events` of the type `ScheduleV2`.
pub(in crate::read) const SCHEDULE_V2: Shape = Shape {
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
pub(in crate::read) const ATTRIBUTES: Shape = Shape {
    of: "a resource",
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
