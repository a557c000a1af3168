//! Python functions: the interpreter, and in it AWS's client of the Runtime API if the project has
//! it (`awslambdaric`, Lambda developer guide, "Using the runtime interface client for Python"), or
//! else the emulator's own.

use std::ffi::OsStr;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;

use super::clients::Clients;
use super::interpreter::Interpreter;
use super::interpreter::ask;
use super::interpreter::other_version;
use crate::cli::Process;

/// Asks for the interpreter itself, for what is found in PATH may be a script that chooses one; for
/// AWS's client; and for packages that `requirements.txt` names and that are not installed. Options,
/// addresses, files and what depends on a marker are passed over; names are compared as PEP 503 says.
const QUESTION: &str = r"
import importlib.util, json, re, sys
try:
    import importlib.metadata as metadata
except ImportError:
    metadata = None
normal = lambda name: re.sub('[-_.]+', '-', name or '').lower()
def is_installed(name):
    # Before Python 3.8 nobody knows; what a build has copied may have lost its metadata.
    if metadata is None or importlib.util.find_spec(normal(name).replace('-', '_')):
        return True
    try:
        return bool(metadata.distribution(name))
    except metadata.PackageNotFoundError:
        return normal(name) in {normal(found.metadata['Name']) for found in metadata.distributions()}
try:
    with open('requirements.txt', encoding='utf-8') as file:
        lines = file.read().replace('\\\n', ' ').splitlines()
except (OSError, UnicodeDecodeError):
    lines = []
lines = [re.sub(r'(^|\s)#.*', '', line).split(' --')[0].strip() for line in lines]
lines = [line for line in lines if not re.search(r'[;@/]|\.(whl|zip|gz)$', line)]
names = [re.match('[A-Za-z0-9][A-Za-z0-9._-]*', line) for line in lines]
print(json.dumps({
    'executable': sys.executable,
    'version': 'python%d.%d' % sys.version_info[:2],
    'environment': sys.prefix != sys.base_prefix,
    'client': importlib.util.find_spec('awslambdaric') is not None,
    'missing': [name[0] for name in names if name and not is_installed(name[0])],
}))
";

/// What an interpreter says of itself.
#[derive(Debug, Clone, Deserialize)]
struct Answer {
    executable: PathBuf,
    version: String,
    /// Whether it is that of a virtual environment.
    environment: bool,
    /// Whether `awslambdaric` can be imported in the function's folder.
    client: bool,
    /// What `requirements.txt` names and nobody installed.
    missing: Vec<String>,
}

/// Whether this is a `Runtime` of Python: `python3.12`.
pub(super) fn is_runtime(runtime: &str) -> bool {
    runtime
        .strip_prefix("python3.")
        .is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The interpreter of the project's virtual environment if it has one, else the one with the
/// runtime's name if it starts, else `python3`.
pub(super) async fn find(
    runtime: &str,
    folder: &Path,
    process: &Process,
    clients: &Clients,
) -> Interpreter {
    let mut found = None;
    for program in programs(runtime, folder, process) {
        found = ask(&program, &["-c", QUESTION], folder, process).await;
        if found.is_some() {
            break;
        }
    }
    interpreter(runtime, folder, found, clients)
}

/// What to try, in order.
fn programs(runtime: &str, folder: &Path, process: &Process) -> Vec<PathBuf> {
    // An activated environment is said to be the one; others lie beside the code.
    let activated = process.environment.get(OsStr::new("VIRTUAL_ENV"));
    let environments = match activated.filter(|path| !path.is_empty()) {
        Some(activated) => vec![PathBuf::from(activated)],
        None => [folder, process.folder.as_path()]
            .iter()
            .flat_map(|folder| [folder.join(".venv"), folder.join("venv")])
            .collect(),
    };
    environments
        .into_iter()
        .map(|environment| environment.join("bin/python"))
        .filter(|python| python.exists())
        .chain([PathBuf::from(runtime), PathBuf::from("python3")])
        .collect()
}

fn interpreter(
    runtime: &str,
    folder: &Path,
    found: Option<Answer>,
    clients: &Clients,
) -> Interpreter {
    let Some(answer) = found else {
        return Interpreter {
            start: Err(format!(
                "neither {runtime} nor python3 starts: install Python"
            )),
            warnings: Vec::new(),
        };
    };
    let mut warnings = Vec::new();
    if answer.version != runtime {
        let why = "is not what is found here";
        warnings.push(other_version(runtime, why, &answer.version));
    }
    if !answer.missing.is_empty() {
        warnings.push(not_installed(&answer, folder));
    }
    let arguments = if answer.client {
        vec!["-m".to_owned(), "awslambdaric".to_owned()]
    } else {
        vec![clients.python.display().to_string()]
    };
    Interpreter {
        start: Ok((answer.executable, arguments)),
        warnings,
    }
}

/// Which packages are missing, and how they are installed: outside of a virtual environment many
/// systems refuse that, and one beside the code is found.
fn not_installed(answer: &Answer, folder: &Path) -> String {
    let (folder, python) = (folder.display(), answer.executable.display());
    let install = match answer.environment {
        true => format!("{python} -m pip"),
        false => format!("{python} -m venv {folder}/.venv && {folder}/.venv/bin/pip"),
    };
    format!(
        "{} of {folder}/requirements.txt is not installed: {install} install -r \
         {folder}/requirements.txt",
        answer.missing.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::build::Launch;

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

    fn answer(version: &str, client: bool) -> Answer {
        Answer {
            executable: "/v/bin/python".into(),
            version: version.into(),
            environment: true,
            client,
            missing: Vec::new(),
        }
    }

    fn launch(answer: Answer) -> (Vec<String>, Vec<String>) {
        let clients = Clients {
            node: "/d/node/main.mjs".into(),
            python: "/d/python".into(),
        };
        let interpreter = interpreter("python3.12", Path::new("/f"), Some(answer), &clients);
        match interpreter.launch("app.handler", Path::new("/f")) {
            Launch::Command(command) => (command.arguments, interpreter.warnings),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn aws_client_is_taken_where_it_is_installed_and_ours_elsewhere() {
        let (arguments, warnings) = launch(answer("python3.12", true));
        assert_eq!(arguments, ["-m", "awslambdaric", "app.handler"]);
        assert_eq!(warnings, [""; 0]);
        let (arguments, _) = launch(answer("python3.12", false));
        assert_eq!(arguments, ["/d/python", "app.handler"]);
    }

    #[test]
    fn another_version_is_warned_of_and_none_is_said() {
        let (_, warnings) = launch(answer("python3.11", true));
        assert_eq!(
            warnings,
            ["python3.12 is not what is found here: its functions run on python3.11"]
        );
        let clients = Clients {
            node: PathBuf::new(),
            python: PathBuf::new(),
        };
        let why = interpreter("python3.12", Path::new("/f"), None, &clients);
        let why = why.start.unwrap_err();
        assert!(why.contains("python3.12"), "{why}");
    }

    #[test]
    fn missing_packages_are_warned_of_with_the_command_that_installs_them() {
        for (environment, install) in [
            (true, "/v/bin/python -m pip"),
            (false, "/v/bin/python -m venv /f/.venv && /f/.venv/bin/pip"),
        ] {
            let (_, warnings) = launch(Answer {
                environment,
                missing: vec!["a".into(), "b".into()],
                ..answer("python3.12", false)
            });
            assert_eq!(
                warnings,
                [format!(
                    "a, b of /f/requirements.txt is not installed: {install} install -r \
                     /f/requirements.txt"
                )]
            );
        }
    }

    #[test]
    fn a_virtual_environment_comes_before_what_is_in_path() {
        let folder = tempfile::tempdir().unwrap();
        let python = folder.path().join(".venv/bin/python");
        let process = |environment| Process {
            environment,
            folder: folder.path().to_owned(),
            program: PathBuf::new(),
            interactive: false,
            colours: false,
        };
        let tried = |environment| {
            let function = folder.path().join("function");
            programs("python3.12", &function, &process(environment))
        };
        let names = ["python3.12", "python3"].map(PathBuf::from);
        assert_eq!(tried(BTreeMap::new()), names);
        std::fs::create_dir_all(python.parent().unwrap()).unwrap();
        std::fs::write(&python, "").unwrap();
        assert_eq!(tried(BTreeMap::new())[0], python);
        // An activated one that is gone is none.
        let activated = BTreeMap::from([("VIRTUAL_ENV".into(), "/gone".into())]);
        assert_eq!(tried(activated), names);
    }
}
