//! `gatepost doctor`: what is needed on this machine, and what to do about what is missing.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use gatepost_template::Code;
use gatepost_template::Function;
use serde_json::json;

use super::print;
use super::routes::TemplateArguments;
use super::running;
use crate::address_file;
use crate::build;
use crate::build::Launch;
use crate::build::Order;
use crate::build::Profile;
use crate::cli::Process;
use crate::file_system::is_lambda_possible;
use crate::overview;
use crate::port;
use crate::style::Style;

pub(super) const EXAMPLES: &str = "\
Examples:
  gatepost doctor
  gatepost doctor --template app/template.yaml --port 8080
  gatepost doctor --json | jq '.[] | select(.state == \"problem\")'

Exit codes: 0 if everything that is needed is there, 1 if there is a problem.";

/// What `gatepost doctor` is told.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Port that the emulator is to listen on
    #[arg(long, value_name = "PORT", default_value_t = 3001)]
    port: u16,
    /// Folder for what the functions keep
    #[arg(long, value_name = "DIR", default_value = ".gatepost")]
    data_dir: PathBuf,
    #[command(flatten)]
    template: TemplateArguments,
}

/// One thing that was looked at.
#[derive(Debug, PartialEq, Eq)]
struct Check {
    what: String,
    state: State,
    /// What was found, or what to do.
    detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    /// Somebody should know; nothing fails.
    Note,
    Problem,
}

impl Check {
    fn ok(what: &str, detail: impl Into<String>) -> Self {
        Self::new(what, State::Ok, detail)
    }

    fn problem(what: &str, detail: impl Into<String>) -> Self {
        Self::new(what, State::Problem, detail)
    }

    fn new(what: &str, state: State, detail: impl Into<String>) -> Self {
        Self {
            what: what.to_owned(),
            state,
            detail: detail.into(),
        }
    }
}

pub(super) async fn run(
    arguments: &DoctorArguments,
    process: &Process,
) -> anyhow::Result<ExitCode> {
    let mut checks = Vec::new();
    let functions = template(&arguments.template, &mut checks);
    checks.extend(tools(&functions, process).await);
    let folder = process.folder.join(&arguments.data_dir);
    checks.push(data_dir(&folder));
    checks.push(files(process));
    checks.extend(runtimes(&functions, process, &folder.join("runtimes")).await);
    let runs = emulator(&folder, &mut checks);
    checks.push(listens(arguments.port, runs).await);
    print(&show(&checks, arguments.json, Style::new(process.colours)))?;
    let problems = checks.iter().any(|check| check.state == State::Problem);
    Ok(if problems {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The functions of the template, if it can be used.
fn template(arguments: &TemplateArguments, checks: &mut Vec<Check>) -> BTreeMap<String, Function> {
    let name = arguments.template.display().to_string();
    let project = match arguments.load() {
        Ok(project) => project,
        Err(refusal) => {
            checks.push(Check::problem("template", refusal.to_string()));
            return BTreeMap::new();
        }
    };
    let routes: usize = project.apis.iter().map(|api| api.routes.len()).sum();
    checks.push(match project.apis.is_empty() {
        true => Check::problem("template", format!("{name} describes no WebSocket API")),
        false => Check::ok(
            "template",
            format!(
                "{name}: {routes} routes, {} functions",
                project.functions.len()
            ),
        ),
    });
    checks.extend(project.findings.iter().map(|finding| {
        let (label, sentence) = (finding.kind.label(), overview::sentence(finding));
        Check::new(label, State::Note, sentence)
    }));
    project.functions
}

/// What builds Rust functions, if there are any.
async fn tools(functions: &BTreeMap<String, Function>, process: &Process) -> Vec<Check> {
    let built = |function: &&Function| matches!(function.code, Code::Cargo { .. });
    if !functions.values().any(|function| built(&function)) {
        return Vec::new();
    }
    let mut checks = Vec::new();
    for (what, program, help) in [
        ("cargo", "cargo", "install Rust from https://rustup.rs"),
        (
            "C compiler",
            "cc",
            "install one: apt install gcc, dnf install gcc, or xcode-select --install",
        ),
    ] {
        checks.push(match version(program, process).await {
            Some(version) => Check::ok(what, version),
            None => Check::problem(what, format!("`{program} --version` does not work: {help}")),
        });
    }
    checks
}

/// The first line of what a program says to `--version`.
async fn version(program: &str, process: &Process) -> Option<String> {
    let output = tokio::process::Command::new(program)
        .arg("--version")
        .env_clear()
        .envs(&process.environment)
        .stdin(std::process::Stdio::null())
        .output()
        .await
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().filter(|_| output.status.success());
    line.map(str::to_owned)
}

/// What runs the functions that are not built here.
async fn runtimes(
    functions: &BTreeMap<String, Function>,
    process: &Process,
    clients: &Path,
) -> Vec<Check> {
    let found: BTreeMap<String, Function> = functions
        .iter()
        .filter(|(_, function)| !matches!(function.code, Code::Cargo { .. }))
        .map(|(id, function)| (id.clone(), function.clone()))
        .collect();
    let order = Order {
        process,
        build: false,
        clients,
        writes: false,
        profile: Profile::Dev,
    };
    let prepared = match build::prepare(&found, order).await {
        Ok(prepared) => prepared,
        Err(error) => return vec![Check::problem("functions", format!("{error:#}"))],
    };
    let launches = prepared.launches.iter().map(|(id, launch)| match launch {
        Launch::Command(_) | Launch::Attached { .. } => {
            let runs = overview::program(launch, &process.folder).unwrap_or_default();
            Check::ok(id, format!("{}: {runs}", found[id].runtime))
        }
        Launch::Unsupported(why) => Check::problem(id, why.clone()),
    });
    let warnings = prepared.warnings.iter();
    let warnings = warnings.map(|why| Check::new("functions", State::Note, why.clone()));
    launches.chain(warnings).collect()
}

fn data_dir(folder: &Path) -> Check {
    let what = "data folder";
    let shown = folder.display();
    let probe = folder.join(".doctor");
    let was_there = folder.is_dir();
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&probe, b""));
    // It was only to see whether it can be made.
    let _ = std::fs::remove_file(&probe);
    if !was_there {
        let _ = std::fs::remove_dir(folder);
    }
    match written {
        Ok(()) => Check::ok(what, format!("{shown} can be written to")),
        Err(error) => Check::problem(
            what,
            format!("{shown} cannot be written to ({error}): name another with --data-dir"),
        ),
    }
}

/// Whether functions find their files as on Lambda.
fn files(process: &Process) -> Check {
    match is_lambda_possible(process) {
        Ok(()) => Check::ok(
            "file system",
            "code is read-only, and /tmp each environment's own",
        ),
        Err(why) => Check::new(
            "file system",
            State::Note,
            format!("functions find this machine's files as they are: {why}"),
        ),
    }
}

/// Looks at what a running emulator says of itself; whether one runs here.
fn emulator(folder: &Path, checks: &mut Vec<Check>) -> bool {
    let file = folder.join(address_file::NAME);
    let what = "emulator";
    let (check, runs) = match running::read(&file) {
        Ok(None) => (Check::ok(what, "none runs in this folder"), false),
        Ok(Some(started)) if is_alive(started.pid) => (
            Check::ok(
                what,
                format!("runs as process {}: {}", started.pid, started.console),
            ),
            true,
        ),
        Ok(Some(started)) => (
            Check::problem(
                what,
                format!(
                    "process {} has ended without a word: delete {}, or start `gatepost dev`, \
                     which replaces it",
                    started.pid,
                    file.display()
                ),
            ),
            false,
        ),
        Err(error) => (Check::problem(what, format!("{error:#}")), false),
    };
    checks.push(check);
    runs
}

/// Whether a process of this number runs.
fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

async fn listens(port: u16, runs: bool) -> Check {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match port::listen(address).await {
        Ok(_) => Check::ok("port", format!("{port} is free")),
        Err(error) if runs => Check::new("port", State::Note, error.to_string()),
        Err(error) => Check::problem("port", error.to_string()),
    }
}

fn show(checks: &[Check], json: bool, style: Style) -> String {
    let word = |state| match state {
        State::Ok => "ok",
        State::Note => "note",
        State::Problem => "problem",
    };
    if json {
        let checks: Vec<_> = checks
            .iter()
            .map(|c| json!({ "what": c.what, "state": word(c.state), "detail": c.detail }))
            .collect();
        return format!("{:#}\n", serde_json::Value::from(checks));
    }
    let width = checks.iter().map(|check| check.what.chars().count());
    let width = width.max().unwrap_or(0);
    let line = |check: &Check| {
        let word = format!("{:<7}", word(check.state));
        let word = match check.state {
            State::Ok => style.green(&word),
            State::Note => style.yellow(&word),
            State::Problem => style.red(&word),
        };
        let detail = check.detail.trim_end().replace('\n', "\n    ");
        format!("{word}  {:<width$}  {detail}\n", check.what)
    };
    checks.iter().map(line).collect()
}
