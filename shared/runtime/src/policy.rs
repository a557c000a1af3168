//! What a Lambda authorizer returns.

use std::collections::BTreeMap;

use serde::Serialize;

/// Allows or denies one method, and says to the other functions who it is.
///
/// AWS: "Output from an API Gateway Lambda authorizer".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorization {
    /// Who it is, for API Gateway's own records.
    principal_id: String,
    policy_document: Policy,
    /// Strings that every later event of the connection carries; at most 8 KB.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    context: BTreeMap<&'static str, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    version: &'static str,
    statement: [Statement; 1],
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    action: &'static str,
    effect: &'static str,
    resource: String,
}

impl Authorization {
    /// Allows `method_arn` and nothing else.
    #[must_use]
    pub fn allow(
        method_arn: String,
        principal_id: String,
        context: BTreeMap<&'static str, String>,
    ) -> Self {
        Self::new("Allow", method_arn, principal_id, context)
    }

    /// Denies `method_arn`: the client sees 403.
    #[must_use]
    pub fn deny(method_arn: String) -> Self {
        Self::new("Deny", method_arn, String::from("nobody"), BTreeMap::new())
    }

    fn new(
        effect: &'static str,
        resource: String,
        principal_id: String,
        context: BTreeMap<&'static str, String>,
    ) -> Self {
        let statement = [Statement {
            action: "execute-api:Invoke",
            effect,
            resource,
        }];
        let policy_document = Policy {
            version: "2012-10-17",
            statement,
        };
        Self {
            principal_id,
            policy_document,
            context,
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerResponse;
    use expect_test::expect;

    use super::*;

    #[test]
    fn an_authorization_is_a_policy_for_one_method() {
        let context = BTreeMap::from([("user", String::from("ann"))]);
        let allow = Authorization::allow(String::from("arn:m"), String::from("ann"), context);
        expect![[r#"{"principalId":"ann","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"Allow","Resource":"arn:m"}]},"context":{"user":"ann"}}"#]]
            .assert_eq(&serde_json::to_string(&allow).unwrap());
        let deny = Authorization::deny(String::from("arn:m"));
        expect![[r#"{"principalId":"nobody","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"Deny","Resource":"arn:m"}]}}"#]]
            .assert_eq(&serde_json::to_string(&deny).unwrap());
    }

    #[test]
    fn awss_own_type_reads_it() {
        let context = BTreeMap::from([("user", String::from("ann"))]);
        let allow = Authorization::allow(String::from("arn:m"), String::from("ann"), context);
        let mut allow = serde_json::to_value(&allow).unwrap();
        // The type wants the list of actions that the policy grammar allows as well as one.
        let action = &mut allow["policyDocument"]["Statement"][0]["Action"];
        *action = serde_json::json!([action.clone()]);
        let resource = &mut allow["policyDocument"]["Statement"][0]["Resource"];
        *resource = serde_json::json!([resource.clone()]);
        let theirs: ApiGatewayCustomAuthorizerResponse = serde_json::from_value(allow).unwrap();
        assert_eq!(theirs.principal_id.as_deref(), Some("ann"));
        assert_eq!(theirs.policy_document.statement[0].resource, ["arn:m"]);
    }
}
