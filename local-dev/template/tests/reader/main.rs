//! The reader, from a file to a project.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in what tests share"
)]

mod broken;
mod domains;
mod fixtures;
mod hostile;
mod integrations;
mod parameters;
mod serverless;
mod throttles;
mod unsupported;
mod usage_plans;

use std::collections::BTreeMap;
use std::path::Path;

use gatepost_template::Callee;
use gatepost_template::Calls;
use gatepost_template::Code;
use gatepost_template::Function;
use gatepost_template::Integration;
use gatepost_template::Project;
use gatepost_template::Refusal;
use gatepost_template::Route;
use gatepost_template::Throttle;
use gatepost_template::load;
use tempfile::TempDir;

/// Reads a template that stands beside folders `src` and `web`. Paths are shown from there.
fn read_with(name: &str, text: &str, parameters: &[(&str, &str)]) -> Result<String, String> {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("src")).unwrap();
    std::fs::create_dir(folder.path().join("web")).unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let parameters: BTreeMap<String, String> = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let real = folder.path().canonicalize().unwrap();
    let relative = |text: &str| {
        let text = text.replace(&format!("{}/", real.display()), "");
        let text = text.replace(&format!("{}/", folder.path().display()), "");
        text.replace(&real.display().to_string(), ".")
    };
    match load(&path, &parameters) {
        Ok(project) => Ok(relative(&shown(&project))),
        Err(refusal) => Err(relative(&refusal.to_string())),
    }
}

/// Reads a template without parameters.
fn read(text: &str) -> Result<String, String> {
    read_with("t.yaml", text, &[])
}

/// Reads whatever bytes.
fn read_bytes(folder: &Path, bytes: &[u8]) -> Result<Project, Refusal> {
    let path = folder.join("t.yaml");
    std::fs::write(&path, bytes).unwrap();
    load(&path, &BTreeMap::new())
}

/// A project, a line or so for each thing.
fn shown(project: &Project) -> String {
    let mut lines = Vec::new();
    for api in &project.apis {
        lines.push(format!(
            "api {} by {}",
            api.id, api.route_selection_expression
        ));
        for stage in &api.stages {
            lines.push(format!("  stage {} {:?}", stage.name, stage.variables));
            let of_routes = stage.route_throttles.iter();
            let of_routes = of_routes.map(|(key, throttle)| (key.as_str(), throttle));
            for (key, Throttle { rate, burst }) in
                std::iter::once(("*", &stage.default_throttle)).chain(of_routes)
            {
                if rate.is_some() || burst.is_some() {
                    lines.push(format!("    {key} at {rate:?}, at once {burst:?}"));
                }
            }
            for plan in &stage.usage_plans {
                lines.push(format!("    opened by {plan:?}"));
            }
        }
        lines.extend(api.routes.values().map(route));
        for mapping in &api.mappings {
            lines.push(format!(
                "  at {}/{} → {}",
                mapping.domain, mapping.key, mapping.stage
            ));
        }
        if api.disable_execute_api_endpoint {
            lines.push("  at no other address".to_owned());
        }
    }
    for function in project.functions.values() {
        lines.extend(function_lines(function));
    }
    if let Some(page) = &project.page {
        lines.push(format!("page {}", page.display()));
    }
    for finding in &project.findings {
        lines.push(format!("! {}: {finding}", finding.kind.label()));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn route(route: &Route) -> String {
    let target = match &route.integration {
        Some(Integration::Lambda { function, timeout }) => format!("{function} {timeout:?}"),
        Some(Integration::Backend(backend)) => {
            let called = match &backend.calls {
                Calls::Nothing => "a mock".to_owned(),
                Calls::Http { method, url, .. } => format!("{method} {}", url.as_written()),
                Calls::Function(Callee::Function(id)) => format!("{id} without proxy"),
                other => format!("{other:?}"),
            };
            let templates = backend.templates.by_key.keys();
            let responses = backend.responses.iter().map(|response| &response.key);
            format!(
                "{called} {:?}, templates {:?}, {} mappings, responses {:?}",
                backend.timeout,
                templates.collect::<Vec<_>>(),
                backend.parameters.len(),
                responses.collect::<Vec<_>>()
            )
        }
        Some(Integration::Unsupported(_)) => "not emulated".to_owned(),
        None => "nothing".to_owned(),
    };
    let two_way = if route.route_response { " two-way" } else { "" };
    let authorizer = route
        .authorizer
        .as_ref()
        .map_or_else(String::new, |authorizer| {
            format!(
                " if {} {:?}",
                authorizer.function, authorizer.identity_sources
            )
        });
    let iam = if route.iam { " if signed" } else { "" };
    let models = route.models.as_ref().map_or_else(String::new, |models| {
        format!(" fitting {:?}", models.by_key.keys())
    });
    let key = if route.api_key_required {
        " with a key"
    } else {
        ""
    };
    format!(
        "  {} → {target}{two_way}{authorizer}{iam}{key}{models}",
        route.key
    )
}

fn function_lines(function: &Function) -> Vec<String> {
    let code = match &function.code {
        Code::Cargo { folder, binary } => format!("cargo {binary} in {}", folder.display()),
        Code::Folder(folder) => format!("folder {}", folder.display()),
        Code::Inline(text) => format!("{} bytes inline", text.len()),
        Code::Unsupported(_) => "no code".to_owned(),
    };
    let mut lines = vec![
        format!(
            "function {} ({}) {} {}, {code}",
            function.id, function.name, function.runtime, function.handler
        ),
        format!(
            "  {} MB, /tmp {} MB, {:?}, retries {} for {:?}, reserved {:?}",
            function.memory_mb,
            function.tmp_mb,
            function.timeout,
            function.retry_attempts,
            function.maximum_event_age,
            function.reserved_concurrency
        ),
    ];
    for (end, destination) in [
        ("success", &function.on_success),
        ("failure", &function.on_failure),
    ] {
        if let Some(destination) = destination {
            lines.push(format!("  {end} → {destination}"));
        }
    }
    if !function.aliases.is_empty() {
        lines.push(format!("  aliases {:?}", function.aliases));
    }
    for (name, value) in &function.environment {
        lines.push(format!("  {name}={value}"));
    }
    for schedule in &function.schedules {
        lines.push(format!("  every {:?} {:?}", schedule.every, schedule.input));
    }
    lines
}
