//! Authorizers.

use std::collections::BTreeMap;

use crate::eval::Resource;
use crate::eval::Stop;
use crate::finding::Finding;
use crate::project::Authorizer;
use crate::project::Function;
use crate::read::Reader;
use crate::read::api::Parts;
use crate::suggest::did_you_mean;

/// Where an identity source may look in the request of `$connect`.
const SOURCES: &[&str] = &[
    "context.",
    "route.request.header.",
    "route.request.querystring.",
    "stageVariables.",
    "$context.",
    "$stageVariables.",
];

/// Who may call a route.
#[derive(Debug, Default)]
pub(super) struct Authorization {
    /// A REQUEST authorizer decides.
    pub(super) authorizer: Option<Authorizer>,
    /// `AWS_IAM`: whoever signs.
    pub(super) iam: bool,
}

impl<'s> Reader<'s> {
    /// The authorization of a route. An error is a finding for which the route must stay closed:
    /// who may call it is not known here.
    pub(super) fn authorization(
        &mut self,
        route: &'s Resource,
        key: &str,
        parts: &Parts<'s>,
        functions: &BTreeMap<String, Function>,
    ) -> Result<Authorization, Finding> {
        let closed =
            |reader: &mut Self, stop| reader.closed(stop).map(|_| Authorization::default());
        let properties = &route.properties;
        let id_node = properties.get("AuthorizerId");
        let Some(kind_node) = properties.get("AuthorizationType") else {
            if let Some(node) = id_node {
                let what = "`AuthorizerId` without `AuthorizationType: CUSTOM`: it is never called";
                self.findings.error(Finding::new(&node.at, what));
            }
            return Ok(Authorization::default());
        };
        let kind = match self.scope.text(kind_node) {
            Ok(kind) => kind.unwrap_or_else(|| "NONE".to_owned()),
            Err(stop) => return closed(self, stop),
        };
        if kind == "NONE" {
            return Ok(Authorization::default());
        }
        if key != "$connect" {
            let what = format!("the route `{key}` cannot have an authorizer");
            let help = "only `$connect` is authorized; it stands for the whole connection";
            self.findings
                .error(Finding::new(&kind_node.at, what).help(help));
            return Ok(Authorization::default());
        }
        match kind.as_str() {
            "CUSTOM" => {}
            "AWS_IAM" => {
                return Ok(Authorization {
                    authorizer: None,
                    iam: true,
                });
            }
            other => {
                let what = format!("`{other}` is no `AuthorizationType` of a WebSocket API");
                let types = "the types are NONE, AWS_IAM and CUSTOM";
                let help = did_you_mean(other, ["NONE", "AWS_IAM", "CUSTOM"]);
                let help = help.unwrap_or_else(|| types.to_owned());
                self.findings
                    .error(Finding::new(&kind_node.at, what).help(help));
                return Ok(Authorization::default());
            }
        }
        let Some(id_node) = id_node else {
            let what = "`AuthorizationType: CUSTOM` needs an `AuthorizerId`";
            self.findings.error(Finding::new(&kind_node.at, what));
            return Ok(Authorization::default());
        };
        let id = match self.scope.text(id_node) {
            Ok(id) => id.unwrap_or_default(),
            Err(stop) => return closed(self, stop),
        };
        let authorizers = parts
            .iter()
            .filter(|part| part.kind == "AWS::ApiGatewayV2::Authorizer");
        let Some(resource) = authorizers.clone().find(|part| part.id == id) else {
            self.findings.error(
                Finding::new(&id_node.at, format!("this API has no authorizer `{id}`"))
                    .maybe_help(did_you_mean(&id, authorizers.map(|part| part.id.as_str()))),
            );
            return Ok(Authorization::default());
        };
        let authorizer = self.request_authorizer(resource, functions)?;
        Ok(Authorization {
            authorizer,
            iam: false,
        })
    }

    /// A REQUEST authorizer, the only kind that WebSocket APIs have.
    fn request_authorizer(
        &mut self,
        resource: &'s Resource,
        functions: &BTreeMap<String, Function>,
    ) -> Result<Option<Authorizer>, Finding> {
        let properties = &resource.properties;
        let Some(kind) = self.required(resource, "AuthorizerType") else {
            return Ok(None);
        };
        if kind != "REQUEST" {
            let at = properties.get("AuthorizerType").map(|node| &node.at);
            let what = format!("a WebSocket API has no `{kind}` authorizer");
            let help = "the only `AuthorizerType` is REQUEST";
            self.findings
                .error(Finding::new(at.unwrap_or(&resource.at), what).help(help));
            return Ok(None);
        }
        let identity_sources = self.texts(properties, "IdentitySource");
        for source in &identity_sources {
            let is_known = SOURCES
                .iter()
                .any(|known| source.len() > known.len() && source.starts_with(known));
            if !is_known {
                let at = properties.get("IdentitySource").map(|node| &node.at);
                let what = format!("`{source}` is no identity source");
                let help = "write `route.request.header.NAME` or `route.request.querystring.NAME`";
                self.findings
                    .error(Finding::new(at.unwrap_or(&resource.at), what).help(help));
            }
        }
        let Some(node) = properties.get("AuthorizerUri") else {
            self.missing(resource, "AuthorizerUri");
            return Ok(None);
        };
        match self.called(node, functions) {
            Ok(function) => Ok(Some(Authorizer {
                function,
                identity_sources,
            })),
            Err(stop) => self.closed(stop),
        }
    }

    /// The finding for which a route stays closed, or a note that the template is wrong.
    fn closed(&mut self, stop: Stop) -> Result<Option<Authorizer>, Finding> {
        match stop {
            Stop::Unresolved(mut finding) => {
                finding.what = format!("nobody can connect: {}", finding.what);
                Err(finding)
            }
            Stop::Wrong(finding) => {
                self.findings.error(finding);
                Ok(None)
            }
        }
    }
}
