//! Node.js functions: the interpreter, and in it AWS's client of the Runtime API if the project has
//! it (`aws-lambda-ric`, Lambda developer guide, "Using the runtime interface client for Node.js"),
//! or else the emulator's own.

use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;

use super::clients::Clients;
use super::interpreter::Interpreter;
use super::interpreter::ask;
use super::interpreter::other_version;
use crate::cli::Process;

/// Asks for the version, for AWS's client in the packages of the function's folder and whether its
/// native part was built, and for packages that are named but not installed.
const QUESTION: &str = "
const { existsSync, readFileSync } = require('fs');
const { dirname, join } = require('path');
const own = require('module').createRequire(join(process.cwd(), 'x.js'));
let client = null, built = false, missing = [];
try {
  const manifest = own.resolve('aws-lambda-ric/package.json');
  const bin = JSON.parse(readFileSync(manifest)).bin;
  client = join(dirname(manifest), typeof bin === 'string' ? bin : bin['aws-lambda-ric']);
  built = ['.', 'build/Release'].some((at) => existsSync(join(dirname(manifest), at, 'rapid-client.node')));
} catch {}
try {
  const { dependencies = {} } = JSON.parse(readFileSync('package.json'));
  const installed = (name) => own.resolve.paths(name).some((at) => existsSync(join(at, name)));
  missing = Object.keys(dependencies).filter((name) => !installed(name));
} catch {}
const major = Number(process.versions.node.split('.')[0]);
console.log(JSON.stringify({ executable: process.execPath, major, client, built, missing }));
";

/// What an interpreter says of itself and of the function's folder.
#[derive(Debug, Clone, Deserialize)]
struct Answer {
    executable: PathBuf,
    /// 22 of 22.1.0.
    major: u32,
    /// `aws-lambda-ric`'s program.
    client: Option<PathBuf>,
    /// Whether its native part is there; npm does not build it unless it is told to.
    built: bool,
    /// Dependencies of `package.json` that are not installed.
    missing: Vec<String>,
}

/// The version in a `Runtime` of Node.js: 22 of `nodejs22.x`.
pub(super) fn version(runtime: &str) -> Option<u32> {
    let major = runtime.strip_prefix("nodejs")?.strip_suffix(".x")?;
    major.parse().ok()
}

/// `node` if it is of the runtime's version, else `node22` if it starts, else `node`.
pub(super) async fn find(
    runtime: &str,
    folder: &Path,
    process: &Process,
    clients: &Clients,
) -> Interpreter {
    let asked = |program: String| async move {
        ask(Path::new(&program), &["-e", QUESTION], folder, process).await
    };
    let major = version(runtime).unwrap_or_default();
    let default: Option<Answer> = asked("node".to_owned()).await;
    let found = match default {
        Some(answer) if answer.major == major => Some(answer),
        other => asked(format!("node{major}")).await.or(other),
    };
    interpreter(runtime, folder, found, clients)
}

fn interpreter(
    runtime: &str,
    folder: &Path,
    found: Option<Answer>,
    clients: &Clients,
) -> Interpreter {
    let Some(answer) = found else {
        return Interpreter {
            start: Err("node does not start: install Node.js 18 or newer".to_owned()),
            warnings: Vec::new(),
        };
    };
    let mut warnings = Vec::new();
    if version(runtime) != Some(answer.major) {
        let version = format!("node {}", answer.major);
        warnings.push(other_version(
            runtime,
            "is not what is found here",
            &version,
        ));
    }
    if !answer.missing.is_empty() {
        warnings.push(format!(
            "{} of {}/package.json is not installed: npm install --prefix {1}",
            answer.missing.join(", "),
            folder.display()
        ));
    }
    let client = match answer.client {
        Some(client) if answer.built => client,
        Some(client) => {
            warnings.push(format!(
                "{} lacks its native part, which npm did not build: gatepost's own client is \
                 used",
                client.display()
            ));
            clients.node.clone()
        }
        None => clients.node.clone(),
    };
    Interpreter {
        start: Ok((answer.executable, vec![client.display().to_string()])),
        warnings,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Launch;

    #[test]
    fn only_the_runtimes_of_node_are_asked_for() {
        for (runtime, major) in [
            ("nodejs18.x", Some(18)),
            ("nodejs24.x", Some(24)),
            ("nodejs", None),
            ("nodejs.x", None),
            ("nodejs4.3", None),
            ("python3.12", None),
        ] {
            assert_eq!(version(runtime), major, "{runtime}");
        }
    }

    fn found(change: impl FnOnce(&mut Answer)) -> (Vec<String>, Vec<String>) {
        let mut answer = Answer {
            executable: "/usr/bin/node".into(),
            major: 22,
            client: None,
            built: false,
            missing: Vec::new(),
        };
        change(&mut answer);
        let clients = Clients {
            node: "/d/node/main.mjs".into(),
            python: "/d/python".into(),
        };
        let folder = Path::new("/f");
        let found = interpreter("nodejs22.x", folder, Some(answer), &clients);
        match found.launch("index.handler", folder) {
            Launch::Command(command) => (command.arguments, found.warnings),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn aws_client_is_taken_where_it_is_built_and_ours_elsewhere() {
        let (arguments, warnings) = found(|_| {});
        assert_eq!(arguments, ["/d/node/main.mjs", "index.handler"]);
        assert_eq!(warnings, [""; 0]);
        let client = "/f/node_modules/aws-lambda-ric/index.mjs";
        let (arguments, warnings) = found(|answer| {
            (answer.client, answer.built) = (Some(client.into()), true);
        });
        assert_eq!(arguments, [client, "index.handler"]);
        assert_eq!(warnings, [""; 0]);
        let (arguments, warnings) = found(|answer| answer.client = Some(client.into()));
        assert_eq!(arguments[0], "/d/node/main.mjs");
        assert!(
            warnings[0].contains("lacks its native part"),
            "{warnings:?}"
        );
    }

    #[test]
    fn another_version_and_missing_packages_are_warned_of() {
        let (_, warnings) = found(|answer| answer.major = 20);
        assert_eq!(
            warnings,
            ["nodejs22.x is not what is found here: its functions run on node 20"]
        );
        let (_, warnings) = found(|answer| answer.missing = vec!["ws".into()]);
        assert_eq!(
            warnings,
            ["ws of /f/package.json is not installed: npm install --prefix /f"]
        );
    }
}
