//! Python functions: the interpreter, and AWS's runtime interface client in it
//! (`awslambdaric`, Lambda developer guide, "Using the runtime interface client for Python").

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use gatepost_runtime_api::Command;
use serde::Deserialize;

use super::Launch;
use super::step;
use crate::cli::Process;

/// An interpreter that takes longer to say its version is none.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Asks for the interpreter itself: what is found in PATH may be a script that chooses one.
const QUESTION: &str = "import importlib.util, json, sys; print(json.dumps({\
    'executable': sys.executable, 'version': 'python%d.%d' % sys.version_info[:2], \
    'client': importlib.util.find_spec('awslambdaric') is not None}))";

/// What an interpreter says of itself.
#[derive(Debug, Clone, Deserialize)]
struct Answer {
    executable: PathBuf,
    version: String,
    /// Whether `awslambdaric` can be imported in the function's folder.
    client: bool,
}

/// The interpreter of a runtime in a folder.
#[derive(Debug)]
pub(super) struct Interpreter {
    answer: Option<Answer>,
    runtime: String,
    /// The runtime's own interpreter is missing and another was taken.
    pub(super) warning: Option<String>,
}

impl Interpreter {
    /// The command of a function, or what is missing.
    pub(super) fn launch(&self, handler: &str, folder: &Path) -> Launch {
        let Some(answer) = &self.answer else {
            return Launch::Unsupported(format!(
                "neither {} nor python3 starts: install Python",
                self.runtime
            ));
        };
        if !answer.client {
            return Launch::Unsupported(format!(
                "the package awslambdaric is missing: {} -m pip install awslambdaric",
                answer.executable.display()
            ));
        }
        Launch::Command(Command {
            program: answer.executable.clone(),
            arguments: ["-m", "awslambdaric", handler].map(str::to_owned).into(),
            folder: folder.to_owned(),
        })
    }
}

/// Whether this is a `Runtime` of Python: `python3.12`.
pub(super) fn is_runtime(runtime: &str) -> bool {
    runtime
        .strip_prefix("python3.")
        .is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The interpreter with the runtime's name if it starts, else `python3`.
pub(super) async fn find(runtime: &str, folder: &Path, process: &Process) -> Interpreter {
    let own = ask(runtime, folder, process).await;
    let (answer, warning) = match own {
        Some(answer) => (Some(answer), None),
        None => {
            let other = ask("python3", folder, process).await;
            let warning = other.as_ref().map(|other| {
                format!(
                    "{runtime} does not start here: its functions run on {}",
                    other.version
                )
            });
            (other, warning)
        }
    };
    Interpreter {
        answer,
        runtime: runtime.to_owned(),
        warning,
    }
}

/// What `program` says of itself, if it is an interpreter that starts.
async fn ask(program: &str, folder: &Path, process: &Process) -> Option<Answer> {
    let mut command = step::command(program, folder, process);
    command.args(["-c", QUESTION]);
    let output = tokio::time::timeout(ANSWER_WITHIN, command.output())
        .await
        .ok()?
        .ok()?;
    let answer: Answer = serde_json::from_slice(&output.stdout).ok()?;
    output.status.success().then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_runtimes_of_python_3_are_asked_for() {
        for (runtime, is) in [
            ("python3.9", true),
            ("python3.13", true),
            ("python2.7", false),
            ("python3.", false),
            ("python3.x/../y", false),
            ("nodejs22.x", false),
        ] {
            assert_eq!(is_runtime(runtime), is, "{runtime}");
        }
    }

    #[test]
    fn a_missing_client_says_which_command_installs_it() {
        let interpreter = |answer| Interpreter {
            answer,
            runtime: "python3.12".into(),
            warning: None,
        };
        let answer = |client| {
            let executable = "/v/bin/python".into();
            Some(Answer {
                executable,
                version: "python3.12".into(),
                client,
            })
        };
        let folder = Path::new("/f");
        let Launch::Unsupported(why) = interpreter(answer(false)).launch("app.handler", folder)
        else {
            panic!("it launches without the client");
        };
        assert!(
            why.ends_with("/v/bin/python -m pip install awslambdaric"),
            "{why}"
        );
        let Launch::Unsupported(why) = interpreter(None).launch("app.handler", folder) else {
            panic!("it launches without an interpreter");
        };
        assert!(why.contains("python3.12"), "{why}");
        let Launch::Command(command) = interpreter(answer(true)).launch("app.handler", folder)
        else {
            panic!("it does not launch");
        };
        assert_eq!(command.arguments, ["-m", "awslambdaric", "app.handler"]);
    }
}
