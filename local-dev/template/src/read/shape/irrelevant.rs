//! Types that are passed over in silence.

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
pub(in crate::read) fn is_irrelevant(kind: &str) -> bool {
    IRRELEVANT.iter().any(|known| match known.ends_with("::") {
        true => kind.starts_with(known),
        false => kind == *known,
    })
}
