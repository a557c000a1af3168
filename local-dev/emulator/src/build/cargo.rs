//! Rust functions: one `cargo build` a folder, and the executables that cargo reports.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::AsyncBufReadExt;
use tokio::io::BufReader;
use tokio::process::Command;

use super::BuildError;
use super::Order;
use super::step;
use crate::cli::Process;

const NO_CARGO: &str = "install Rust (https://rustup.rs), or build elsewhere and use --no-build";

/// Cargo's profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// `dev`: quick to build.
    Dev,
    /// `release`: quick to run.
    Release,
}

impl Profile {
    /// Its folder in cargo's target folder.
    fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

/// The part of `cargo metadata --no-deps` that is needed here.
#[derive(Debug, Deserialize)]
struct Workspace {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Package {
    fn binaries(&self) -> impl Iterator<Item = &str> {
        self.targets
            .iter()
            .filter(|target| target.is_binary())
            .map(|target| target.name.as_str())
    }
}

impl Target {
    fn is_binary(&self) -> bool {
        self.kind.iter().any(|kind| kind == "bin")
    }
}

/// A line of `--message-format=json` (The Cargo Book, "External tools").
#[derive(Debug, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact {
        target: Target,
        executable: Option<PathBuf>,
    },
    #[serde(other)]
    Other,
}

/// A binary that a function asks for, as cargo knows it.
#[derive(Debug, PartialEq, Eq)]
struct Binary<'a> {
    /// As the template names it.
    asked: &'a str,
    /// As cargo does.
    name: &'a str,
    /// The package that has it.
    package: &'a str,
}

/// What SAM calls the binary of a function that names none.
const ONLY_BINARY: &str = "bootstrap";

/// Builds these binaries, or with `--no-build` finds them; their paths by name.
///
/// # Errors
/// When there is no such binary, or the build fails.
pub(super) async fn executables(
    folder: &Path,
    binaries: &BTreeSet<&str>,
    order: Order<'_>,
) -> Result<BTreeMap<String, PathBuf>, BuildError> {
    let workspace = workspace(folder, order.process).await?;
    let find = binaries
        .iter()
        .map(|asked| binary(&workspace, folder, asked));
    let binaries: Vec<Binary<'_>> = find.collect::<Result<_, _>>()?;
    let arguments = arguments(&binaries, order.profile);
    if order.build {
        return build(folder, &binaries, &arguments, order.process).await;
    }
    let built = workspace.target_directory.join(order.profile.folder());
    let found = binaries.iter().map(|binary| {
        let path = built.join(binary.name);
        if path.is_file() {
            return Ok((binary.asked.to_owned(), path));
        }
        Err(BuildError::NotBuilt {
            binary: path,
            command: format!("cargo {}", arguments.join(" ")),
            folder: folder.to_owned(),
        })
    });
    found.collect()
}

/// The arguments of the one `cargo build`. Naming the packages is what makes `--bin` find the
/// binaries of members that are not the workspace's default ones, without building others.
fn arguments<'a>(binaries: &[Binary<'a>], profile: Profile) -> Vec<&'a str> {
    let packages: BTreeSet<&str> = binaries.iter().map(|binary| binary.package).collect();
    let names: BTreeSet<&str> = binaries.iter().map(|binary| binary.name).collect();
    let mut arguments = vec!["build"];
    arguments.extend(
        packages
            .into_iter()
            .flat_map(|package| ["--package", package]),
    );
    arguments.extend(names.into_iter().flat_map(|name| ["--bin", name]));
    if profile == Profile::Release {
        arguments.push("--release");
    }
    arguments
}

/// The workspace around `folder`.
async fn workspace(folder: &Path, process: &Process) -> Result<Workspace, BuildError> {
    let mut command = cargo(folder, process);
    command.args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = command.output().await.map_err(|source| BuildError::Tool {
        program: "cargo".into(),
        folder: folder.to_owned(),
        help: NO_CARGO.into(),
        source,
    })?;
    let text = || {
        String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .to_owned()
    };
    if !output.status.success() {
        return Err(BuildError::NoWorkspace {
            folder: folder.to_owned(),
            text: text(),
        });
    }
    serde_json::from_slice(&output.stdout).map_err(|error| BuildError::NoWorkspace {
        folder: folder.to_owned(),
        text: format!("cargo metadata: {error}"),
    })
}

/// The binary that is meant: that of the workspace with this name, if several the one of the
/// package in `folder`; and `bootstrap`, if nothing is called so, is the only one of that package.
fn binary<'a>(
    workspace: &'a Workspace,
    folder: &Path,
    asked: &'a str,
) -> Result<Binary<'a>, BuildError> {
    let is_here = |package: &Package| package.manifest_path.parent() == Some(folder);
    let having: Vec<&Package> = workspace
        .packages
        .iter()
        .filter(|package| package.binaries().any(|name| name == asked))
        .collect();
    let found = |package: &'a Package, name: &'a str| Binary {
        asked,
        name,
        package: &package.name,
    };
    match having.as_slice() {
        [package] => Ok(found(package, asked)),
        [] => {
            let here = workspace.packages.iter().find(|package| is_here(package));
            if let (ONLY_BINARY, Some(package)) = (asked, here)
                && let [only] = package.binaries().collect::<Vec<_>>()[..]
            {
                return Ok(found(package, only));
            }
            let known: BTreeSet<&str> = workspace
                .packages
                .iter()
                .flat_map(Package::binaries)
                .collect();
            Err(BuildError::Binary(format!(
                "the workspace at {} has no binary `{asked}`; it has: {}",
                folder.display(),
                known.into_iter().collect::<Vec<_>>().join(", ")
            )))
        }
        several => match several.iter().find(|package| is_here(package)) {
            Some(package) => Ok(found(package, asked)),
            None => {
                let names: Vec<_> = several
                    .iter()
                    .map(|package| package.name.as_str())
                    .collect();
                Err(BuildError::Binary(format!(
                    "several packages at {} have a binary `{asked}`: {}; let CodeUri name the \
                     folder of one",
                    folder.display(),
                    names.join(", ")
                )))
            }
        },
    }
}

/// Runs `cargo build`. Progress and diagnostics go to standard error as cargo prints them.
async fn build(
    folder: &Path,
    binaries: &[Binary<'_>],
    arguments: &[&str],
    process: &Process,
) -> Result<BTreeMap<String, PathBuf>, BuildError> {
    let mut command = cargo(folder, process);
    command
        .args(arguments)
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit());
    let mut step = step::start(&mut command, process, NO_CARGO)?;
    let stdout = step.child.stdout.take().expect("standard output is piped");
    let mut lines = BufReader::new(stdout).lines();
    let mut executables = BTreeMap::new();
    // Whatever is no message of cargo's on its standard output was printed by a build step.
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(Message::CompilerArtifact {
            target,
            executable: Some(executable),
        }) = serde_json::from_str(&line)
        else {
            continue;
        };
        if target.is_binary() {
            executables.insert(target.name, executable);
        }
    }
    let status = step.finish().await.map_err(|source| BuildError::Tool {
        program: "cargo".into(),
        folder: folder.to_owned(),
        help: "its end could not be awaited".into(),
        source,
    })?;
    if !status.success() {
        return Err(BuildError::Failed {
            folder: folder.to_owned(),
            status,
        });
    }
    let found = binaries
        .iter()
        .map(|binary| match executables.get(binary.name) {
            Some(executable) => Ok((binary.asked.to_owned(), executable.clone())),
            None => Err(BuildError::Binary(format!(
                "cargo build in {} reported no executable for `{}`",
                folder.display(),
                binary.name
            ))),
        });
    found.collect()
}

/// Cargo with the environment that the person's shell would give it.
fn cargo(folder: &Path, process: &Process) -> Command {
    let mut command = step::command("cargo", folder, process);
    for name in process
        .environment
        .keys()
        .filter(|name| is_of_an_outer_cargo(name))
    {
        command.env_remove(name);
    }
    // The outer cargo's toolchain is this workspace's; another project may ask for its own.
    let outer = process.environment.get(OsStr::new("CARGO_MANIFEST_DIR"));
    if outer.is_some_and(|outer| !Path::new(outer).starts_with(folder)) {
        command.env_remove("RUSTUP_TOOLCHAIN");
    }
    // Relative, it means the folder in which the person called us, not the one cargo runs in.
    if let Some(target) = process.environment.get(OsStr::new("CARGO_TARGET_DIR")) {
        command.env("CARGO_TARGET_DIR", process.folder.join(target));
    }
    command
}

/// Whether `cargo run` or `cargo test` set this variable for the process it started (The Cargo
/// Book, "Environment variables Cargo sets"): build scripts of the inner build must not see it.
fn is_of_an_outer_cargo(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    [
        "CARGO_PKG_",
        "CARGO_BIN_",
        "CARGO_CFG_",
        "CARGO_FEATURE_",
        "DEP_",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
        || [
            "CARGO_CRATE_NAME",
            "CARGO_MAKEFLAGS",
            "CARGO_MANIFEST_DIR",
            "CARGO_MANIFEST_PATH",
            "CARGO_PRIMARY_PACKAGE",
            "CARGO_TARGET_TMPDIR",
            "MAKEFLAGS",
            "OUT_DIR",
            "RUST_RECURSION_COUNT",
        ]
        .contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, folder: &str, binaries: &[&str]) -> Package {
        let target = |name: &&str| Target {
            name: (*name).into(),
            kind: vec!["bin".into()],
        };
        Package {
            name: name.into(),
            manifest_path: Path::new(folder).join("Cargo.toml"),
            targets: binaries.iter().map(target).collect(),
        }
    }

    fn asked(packages: Vec<Package>, folder: &str, asked: &str) -> Result<String, String> {
        let workspace = Workspace {
            packages,
            target_directory: PathBuf::new(),
        };
        binary(&workspace, Path::new(folder), asked)
            .map(|binary| format!("{}:{}", binary.package, binary.name))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_binary_is_found_in_whatever_member_has_it() {
        let members = || {
            vec![
                package("a", "/w/a", &["one"]),
                package("b", "/w/b", &["two"]),
            ]
        };
        assert_eq!(asked(members(), "/w", "two").unwrap(), "b:two");
        let error = asked(members(), "/w", "three").unwrap_err();
        assert_eq!(
            error,
            "the workspace at /w has no binary `three`; it has: one, two"
        );
    }

    #[test]
    fn of_several_equal_binaries_the_one_of_the_folder_is_meant() {
        let members = || {
            vec![
                package("a", "/w/a", &["bootstrap"]),
                package("b", "/w/b", &["bootstrap"]),
            ]
        };
        assert_eq!(
            asked(members(), "/w/b", "bootstrap").unwrap(),
            "b:bootstrap"
        );
        assert!(
            asked(members(), "/w", "bootstrap")
                .unwrap_err()
                .contains("a, b")
        );
    }

    #[test]
    fn without_a_name_the_only_binary_of_the_folder_is_meant() {
        let members = || {
            vec![
                package("a", "/w/a", &["one"]),
                package("b", "/w/b", &["two", "three"]),
            ]
        };
        assert_eq!(asked(members(), "/w/a", "bootstrap").unwrap(), "a:one");
        assert!(asked(members(), "/w/b", "bootstrap").is_err());
    }

    #[test]
    fn one_build_names_each_package_and_binary_once() {
        let binary = |asked, name, package| Binary {
            asked,
            name,
            package,
        };
        let binaries = [
            binary("b", "b", "p"),
            binary("a", "a", "q"),
            binary("a2", "a", "q"),
        ];
        assert_eq!(
            arguments(&binaries, Profile::Release).join(" "),
            "build --package p --package q --bin a --bin b --release"
        );
    }

    #[test]
    fn variables_of_an_outer_cargo_are_told_from_the_persons() {
        for (name, outer) in [
            ("CARGO_PKG_NAME", true),
            ("CARGO_MANIFEST_DIR", true),
            ("CARGO_BIN_EXE_gatepost", true),
            ("OUT_DIR", true),
            ("CARGO_HOME", false),
            ("CARGO_TARGET_DIR", false),
            ("CARGO_NET_OFFLINE", false),
            ("RUSTFLAGS", false),
            ("PATH", false),
        ] {
            assert_eq!(is_of_an_outer_cargo(OsStr::new(name)), outer, "{name}");
        }
    }
}
