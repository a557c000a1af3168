//! Subcommands and flags.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::Parser;
use gatepost_gateway::Guesses;
use gatepost_template::did_you_mean;

use super::attach::Attach;
use super::quota;
use super::quota::Change;

use crate::command::Command;

const EXAMPLES: &str = "\
Examples:
  gatepost                                    the project in this folder, at http://127.0.0.1:3001/
  gatepost dev --template app/template.yaml   another template
  gatepost dev --port 0 --json                any free port; facts as JSON lines for a program
  gatepost dev --env LOG_LEVEL=debug          one variable of every function
  gatepost dev --attach Echo:9001             the function Echo is started by you, in a debugger
  gatepost dev --time-scale 60                the 10 minutes of an idle connection pass in 10 s
  gatepost dev --quota idle-seconds=off       a connection may be idle for ever

Exit codes: 0 stopped on request, 1 could not start or go on, 64 wrong usage.";

/// Runs an API Gateway WebSocket API and its Lambda functions on this machine.
#[derive(Debug, Parser)]
#[command(
    name = "gatepost",
    version,
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    args_override_self = true,
    disable_help_subcommand = true
)]
pub(crate) struct CommandLine {
    /// What to do; without it, `dev`.
    #[command(subcommand)]
    pub(crate) subcommand: Option<Subcommand>,
    /// The flags of `dev`, when no subcommand is named.
    #[command(flatten)]
    pub(crate) dev: DevArguments,
}

/// What `gatepost` can do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Subcommand {
    /// Builds the functions of a template, runs them, and serves their WebSocket API
    #[command(after_help = EXAMPLES, args_override_self = true)]
    Dev(Box<DevArguments>),
    /// Everything else.
    #[command(flatten)]
    Command(Box<Command>),
}

/// The flags of `gatepost dev`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct DevArguments {
    /// SAM or CloudFormation template, YAML or JSON
    #[arg(long, value_name = "FILE", default_value_os_t = usual_template())]
    #[arg(help_heading = "Template")]
    pub(crate) template: PathBuf,
    /// Name under which the first API's first stage is served; others keep their own
    #[arg(long, value_name = "NAME", default_value = "local", value_parser = stage)]
    #[arg(help_heading = "Template")]
    pub(crate) stage: String,
    /// Value of a parameter of the template; may be repeated
    #[arg(long = "parameter", value_name = "KEY=VALUE", value_parser = parameter)]
    #[arg(help_heading = "Template")]
    pub(crate) parameters: Vec<Variable>,

    /// Address to listen on: an IP address or localhost
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1", value_parser = host)]
    #[arg(help_heading = "Serving")]
    pub(crate) host: IpAddr,
    /// Port to listen on; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 3001)]
    #[arg(help_heading = "Serving")]
    pub(crate) port: u16,
    /// Serve https and wss on the port as well, with a certificate of this machine's own in the data
    /// folder, which functions trust: for code that builds `https://{domainName}/{stage}` itself
    #[arg(long)]
    #[arg(help_heading = "Serving")]
    pub(crate) tls: bool,
    /// How much faster than on AWS connections grow idle and old, schedules run, and asynchronous
    /// retries are due; function and integration timeouts stay as they are
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = time_scale)]
    #[arg(help_heading = "Serving")]
    pub(crate) time_scale: f64,

    /// What is done about requests to @connections and functions whose AWS signature does not hold:
    /// nothing, a warning, or 403 as on AWS. Only with `off` does `AWS_IAM` on `$connect` let
    /// unsigned clients in
    #[arg(long, value_name = "MODE", value_enum, default_value_t = Sigv4::Warn)]
    #[arg(help_heading = "Serving")]
    pub(crate) sigv4: Sigv4,
    /// What AWS does not document, chosen otherwise, such as `connect-body=send`; may be repeated.
    /// The names are in docs/emulator.md, "Switches"
    #[arg(long = "guess", value_name = "NAME=VALUE", value_parser = guess)]
    #[arg(help_heading = "Serving")]
    pub(crate) guesses: Vec<Variable>,

    /// Changes a quota of API Gateway, or switches it off; may be repeated; `--help` lists them
    #[arg(long = "quota", value_name = "NAME=VALUE|off", long_help = quota::help())]
    #[arg(help_heading = "Quotas")]
    pub(crate) quotas: Vec<Change>,

    /// Variable of every function, over the template's and the file's; may be repeated
    #[arg(long = "env", value_name = "KEY=VALUE", value_parser = variable)]
    #[arg(help_heading = "Functions")]
    pub(crate) variables: Vec<Variable>,
    /// File of KEY=VALUE lines, for every function [default: local.env beside the template]
    #[arg(long, value_name = "FILE")]
    #[arg(help_heading = "Functions")]
    pub(crate) env_file: Option<PathBuf>,
    /// Use the binaries that are already built
    #[arg(long)]
    #[arg(help_heading = "Functions")]
    pub(crate) no_build: bool,
    /// Build and run the functions with cargo's release profile
    #[arg(long)]
    #[arg(help_heading = "Functions")]
    pub(crate) release: bool,
    /// Most invocations at once, over all functions; more wait [default: 4 a core]
    #[arg(long, value_name = "N")]
    #[arg(help_heading = "Functions")]
    pub(crate) concurrency: Option<NonZeroUsize>,
    /// Does not start a function, but waits for you to, for example in a debugger, with the
    /// variables of DIR/attach/FUNCTION.env, DIR being the data folder; may be repeated
    #[arg(long, value_name = "FUNCTION[:PORT]", value_parser = Attach::parse)]
    #[arg(help_heading = "Functions")]
    pub(crate) attach: Vec<Attach>,
    /// Folder for what the functions keep on this machine; variables may name it as
    /// `${GATEPOST_DATA_DIR}`
    #[arg(long, value_name = "DIR", default_value = ".gatepost")]
    #[arg(help_heading = "Functions")]
    pub(crate) data_dir: PathBuf,

    /// AWS credentials of functions: made for this start and valid here only, or your own, with which
    /// they reach AWS (what is emulated is still reached here)
    #[arg(long, value_enum, value_name = "WHOSE", default_value_t = WhoseCredentials::Local)]
    #[arg(help_heading = "Functions")]
    pub(crate) credentials: WhoseCredentials,
    /// What functions find of this machine's files: as on Lambda, where their code is read-only and
    /// /tmp is the environment's own (Linux, where it allows user namespaces), or as they are
    #[arg(long, value_enum, value_name = "WHOSE", default_value_t = FileSystem::Lambda)]
    #[arg(help_heading = "Functions")]
    pub(crate) file_system: FileSystem,
    /// Put what changes in the place of what runs, without closing a connection: the template, the
    /// variables, code and binaries [default: in a terminal, without --json and --no-build]
    #[arg(long, overrides_with = "no_watch")]
    #[arg(help_heading = "Functions")]
    pub(crate) watch: bool,
    /// Go on with what was there at the start
    #[arg(long, overrides_with = "watch")]
    #[arg(help_heading = "Functions")]
    pub(crate) no_watch: bool,

    /// Print facts as JSON lines on standard output, the first when everything is ready
    #[arg(long)]
    #[arg(help_heading = "Output")]
    pub(crate) json: bool,
    /// Folder for a log file of each function, and facts.ndjson
    #[arg(long, value_name = "DIR")]
    #[arg(help_heading = "Output")]
    pub(crate) log_dir: Option<PathBuf>,
}

/// What is done about signatures that do not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sigv4 {
    /// Nobody looks at them
    Off,
    /// They are told once a cause, and the request is answered
    Warn,
    /// The request is refused with 403
    Strict,
}

/// Whose AWS credentials functions have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum WhoseCredentials {
    /// Made for this start, valid here only
    Local,
    /// Yours: those of the environment, or the keys of a profile
    Inherit,
}

/// What functions find of this machine's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FileSystem {
    /// Read-only code, a /tmp of their own with the size of `EphemeralStorage`
    Lambda,
    /// This machine's files as they are
    Machine,
}

impl DevArguments {
    /// What AWS leaves open.
    pub(crate) fn guesses(&self) -> Guesses {
        let mut guesses = Guesses::default();
        for guess in &self.guesses {
            let set = guesses.set(&guess.name, &guess.value);
            set.expect("checked when the command line was read");
        }
        guesses
    }

    /// Whether changes on disk are reloaded. `interactive`: a person reads standard error.
    pub(crate) fn watches(&self, interactive: bool) -> bool {
        let by_default = interactive && !self.json && !self.no_build;
        self.watch || (by_default && !self.no_watch)
    }
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    /// The name.
    pub(crate) name: String,
    /// The value, maybe empty.
    pub(crate) value: String,
}

/// `KEY=VALUE` for an environment.
fn variable(text: &str) -> Result<Variable, String> {
    let variable = parameter(text)?;
    if !crate::env_file::is_variable_name(&variable.name) {
        return Err(format!(
            "`{}` is no name of a variable: letters, digits and _, not beginning with a digit",
            variable.name
        ));
    }
    Ok(variable)
}

/// `KEY=VALUE` for a template.
pub(crate) fn parameter(text: &str) -> Result<Variable, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok(Variable {
            name: name.into(),
            value: value.into(),
        }),
        _ => Err("expected KEY=VALUE".into()),
    }
}

/// The template if none is named: the one of `infra`, else the one of the working directory.
pub(crate) fn usual_template() -> PathBuf {
    usual_in(Path::new(""))
}

fn usual_in(folder: &Path) -> PathBuf {
    let mut usual = ["infra/template.yaml", "template.yaml", "template.yml"].iter();
    let found = usual.find(|path| folder.join(path).is_file());
    PathBuf::from(found.unwrap_or(&"infra/template.yaml"))
}

/// `NAME=VALUE` of a guess.
fn guess(text: &str) -> Result<Variable, String> {
    let guess = parameter(text)?;
    let set = Guesses::default().set(&guess.name, &guess.value);
    set.map_err(|why| {
        let names = || Guesses::NAMES.iter().map(|(name, _)| *name);
        let is_known = names().any(|name| name == guess.name);
        match did_you_mean(&guess.name, names()).filter(|_| !is_known) {
            Some(meant) => format!("{why}; {meant}"),
            None => why,
        }
    })?;
    Ok(guess)
}

/// The address behind `--host`.
fn host(text: &str) -> Result<IpAddr, String> {
    if text == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    text.parse()
        .map_err(|_| "expected an IP address or localhost".into())
}

/// First segments of paths that are no stage's: the console, and the Invoke API.
pub(crate) const RESERVED: [&str; 2] = ["_gatepost", "2015-03-31"];

/// A stage is one segment of a path, and of API Gateway's alphabet: letters, digits, `-` and `_`.
fn stage(text: &str) -> Result<String, String> {
    let valid = !text.is_empty()
        && text.len() <= 128
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if !valid {
        return Err("a stage is 1 to 128 letters, digits, - or _".into());
    }
    if RESERVED.contains(&text) {
        return Err("this path is the emulator's own".into());
    }
    Ok(text.into())
}

/// A factor that makes sense for a clock.
fn time_scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if scale.is_finite() && (0.001..=1_000_000.0).contains(&scale) => Ok(scale),
        _ => Err("expected a number from 0.001 to 1000000".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dev(arguments: &[&str]) -> Result<DevArguments, clap::Error> {
        let line = ["gatepost"].iter().chain(arguments);
        let line = CommandLine::try_parse_from(line)?;
        Ok(match line.subcommand {
            Some(Subcommand::Dev(dev)) => *dev,
            Some(Subcommand::Command(other)) => panic!("{other:?}"),
            None => line.dev,
        })
    }

    #[test]
    fn the_definition_is_consistent() {
        <CommandLine as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn no_subcommand_means_dev() {
        assert_eq!(dev(&[]).unwrap(), dev(&["dev"]).unwrap());
        assert_eq!(
            dev(&["--port", "0"]).unwrap(),
            dev(&["dev", "--port", "0"]).unwrap()
        );
    }

    #[test]
    fn the_defaults_are_those_of_the_documents() {
        let dev = dev(&[]).unwrap();
        assert_eq!(dev.template, PathBuf::from("infra/template.yaml"));
        assert_eq!(dev.host, IpAddr::from([127, 0, 0, 1]));
        assert_eq!(dev.port, 3001);
        assert_eq!(dev.stage, "local");
        assert_eq!(dev.data_dir, PathBuf::from(".gatepost"));
        assert_eq!(dev.sigv4, Sigv4::Warn);
        assert_eq!(dev.file_system, FileSystem::Lambda);
    }

    #[test]
    fn wrong_values_are_refused_before_anything_starts() {
        for arguments in [
            &["--env", "NOVALUE"][..],
            &["--env", "1X=y"],
            &["--env", "=y"],
            &["--parameter", "NOVALUE"],
            &["--host", "example.com"],
            &["--port", "70000"],
            &["--stage", "a/b"],
            &["--stage", "_gatepost"],
            &["--time-scale", "0"],
            &["--time-scale", "NaN"],
            &["--concurrency", "0"],
            &["--guess", "reason-1000=x"],
            &["--guess", "connect-body=maybe"],
            &["--quota", "frames=1"],
            &["--quota", "frame-bytes=many"],
            &["--credentials", "mine"],
            &["--sigv4", "on"],
            &["--file-system", "docker"],
        ] {
            assert!(dev(arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn the_template_of_infra_comes_before_the_one_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("infra")).unwrap();
        assert_eq!(usual_in(folder.path()), Path::new("infra/template.yaml"));
        for path in ["template.yml", "template.yaml", "infra/template.yaml"] {
            std::fs::write(folder.path().join(path), "").unwrap();
            assert_eq!(usual_in(folder.path()), Path::new(path));
        }
    }

    #[test]
    fn of_a_flag_said_twice_the_last_counts_unless_it_may_be_repeated() {
        let line = [
            "dev", "--port", "1", "--port", "2", "--env", "A=1", "--env", "B=2",
        ];
        let dev = dev(&line).unwrap();
        assert_eq!((dev.port, dev.variables.len()), (2, 2));
    }

    #[test]
    fn what_aws_leaves_open_can_be_chosen() {
        let dev = dev(&[
            "--guess",
            "connect-body=send",
            "--guess",
            "reason-1006=gone",
        ])
        .unwrap();
        let guesses = dev.guesses();
        assert!(guesses.connect_body);
        assert_eq!(guesses.reason_1006, "gone");
    }

    #[test]
    fn changes_are_watched_for_a_person_and_on_request() {
        for (arguments, interactive, watches) in [
            (&[][..], true, true),
            (&[], false, false),
            (&["--json"], true, false),
            (&["--no-build"], true, false),
            (&["--no-watch"], true, false),
            (&["--watch"], false, true),
            (&["--json", "--no-build", "--watch"], false, true),
            (&["--no-watch", "--watch"], false, true),
            (&["--watch", "--no-watch"], true, false),
        ] {
            let dev = dev(arguments).unwrap();
            assert_eq!(dev.watches(interactive), watches, "{arguments:?}");
        }
    }

    #[test]
    fn a_value_may_contain_an_equals_sign_and_may_be_empty() {
        let dev = dev(&["--env", "A=b=c", "--env", "B="]).unwrap();
        let values: Vec<_> = dev.variables.iter().map(|v| v.value.as_str()).collect();
        assert_eq!(values, ["b=c", ""]);
    }
}
