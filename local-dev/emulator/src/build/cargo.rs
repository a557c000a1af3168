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
pub enum Profile {
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
    let packages = packages(&workspace, folder, binaries)?;
    let mut arguments: Vec<&str> = vec!["build"];
    arguments.extend(packages.iter().flat_map(|package| ["--package", package]));
    arguments.extend(binaries.iter().flat_map(|binary| ["--bin", binary]));
    if order.profile == Profile::Release {
        arguments.push("--release");
    }
    if order.build {
        return build(folder, binaries, &arguments, order.process).await;
    }
    let built = workspace.target_directory.join(order.profile.folder());
    binaries
        .iter()
        .map(|name| {
            let binary = built.join(name);
            if binary.is_file() {
                return Ok(((*name).to_owned(), binary));
            }
            Err(BuildError::NotBuilt {
                binary,
                command: format!("cargo {}", arguments.join(" ")),
                folder: folder.to_owned(),
            })
        })
        .collect()
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
    let text = || String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
    if !output.status.success() {
        return Err(BuildError::NoWorkspace { folder: folder.to_owned(), text: text() });
    }
    serde_json::from_slice(&output.stdout).map_err(|error| BuildError::NoWorkspace {
        folder: folder.to_owned(),
        text: format!("cargo metadata: {error}"),
    })
}

/// The packages that have these binaries. Naming them is what makes `--bin` find the binaries of
/// members that are not the workspace's default ones, without building for any other member.
fn packages<'a>(
    workspace: &'a Workspace,
    folder: &Path,
    binaries: &BTreeSet<&str>,
) -> Result<BTreeSet<&'a str>, BuildError> {
    let mut packages = BTreeSet::new();
    for binary in binaries {
        let having: Vec<&Package> = workspace
            .packages
            .iter()
            .filter(|package| package.targets.iter().any(|t| t.is_binary() && t.name == *binary))
            .collect();
        let package = match having.as_slice() {
            [package] => package,
            [] => {
                let known: BTreeSet<&str> = workspace
                    .packages
                    .iter()
                    .flat_map(|package| &package.targets)
                    .filter(|target| target.is_binary())
                    .map(|target| target.name.as_str())
                    .collect();
                return Err(BuildError::Binary(format!(
                    "the workspace at {} has no binary `{binary}`; it has: {}",
                    folder.display(),
                    known.into_iter().collect::<Vec<_>>().join(", ")
                )));
            }
            several => several
                .iter()
                .find(|package| package.manifest_path.parent() == Some(folder))
                .ok_or_else(|| {
                    let names: Vec<_> = several.iter().map(|p| p.name.as_str()).collect();
                    BuildError::Binary(format!(
                        "several packages at {} have a binary `{binary}`: {}; let CodeUri name \
                         the folder of one",
                        folder.display(),
                        names.join(", ")
                    ))
                })?,
        };
        packages.insert(package.name.as_str());
    }
    Ok(packages)
}

/// Runs `cargo build`. Progress and diagnostics go to standard error as cargo prints them.
async fn build(
    folder: &Path,
    binaries: &BTreeSet<&str>,
    arguments: &[&str],
    process: &Process,
) -> Result<BTreeMap<String, PathBuf>, BuildError> {
    let mut command = cargo(folder, process);
    command
        .args(arguments)
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit());
    let mut step = step::start(&mut command, NO_CARGO)?;
    let stdout = step.child.stdout.take().expect("standard output is piped");
    let mut lines = BufReader::new(stdout).lines();
    let mut executables = BTreeMap::new();
    // Whatever is no message of cargo's on its standard output was printed by a build step.
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(Message::CompilerArtifact { target, executable: Some(executable) }) =
            serde_json::from_str(&line)
        else {
            continue;
        };
        if target.is_binary() && binaries.contains(target.name.as_str()) {
            executables.insert(target.name, executable);
        }
    }
    let status = step.child.wait().await.map_err(|source| BuildError::Tool {
        program: "cargo".into(),
        folder: folder.to_owned(),
        help: "its end could not be awaited".into(),
        source,
    })?;
    if !status.success() {
        return Err(BuildError::Failed { folder: folder.to_owned(), status });
    }
    if let Some(missing) = binaries.iter().find(|name| !executables.contains_key(**name)) {
        return Err(BuildError::Binary(format!(
            "cargo build in {} reported no executable for `{missing}`",
            folder.display()
        )));
    }
    Ok(executables)
}

/// Cargo with the environment that the person's shell would give it.
fn cargo(folder: &Path, process: &Process) -> Command {
    let mut command = step::command("cargo", folder, process);
    for name in process.environment.keys().filter(|name| is_of_an_outer_cargo(name)) {
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
    let Some(name) = name.to_str() else { return false };
    ["CARGO_PKG_", "CARGO_BIN_", "CARGO_CFG_", "CARGO_FEATURE_", "DEP_"]
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
        let target = |name: &&str| Target { name: (*name).into(), kind: vec!["bin".into()] };
        Package {
            name: name.into(),
            manifest_path: Path::new(folder).join("Cargo.toml"),
            targets: binaries.iter().map(target).collect(),
        }
    }

    fn asked(packages: Vec<Package>, folder: &str, binary: &str) -> Result<String, String> {
        let workspace = Workspace { packages, target_directory: PathBuf::new() };
        super::packages(&workspace, Path::new(folder), &BTreeSet::from([binary]))
            .map(|names| names.into_iter().collect::<Vec<_>>().join(","))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_binary_is_found_in_whatever_member_has_it() {
        let members = || vec![package("a", "/w/a", &["one"]), package("b", "/w/b", &["two"])];
        assert_eq!(asked(members(), "/w", "two").unwrap(), "b");
        let error = asked(members(), "/w", "three").unwrap_err();
        assert_eq!(error, "the workspace at /w has no binary `three`; it has: one, two");
    }

    #[test]
    fn of_several_equal_binaries_the_one_of_the_folder_is_meant() {
        let members =
            || vec![package("a", "/w/a", &["bootstrap"]), package("b", "/w/b", &["bootstrap"])];
        assert_eq!(asked(members(), "/w/b", "bootstrap").unwrap(), "b");
        assert!(asked(members(), "/w", "bootstrap").unwrap_err().contains("a, b"));
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
