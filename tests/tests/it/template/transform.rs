//! What the reader makes of `AWS::Serverless::*` is what it makes of SAM's own transform of it.

use std::path::Path;

use gatepost_template::Api;
use gatepost_template::Function;
use gatepost_template::Integration;
use gatepost_template::Project;
use tempfile::TempDir;

use super::file;
use super::read;
use super::transformed;

/// An API without places, which differ, in one text each for stages and routes.
fn shown(api: &Api) -> Vec<String> {
    let stages = api.stages.iter().map(|stage| format!("{stage:?}"));
    let routes = api.routes.values().map(|route| {
        let target = match &route.integration {
            Some(Integration::Lambda { function, timeout }) => format!("{function} {timeout:?}"),
            Some(Integration::Backend(backend)) => format!("{:?}", backend.calls),
            Some(Integration::Unsupported(finding)) => finding.what.clone(),
            None => "nothing".to_owned(),
        };
        let authorizer = &route.authorizer;
        format!(
            "{} {target} {} {authorizer:?}",
            route.key, route.route_response
        )
    });
    let expression = std::iter::once(api.route_selection_expression.clone());
    expression.chain(stages).chain(routes).collect()
}

/// A function without its place and its code, which the transform wants to be in S3.
fn settings(function: &Function) -> String {
    format!(
        "{} {} {} {:?} {} {:?} {:?} {} {:?}",
        function.name,
        function.runtime,
        function.handler,
        function.environment,
        function.memory_mb,
        function.timeout,
        function.reserved_concurrency,
        function.retry_attempts,
        function.maximum_event_age
    )
}

/// Reads a template as it is, and as SAM makes it.
fn both(template: &Path) -> (Project, Project, serde_json::Value) {
    let made = transformed(template);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("made.json");
    std::fs::write(&path, serde_json::to_vec_pretty(&made).unwrap()).unwrap();
    (read(template), read(&path), made)
}

#[test]
fn apis_and_functions_are_those_of_the_transform() {
    for template in [
        "tests/fixtures/template/websocket-api.yaml",
        "infra/template.yaml",
    ] {
        let (ours, sams, made) = both(&file(template));
        assert_eq!(ours.apis.len(), sams.apis.len());
        for api in &ours.apis {
            let sam = sams.apis.iter().find(|other| other.id == api.id).unwrap();
            assert_eq!(shown(api), shown(sam), "{template}: {}", api.id);
            let mut keys = route_keys(&made, &api.id);
            keys.sort();
            let own: Vec<&str> = api.routes.keys().map(String::as_str).collect();
            assert_eq!(own, keys, "{template}: {}", api.id);
        }
        assert_eq!(
            ours.functions.values().map(settings).collect::<Vec<_>>(),
            sams.functions.values().map(settings).collect::<Vec<_>>(),
            "{template}"
        );
    }
}

/// The keys of an API's routes, straight from the transform.
fn route_keys(made: &serde_json::Value, api: &str) -> Vec<String> {
    let resources = made["Resources"].as_object().unwrap().values();
    resources
        .filter(|resource| resource["Type"] == "AWS::ApiGatewayV2::Route")
        .filter(|resource| resource["Properties"]["ApiId"]["Ref"] == api)
        .map(|resource| {
            resource["Properties"]["RouteKey"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[test]
fn api_gateway_may_call_whatever_the_transform_lets_it_call() {
    for template in [
        "tests/fixtures/template/websocket-api.yaml",
        "infra/template.yaml",
    ] {
        let (ours, sams, _) = both(&file(template));
        for project in [ours, sams] {
            let refused: Vec<_> = project
                .findings
                .iter()
                .filter(|finding| finding.what.contains("may not call"))
                .collect();
            assert!(refused.is_empty(), "{template}: {refused:?}");
        }
    }
}
