//! Routes.

use std::collections::BTreeMap;

use crate::eval::Resource;
use crate::eval::Stop;
use crate::finding::Finding;
use crate::project::Function;
use crate::project::Integration;
use crate::project::Route;
use crate::read::Reader;
use crate::read::api::Parts;
use crate::read::authorizer::Authorization;
use crate::read::property::unreplaced;
use crate::suggest::did_you_mean;

impl<'s> Reader<'s> {
    /// The routes of an API, by route key.
    pub(super) fn routes(
        &mut self,
        api: &Resource,
        parts: &Parts<'s>,
        functions: &BTreeMap<String, Function>,
    ) -> BTreeMap<String, Route> {
        let responses = self.responses(parts);
        let mut routes: BTreeMap<String, Route> = BTreeMap::new();
        let declared = parts
            .iter()
            .filter(|part| part.kind == "AWS::ApiGatewayV2::Route");
        let mut count = 0;
        for resource in declared {
            count += 1;
            let Some(route) = self.route(resource, parts, &responses, functions) else {
                continue;
            };
            if let Some(same) = routes.get(&route.key) {
                let what = format!(
                    "`{}` has the route `{}` already, on line {}",
                    api.id, route.key, same.at.line
                );
                self.findings.error(Finding::new(&route.at, what));
            }
            routes.insert(route.key.clone(), route);
        }
        if count == 0 {
            let what = format!("`{}` has no routes", api.id);
            self.findings.error(Finding::new(&api.at, what));
        }
        routes
    }

    /// Logical IDs of routes that have a route response `$default`, and of the responses.
    fn responses(&mut self, parts: &Parts<'s>) -> BTreeMap<String, &'s Resource> {
        let mut responses = BTreeMap::new();
        for resource in parts {
            if resource.kind != "AWS::ApiGatewayV2::RouteResponse" {
                continue;
            }
            let key = self.required(resource, "RouteResponseKey");
            let route = self.required(resource, "RouteId");
            let (Some(key), Some(route)) = (key, route) else {
                continue;
            };
            if key != "$default" {
                let what = format!("a WebSocket API has no route response `{key}`");
                let help = "the only key is `$default`";
                self.findings
                    .error(Finding::new(&resource.at, what).help(help));
            }
            let is_route =
                |part: &&&Resource| part.id == route && part.kind == "AWS::ApiGatewayV2::Route";
            if !parts.iter().any(|part| is_route(&part)) {
                let what = format!("`{}` belongs to no route of its API", resource.id);
                self.findings.error(Finding::new(&resource.at, what));
            }
            responses.insert(route, *resource);
        }
        responses
    }

    fn route(
        &mut self,
        resource: &'s Resource,
        parts: &Parts<'s>,
        responses: &BTreeMap<String, &'s Resource>,
        functions: &BTreeMap<String, Function>,
    ) -> Option<Route> {
        let properties = &resource.properties;
        let key = self.required(resource, "RouteKey")?;
        let is_own = matches!(key.as_str(), "$connect" | "$disconnect" | "$default");
        if key.is_empty() || (key.starts_with('$') && !is_own) {
            let at = properties
                .get("RouteKey")
                .map_or(&resource.at, |node| &node.at);
            let what = format!("`{key}` cannot be a route key");
            let known = ["$connect", "$disconnect", "$default"];
            self.findings.error(
                Finding::new(at, what).maybe_help(
                    did_you_mean(&key, known)
                        .or_else(|| Some(format!("keys with `$` are {}", known.join(", ")))),
                ),
            );
            return None;
        }
        let authorization = self.authorization(resource, &key, parts, functions);
        let (Authorization { authorizer, iam }, closed) = match authorization {
            Ok(authorization) => (authorization, None),
            Err(finding) => (Authorization::default(), Some(finding)),
        };
        let api_key_required = self.asks_for_a_key(resource, &key);
        let models = self.models(resource, parts);
        let integration = match closed {
            // Nobody gets in while it is unknown who may.
            Some(finding) => {
                self.findings.unsupported(finding.clone());
                Some(Integration::Unsupported(finding))
            }
            None => self.target(resource, parts, functions),
        };
        let route_response = self.is_two_way(resource, &key, responses.get(&resource.id).copied());
        Some(Route {
            key,
            integration,
            route_response,
            authorizer,
            iam,
            api_key_required,
            models,
            at: resource.at.clone(),
        })
    }

    /// Whether a client needs an API key; only `$connect` asks for one.
    fn asks_for_a_key(&mut self, resource: &Resource, key: &str) -> bool {
        let name = "ApiKeyRequired";
        let is_required = self.flag(&resource.properties, name) == Some(true);
        if let (true, Some(entry)) = (
            is_required && key != "$connect",
            resource.properties.entry(name),
        ) {
            let what = format!("`{name}` of `{key}` has no effect: only `$connect` asks for a key");
            self.findings.note(Finding::new(&entry.at, what));
        }
        is_required && key == "$connect"
    }

    /// Whether a route answers: it needs the expression and the response.
    fn is_two_way(
        &mut self,
        resource: &'s Resource,
        key: &str,
        response: Option<&Resource>,
    ) -> bool {
        let name = "RouteResponseSelectionExpression";
        let expression = self.text(&resource.properties, name);
        let at = resource.properties.get(name).map(|node| &node.at);
        match (expression.as_deref(), response) {
            (None, None) => false,
            (Some("$default"), Some(_)) => true,
            (Some("$default"), None) => {
                let what = format!("the route `{key}` has no route response: it never answers");
                let help =
                    "add an AWS::ApiGatewayV2::RouteResponse with `RouteResponseKey: $default`";
                let finding = Finding::new(at.unwrap_or(&resource.at), what).help(help);
                self.findings.fails_on_aws(finding);
                false
            }
            (Some(other), _) => {
                let what = format!("`{name}` of a WebSocket API is `$default`, and not `{other}`");
                self.findings
                    .error(Finding::new(at.unwrap_or(&resource.at), what));
                false
            }
            (None, Some(response)) => {
                let what = format!("the route `{key}` has no `{name}`: it never answers");
                let help = format!("add `{name}: $default` to `{}`", resource.id);
                self.findings
                    .fails_on_aws(Finding::new(&response.at, what).help(help));
                false
            }
        }
    }

    /// What a route calls.
    fn target(
        &mut self,
        resource: &'s Resource,
        parts: &Parts<'s>,
        functions: &BTreeMap<String, Function>,
    ) -> Option<Integration> {
        let node = resource.properties.get("Target")?;
        let target = match self.scope.text(node) {
            Ok(target) => target?,
            Err(Stop::Unresolved(finding)) => {
                self.findings.unsupported(finding.clone());
                return Some(Integration::Unsupported(finding));
            }
            Err(Stop::Wrong(finding)) => {
                self.findings.error(finding);
                return None;
            }
        };
        if let Some(finding) = unreplaced(&target, &node.at) {
            self.findings.error(finding);
            return None;
        }
        let Some(id) = target.strip_prefix("integrations/") else {
            let what = format!("`Target` is `integrations/…`, and not `{target}`");
            let help = "write `Target: !Sub integrations/${Integration}`";
            self.findings.error(Finding::new(&node.at, what).help(help));
            return None;
        };
        let mut integrations = parts
            .iter()
            .filter(|part| part.kind == "AWS::ApiGatewayV2::Integration");
        match integrations.clone().find(|part| part.id == id) {
            Some(integration) => self.integration(integration, parts, functions),
            None => {
                let known = integrations.by_ref().map(|part| part.id.as_str());
                self.findings.error(
                    Finding::new(&node.at, format!("this API has no integration `{id}`"))
                        .maybe_help(did_you_mean(id, known)),
                );
                None
            }
        }
    }
}
