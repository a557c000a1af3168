//! `gatepost routes`: what a template says, without anything running.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use gatepost_template::Api;
use gatepost_template::Code;
use gatepost_template::Function;
use gatepost_template::Project;
use serde_json::Value;
use serde_json::json;

use super::print;
use super::table::table;
use crate::cli::Process;
use crate::cli::Variable;
use crate::cli::parameter;
use crate::cli::usual_template;
use crate::overview;
use crate::overview::RouteRow;
use crate::overview::duration;
use crate::served::Served;

pub(super) const EXAMPLES: &str = "\
Examples:
  gatepost routes
  gatepost routes --template app/template.yaml --parameter Stage=prod
  gatepost routes --json | jq '.[].routes[] | select(.function == null)'

Nothing is built or started. Exit codes: 0, 1 if the template cannot be used.";

/// Which template is meant.
#[derive(Debug, Clone, Args)]
pub(crate) struct TemplateArguments {
    /// SAM or CloudFormation template, YAML or JSON
    #[arg(long, value_name = "FILE", default_value_os_t = usual_template())]
    #[arg(help_heading = "Template")]
    pub(super) template: PathBuf,
    /// Value of a parameter of the template; may be repeated
    #[arg(long = "parameter", value_name = "KEY=VALUE", value_parser = parameter)]
    #[arg(help_heading = "Template")]
    parameters: Vec<Variable>,
}

/// What `gatepost routes` is told.
#[derive(Debug, Args)]
pub(crate) struct RoutesArguments {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    template: TemplateArguments,
}

impl TemplateArguments {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it, with the lines that are.
    pub(super) fn load(&self) -> Result<Project, gatepost_template::Refusal> {
        let parameters: BTreeMap<String, String> = self
            .parameters
            .iter()
            .map(|parameter| (parameter.name.clone(), parameter.value.clone()))
            .collect();
        gatepost_template::load(&self.template, &parameters)
    }
}

pub(super) fn run(arguments: &RoutesArguments, process: &Process) -> anyhow::Result<()> {
    // The refusal shows lines of the template: it begins on a line of its own.
    let project = arguments
        .template
        .load()
        .map_err(|refusal| anyhow::anyhow!("the template cannot be used\n\n{refusal}"))?;
    let apis = project.apis.first();
    let stage = apis.and_then(|api| api.stages.first());
    let served = stage.and_then(|stage| Served::new(&project.apis, &stage.name));
    let Some(served) = served else {
        anyhow::bail!(
            "{} describes no WebSocket API",
            arguments.template.template.display()
        );
    };
    let rows = overview::rows(&served, &project.functions);
    let of = |api: Option<&Api>| -> Vec<&RouteRow> {
        let id = api.map(|api| api.id.as_str());
        rows.iter().filter(|row| row.api.as_deref() == id).collect()
    };
    if arguments.json {
        let objects = project.apis.iter().map(Some).chain([None]);
        let objects: Vec<Value> = objects.map(|api| object(api, &of(api), &project)).collect();
        return print(&format!("{:#}\n", Value::from(objects)));
    }
    for api in &project.apis {
        let selection = &api.route_selection_expression;
        print(&format!(
            "{} ({}), selected by {selection}\n\n",
            api.id, api.at
        ))?;
        print(&lines(Some(api), &of(Some(api)), &project, &process.folder))?;
        print("\n")?;
    }
    if !of(None).is_empty() {
        print("called by no route\n\n")?;
        print(&lines(None, &of(None), &project, &process.folder))?;
        print("\n")?;
    }
    for finding in &project.findings {
        let (label, sentence) = (finding.kind.label(), overview::sentence(finding));
        print(&format!("{label}: {sentence}\n"))?;
    }
    Ok(())
}

/// The table of an API's routes, or of what else calls functions.
fn lines(api: Option<&Api>, rows: &[&RouteRow], project: &Project, folder: &Path) -> String {
    let heading = ["ROUTE", "CALLS", "FOUND AS", "TIMEOUT", "AT"];
    let heading = heading.map(str::to_owned).to_vec();
    let rows = rows.iter().map(|row| {
        let function = function(row, project);
        let calls = match (&row.function, &row.reason) {
            (Some(function), _) => function.clone(),
            (None, Some(_)) => "not emulated".to_owned(),
            (None, None) => "nothing".to_owned(),
        };
        let note = row.note.iter().map(|note| format!(" ({note})"));
        vec![
            row.key.clone(),
            calls + &note.collect::<String>(),
            function
                .map(|function| found(function, folder))
                .unwrap_or_default(),
            row.timeout.map(duration).unwrap_or_default(),
            at(row, api, project).unwrap_or_default(),
        ]
    });
    table(&[heading].into_iter().chain(rows).collect::<Vec<_>>())
}

fn object(api: Option<&Api>, rows: &[&RouteRow], project: &Project) -> Value {
    let routes: Vec<Value> = rows
        .iter()
        .map(|row| {
            let function = function(row, project);
            json!({
                "key": row.key,
                "function": row.function,
                "found_as": function.map(|function| found(function, Path::new(""))),
                "note": row.note,
                "timeout_ms": row.timeout.map(|timeout| timeout.as_millis()),
                "reason": row.reason,
                "at": at(row, api, project),
            })
        })
        .collect();
    let stages = api.map(|api| api.stages.iter().map(|stage| &stage.name));
    json!({
        "api": api.map(|api| &api.id),
        "at": api.map(|api| api.at.to_string()),
        "route_selection_expression": api.map(|api| &api.route_selection_expression),
        "stages": stages.map(Iterator::collect::<Vec<_>>),
        "routes": routes,
    })
}

fn function<'a>(row: &RouteRow, project: &'a Project) -> Option<&'a Function> {
    project.functions.get(row.function.as_ref()?)
}

/// Where the route stands; where its function does if there is no route.
fn at(row: &RouteRow, api: Option<&Api>, project: &Project) -> Option<String> {
    let route = api.and_then(|api| api.routes.get(&row.key));
    let route = route.map(|route| route.at.to_string());
    route.or_else(|| Some(function(row, project)?.at.to_string()))
}

/// What is run, and where it comes from.
fn found(function: &Function, from: &Path) -> String {
    let path = |folder: &Path| {
        let folder = folder.strip_prefix(from).unwrap_or(folder);
        match folder.as_os_str().is_empty() {
            true => ".".to_owned(),
            false => folder.display().to_string(),
        }
    };
    match &function.code {
        Code::Cargo { folder, binary } => format!("cargo binary {binary} in {}", path(folder)),
        Code::Folder(folder) if function.runtime.starts_with("provided") => {
            format!("bootstrap in {}", path(folder))
        }
        Code::Folder(folder) => {
            format!(
                "{} {} in {}",
                function.runtime,
                function.handler,
                path(folder)
            )
        }
        Code::Inline(_) => format!("{} {} in the template", function.runtime, function.handler),
        Code::Unsupported(finding) => finding.what.clone(),
    }
}
