//! The gatepost binary: the emulator and its command line.
//!
//! [`run`] reads the command line; `dev` is one start, end to end: read the template, build the
//! functions, start them, serve. `loaded` is what the template and the build come to, `wire` makes
//! the parts of it, `reload` replaces them while clients stay, `serve` is the one port, `console` the
//! page and API at `/_gatepost/`, `facts` what happens. `command` is everything else that can be
//! said on the command line.

mod address_file;
mod allocator;
mod attach;
mod banner;
mod board;
mod build;
mod cli;
mod command;
mod console;
mod credentials;
mod data_dir;
mod dev;
mod env_file;
mod environment;
mod facts;
mod faults;
mod file_system;
mod functions;
mod inline;
mod loaded;
mod overview;
mod port;
mod reload;
mod schedule;
mod serve;
mod served;
mod signatures;
mod stop;
mod style;
mod time;
mod tls;
mod websocket;
mod websocket_tls;
mod wire;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use clap::error::ContextKind;
use clap::error::ContextValue;
use tracing_subscriber::filter::LevelFilter;

use crate::cli::CommandLine;
use crate::cli::DevArguments;
use crate::cli::EXIT_USAGE;
use crate::cli::Process;
use crate::cli::SUPERVISE;
use crate::cli::Subcommand;
use crate::cli::WrongUsage;
use crate::command::Command;
use crate::style::Style;

/// Does what the command line says. `arguments` begin with the program's name.
///
/// Exit codes: 0 when it was asked to stop, 1 when it could not start or go on, 64 for wrong usage.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.get(1).is_some_and(|first| first == SUPERVISE) {
        let supervised = gatepost_runtime_api::supervise(arguments.into_iter().skip(2));
        return report(supervised.map_err(anyhow::Error::from), Style::new(false));
    }
    let line = match CommandLine::try_parse_from(&arguments) {
        Ok(line) => line,
        Err(mut error) => {
            suggest_template(&mut error);
            // `--help` and `--version` are errors to clap, and no mistakes.
            let code = if error.use_stderr() {
                ExitCode::from(EXIT_USAGE)
            } else {
                ExitCode::SUCCESS
            };
            // Nobody is left to be told that nobody reads.
            let _ = error.print();
            return code;
        }
    };
    let process = match Process::read().context("the working directory and program") {
        Ok(process) => process,
        Err(error) => return report(Err(error), Style::new(false)),
    };
    let style = Style::new(process.colours);
    let dev = match line.subcommand {
        Some(Subcommand::Dev(dev)) => dev,
        None => line.dev.into(),
        Some(Subcommand::Command(command)) => {
            return match perform(*command, &process) {
                Ok(code) => code,
                Err(error) => report(Err(error), style),
            };
        }
    };
    allocator::restart_to_give_back(&process, &arguments);
    report(start(&dev, &process), style)
}

/// Adds what was meant by the path of a template that stands alone.
fn suggest_template(error: &mut clap::Error) {
    let kinds = [ContextKind::InvalidArg, ContextKind::InvalidSubcommand];
    let said = kinds.into_iter().find_map(|kind| match error.get(kind) {
        Some(ContextValue::String(said)) => Some(said.clone()),
        Some(_) | None => None,
    });
    let is_template = |said: &String| {
        let ends = [".yaml", ".yml", ".json"];
        !said.starts_with('-') && ends.iter().any(|end| said.ends_with(end))
    };
    if let Some(said) = said.filter(is_template) {
        let tip = format!("a template is named with --template: --template {said}");
        let tip = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tip);
    }
}

fn perform(command: Command, process: &Process) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot wait for the network")?;
    runtime.block_on(command.run(process))
}

fn start(arguments: &DevArguments, process: &Process) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(process.colours)
        .with_max_level(LevelFilter::WARN)
        .with_target(false)
        .without_time()
        // A terminal that was closed is no reason to panic.
        .log_internal_errors(false)
        .init();
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    let result = runtime.block_on(dev::run(arguments, process));
    // Whatever still waits for somebody outside does not hold up the end.
    runtime.shutdown_background();
    result
}

/// Says what went wrong, with its causes.
fn report(result: anyhow::Result<()>, style: Style) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    let text = format!("{} {error:#}\n", style.red("error:"));
    let _ = std::io::stderr().write_all(text.as_bytes());
    match error.is::<WrongUsage>() {
        true => ExitCode::from(EXIT_USAGE),
        false => ExitCode::FAILURE,
    }
}
