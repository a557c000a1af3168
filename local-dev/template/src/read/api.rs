//! WebSocket APIs.

use std::collections::BTreeMap;

use crate::eval::Resource;
use crate::eval::local;
use crate::finding::Finding;
use crate::mapping::Expression;
use crate::mapping::Part;
use crate::mapping::Variable;
use crate::node::Node;
use crate::project::Api;
use crate::project::Function;
use crate::project::Mapping;
use crate::read::Reader;

/// Types that belong to an API.
const PARTS: &[&str] = &[
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Deployment",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::IntegrationResponse",
    "AWS::ApiGatewayV2::Model",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::RouteResponse",
    "AWS::ApiGatewayV2::Stage",
];

/// How many an API may have before AWS has to be asked for more: Developer Guide, "Quotas for
/// configuring and running a WebSocket API".
const QUOTAS: &[(&str, usize, &str)] = &[
    ("AWS::ApiGatewayV2::Authorizer", 10, "authorizers"),
    ("AWS::ApiGatewayV2::Integration", 300, "integrations"),
    ("AWS::ApiGatewayV2::Route", 300, "routes"),
    ("AWS::ApiGatewayV2::Stage", 10, "stages"),
];

/// The resources that belong to one API, in the order of the template.
pub(super) type Parts<'s> = Vec<&'s Resource>;

impl<'s> Reader<'s> {
    /// All WebSocket APIs.
    pub(super) fn apis(
        &mut self,
        document: &Node,
        functions: &BTreeMap<String, Function>,
    ) -> Vec<Api> {
        let mut parts = self.parts();
        let resources: Vec<&Resource> = self.scope.resources.of("AWS::ApiGatewayV2::Api").collect();
        let mut apis = Vec::new();
        for resource in resources {
            let parts = parts.remove(&local::api_id(&resource.id));
            apis.extend(self.api(resource, &parts.unwrap_or_default(), functions));
        }
        self.check_domains(&apis);
        if apis.is_empty() && self.findings.errors.is_empty() {
            let at = document
                .get("Resources")
                .map_or(&document.at, |node| &node.at);
            let what = "the template has no WebSocket API";
            let help = "one is an AWS::ApiGatewayV2::Api with `ProtocolType: WEBSOCKET`, or an \
                        AWS::Serverless::WebSocketApi";
            self.findings.error(Finding::new(at, what).help(help));
        }
        apis
    }

    /// What belongs to each API, by API ID.
    fn parts(&mut self) -> BTreeMap<String, Parts<'s>> {
        let scope = self.scope;
        let ids: Vec<String> = scope
            .resources
            .of("AWS::ApiGatewayV2::Api")
            .map(|api| local::api_id(&api.id))
            .collect();
        let mut parts: BTreeMap<String, Parts<'s>> = BTreeMap::new();
        for resource in scope.resources.iter() {
            if !PARTS.contains(&resource.kind.as_str()) {
                continue;
            }
            let Some(api) = self.required(resource, "ApiId") else {
                continue;
            };
            if ids.contains(&api) {
                parts.entry(api).or_default().push(resource);
            } else {
                let what = format!("`{}` belongs to an API of another template", resource.id);
                self.findings.unsupported(Finding::new(&resource.at, what));
            }
        }
        parts
    }

    fn api(
        &mut self,
        resource: &Resource,
        parts: &Parts<'s>,
        functions: &BTreeMap<String, Function>,
    ) -> Option<Api> {
        match self.required(resource, "ProtocolType")?.as_str() {
            "WEBSOCKET" => {}
            "HTTP" => {
                let what = format!(
                    "`{}` is an HTTP API, and those are not emulated",
                    resource.id
                );
                self.findings.unsupported(Finding::new(&resource.at, what));
                return None;
            }
            other => {
                let at = resource.properties.get("ProtocolType").map(|node| &node.at);
                let what = format!("`ProtocolType` is WEBSOCKET or HTTP, and not `{other}`");
                let finding = Finding::new(at.unwrap_or(&resource.at), what);
                self.findings.error(finding);
                return None;
            }
        }
        let route_selection_expression = self.required(resource, "RouteSelectionExpression")?;
        self.check_route_selection(resource, &route_selection_expression);
        self.check_quotas(resource, parts);
        let api_key_source = self.api_key_source(resource);
        let mut stages = self.stages(resource, parts);
        for (name, plan) in self.usage_plans(resource) {
            let stage = stages.iter_mut().find(|stage| stage.name == name);
            if let Some(stage) = stage {
                stage.usage_plans.push(plan);
            }
        }
        let routes = self.routes(resource, parts, functions);
        self.check_api_keys(&stages, &routes, api_key_source);
        self.check_permissions(resource, &stages, &routes, parts);
        let mappings = self.mappings(parts, &stages);
        let disable_execute_api_endpoint = self.is_endpoint_disabled(resource, &mappings);
        Some(Api {
            id: resource.id.clone(),
            route_selection_expression,
            api_key_source,
            stages,
            routes,
            mappings,
            disable_execute_api_endpoint,
            at: resource.at.clone(),
        })
    }

    /// Tells of what AWS gives only on request; here there is as much as somebody likes.
    fn check_quotas(&mut self, api: &Resource, parts: &Parts<'s>) {
        for (kind, most, what) in QUOTAS {
            let beyond = parts.iter().filter(|part| part.kind == *kind).nth(*most);
            if let Some(part) = beyond {
                let what = format!("`{}` has more than {most} {what}", api.id);
                let help = "AWS deploys that only with a quota that was raised";
                let finding = Finding::new(&part.at, what).help(help);
                self.findings.fails_on_aws(finding);
            }
        }
    }

    /// `DisableExecuteApiEndpoint`; it is not obeyed when no mapping is known, since nobody could
    /// connect.
    fn is_endpoint_disabled(&mut self, resource: &Resource, mappings: &[Mapping]) -> bool {
        const NAME: &str = "DisableExecuteApiEndpoint";
        if self.flag(&resource.properties, NAME) != Some(true) {
            return false;
        }
        if mappings.is_empty() {
            let node = resource.properties.get(NAME);
            let at = node.map_or(&resource.at, |node| &node.at);
            let what = format!(
                "`{NAME}` is not obeyed: no AWS::ApiGatewayV2::ApiMapping of this template says at \
                 which domain the API is reached"
            );
            self.findings.note(Finding::new(at, what));
        }
        !mappings.is_empty()
    }
}

impl Reader<'_> {
    /// Notes what a route selection expression asks for in vain ("WebSocket selection expressions
    /// in API Gateway": routes are selected by the body).
    fn check_route_selection(&mut self, api: &Resource, expression: &str) {
        let node = api.properties.get("RouteSelectionExpression");
        let at = node.map_or(&api.at, |node| &node.at);
        let parsed = Expression::parse(expression);
        // `\$default` is how everything is sent to one route on purpose.
        let is_fixed = |part: &Part| matches!(part, Part::Static(text) if text != "$default");
        if parsed.parts().iter().all(is_fixed) {
            let what =
                format!("`RouteSelectionExpression`: `{expression}` is the same for every message");
            let path = expression.strip_prefix("request.body.");
            let help = format!("write `$request.body.{}`", path.unwrap_or("NAME"));
            self.findings
                .fails_on_aws(Finding::new(at, what).help(help));
        }
        let other = parsed.parts().iter().find_map(|part| match part {
            Part::Static(_) | Part::Variable(Variable::Body(_)) => None,
            Part::Variable(Variable::Unknown(why)) => Some(why.clone()),
            Part::Variable(_) => Some("a route is selected by the message only".to_owned()),
        });
        if let Some(why) = other {
            let what = format!("`RouteSelectionExpression`: {why}: it resolves to nothing");
            let help = "write `$request.body.NAME`";
            self.findings
                .fails_on_aws(Finding::new(at, what).help(help));
        }
    }
}

/// The function that an ARN or a name means.
pub(super) fn function_of(arn: &str, functions: &BTreeMap<String, Function>) -> Option<String> {
    let name = local::function_name(arn);
    let function = functions.values().find(|function| function.name == name)?;
    Some(function.id.clone())
}
