//! `AWS::Serverless::WebSocketApi` → the `AWS::ApiGatewayV2` resources that SAM makes of it, with
//! the logical IDs that SAM gives them (its page in SAM's guide, and the
//! `websocket_api_generator` of the SAM translator 1.115).

use crate::eval::Resource;
use crate::eval::Scope;
use crate::finding::At;
use crate::finding::Finding;
use crate::finding::Findings;
use crate::node::Entry;
use crate::node::Node;
use crate::node::Value;
use crate::read::property::missing;
use crate::read::shape;

/// The name of the stage if none is given.
const DEFAULT_STAGE: &str = "default";
/// URI by which API Gateway calls a function.
const URI: &str = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${FunctionArn}/invocations";
const EXECUTE: &str = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}";

/// How `$connect` is authorized.
enum Auth<'r> {
    None,
    /// By signed requests.
    Iam(&'r Node),
    /// By a function.
    Custom {
        function: &'r Node,
        auth: &'r Node,
    },
}

/// The resources that SAM makes.
pub(super) fn expand(resource: &Resource, scope: &Scope, findings: &mut Findings) -> Vec<Resource> {
    let properties = &resource.properties;
    let auth = match auth(resource, scope, findings) {
        Ok(auth) => auth,
        Err(finding) => {
            findings.error(finding);
            return Vec::new();
        }
    };
    let mut made = vec![api(resource), stage(resource)];
    let routes = properties.get("Routes");
    if let (Some(auth), Some(routes)) = (properties.get("Auth"), routes)
        && routes.get("$connect").is_none()
    {
        let what = "`Auth` needs a route `$connect`, the only one that is authorized";
        findings.error(Finding::new(&auth.at, what));
    }
    match routes.map(|routes| &routes.value) {
        Some(Value::Map(entries)) if !entries.is_empty() => {
            for entry in entries {
                expand_route(resource, entry, &auth, scope, findings, &mut made);
            }
        }
        _ => {
            let at = routes.map_or(&resource.at, |routes| &routes.at);
            let what = format!("`{}` has no `Routes`", resource.id);
            findings.error(missing(properties, "Routes", at, what));
            return Vec::new();
        }
    }
    if let Auth::Custom { function, auth } = auth {
        expand_authorizer(resource, function, auth, &mut made);
    }
    if let Some(domain) = properties.get("Domain") {
        shape::check(&shape::SAM_DOMAIN, domain, scope, findings);
        expand_domain(resource, domain, findings, &mut made);
    }
    made
}

/// `Auth`, checked as SAM checks it.
fn auth<'r>(
    resource: &'r Resource,
    scope: &Scope,
    findings: &mut Findings,
) -> Result<Auth<'r>, Finding> {
    let Some(auth) = resource.properties.get("Auth") else {
        return Ok(Auth::None);
    };
    shape::check(&shape::SAM_AUTH, auth, scope, findings);
    let Some(kind) = auth.get("AuthType") else {
        let what = "`Auth` has no `AuthType`".to_owned();
        return Err(missing(auth, "AuthType", &auth.at, what));
    };
    match kind.as_text() {
        Some("NONE") => Ok(Auth::None),
        Some("AWS_IAM") => Ok(Auth::Iam(kind)),
        Some("CUSTOM") => match auth.get("AuthArn") {
            Some(function) => Ok(Auth::Custom { function, auth }),
            None => Err(Finding::new(&auth.at, "`AuthType: CUSTOM` needs `AuthArn`")),
        },
        _ => {
            let what = "`AuthType` is none of NONE, AWS_IAM and CUSTOM";
            Err(Finding::new(&kind.at, what))
        }
    }
}

fn api(resource: &Resource) -> Resource {
    let mut entries = vec![("ProtocolType", Node::text("WEBSOCKET", &resource.at))];
    copy(
        &resource.properties,
        &[
            ("RouteSelectionExpression", "RouteSelectionExpression"),
            ("DisableExecuteApiEndpoint", "DisableExecuteApiEndpoint"),
            ("ApiKeySelectionExpression", "ApiKeySelectionExpression"),
        ],
        &mut entries,
    );
    Resource {
        id: resource.id.clone(),
        kind: "AWS::ApiGatewayV2::Api".to_owned(),
        properties: Node::map(entries, &resource.at),
        metadata: None,
        at: resource.at.clone(),
    }
}

fn stage(resource: &Resource) -> Resource {
    let at = &resource.at;
    let name = match resource.properties.get("StageName") {
        Some(name) => name.clone(),
        None => Node::text(DEFAULT_STAGE, at),
    };
    let prefix = match name.as_text() {
        Some(DEFAULT_STAGE) => "Default",
        Some(name) => name,
        None => "",
    };
    let id = format!("{}{prefix}Stage", resource.id);
    let mut entries = vec![
        ("ApiId", reference(&resource.id, at)),
        ("StageName", name),
        ("AutoDeploy", Node::text("true", at)),
    ];
    copy(
        &resource.properties,
        &[
            ("StageVariables", "StageVariables"),
            ("DefaultRouteSettings", "DefaultRouteSettings"),
            ("RouteSettings", "RouteSettings"),
        ],
        &mut entries,
    );
    made("AWS::ApiGatewayV2::Stage", id, entries, at)
}

/// A route, its integration and its permission.
fn expand_route(
    resource: &Resource,
    route: &Entry,
    auth: &Auth<'_>,
    scope: &Scope,
    findings: &mut Findings,
    resources: &mut Vec<Resource>,
) {
    let (key, at) = (route.key.as_str(), &route.at);
    shape::check(&shape::SAM_ROUTE, &route.value, scope, findings);
    let is_plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric());
    let bare = match key.strip_prefix('$') {
        Some(rest @ ("connect" | "disconnect" | "default")) => rest,
        None if is_plain => key,
        _ => {
            let what = format!("SAM takes letters and digits in a route key, and not `{key}`");
            let help = "only $connect, $disconnect and $default begin with `$`";
            findings.error(Finding::new(at, what).help(help));
            return;
        }
    };
    let Some(function) = route.value.get("FunctionArn") else {
        let what = format!("the route `{key}` has no `FunctionArn`");
        findings.error(missing(&route.value, "FunctionArn", at, what));
        return;
    };
    let base = format!("{}{}", resource.id, capitalized(bare));
    let integration = format!("{base}Integration");
    let target = Node::list(
        vec![
            Node::text("/", at),
            Node::list(
                vec![Node::text("integrations", at), reference(&integration, at)],
                at,
            ),
        ],
        at,
    );
    let mut properties = vec![
        ("ApiId", reference(&resource.id, at)),
        ("RouteKey", Node::text(key, at)),
        ("Target", Node::map(vec![("Fn::Join", target)], at)),
    ];
    copy(
        &route.value,
        &[(
            "RouteResponseSelectionExpression",
            "RouteResponseSelectionExpression",
        )],
        &mut properties,
    );
    for name in [
        "ApiKeyRequired",
        "ModelSelectionExpression",
        "RequestModels",
        "RequestParameters",
    ] {
        copy(&route.value, &[(name, name)], &mut properties);
    }
    if key == "$connect" {
        match auth {
            Auth::None => {}
            Auth::Iam(node) => properties.push(("AuthorizationType", (*node).clone())),
            Auth::Custom { auth, .. } => {
                properties.push(("AuthorizationType", Node::text("CUSTOM", &auth.at)));
                let id = authorizer_id(resource);
                properties.push(("AuthorizerId", reference(&id, &auth.at)));
            }
        }
    }
    let route_resource = made(
        "AWS::ApiGatewayV2::Route",
        format!("{base}Route"),
        properties,
        at,
    );
    if let Some(shape) = shape::of(&route_resource.kind) {
        shape::check(shape, &route_resource.properties, scope, findings);
    }
    resources.push(route_resource);
    let mut properties = vec![
        ("ApiId", reference(&resource.id, at)),
        ("IntegrationType", Node::text("AWS_PROXY", at)),
        ("IntegrationUri", uri(function)),
    ];
    copy(
        &route.value,
        &[("IntegrationTimeout", "TimeoutInMillis")],
        &mut properties,
    );
    resources.push(made(
        "AWS::ApiGatewayV2::Integration",
        integration,
        properties,
        at,
    ));
    let source = format!("{EXECUTE}:${{{}}}/*/{key}", resource.id);
    let id = format!("{base}Permission");
    resources.push(permission(id, function, &source, at));
}

fn expand_authorizer(
    resource: &Resource,
    function: &Node,
    auth: &Node,
    resources: &mut Vec<Resource>,
) {
    let at = &auth.at;
    let mut properties = vec![
        ("ApiId", reference(&resource.id, at)),
        ("AuthorizerType", Node::text("REQUEST", at)),
        ("AuthorizerUri", uri(function)),
    ];
    copy(
        auth,
        &[("IdentitySource", "IdentitySource")],
        &mut properties,
    );
    let id = authorizer_id(resource);
    resources.push(made("AWS::ApiGatewayV2::Authorizer", id, properties, at));
    let source = format!("{EXECUTE}:${{{}}}/authorizers/*", resource.id);
    let id = format!("{}AuthorizerPermission", resource.id);
    resources.push(permission(id, function, &source, at));
}

/// The custom domain, and a mapping for each `BasePath`: at the root if there is none.
fn expand_domain(
    resource: &Resource,
    domain: &Node,
    findings: &mut Findings,
    resources: &mut Vec<Resource>,
) {
    let at = &domain.at;
    let Some(name) = domain.get("DomainName") else {
        let what = "`Domain` has no `DomainName`".to_owned();
        findings.error(missing(domain, "DomainName", at, what));
        return;
    };
    let id = format!("{}Domain", resource.id);
    let properties = vec![("DomainName", name.clone())];
    resources.push(made("AWS::ApiGatewayV2::DomainName", id, properties, at));
    let root = [Node::text("", at)];
    let paths = match domain.get("BasePath").map(Node::items) {
        None | Some([]) => &root,
        Some(paths) => paths,
    };
    let stage = Node::text(format!("{}.Stage", resource.id), at);
    for (index, path) in paths.iter().enumerate() {
        let key = match path.as_text() {
            // SAM takes `/` for the root, and slashes around a name for nothing.
            Some(text) => Node::text(text.trim_matches('/'), &path.at),
            None => path.clone(),
        };
        let properties = vec![
            ("ApiId", reference(&resource.id, at)),
            ("ApiMappingKey", key),
            ("DomainName", name.clone()),
            ("Stage", Node::map(vec![("Ref", stage.clone())], at)),
        ];
        let id = format!("{}ApiMapping{index}", resource.id);
        resources.push(made("AWS::ApiGatewayV2::ApiMapping", id, properties, at));
    }
}

fn authorizer_id(resource: &Resource) -> String {
    format!("{}ConnectAuthorizer", resource.id)
}

fn permission(id: String, function: &Node, source: &str, at: &At) -> Resource {
    let source = Node::map(vec![("Fn::Sub", Node::text(source, at))], at);
    let properties = vec![
        ("Action", Node::text("lambda:InvokeFunction", at)),
        ("FunctionName", function.clone()),
        ("Principal", Node::text("apigateway.amazonaws.com", at)),
        ("SourceArn", source),
    ];
    made("AWS::Lambda::Permission", id, properties, at)
}

fn made(kind: &str, id: String, properties: Vec<(&str, Node)>, at: &At) -> Resource {
    Resource {
        id,
        kind: kind.to_owned(),
        properties: Node::map(properties, at),
        metadata: None,
        at: at.clone(),
    }
}

/// Copies properties that are there, by their names in SAM and in API Gateway.
fn copy<'k>(from: &Node, names: &[(&str, &'k str)], to: &mut Vec<(&'k str, Node)>) {
    for (sam, name) in names {
        if let Some(node) = from.get(sam) {
            to.push((*name, node.clone()));
        }
    }
}

fn reference(id: &str, at: &At) -> Node {
    Node::map(vec![("Ref", Node::text(id, at))], at)
}

fn uri(function: &Node) -> Node {
    let at = &function.at;
    let variables = Node::map(vec![("FunctionArn", function.clone())], at);
    let arguments = Node::list(vec![Node::text(URI, at), variables], at);
    Node::map(vec![("Fn::Sub", arguments)], at)
}

/// The first letter in upper case, all others in lower case, as Python's `capitalize`.
fn capitalized(text: &str) -> String {
    let (first, rest) = text.split_at(text.len().min(1));
    format!(
        "{}{}",
        first.to_ascii_uppercase(),
        rest.to_ascii_lowercase()
    )
}
