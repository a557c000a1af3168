//! Permissions: whether API Gateway may call what the routes name. Here it always may; on AWS a
//! missing permission is a 500 that nobody understands.

use std::collections::BTreeMap;

use crate::eval::Resource;
use crate::eval::local;
use crate::finding::Finding;
use crate::project::Integration;
use crate::project::Route;
use crate::project::Stage;
use crate::read::Reader;
use crate::read::api::Parts;

/// A permission for API Gateway.
#[derive(Debug)]
struct Permission {
    /// The function's name.
    function: String,
    /// Where calls may come from; everywhere if `None`.
    source: Option<String>,
}

impl<'s> Reader<'s> {
    /// Notes routes whose function API Gateway may not call on AWS.
    pub(super) fn check_permissions(
        &mut self,
        api: &Resource,
        stages: &[Stage],
        routes: &BTreeMap<String, Route>,
        parts: &Parts<'s>,
    ) {
        let permissions = self.permissions();
        let base = format!(
            "arn:aws:execute-api:{}:{}:{}",
            local::REGION,
            local::ACCOUNT,
            local::api_id(&api.id)
        );
        let has_role = |kind: &str, property: &str| {
            let mut parts = parts.iter();
            parts.any(|part| part.kind == kind && part.properties.get(property).is_some())
        };
        let called_with_role = has_role("AWS::ApiGatewayV2::Integration", "CredentialsArn");
        let authorized_with_role =
            has_role("AWS::ApiGatewayV2::Authorizer", "AuthorizerCredentialsArn");
        for route in routes.values() {
            let sources = stages
                .iter()
                .map(|stage| format!("{base}/{}/{}", stage.name, route.key))
                .collect::<Vec<_>>();
            let called = route.integration.as_ref().and_then(Integration::function);
            if let Some(function) = called
                && !called_with_role
                && !self.may_call(function, &sources, &permissions)
            {
                let what = format!(
                    "API Gateway may not call `{function}` for `{}`, and answers 500",
                    route.key
                );
                self.findings.fails_on_aws(missing(&route.at, what));
            }
            if let Some(authorizer) = &route.authorizer
                && !authorized_with_role
                && !self.may_call(
                    &authorizer.function,
                    &[format!("{base}/authorizers/*")],
                    &permissions,
                )
            {
                let function = &authorizer.function;
                let what = format!(
                    "API Gateway may not call the authorizer `{function}`, and answers 500"
                );
                self.findings.fails_on_aws(missing(&route.at, what));
            }
        }
    }

    /// Permissions of API Gateway. What cannot be resolved allows: it may be right on AWS.
    fn permissions(&mut self) -> Vec<Permission> {
        let scope = self.scope;
        let mut permissions = Vec::new();
        for resource in scope.resources.of("AWS::Lambda::Permission") {
            let principal = self.text(&resource.properties, "Principal");
            if !matches!(
                principal.as_deref(),
                None | Some("*" | "apigateway.amazonaws.com")
            ) {
                continue;
            }
            let Some(function) = self.required(resource, "FunctionName") else {
                continue;
            };
            let source = resource.properties.get("SourceArn");
            permissions.push(Permission {
                function: local::function_name(&function).to_owned(),
                source: source.and_then(|node| scope.text(node).ok().flatten()),
            });
        }
        permissions
    }

    /// Whether one of the sources is allowed.
    fn may_call(&self, id: &str, sources: &[String], permissions: &[Permission]) -> bool {
        let name = self.scope.resources.get(id).map(|resource| {
            let name = self.scope.function_name(resource);
            name.unwrap_or_else(|_| id.to_owned())
        });
        permissions
            .iter()
            .filter(|permission| Some(&permission.function) == name.as_ref())
            .any(|permission| match &permission.source {
                Some(pattern) => sources.iter().any(|source| {
                    // A pattern for one authorizer, or for all.
                    let is_authorizer =
                        source.ends_with("/authorizers/*") && pattern.contains("/authorizers/");
                    is_authorizer || is_like(source, pattern)
                }),
                None => true,
            })
    }
}

fn missing(at: &crate::finding::At, what: String) -> Finding {
    Finding::new(at, what)
        .help("add an AWS::Lambda::Permission for apigateway.amazonaws.com whose `SourceArn` fits")
}

/// Whether a text fits a pattern with `*` and `?` (IAM's `ArnLike`).
fn is_like(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
    let (mut t, mut p) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => {
                t += 1;
                p += 1;
            }
            _ => match star {
                Some((star_p, star_t)) => {
                    star = Some((star_p, star_t + 1));
                    p = star_p + 1;
                    t = star_t + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_fit() {
        for (text, pattern, fits) in [
            ("a/b/$connect", "a/b/$connect", true),
            ("a/b/$connect", "a/*", true),
            ("a/b/$connect", "a/*/$connect", true),
            ("a/b/$connect", "a/?/*", true),
            ("a/b/$connect", "a/*/$default", false),
            ("a/b/$connect", "a/b", false),
            ("a", "a*", true),
            ("a", "*", true),
            ("", "*", true),
            ("", "", true),
            ("aaaaab", "*a*a*b", true),
        ] {
            assert_eq!(is_like(text, pattern), fits, "{text} {pattern}");
        }
    }
}
